"""The copy of MovieLens 100K inside RecBole's wheel: fetched as a file by pip, read as a zip, never installed."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.errors import Unavailable
from training.importers.downloads import has_digest, sha256_of, written_atomically

REQUIREMENT = "recbole==1.2.1"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
LONGEST_SECONDS = 120


def fetch_recbole_wheel(folder: Path, pips: Sequence[Sequence[str]] | None = None) -> Path:
    """Have the wheel in ``folder``, by the first pip that can bring it unless it is there already.

    Raises Unavailable if no pip can, or if what came is not the wheel meant.
    """
    target = folder / WHEEL
    if has_digest(target, SHA256):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    reason = "there is no pip to be found"
    for pip in find_pips() if pips is None else pips:
        with tempfile.TemporaryDirectory(prefix=".pip-", dir=folder) as temporary:
            if (failure := _run_pip(pip, Path(temporary))) is not None:
                reason = failure
                continue
            found = Path(temporary) / WHEEL
            if not has_digest(found, SHA256):
                raise Unavailable(f"pip brought a {WHEEL} that is not the one expected: {_digest(found)}")
            with written_atomically(target) as place:
                shutil.copyfile(found, place)
            return target
    raise Unavailable(f"{REQUIREMENT} cannot be fetched from the package registry: {reason}")


def find_pips() -> Iterator[list[str]]:
    """Commands that run pip, nearest first: an environment that uv made has none of its own."""
    if importlib.util.find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip"]
    # The wheel that ensurepip would install runs as it lies, and leaves the environment as it is.
    if (ensurepip := importlib.util.find_spec("ensurepip")) is not None and ensurepip.origin is not None:
        for wheel in sorted(Path(ensurepip.origin).parent.glob("_bundled/pip-*.whl")):
            yield [sys.executable, f"{wheel}/pip"]
    for name in ("pip3", "pip"):
        if (pip := shutil.which(name)) is not None:
            yield [pip]
            break
    if (uv := shutil.which("uv")) is not None:
        yield [uv, "tool", "run", "pip"]


def _run_pip(pip: Sequence[str], folder: Path) -> str | None:
    """None if pip brought the file, else why not."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    command = [*pip, "download", REQUIREMENT, *options, "--timeout=10", "--retries=1", f"--dest={folder}"]
    try:
        ran = subprocess.run(  # noqa: S603 - a fixed command; nothing of a user's is in it
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"pip took longer than {LONGEST_SECONDS} s"
    except OSError as error:
        return f"pip does not start: {error.strerror or error}"
    if ran.returncode != 0:
        lines = [line for line in ran.stderr.splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"pip ended with code {ran.returncode}"
    return None if (folder / WHEEL).is_file() else f"pip did not bring {WHEEL}"


def _digest(path: Path) -> str:
    return f"its sha256 is {sha256_of(path)}, not {SHA256}"
