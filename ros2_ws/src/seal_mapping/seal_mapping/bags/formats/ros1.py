# SPDX-License-Identifier: Apache-2.0
"""Reading a ROS 1 bag (format 2.0): a walk from its start, and single messages by their location.

It needs neither index nor "rosbag reindex": the chunks hold everything.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from seal_mapping.bags.entry import ALL, Entry, Location, Tally, Topic, Wants
from seal_mapping.bags.unpack import BrokenDataError, read_at, unpack
from seal_perception.errors import InputError

MAGIC = b"#ROSBAG V2.0\n"
_MESSAGE, _BAG, _CHUNK, _CONNECTION = 2, 3, 5, 7
_PROBE = 512
_HEADER_LIMIT = 1 << 16

Read = Callable[[int, int], bytes]


def _fields(header: bytes) -> dict[str, bytes]:
    """Name -> value of a record's header."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(header):
        (length,) = struct.unpack_from("<I", header, at)
        name, equals, value = header[at + 4 : at + 4 + length].partition(b"=")
        at += 4 + length
        if not equals or at > len(header):
            raise BrokenDataError("a record's header is damaged")
        found[name.decode(errors="replace")] = value
    return found


def _number(fields: dict[str, bytes], name: str, form: str) -> int:
    value = fields.get(name, b"")
    if len(value) != struct.calcsize(form):
        raise BrokenDataError(f"a record's header lacks {name}")
    return int(struct.unpack(form, value)[0])


class Ros1File:
    """One ROS 1 bag file.

    Args:
        path: the file.
        number: its number among the bag's files.

    Raises:
        InputError: if it is no ROS 1 bag.
    """

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number = path, number
        self._stream = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._size = self._stream.seek(0, 2)
        begin = self._read(0, min(len(MAGIC), self._size))
        if begin != MAGIC:
            self._stream.close()
            raise InputError(f"{path} is no ROS 1 bag of version 2.0: it begins with {begin!r}, not with {MAGIC!r}")
        self._topics: dict[int, Topic] = {}

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read(self, offset: int, length: int) -> bytes:
        return read_at(self._stream.fileno(), offset, length, self._size)

    def scan(self, wants: Wants, tally: Tally) -> Iterator[Entry]:
        """All messages of the wanted topics, in the file's order; a damaged chunk is counted and skipped.

        Raises:
            InputError: if the file was cut off or is encrypted.
            BrokenDataError: if a record outside of chunks is damaged.
        """
        for fields, begin, content, length in self._records(self._read, len(MAGIC), self._size):
            opcode = _number(fields, "op", "<B")
            if opcode == _CHUNK:
                try:
                    yield from self._chunk_entries(fields, begin, content, length, wants, tally)
                except (BrokenDataError, struct.error):
                    tally.broken_chunks += 1
            elif opcode == _CONNECTION:
                self._declare(fields, self._read(content, length), tally)
            elif opcode == _BAG and fields.get("encryptor"):
                raise InputError(f"the bag {self.path} is encrypted by {fields['encryptor']!r}: decrypt it first")

    def _records(self, read: Read, at: int, end: int) -> Iterator[tuple[dict[str, bytes], int, int, int]]:
        """Header, begin, offset of the data and their length, of each record between two offsets."""
        while at < end:
            begin = at
            if at + 8 > end:
                raise self._cut()
            probe = read(at, min(_PROBE, end - at))
            (size,) = struct.unpack_from("<I", probe)
            if not 0 < size <= _HEADER_LIMIT:
                raise BrokenDataError(f"{self.path.name} has a damaged record at byte {at}")
            if at + 8 + size > end:
                raise self._cut()
            if len(probe) < size + 8:
                probe = read(at, size + 8)
            (length,) = struct.unpack_from("<I", probe, 4 + size)
            content = at + 8 + size
            at = content + length
            if at > end:
                raise self._cut()
            yield _fields(probe[4 : 4 + size]), begin, content, length

    def _cut(self) -> BrokenDataError:
        return BrokenDataError(f"{self.path.name} ends within a record: it was cut off; `rosbag reindex` may mend it")

    def _chunk_entries(
        self, fields: dict[str, bytes], begin: int, content: int, length: int, wants: Wants, tally: Tally
    ) -> Iterator[Entry]:
        if fields.get("compression") == b"none":
            yield from self._walk(self._read, content, content + length, -1, wants, tally)
            return
        records = self.chunk(begin)
        yield from self._walk(lambda at, n: records[at : at + n], 0, len(records), begin, wants, tally)

    def chunk(self, content: int) -> bytes:
        """The uncompressed records of the chunk whose record begins there.

        Raises:
            BrokenDataError: if they are damaged.
        """
        fields, _, at, length = next(self._records(self._read, content, self._size))
        kind = fields.get("compression", b"").decode(errors="replace")
        return unpack(kind, self._read(at, length), _number(fields, "size", "<I"))

    def _walk(self, read: Read, at: int, end: int, chunk: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        for fields, _, content, length in self._records(read, at, end):
            opcode = _number(fields, "op", "<B")
            if opcode == _CONNECTION:
                self._declare(fields, read(content, length), tally)
            if opcode != _MESSAGE:
                continue
            topic = self._topics.get(_number(fields, "conn", "<I"))
            stamp = fields.get("time", b"")
            if topic is None or len(stamp) != 8:
                tally.broken_messages += 1
                continue
            sec, nanosec = struct.unpack("<II", stamp)
            log_ns = sec * 1_000_000_000 + nanosec
            tally.count(topic, log_ns)
            wanted = wants(topic)
            if wanted:
                take = length if wanted == ALL else min(wanted, length)
                yield Entry(topic, log_ns, read(content, take), Location(self.number, chunk, content, length))

    def _declare(self, fields: dict[str, bytes], data: bytes, tally: Tally) -> None:
        number = _number(fields, "conn", "<I")
        name = fields.get("topic", b"").decode(errors="replace")
        msgtype = _fields(data).get("type", b"").decode(errors="replace")
        self._topics[number] = tally.topic(name, msgtype, "ros1")

    def read(self, where: Location, records: bytes | None) -> bytes:
        """Content of one message; `records` are its chunk's.

        Raises:
            BrokenDataError: if it is damaged.
        """
        if records is None:
            return self._read(where.offset, where.length)
        return records[where.offset : where.offset + where.length]
