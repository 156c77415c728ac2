# SPDX-License-Identifier: Apache-2.0
"""Reading an mcap file: a walk from its start, and single messages by their location.

The index at a file's end is not used: it names log times, and what is needed are the stamps inside the messages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from seal_mapping.bags.entry import ALL, Entry, Location, Tally, Topic, Wants
from seal_mapping.bags.formats import mcap_records as mr
from seal_mapping.bags.formats.mcap_records import MAGIC
from seal_mapping.bags.unpack import BrokenDataError, read_at
from seal_perception.errors import InputError

_MAX_SUMMARY = 64_000_000
"""Largest summary that is read, in bytes: the index of some 400,000 chunks."""


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
        self._chunks = 0
        self._summary_read = False

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
            BrokenDataError: if the length of a record outside of chunks is damaged.
        """
        self._chunks = 0
        yield from self._walk_file(len(MAGIC), self._size - len(MAGIC), wants, tally)
        # A chunk whose opcode was damaged looks like a record of another kind: the index at the end knows of it.
        indexed = sum(opcode == mr.CHUNK_INDEX for opcode, _ in self._summary())
        tally.broken_chunks += max(0, indexed - self._chunks)

    def _walk_file(self, at: int, end: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        """Uncompressed records between two offsets; unwanted contents are not read."""
        while at + 9 <= end:
            probe = self._read(at, min(mr.PROBE, end - at))
            opcode, length = mr.RECORD.unpack_from(probe)
            content = at + 9
            at = content + length
            if opcode == 0 or at > end:
                raise BrokenDataError(
                    f"{self.path.name} has a damaged record at byte {content - 9}; "
                    "`seal bag recover` keeps what can be read"
                )
            if not mr.fits(opcode, length, probe[9:]):
                self._chunks += opcode != mr.MESSAGE
                tally.broken_chunks += opcode != mr.MESSAGE
                tally.broken_messages += opcode == mr.MESSAGE
            elif opcode in (mr.DATA_END, mr.FOOTER):
                return
            elif opcode == mr.MESSAGE:
                yield from self._message(probe[9 : 9 + length], content, length, -1, wants, tally)
            elif opcode in (mr.SCHEMA, mr.CHANNEL):
                self._declare(opcode, self._read(content, length), tally)
            elif opcode == mr.CHUNK:
                self._chunks += 1
                yield from self._chunk_entries(content, wants, tally)

    def _chunk_entries(self, content: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        try:
            head = self._chunk_head(content)
            if head.compression in ("", "none"):
                begin = content + head.payload
                yield from self._walk_file(begin, begin + head.packed, wants, tally)
            else:
                yield from self._walk_chunk(self.chunk(content), content, wants, tally)
        except (BrokenDataError, struct.error):
            tally.broken_chunks += 1

    def _chunk_head(self, content: int) -> mr.ChunkHead:
        return mr.chunk_head(self._read(content, min(64, self._size - content)))

    def chunk(self, content: int) -> bytes:
        """The uncompressed records of the chunk whose record's content begins there.

        Raises:
            BrokenDataError: if they are damaged.
        """
        head = self._chunk_head(content)
        return mr.unpack_chunk(head, self._read(content + head.payload, head.packed))

    def _summary(self) -> Iterator[tuple[int, bytes]]:
        """Records behind the data: schemas and channels once more, an index of the chunks; none if it is damaged."""
        footer = self._size - len(MAGIC) - mr.RECORD.size - 20
        try:
            opcode, length, start = struct.unpack("<BQQ", self._read(footer, mr.RECORD.size + 8))
            if (opcode, length) == (mr.FOOTER, 20) and 0 < start <= footer <= start + _MAX_SUMMARY:
                yield from mr.records(self._read(start, footer - start))
        except (BrokenDataError, struct.error):
            return

    def _topic(self, channel: int, tally: Tally) -> Topic | None:
        """Topic of a channel; where the chunk that declared it is damaged, the summary still knows."""
        if channel not in self._channels and not self._summary_read:
            self._summary_read = True
            for opcode, content in self._summary():
                if opcode in (mr.SCHEMA, mr.CHANNEL) and mr.fits(opcode, len(content), content):
                    self._declare(opcode, content, tally)
        return self._channels.get(channel)

    def _walk_chunk(self, records: bytes, chunk: int, wants: Wants, tally: Tally) -> Iterator[Entry]:
        at = 0
        while at + 9 <= len(records):
            opcode, length = mr.RECORD.unpack_from(records, at)
            content = at + 9
            at = content + length
            if opcode == 0 or at > len(records):
                raise BrokenDataError("a chunk has a damaged record")
            if opcode == mr.MESSAGE:
                # A view: only what is wanted of a picture is copied.
                yield from self._message(memoryview(records)[content:at], content, length, chunk, wants, tally)
            elif opcode in (mr.SCHEMA, mr.CHANNEL):
                self._declare(opcode, records[content:at], tally)

    def _declare(self, opcode: int, record: bytes, tally: Tally) -> None:
        if opcode == mr.SCHEMA:
            self._schemas[struct.unpack_from("<H", record)[0]] = mr.text_at(record, 2)[0]
            return
        channel, schema = struct.unpack_from("<HH", record)
        name, at = mr.text_at(record, 4)
        encoding, _ = mr.text_at(record, at)
        self._channels[channel] = tally.topic(name, self._schemas.get(schema, ""), encoding)

    def _message(
        self, probe: bytes | memoryview, content: int, length: int, chunk: int, wants: Wants, tally: Tally
    ) -> Iterator[Entry]:
        """The entry of a message record, if it is wanted; `probe` is its content, or the content's begin."""
        skip = mr.MESSAGE_HEAD.size
        if length < skip:
            raise BrokenDataError("a message record is too short")
        channel, _, log_ns, _ = mr.MESSAGE_HEAD.unpack_from(probe)
        topic = self._topic(channel, tally)
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
