# SPDX-License-Identifier: Apache-2.0
"""What a bag holds, and recovery of one whose writer was killed: whole chunks of the cut mcap go into a new bag."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from seal_mapping.bags.formats.mcap import MAGIC
from seal_mapping.bags.messages import typestore
from seal_mapping.bags.store import METADATA, BagStore, one_line
from seal_mapping.bags.unpack import BrokenDataError, unpack
from seal_mapping.bags.writer import BagWriter
from seal_perception.errors import InputError

_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 3, 4, 5, 6


@dataclass(frozen=True)
class TopicCount:
    """One topic of a bag."""

    topic: str
    msgtype: str
    messages: int


@dataclass(frozen=True)
class BagInfo:
    """What a bag holds; `whole` is False for a cut one; `kind` is mcap, sqlite3 or ros1."""

    path: Path
    whole: bool
    size_bytes: int
    start_ns: int
    end_ns: int
    topics: tuple[TopicCount, ...]
    kind: str = "mcap"


@dataclass(frozen=True)
class _Message:
    topic: str
    msgtype: str
    stamp_ns: int
    data: bytes


def _mcap_of(path: Path) -> Path:
    if path.is_file() and path.suffix == ".mcap":
        return path
    files = sorted(path.glob("*.mcap")) if path.is_dir() else []
    if not files and (path / "bag").is_dir():
        raise InputError(f"{path} is no bag; did you mean {path / 'bag'}?")
    if len(files) != 1:
        raise InputError(f"{path} cannot be mended: expected a folder with one .mcap file, got {len(files)}")
    return files[0]


def _records(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Opcode and content of each whole record; what follows the last whole one is left out."""
    at = 0
    while at + 9 <= len(data):
        opcode, length = struct.unpack_from("<BQ", data, at)
        if at + 9 + length > len(data):
            return
        yield opcode, data[at + 9 : at + 9 + length]
        at += 9 + length


def _text(data: memoryview, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", data, at)
    return bytes(data[at + 4 : at + 4 + length]).decode(errors="replace"), at + 4 + length


def _unpack_chunk(record: memoryview) -> memoryview:
    (size,) = struct.unpack_from("<Q", record, 16)
    compression, at = _text(record, 28)
    return memoryview(unpack(compression, bytes(record[at + 8 :]), size))


class _Scanner:
    """Walks an mcap file from its start, without its index; damaged records are skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schemas: dict[int, str] = {}
        self.channels: dict[int, tuple[str, str]] = {}

    def messages(self) -> Iterator[_Message]:
        """All messages of whole chunks.

        Raises:
            InputError: if the file is no mcap.
        """
        with open(self.path, "rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{self.path} is no mcap file: its first bytes are not the format's")
            size = os.fstat(stream.fileno()).st_size
            while len(head := stream.read(9)) == 9:
                opcode, length = struct.unpack("<BQ", head)
                if stream.tell() + length > size:
                    return
                if opcode not in (_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK):
                    stream.seek(length, os.SEEK_CUR)
                    continue
                content = memoryview(stream.read(length))
                try:
                    inner = _records(_unpack_chunk(content)) if opcode == _CHUNK else iter([(opcode, content)])
                    for kind, record in inner:
                        yield from self._record(kind, record)
                except (BrokenDataError, struct.error, KeyError):
                    continue

    def _record(self, opcode: int, record: memoryview) -> Iterator[_Message]:
        if opcode == _SCHEMA:
            self.schemas[struct.unpack_from("<H", record)[0]] = _text(record, 2)[0]
        elif opcode == _CHANNEL:
            channel, schema = struct.unpack_from("<HH", record)
            self.channels[channel] = (_text(record, 4)[0], self.schemas[schema])
        elif opcode == _MESSAGE:
            channel, _, stamp = struct.unpack_from("<HIQ", record)
            topic, msgtype = self.channels[channel]
            yield _Message(topic, msgtype, stamp, bytes(record[22:]))


def bag_info(path: Path | str, store: BagStore | None = None) -> BagInfo:
    """What a bag of any kind holds, also a cut mcap.

    Args:
        path: the bag.
        store: the bag after a walk over it, where there was one: saves another.

    Raises:
        InputError: if it is no bag.
    """
    path = Path(path)
    try:
        if store is None:
            store = BagStore(path)
            for _ in store.scan(lambda topic: 0):
                raise AssertionError("nothing was asked for")
    except InputError:
        if not (path.suffix == ".mcap" or (path.is_dir() and len(list(path.glob("*.mcap"))) == 1)):
            raise
        with one_line(path):
            return _cut_info(path)
    tally = store.tally
    topics = tuple(TopicCount(t.name, t.msgtype, t.count) for t in tally.topics.values())
    start, end = tally.start_ns or 0, tally.end_ns or 0
    whole = store.kind != "mcap" or (store.path / METADATA).is_file()
    return BagInfo(path, whole, store.size_bytes, start, end, topics, store.kind)


def _cut_info(path: Path) -> BagInfo:
    mcap = _mcap_of(path)
    scanner = _Scanner(mcap)
    counts: dict[str, int] = {}
    start, end = 2**63 - 1, 0
    for message in scanner.messages():
        counts[message.topic] = counts.get(message.topic, 0) + 1
        start, end = min(start, message.stamp_ns), max(end, message.stamp_ns)
    topics = tuple(TopicCount(t, k, counts.get(t, 0)) for t, k in scanner.channels.values())
    whole = (mcap.parent / METADATA).is_file() and _has_footer(mcap)
    return BagInfo(path, whole, mcap.stat().st_size, min(start, end), end, topics)


def _has_footer(mcap: Path) -> bool:
    with open(mcap, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell() < 2 * len(MAGIC):
            return False
        stream.seek(-len(MAGIC), os.SEEK_END)
        return stream.read() == MAGIC


def recover(path: Path | str) -> BagInfo:
    """Make a cut bag whole, in place; a whole bag is left as it is.

    The whole file is written beside and put over the cut one at the end, so that a second cut loses nothing.

    Raises:
        InputError: if there is no bag, not one whole chunk in it, or messages of a type that is not standard.
        OSError: if there is no room for the copy.
    """
    path = Path(path)
    mcap = _mcap_of(path)
    folder = mcap.parent
    before = bag_info(mcap)
    if before.whole:
        return before
    if not before.topics:
        raise InputError(f"nothing can be recovered from {path}: it was cut before its first chunk was written")
    unknown = [t.msgtype for t in before.topics if t.msgtype not in typestore().fielddefs]
    if unknown:
        raise InputError(
            f"the bag {path} holds messages of {unknown[0]!r}, which is no standard type: mend it where that is known "
            "(`mcap recover`, then `ros2 bag reindex`)"
        )
    beside = folder / ".recover"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with BagWriter(beside / mcap.stem, {t.topic: t.msgtype for t in before.topics}) as writer:
            for index, message in enumerate(_Scanner(mcap).messages()):
                writer.write(message.topic, message.stamp_ns, message.data)
                if index % 64 == 63:
                    writer.flush()
        metadata = (beside / mcap.stem / "metadata.yaml").read_text(encoding="utf-8")
        assert mcap.name in yaml.safe_load(metadata)["rosbag2_bagfile_information"]["relative_file_paths"]
        os.replace(beside / mcap.stem / mcap.name, mcap)
        os.replace(beside / mcap.stem / "metadata.yaml", folder / "metadata.yaml")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return bag_info(path)
