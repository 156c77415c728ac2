# SPDX-License-Identifier: Apache-2.0
"""A bag of any kind as one walk over its messages, and reads of single messages: mcap, sqlite3, ROS 1, compressed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import zstandard

from seal_mapping.bags.entry import ALL, ChunkCache, Entry, Location, Tally, Wants
from seal_mapping.bags.formats.mcap import McapFile
from seal_mapping.bags.formats.ros1 import Ros1File
from seal_mapping.bags.formats.sqlite import SqliteFile
from seal_mapping.bags.unpack import BrokenDataError, unpack_message
from seal_perception.errors import InputError
from seal_perception.reading.text import read_yaml

METADATA = "metadata.yaml"
_MAX_METADATA = 16_000_000
_STORAGES = {".mcap": "mcap", ".db3": "sqlite3"}
_ROS1 = (".bag", ".active")

BagFile = McapFile | SqliteFile | Ros1File


@contextlib.contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turn whatever a damaged bag can raise into one line.

    Raises:
        InputError: in place of errors of the file system, of the formats and of absurd sizes.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, sqlite3.Error, struct.error, ValueError, OverflowError, MemoryError, EOFError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read the bag {path}: {what[:300]}") from error


def require_bag(path: Path | str) -> Path:
    """The folder of a rosbag2 bag, or the file of a ROS 1 bag; checked by name, not read.

    A folder without metadata.yaml is a bag too if its files are whole; a folder of .bag files is one recording.

    Raises:
        InputError: if there is none, or if it was cut off and needs `seal bag recover`.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} is no bag: there is no such file or folder")
    if path.is_file():
        if path.suffix in _ROS1:
            return path
        if path.name == METADATA or (path.parent / METADATA).is_file():
            path = path.parent
    if (path / METADATA).is_file():
        return path
    files = _storage_files(path)
    if not files and not (path.is_dir() and any(path.glob("*.bag"))):
        if (path / "bag").is_dir():
            raise InputError(f"{path} is no bag; did you mean {path / 'bag'}?")
        raise InputError(
            f"{path} is no bag: expected a folder with metadata.yaml and .mcap or .db3 files, or a .bag file of ROS 1"
        )
    for file in files:
        if file.suffix == ".mcap":
            try:
                McapFile(file, 0).close()
            except InputError as error:
                if "cut off" in str(error):
                    raise InputError(
                        f"the bag {path} was cut off while it was written; run: seal bag recover {path}"
                    ) from error
                raise
    return path


def is_bag(path: Path) -> bool:
    """Whether a path looks like a bag by its name and files; it may still be a broken one."""
    if path.is_file():
        return path.suffix in _ROS1 or path.name == METADATA or bool(_storage_files(path))
    return path.is_dir() and ((path / METADATA).is_file() or bool(_storage_files(path)) or any(path.glob("*.bag")))


def _storage_files(path: Path) -> list[Path]:
    """The rosbag2 files of a folder without metadata, or the file itself."""
    candidates = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    return [p for p in candidates if p.is_file() and PurePath(p.name.removesuffix(".zstd")).suffix in _STORAGES]


