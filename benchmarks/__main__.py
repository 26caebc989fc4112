"""``python -m benchmarks``: measure, print a table, write JSON."""

import argparse
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from app.config import Settings
from app.errors import ConfigurationError
from benchmarks.figures import Figure, missed, print_table, write_json
from benchmarks.registry import BENCHMARKS
from benchmarks.workspace import Workspace, open_workspace
from cli.main import explain
from cli.settings import read_settings

RESULTS = Path(__file__).parent / "results"
PROCESSORS = 2
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_MISSED = 3


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"benchmarks: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; the exit code tells of failures, and with ``--strict`` of bounds that were missed."""
    options = _parser().parse_args(arguments)
    try:
        results, context = run(read_settings(), options.data, only=options.only, quick=options.quick)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        print(f"benchmarks: {reason}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ConfigurationError) else EXIT_FAILED
    taken_at = datetime.now(UTC)
    path = options.json or RESULTS / f"{taken_at:%Y-%m-%dT%H-%M-%SZ}.json"
    print_table(results)
    write_json(path, results, taken_at=taken_at, context=context)
    late = missed(results)
    print(f"\nMeasured on {context['data']}. Written to {path}.")
    print("Missed: " + "; ".join(late) if late else "Every bound held.")
    return EXIT_MISSED if late and options.strict else 0


def run(
    settings: Settings, data: Path | None, *, only: Sequence[str], quick: bool
) -> tuple[Mapping[str, Sequence[Figure]], Mapping[str, Any]]:
    """Measure, and say under which circumstances."""
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("memory is read from /proc, which only Linux has")
    with open_workspace(settings, data, quick=quick) as workspace:
        print(f"Measuring on {workspace.data.name}.", flush=True)
        context = _context(workspace, settings)
        return {name: _measure(name, workspace) for name in BENCHMARKS if not only or name in only}, context


def _measure(name: str, workspace: Workspace) -> Sequence[Figure]:
    print(f"  {name} ...", flush=True)
    return BENCHMARKS[name](workspace)


def _context(workspace: Workspace, settings: Settings) -> Mapping[str, Any]:
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    return {
        "data": workspace.data.name,
        "quick": workspace.quick,
        "revision": revision.stdout.strip() or None,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "processors_used": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "postgres": "embedded" if settings.database_url is None else "given",
        "settings": sorted(name for name in os.environ if name.startswith("MEDLEY_")),
    }


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m benchmarks", description="Measure speed and memory.", allow_abbrev=False)
    given = os.environ.get("MEDLEY_BENCH_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(given) if given else None,
        metavar="PATH",
        help="a MovieLens 1M archive, zip or folder; else MEDLEY_BENCH_DATA; else ratings of the same number are made up",
    )
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), default=[], metavar="NAME",
        help=f"run this one, and what it needs; may be repeated: {', '.join(BENCHMARKS)}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="short rounds: to see that it works, not to compare")
    parser.add_argument("--strict", action="store_true", help=f"exit with {EXIT_MISSED} when a bound did not hold")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the figures go; else benchmarks/results/<time>.json"
    )
    return parser


def _share_two_processors() -> None:
    """Put this process, and so all that it starts, on the same two processors."""
    if sys.platform.startswith("linux"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End by the way of an exception, so that whatever was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    _share_two_processors()
    sys.exit(main())
