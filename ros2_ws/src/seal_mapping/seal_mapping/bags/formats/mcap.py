# SPDX-License-Identifier: Apache-2.0
"""Reading an mcap file: a walk from its start, and single messages by their location.

The index at a file's end is not used: it names log times, and what is needed are the stamps inside the messages.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from seal_mapping.bags.entry import ALL, Entry, Location, Tally, Topic, Wants
from seal_mapping.bags.unpack import BrokenDataError, read_at, unpack
from seal_perception.errors import InputError

MAGIC = b"\x89MCAP0\r\n"
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 2, 3, 4, 5, 6, 15
_RECORD, _MESSAGE_HEAD = struct.Struct("<BQ"), struct.Struct("<HIQQ")
_PROBE = 9 + _MESSAGE_HEAD.size + 1024


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", data, at)
    if at + 4 + length > len(data):
        raise BrokenDataError(f"a text of {length} bytes in a record of {len(data)}")
    return data[at + 4 : at + 4 + length].decode(errors="replace"), at + 4 + length


class McapFile:
    """One mcap file.

    Args:
        path: the file.
        number: its number among the bag's files.

    Raises:
        InputError: if it is no mcap file or was cut off.
    """

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number = path, number
        self._stream = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        try:
            self._size = self._stream.seek(0, 2)
            self._check()
        except BaseException:
            self._stream.close()
            raise
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, Topic] = {}

    def _check(self) -> None:
        if self._size < len(MAGIC) or self._read(0, len(MAGIC)) != MAGIC:
            raise InputError(f"{self.path} is no mcap file: its first bytes are not the format's")
        if self._size < 2 * len(MAGIC) + 9 or self._read(self._size - len(MAGIC), len(MAGIC)) != MAGIC:
            raise InputError(
                f"the bag file {self.path} was cut off while it was written; run: seal bag recover {self.path.parent}"
            )

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read(self, offset: int, length: int) -> bytes:
        return read_at(self._stream.fileno(), offset, length, self._size)

    def scan(self, wants: Wants, tally: Tally) -> Iterator[Entry]:
        """All messages of the wanted topics, in the file's order; a damaged chunk is counted and skipped.

        Raises:
            BrokenDataError: if a record outside of chunks is damaged.
        """
        yield from self._walk_file(len(MAGIC), self._size - len(MAGIC), wants, tally)

    def _walk_file(self, at: int, end: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        """Uncompressed records between two offsets; unwanted contents are not read."""
        while at + 9 <= end:
            probe = self._read(at, min(_PROBE, end - at))
            opcode, length = _RECORD.unpack_from(probe)
            content = at + 9
            at = content + length
            if opcode == 0 or at > end:
                raise BrokenDataError(f"{self.path.name} has a damaged record at byte {content - 9}")
            if opcode in (_DATA_END, _FOOTER):
                return
            if opcode == _MESSAGE:
                yield from self._message(probe[9 : 9 + length], content, length, -1, wants, tally)
            elif opcode in (_SCHEMA, _CHANNEL):
                self._declare(opcode, self._read(content, length), tally)
            elif opcode == _CHUNK:
                yield from self._chunk_entries(content, length, wants, tally)

    def _chunk_entries(self, content: int, length: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        try:
            _, _, _, compression, payload, packed = self._chunk_head(content)
            if payload + packed > content + length:
                raise BrokenDataError("a chunk is longer than its record")
            if compression in ("", "none"):
                yield from self._walk_file(payload, payload + packed, wants, tally)
            else:
                yield from self._walk_chunk(self.chunk(content), content, wants, tally)
        except (BrokenDataError, struct.error):
            tally.broken_chunks += 1

    def _chunk_head(self, content: int) -> tuple[int, int, int, str, int, int]:
        """Uncompressed size, its CRC, 0, compression, offset and size of the compressed records."""
        head = self._read(content, min(64, self._size - content))
        _, _, size, crc = struct.unpack_from("<QQQI", head)
        compression, at = _text(head, 28)
        (packed,) = struct.unpack_from("<Q", head, at)
        return size, crc, 0, compression, content + at + 8, packed

    def chunk(self, content: int) -> bytes:
        """The uncompressed records of the chunk whose record's content begins there.

        Raises:
            BrokenDataError: if they are damaged.
        """
        size, crc, _, compression, payload, packed = self._chunk_head(content)
        records = unpack(compression, self._read(payload, packed), size)
        if crc and zlib.crc32(records) != crc:
            raise BrokenDataError("a chunk's checksum does not fit")
        return records

    def _walk_chunk(self, records: bytes, chunk: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        at = 0
        while at + 9 <= len(records):
            opcode, length = _RECORD.unpack_from(records, at)
            content = at + 9
            at = content + length
            if opcode == 0 or at > len(records):
                raise BrokenDataError("a chunk has a damaged record")
            if opcode == _MESSAGE:
                # A view: only what is wanted of a picture is copied.
                yield from self._message(memoryview(records)[content:at], content, length, chunk, wants, tally)
            elif opcode in (_SCHEMA, _CHANNEL):
                self._declare(opcode, records[content:at], tally)

    def _declare(self, opcode: int, record: bytes, tally: Tally) -> None:
        if opcode == _SCHEMA:
            self._schemas[struct.unpack_from("<H", record)[0]] = _text(record, 2)[0]
            return
        channel, schema = struct.unpack_from("<HH", record)
        name, at = _text(record, 4)
        encoding, _ = _text(record, at)
        self._channels[channel] = tally.topic(name, self._schemas.get(schema, ""), encoding)

    def _message(
        self, probe: bytes | memoryview, content: int, length: int, chunk: int, wants: Wants, tally: Tally
    ) -> Iterator[Entry]:
        """The entry of a message record, if it is wanted; `probe` is its content, or the content's begin."""
        skip = _MESSAGE_HEAD.size
        if length < skip:
            raise BrokenDataError("a message record is too short")
        channel, _, log_ns, _ = _MESSAGE_HEAD.unpack_from(probe)
        topic = self._channels.get(channel)
        if topic is None:
            tally.broken_messages += 1
            return
        tally.count(topic, log_ns)
        wanted = wants(topic)
        if not wanted:
            return
        where = Location(self.number, chunk, content + skip, length - skip)
        take = where.length if wanted == ALL else min(wanted, where.length)
        if len(probe) - skip < take:
            data = self._read(where.offset, take)
        else:
            data = bytes(probe[skip : skip + take])
        yield Entry(topic, log_ns, data, where)

    def read(self, where: Location, records: bytes | None) -> bytes:
        """Content of one message; `records` are its chunk's.

        Raises:
            BrokenDataError: if it is damaged.
        """
        if records is None:
            return self._read(where.offset, where.length)
        return records[where.offset : where.offset + where.length]