class BagStore:
    """The messages of one recording, whatever its format.

    Args:
        path: as `require_bag` takes it.

    Attributes:
        kind: mcap, sqlite3 or ros1.
        notes: lines about what is unusual in the bag.
        tally: what the last walk found.

    Raises:
        InputError: if it is no whole bag.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = require_bag(path)
        self.notes: list[str] = []
        self.tally = Tally()
        self._by_message = False
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self.files: tuple[Path, ...]
        with one_line(self.path):
            if self.path.suffix in _ROS1 and self.path.is_file():
                self.kind, self.files = "ros1", (self.path,)
            elif (self.path / METADATA).is_file():
                self.kind, self.files = self._from_metadata()
            elif files := _storage_files(self.path):
                self.kind, self.files = _STORAGES[PurePath(files[0].name.removesuffix(".zstd")).suffix], tuple(files)
                self.notes.append(f"no {METADATA}: all {len(files)} file(s) are read in the order of their names")
            else:
                self.kind, self.files = "ros1", tuple(sorted(self.path.glob("*.bag")))
        self.size_bytes = sum(file.stat().st_size for file in self.files)

    def _from_metadata(self) -> tuple[str, tuple[Path, ...]]:
        about = _load_metadata(self.path / METADATA)
        kind = about.get("storage_identifier")
        if kind not in _STORAGES.values():
            raise InputError(f"the bag {self.path} is stored as {kind!r}; expected mcap or sqlite3")
        names = about.get("relative_file_paths")
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            raise InputError(f"{self.path / METADATA} names no files (relative_file_paths)")
        mode = str(about.get("compression_mode") or "none").lower()
        form = str(about.get("compression_format") or "")
        if mode not in ("none", "file", "message") or (mode != "none" and form != "zstd"):
            raise InputError(
                f"the bag {self.path} is compressed by {form!r} per {mode}; expected zstd per file or message"
            )
        self._by_message = mode == "message"
        return str(kind), tuple(self._named_files([PurePath(name).name for name in names]))

    def _named_files(self, names: list[str]) -> list[Path]:
        """The files that the metadata name, in that order; a single one that was renamed is taken, with a note."""
        # Old versions write the bag's folder before the name, and leave .zstd away: only the name counts.
        there = [self.path / name if (self.path / name).is_file() else self.path / (name + ".zstd") for name in names]
        lost = [number for number, file in enumerate(there) if not file.is_file()]
        spare = [file for file in _storage_files(self.path) if file not in there]
        if len(lost) == 1 and len(spare) == 1:
            self.notes.append(f"{METADATA} names {names[lost[0]]}, which is not there: {spare[0].name} is read instead")
            there[lost[0]] = spare[0]
        elif lost:
            raise InputError(
                f"the bag {self.path} lacks its file {names[lost[0]]}"
                + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")
            )
        return there

    def _plain_files(self) -> list[Path]:
        """The files, unpacked into a temporary folder if they are compressed as a whole."""
        if not any(file.suffix == ".zstd" for file in self.files):
            return list(self.files)
        if self._unpacked is None:
            # Held by self at once, so that a failure half way is cleaned up too.
            self._unpacked = tempfile.TemporaryDirectory(prefix="seal_bag_")
            self.notes.append(f"compressed by file: unpacked into {tempfile.gettempdir()} while it is read")
            for number, file in enumerate(self.files):
                self._unpack_file(file, Path(self._unpacked.name) / f"{number}_{file.stem}")
        folder = Path(self._unpacked.name)
        return [folder / f"{number}_{file.stem}" for number, file in enumerate(self.files)]

    def _unpack_file(self, source: Path, target: Path) -> None:
        try:
            with open(source, "rb") as packed, open(target, "wb") as plain:
                if source.suffix == ".zstd":
                    zstandard.ZstdDecompressor().copy_stream(packed, plain)
                else:
                    shutil.copyfileobj(packed, plain)
        except zstandard.ZstdError as error:
            raise InputError(f"cannot decompress {source}: {error}") from error
        except OSError as error:
            raise InputError(
                f"cannot unpack {source} into {target.parent}: {error.strerror}; set TMPDIR to a folder with room"
            ) from error

    def _open_file(self, path: Path, number: int) -> BagFile:
        if self.kind == "mcap":
            return McapFile(path, number)
        if self.kind == "sqlite3":
            return SqliteFile(path, number, whole=self._by_message)
        return Ros1File(path, number)

    def scan(self, wants: Wants) -> Iterator[Entry]:
        """All messages of the wanted topics in the order in which they lie in the files; `tally` counts every one.

        Raises:
            InputError: if a file is no bag file, was cut off or is damaged.
        """
        self.tally = Tally()
        with one_line(self.path):
            for number, path in enumerate(self._plain_files()):
                with contextlib.closing(self._open_file(path, number)) as file:
                    if not self._by_message:
                        yield from file.scan(wants, self.tally)
                        continue
                    for entry in file.scan(lambda topic: ALL if wants(topic) else 0, self.tally):
                        try:
                            wanted = wants(entry.topic)
                            data = unpack_message(entry.data) if wanted == ALL else unpack_message(entry.data, wanted)
                        except BrokenDataError:
                            self.tally.broken_messages += 1
                            continue
                        yield entry._replace(data=data)

    @contextlib.contextmanager
    def access(self) -> Iterator[BagAccess]:
        """Reads of single messages, with files and a cache of their own.

        Raises:
            InputError: if a file is gone.
        """
        with contextlib.ExitStack() as stack:
            with one_line(self.path):
                files = [
                    stack.enter_context(contextlib.closing(self._open_file(path, number)))
                    for number, path in enumerate(self._plain_files())
                ]
            yield BagAccess(files, self._by_message)


class BagAccess:
    """Reads single messages; memory holds at most `CACHE_BYTES` of decompressed chunks, or one chunk."""

    def __init__(self, files: list[Any], by_message: bool) -> None:
        self._files, self._by_message = files, by_message
        self._chunks = ChunkCache(lambda file, chunk: bytes(self._files[file].chunk(chunk)))

    def read(self, where: Location) -> bytes:
        """Content of the message at a location.

        Raises:
            BrokenDataError: if it is damaged.
        """
        records = None if where.chunk < 0 else self._chunks.get(where.file, where.chunk)
        data = bytes(self._files[where.file].read(where, records))
        return unpack_message(data) if self._by_message else data


def _load_metadata(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MAX_METADATA:
        raise InputError(f"{path} has {path.stat().st_size} bytes: that is no bag's metadata")
    value = read_yaml(path)
    about = value.get("rosbag2_bagfile_information") if isinstance(value, dict) else None
    if not isinstance(about, dict):
        raise InputError(f"{path} is no bag's metadata: it lacks rosbag2_bagfile_information")
    return about
