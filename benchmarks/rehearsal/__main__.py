"""``python -m benchmarks.rehearsal``: exits with 0 only if everything held."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from app.config import Settings
from app.errors import MedleyError
from benchmarks.data import MOVIELENS_1M, DataSet, Size, generated_data, given_data
from benchmarks.rehearsal.course import Course
from benchmarks.rehearsal.ledger import Ledger
from benchmarks.rehearsal.material import read_material
from benchmarks.rehearsal.system import RehearsalFailed, open_system
from benchmarks.rehearsal.verdict import find_faults, print_report, read_stored, whole_time

LIMIT_SECONDS = 1_500.0
SMALL = Size(users=600, items=400, ratings=30_000)
EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse what the arguments ask for; the exit code says whether everything held."""
    options = _parser().parse_args(arguments)
    if not sys.platform.startswith("linux"):
        print("rehearsal: processes are found in /proc, which only Linux has", file=sys.stderr)
        return EXIT_USAGE
    try:
        with tempfile.TemporaryDirectory(prefix="medley-rehearsal-data-") as directory:
            faults = rehearse(_data(options, Path(directory)), options.limit_seconds, options.keep_logs)
    except MedleyError as error:
        print(f"rehearsal: {error.detail}", file=sys.stderr)
        return EXIT_USAGE
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "Everything held.")
    return EXIT_FAILED if faults else 0


def rehearse(data: DataSet, limit_seconds: float, logs: Path | None) -> list[str]:
    """One rehearsal: prints its report and returns what did not hold."""
    settings = Settings()
    material = read_material(data.path, lowest=settings.rating_min, highest=settings.rating_max)
    ledger = Ledger()
    print(f"Rehearsing on {data.name}.", flush=True)
    began = time.monotonic()
    with open_system(limit_seconds) as system:
        course, faults = Course(system, material, ledger), list[str]()
        try:
            try:
                course.run()
            finally:
                course.end()
        except RehearsalFailed as failed:
            faults.append(str(failed))
        reads = whole_time(course.readers)
        print_report(course, ledger, reads)
        faults += find_faults(course, ledger, read_stored(system), reads)
        if logs is not None:
            for log in system.home.glob("*.log"):
                shutil.copy(log, logs)
    print(f"It took {time.monotonic() - began:.0f} s.")
    return faults


def _data(options: argparse.Namespace, folder: Path) -> DataSet:
    if options.data:
        return given_data(options.data)
    return generated_data(folder / "generated", SMALL if options.quick else MOVIELENS_1M)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rehearsal",
        description="API, worker and Postgres together, each killed once.",
        allow_abbrev=False,
    )
    given = os.environ.get("MEDLEY_BENCH_DATA")
    parser.add_argument(
        "--data", type=Path, default=Path(given) if given else None, metavar="PATH",
        help="a MovieLens archive, zip or folder; else MEDLEY_BENCH_DATA; else as many ratings as MovieLens 1M has are made up",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="make up a small catalogue: to see that it works")
    parser.add_argument(
        "--limit-seconds",
        type=float,
        default=LIMIT_SECONDS,
        metavar="N",
        help="give up after so long; else %(default).0f",
    )
    parser.add_argument(
        "--keep-logs", type=Path, metavar="FOLDER", help="copy the logs of the API and the worker there"
    )
    return parser


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End by the way of an exception, so that whatever was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
