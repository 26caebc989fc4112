"""The documentation says what is: its links lead somewhere, its table of settings is the settings."""

import re
from pathlib import Path

import pytest

from app.config import Settings
from app.main import create_app

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").rglob("*.md")]
PROSE_IN_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def heading_anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#+ +(.+?)\s*$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def setting_rows() -> list[str]:
    """One table row a setting, as the README must have it."""
    rows: list[str] = []
    for name, field in Settings.model_fields.items():
        default = (
            ""
            if field.default is None
            else f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
        )
        rows.append(f"| `MEDLEY_{name.upper()}` | {default} | {field.description} |")
    return rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    dead: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", PROSE_IN_CODE.sub("", page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists() or (anchor and anchor not in heading_anchors(linked)):
            dead.append(target)
    assert dead == []


def test_the_readme_lists_every_setting() -> None:
    """A failure shows the rows to put into README.md."""
    listed = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `MEDLEY_")]
    assert listed == setting_rows()


def test_the_readme_lists_every_operation() -> None:
    described = create_app(Settings()).openapi()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    listed = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /\S+)`", (ROOT / "README.md").read_text()))

    assert operations - listed == set()


def test_every_make_target_named_in_the_documentation_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)", page.read_text())}
    assert named
    assert named <= targets


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_the_table_of_what_each_list_takes_is_what_it_takes() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    head, _, *rows = re.findall(r"^\|.*\|$", page[page.index("| | `cursor`") :].split("\n\n")[0], re.MULTILINE)
    names = re.findall(r"`(\w+)`", head)
    paths = create_app(Settings()).openapi()["paths"]
    assert len(rows) == 9
    for row in rows:
        first, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        method, path = first.strip("`").split()
        taken = {each["name"] for each in paths[path][method.lower()]["parameters"]}
        assert [cell == "yes" for cell in cells] == [name in taken for name in names], first
