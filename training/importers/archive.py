"""Read a data set where it lies: a folder or a zip archive, of which nothing is ever extracted."""

import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from app.errors import InvalidInput

# Text of this kind shrinks 3 to 10 times; a zip bomb a thousand times and more.
LARGEST_RATIO = 100
SMALLEST_SUSPECT_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name inside, with forward slashes, and its size once unpacked."""

    name: PurePosixPath
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder or a zip file, and the regular files found in it."""

    path: Path
    members: tuple[Member, ...]

    def find_folder(self, *names: str) -> dict[str, Member] | None:
        """The files of the shallowest folder that holds all of ``names``, by name; None if there is no such folder."""
        folders: dict[PurePosixPath, dict[str, Member]] = {}
        for member in self.members:
            folders.setdefault(member.name.parent, {})[member.name.name] = member
        fitting = [folder for folder, files in folders.items() if files.keys() >= set(names)]
        return folders[min(fitting, key=lambda folder: (len(folder.parts), str(folder)))] if fitting else None

    @contextmanager
    def open(self, member: Member) -> Generator[IO[bytes]]:
        """The member's bytes as a stream; damage found while reading is an InvalidInput that names the file."""
        try:
            if self.path.is_dir():
                with (self.path / member.name).open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as zipped, zipped.open(str(member.name)) as stream:
                    yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise InvalidInput(f"{self.path}: {member.name} is damaged: {error}") from error
        except OSError as error:
            raise InvalidInput(f"{self.path}: {member.name} cannot be read: {error.strerror or error}") from error


def open_archive(path: Path) -> Archive:
    """List what ``path`` holds. Raises InvalidInput for what is missing, damaged or neither a folder nor a zip file."""
    try:
        if path.is_dir():
            return Archive(path, tuple(_files_below(path)))
        with zipfile.ZipFile(path) as zipped:
            return Archive(path, tuple(_members(path, zipped)))
    except zipfile.BadZipFile as error:
        raise InvalidInput(f"{path} is neither a folder nor an undamaged zip file: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


def open_files(paths: Sequence[Path], suffix: str) -> list[tuple[Archive, Member]]:
    """The files named, and those with the suffix in the folders and zip files named. Raises InvalidInput if there are none."""
    found: list[tuple[Archive, Member]] = []
    for path in paths:
        if path.is_dir() or path.suffix.lower() == ".zip":
            archive = open_archive(path)
            found += [(archive, member) for member in archive.members if member.name.suffix.lower() == suffix]
        else:
            found.append(open_file(path))
    if not found:
        raise InvalidInput(f"{', '.join(map(str, paths))}: there is no {suffix} file in it")
    return found


def open_file(path: Path) -> tuple[Archive, Member]:
    """A single file as the only member of its folder. Raises InvalidInput for what cannot be read."""
    try:
        if not path.is_file():
            path.stat()
            raise InvalidInput(f"{path} is not a file")
        member = Member(PurePosixPath(path.name), path.stat().st_size)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    return Archive(path.parent, (member,)), member


def _files_below(folder: Path) -> Iterator[Member]:
    # Two levels: the folder itself, or the one that somebody unpacked the archive into.
    for found in sorted((*folder.glob("*"), *folder.glob("*/*"))):
        if found.is_file():
            yield Member(PurePosixPath(found.relative_to(folder).as_posix()), found.stat().st_size)


def _members(path: Path, zipped: zipfile.ZipFile) -> Iterator[Member]:
    for info in zipped.infolist():
        name = PurePosixPath(info.filename)
        encrypted = info.flag_bits & 0x1
        if info.is_dir() or encrypted or name.is_absolute() or ".." in name.parts or "\\" in info.filename:
            continue
        if info.file_size > max(SMALLEST_SUSPECT_BYTES, LARGEST_RATIO * info.compress_size):
            raise InvalidInput(
                f"{path}: {name} claims to unpack to {info.file_size} bytes, which no real data set does"
            )
        yield Member(name, info.file_size)
