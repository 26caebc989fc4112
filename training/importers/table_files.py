"""Tables as chunks of a data frame: CSV with the standard library's reader, parquet with pyarrow where it is installed."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import ConfigurationError, InvalidInput
from training.importers.archive import open_file
from training.importers.lines import BadLines
from training.importers.records import ROWS_A_CHUNK, Records, read_header, read_records


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table: its name, its columns, how much there is of it (bytes, or rows of parquet), and how to read it."""

    name: str
    columns: Sequence[str]
    size: int
    open: Callable[[BadLines], AbstractContextManager[Iterator[Records]]]


def open_csv(path: Path, separator: str = ",") -> TableFile:
    """A CSV file whose first line names the columns."""
    archive, member = open_file(path)
    with archive.open(member) as stream:
        columns = read_header(stream, path.name, separator)

    @contextmanager
    def read(bad: BadLines) -> Generator[Iterator[Records]]:
        with archive.open(member) as stream:
            yield read_records(stream, path.name, bad, separator=separator)

    return TableFile(path.name, columns, member.size, read)


def open_parquet(path: Path) -> TableFile:
    """A parquet file; rows are counted from 1. Raises ConfigurationError where pyarrow is not installed."""
    try:
        # An extra without annotations, known in this function only.
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
    except ImportError as error:
        raise ConfigurationError("Reading parquet needs pyarrow: pip install 'medley[parquet]'") from error
    open_file(path)
    try:
        parquet: Any = ParquetFile(path)
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path} is not a parquet file: {error}") from error

    @contextmanager
    def read(bad: BadLines) -> Generator[Iterator[Records]]:
        del bad  # a parquet file is sound or it is not
        with parquet:
            yield _batches(path, parquet)

    columns = [str(name) for name in parquet.schema_arrow.names]
    return TableFile(path.name, columns, int(parquet.metadata.num_rows), read)


def _batches(path: Path, parquet: Any) -> Iterator[Records]:
    batches = parquet.iter_batches(batch_size=ROWS_A_CHUNK)
    done = 0
    while True:
        try:
            batch = next(batches, None)
        except (ValueError, OSError) as error:
            raise InvalidInput(f"{path} is damaged: {error}") from error
        if batch is None:
            return
        # Whole numbers with gaps would become floats, and lose the last digits of long ids.
        frame = batch.to_pandas(integer_object_nulls=True)
        frame.index = range(done + 1, done + 1 + len(frame))
        done += len(frame)
        yield Records(frame, done)
