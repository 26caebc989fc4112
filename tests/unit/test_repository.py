"""What must never be committed: addresses of package indexes, paths of somebody's machine, pickles, data sets."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA_SUFFIXES = {".dat", ".inter", ".item", ".npy", ".npz", ".parquet", ".pkl", ".zip"}

# Written in pieces, so that this file is searched like every other.
INDEX_ADDRESS = re.compile(
    "py" + r"pi\.org|python" + r"hosted\.|/sim" + r"ple/|--(extra-|default-)?in" + r"dex-url[ =]|--find-" + "links"
)
PERSONAL_PATH = re.compile(r"(?<![\w.])/(ho" + r"me|Us" + r"ers)/\w|(?<![\w.])/ro" + r"ot/|(?<![\w.])/wo" + r"rk/")
PICKLE = re.compile(
    r"^\s*(?:import|from) +(?:c?Pickle|pickle|cloudpickle|dill|joblib|shelve|marshal)\b|allow_pi" + r"ckle *= *True",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every committed file that is still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def offenders(files: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """``path:line`` of every match."""
    texts = {file: file.read_text(errors="replace") for file in files}
    return [
        f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        for file, text in texts.items()
        for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize(
    ("pattern", "caught", "let_through"),
    [
        (INDEX_ADDRESS, "https://py" + "pi.org/project/x", "a package index"),
        (INDEX_ADDRESS, "--extra-in" + "dex-url https://example.org", "make lock"),
        (PERSONAL_PATH, "cd /ho" + "me/ada/medley", "tests/home/ada"),
        (PICKLE, "import pi" + "ckle", "no pickle anywhere"),
        (PICKLE, "np.load(path, allow_pi" + "ckle=True)", "np.load(path, allow_pickle=False)"),
    ],
)
def test_the_patterns_catch_what_they_name(pattern: re.Pattern[str], caught: str, let_through: str) -> None:
    assert pattern.search(caught)
    assert not pattern.search(let_through)


def test_no_file_names_a_package_index(tracked: list[Path]) -> None:
    assert offenders(tracked, INDEX_ADDRESS) == []


def test_no_file_names_a_path_of_one_machine(tracked: list[Path]) -> None:
    assert offenders(tracked, PERSONAL_PATH) == []


def test_nothing_loads_a_pickle(tracked: list[Path]) -> None:
    assert offenders([file for file in tracked if file.suffix == ".py"], PICKLE) == []


def test_no_data_set_and_no_second_lock_is_committed(tracked: list[Path]) -> None:
    assert [
        file.name for file in tracked if file.suffix in DATA_SUFFIXES or file.name in {"uv.lock", "poetry.lock"}
    ] == []
    assert [file.name for file in tracked if file.stat().st_size > 1_000_000] == []


@pytest.mark.parametrize("name", [f"requirements{part}.txt" for part in ("", "-dev", "-image", "-install")])
def test_every_requirement_is_pinned_with_hashes_and_no_option(name: str) -> None:
    """An option line (an index, a link, an editable) would tie the file to one machine."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    requirements = text.replace("\\\n", " ").splitlines()

    assert requirements
    assert [
        line
        for line in requirements
        if not re.match(r"[a-z0-9-]+(\[[a-z,-]+\])?==\S+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+$", line)
    ] == []
