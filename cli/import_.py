"""``medley import``: data sets into the store."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.console import complain, say, show_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from app.config import Settings
    from training.importers.item_rows import ItemCounts
    from training.importers.lines import BadLines
    from training.importers.movielens import ImportSummary
    from training.importers.table_fields import Kind, TableMapping
    from training.importers.table_files import TableFile

EXIT_LINES_LEFT_OUT = 3

app = typer.Typer(help="Import data sets.", no_args_is_help=True)


@app.command()
def movielens(
    path: Annotated[Path, typer.Argument(help="An archive as GroupLens publishes it: the zip file, or the folder.")],
    user_attributes: Annotated[
        bool,
        typer.Option(help="Store the gender, age group and occupation of those who rated, if the archive has them."),
    ] = True,
) -> None:
    """Import a MovieLens archive: 100K, 1M, 10M, 20M, 25M, 32M, latest or latest-small.

    Repeating an import changes nothing. Lines that cannot be taken are listed with their number and reason, and the
    exit code is then 3; it is 1 when nothing could be imported.
    """
    from cli.database import open_current_database  # noqa: PLC0415 - `medley --help` need not wait for it
    from cli.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    with open_current_database(settings) as connection:
        summary = load_movielens(connection, path, settings, user_attributes=user_attributes)
    end(summary.bad)


@app.command()
def tmdb(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="CSV files, or folders or zip files that hold them.")
    ],
    links: Annotated[
        Path | None, typer.Option(help="MovieLens's links.csv, or an archive with it: whose items these movies are.")
    ] = None,
    min_votes: Annotated[int, typer.Option(min=0, help="Leave out movies with fewer votes.")] = 0,
    adult: Annotated[bool, typer.Option("--adult", help="Take movies for adults only, too.")] = False,
) -> None:
    """Import TMDB movies: tmdb_5000_movies.csv and tmdb_5000_credits.csv, or the single-file layout.

    Items that carry attributes.tmdb_id, or that --links names, are enriched and keep their ids, ratings and what is
    there already. In an empty catalogue every movie becomes an item under TMDB's id. Repeating an import changes
    nothing. Exit codes: 3 when lines were left out, 1 when nothing could be imported.
    """
    import time  # noqa: PLC0415 - `medley --help` need not wait for these
    from datetime import UTC, datetime  # noqa: PLC0415

    from cli.database import open_current_database  # noqa: PLC0415
    from cli.settings import read_settings  # noqa: PLC0415
    from training.importers.tmdb import TmdbChoice, import_tmdb  # noqa: PLC0415

    now, began = datetime.now(UTC), time.monotonic()
    with open_current_database(read_settings()) as connection, show_progress() as report:
        choice = TmdbChoice(min_votes, adult)
        summary = import_tmdb(connection, paths, now=now, links=links, choice=choice, report=report)
    whose = "joined to the items that are there" if summary.joined else "as a catalogue of its own"
    say(f"TMDB, {whose}, imported in {time.monotonic() - began:.1f} s")
    say(f"  movies:  {counted(summary.movies)}")
    if summary.credits is not None:
        say(f"  credits: {counted(summary.credits)}")
    for reason, count in summary.left_out.items():
        say(f"  left out, {reason}: {count:,}")
    print_bad_lines(summary.bad)
    end(summary.bad)


Columns = Annotated[
    list[str],
    typer.Option("--map", metavar="OURS=THEIRS", help="The column of a field that is called otherwise; repeatable."),
]
Constants = Annotated[
    list[str], typer.Option("--set", metavar="OURS=VALUE", help="A field that is the same in every row; repeatable.")
]
KindOption = Annotated[Literal["items", "ratings", "events"], typer.Option(help="What a row is.")]
Scale = Annotated[
    tuple[float, float] | None,
    typer.Option(help="The file's lowest and highest rating, mapped to the configured scale."),
]
ListSeparator = Annotated[str, typer.Option(help="What parts the members of a list in one cell.")]
Rest = Annotated[bool, typer.Option("--rest-to-attributes", help="Keep the other columns of items as attributes.")]


@app.command()
def csv(
    path: Annotated[Path, typer.Argument(help="A file whose first line names the columns.")],
    kind: KindOption,
    columns: Columns = [],  # noqa: B006 - typer copies it
    constants: Constants = [],  # noqa: B006
    scale: Scale = None,
    list_separator: ListSeparator = "|",
    rest_to_attributes: Rest = False,
    separator: Annotated[str, typer.Option(help="What parts the columns.")] = ",",
) -> None:
    """Import items, ratings or events of any source from a CSV file.

    Columns that are called like a field are taken as they are, others by --map: item_id=sku, people.author=writers,
    attributes.brand=maker. Times are ISO 8601, or seconds or milliseconds since 1970. Exit codes as for movielens.
    """
    from training.importers.table_files import open_csv  # noqa: PLC0415 - `medley --help` need not wait for it

    if len(separator) != 1:
        raise typer.BadParameter("must be one character", param_hint="--separator")
    mapping = read_mapping(columns, constants, list_separator, rest_to_attributes)
    load_table(lambda: open_csv(path, separator), kind, mapping, scale)


@app.command()
def parquet(
    path: Annotated[Path, typer.Argument(help="A parquet file.")],
    kind: KindOption,
    columns: Columns = [],  # noqa: B006 - typer copies it
    constants: Constants = [],  # noqa: B006
    scale: Scale = None,
    list_separator: ListSeparator = "|",
    rest_to_attributes: Rest = False,
) -> None:
    """Import items, ratings or events of any source from a parquet file; options as for csv.

    Needs pyarrow: pip install 'medley[parquet]'.
    """
    from training.importers.table_files import open_parquet  # noqa: PLC0415 - `medley --help` need not wait for it

    mapping = read_mapping(columns, constants, list_separator, rest_to_attributes)
    load_table(lambda: open_parquet(path), kind, mapping, scale)


def read_mapping(
    columns: list[str], constants: list[str], list_separator: str, rest_to_attributes: bool
) -> "TableMapping":
    """The mapping that the options say."""
    from training.importers.table_fields import TableMapping  # noqa: PLC0415

    if not list_separator:
        raise typer.BadParameter("must not be empty", param_hint="--list-separator")
    return TableMapping(pairs("--map", columns), pairs("--set", constants), list_separator, rest_to_attributes)


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """``ours=theirs`` as a dictionary; a field may be given once."""
    found: dict[str, str] = {}
    for each in given:
        ours, equals, theirs = each.partition("=")
        if not ours or not equals or not theirs:
            raise typer.BadParameter(f"{each!r} is not like field=value", param_hint=option)
        if ours in found:
            raise typer.BadParameter(f"{ours} is given twice", param_hint=option)
        found[ours] = theirs
    return found


def load_table(
    open_table: "Callable[[], TableFile]", kind: "Kind", mapping: "TableMapping", scale: tuple[float, float] | None
) -> None:
    """Import with progress, and print what came of it."""
    import time  # noqa: PLC0415 - `medley --help` need not wait for these
    from datetime import UTC, datetime  # noqa: PLC0415

    from cli.database import open_current_database  # noqa: PLC0415
    from cli.settings import read_settings  # noqa: PLC0415
    from training.importers.table import import_table  # noqa: PLC0415

    if scale is not None and (kind != "ratings" or not -math.inf < scale[0] < scale[1] < math.inf):
        raise typer.BadParameter("is for ratings, the lowest first", param_hint="--scale")
    settings, now, began = read_settings(), datetime.now(UTC), time.monotonic()
    table = open_table()
    with open_current_database(settings) as connection, show_progress() as report:
        summary = import_table(connection, table, kind, mapping, settings=settings, now=now, scale=scale, report=report)
    say(f"{table.name}, imported in {time.monotonic() - began:.1f} s")
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(summary.outcomes.items()))
    say(f"  {kind}: {counts or 'none'}")
    print_bad_lines(summary.bad)
    end(summary.bad)


def counted(counts: "ItemCounts") -> str:
    """How many items had each outcome."""
    return f"{counts.created:,} created, {counts.updated:,} updated, {counts.unchanged:,} unchanged"


def end(bad: "BadLines") -> None:
    """End with the exit code that says whether lines were left out."""
    if bad.count:
        raise typer.Exit(EXIT_LINES_LEFT_OUT)


def load_movielens(
    connection: "psycopg.Connection",
    path: Path,
    settings: "Settings",
    *,
    whole: bool = False,
    user_attributes: bool = True,
) -> "ImportSummary":
    """Import with progress, and print what came of it."""
    import time  # noqa: PLC0415
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from training.importers.movielens import RatingRules, import_movielens  # noqa: PLC0415 - it imports pandas

    now, began = datetime.now(UTC), time.monotonic()
    latest = now + timedelta(seconds=settings.clock_skew_seconds)
    rules = RatingRules(settings.rating_min, settings.rating_max, latest)
    with show_progress() as report:
        summary = import_movielens(
            connection, path, rules, now=now, report=report, whole=whole, user_attributes=user_attributes
        )
    print_summary(summary, time.monotonic() - began)
    return summary


def print_summary(summary: "ImportSummary", seconds: float) -> None:
    """What was imported, and every bad line that was kept."""
    movies = summary.movies
    ratings = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(summary.ratings.items())) or "none"
    say(f"{summary.layout}, imported in {seconds:.1f} s")
    say(f"  movies:  {movies.created:,} created, {movies.updated:,} updated, {movies.unchanged:,} unchanged")
    say(f"  ratings: {ratings}")
    if summary.users:
        say(f"  users:   {summary.users:,} with attributes")
    print_bad_lines(summary.bad)


def print_bad_lines(bad: "BadLines") -> None:
    """The first bad lines, and how many there are."""
    for line in bad.first:
        complain(f"  {line.file}, line {line.line}: {line.reason}")
    if bad.count > len(bad.first):
        complain(f"  and {bad.count - len(bad.first):,} more")
    if bad.count:
        complain(f"{bad.count:,} lines were left out.")
