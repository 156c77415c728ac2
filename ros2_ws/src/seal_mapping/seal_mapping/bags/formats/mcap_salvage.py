# SPDX-License-Identifier: Apache-2.0
"""All messages of a damaged mcap file that can still be read: behind each damaged place it goes on."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_mapping.bags.formats import mcap_records as mr
from seal_mapping.bags.unpack import MAX_BYTES, BrokenDataError, read_at
from seal_perception.errors import InputError

_HEAD = re.compile(rb"(?=[\x01\x03-\x07\x09\x0c\x0f].{5}\0\0\0)", re.DOTALL)
"""What may be the head of a record: a known opcode and a length below 2^40; matches may overlap."""
_BLOCK = 1 << 20
_READ = (mr.SCHEMA, mr.CHANNEL, mr.MESSAGE, mr.CHUNK, mr.MESSAGE_INDEX)
"""Records whose content is read; others may be of any length."""
_COMPRESSIONS = ("", "none", "zstd", "lz4", "bz2")


@dataclass(frozen=True)
class Message:
    """One message of a file."""

    topic: str
    msgtype: str
    stamp_ns: int
    data: bytes


@dataclass
class LeftOut:
    """What could not be read.

    Attributes:
        places: damaged places.
        bytes: that lie in them.
        messages: that an index says were there.
        uncounted: damaged places without an index: how many messages they held is not known.
        mended: chunks whose head was damaged and that could be read all the same.
        start_ns: log time of the first of the messages, where an index or a chunk says; None = unknown.
        end_ns: of the last.
    """

    places: int = 0
    bytes: int = 0
    messages: int = 0
    uncounted: int = 0
    mended: int = 0
    start_ns: int | None = None
    end_ns: int | None = None

    def span(self, start_ns: int, end_ns: int) -> None:
        """Widen the span of log times."""
        self.start_ns = start_ns if self.start_ns is None else min(self.start_ns, start_ns)
        self.end_ns = end_ns if self.end_ns is None else max(self.end_ns, end_ns)

    def lines(self) -> tuple[str, ...]:
        """What is left out or was mended, for a person; empty if nothing is."""
        chunks = f"{self.mended} chunk{'s' if self.mended > 1 else ''}"
        mended = (f"{chunks} with a damaged head could be read all the same",) if self.mended else ()
        if not self.places:
            return mended
        places = f"{self.places} damaged place{'s' if self.places > 1 else ''}, {self.bytes} bytes"
        known = f", {self.messages} messages" if self.messages or not self.uncounted else ""
        when = ""
        if self.start_ns is not None and self.end_ns is not None:
            when = f", log times {self.start_ns / 1e9:.3f} to {self.end_ns / 1e9:.3f} s"
        more = f"; no index counts the messages of {self.uncounted} of them" if self.uncounted else ""
        return (f"left out: {places}{known}{when}{more}", *mended)


class _Walk:
    """The records between two offsets; where one does not fit, it goes on at the next that does.

    Args:
        read: content at an offset, of a length.
        end: offset behind the last record.
        on_gap: called with begin and end of each place that no record fits.

    Attributes:
        mended: chunks whose opcode or length was damaged.
    """

    def __init__(self, read: Callable[[int, int], bytes], end: int, on_gap: Callable[[int, int], None]) -> None:
        self.mended = 0
        self._read, self._end, self._on_gap = read, end, on_gap

    def records(self, at: int) -> Iterator[tuple[int, int, int]]:
        """Opcode, begin and end of the content of each record."""
        while at < self._end:
            found = self._record(at)
            if found is None:
                begin, at = at, self._next(at + 1)
                self._on_gap(begin, at)
                continue
            if found[0] == mr.MESSAGE and not self._follows(found[2]):
                # Either this length is wrong or the next head is: a record that begins inside says which.
                inside = self._next(at + 1, found[2])
                if inside < found[2]:
                    self._on_gap(at, inside)
                    at = inside
                    continue
            if found[0] == mr.CHUNK:
                named = mr.RECORD.unpack_from(self._read(at, mr.RECORD.size))
                self.mended += named != (mr.CHUNK, found[2] - found[1])
            yield found
            at = found[2]

    def _record(self, at: int) -> tuple[int, int, int] | None:
        """The record at an offset; None if none fits there."""
        probe = self._read(at, min(mr.PROBE, self._end - at))
        if len(probe) < mr.RECORD.size:
            return None
        opcode, length = mr.RECORD.unpack_from(probe)
        begin = at + mr.RECORD.size
        if begin + length > self._end or (opcode in _READ and length > MAX_BYTES):
            fits = False
        else:
            fits = mr.fits(opcode, length, probe[mr.RECORD.size :])
        if fits and opcode <= mr.DATA_END:
            return opcode, begin, begin + length
        chunk = self._chunk_in_disguise(opcode, length, begin, probe[mr.RECORD.size :])
        if chunk is None and fits and self._follows(begin + length):  # of a later version of the format
            return opcode, begin, begin + length
        return chunk

    def _chunk_in_disguise(self, opcode: int, length: int, begin: int, head: bytes) -> tuple[int, int, int] | None:
        """A chunk whose opcode or length is damaged, but not both: what it says of itself leads to the next record."""
        try:
            chunk = mr.chunk_head(head)
        except (BrokenDataError, struct.error):
            return None
        end = begin + chunk.payload + chunk.packed
        likely = chunk.compression in _COMPRESSIONS and 0 < chunk.packed < end - begin <= MAX_BYTES >= chunk.size
        one = opcode == mr.CHUNK or length == chunk.payload + chunk.packed
        return (mr.CHUNK, begin, end) if likely and one and end <= self._end and self._follows(end) else None

    def _follows(self, at: int) -> bool:
        """Whether a record fits at an offset, or the end is there."""
        if at >= self._end:
            return at == self._end
        probe = self._read(at, min(mr.PROBE, self._end - at))
        if len(probe) < mr.RECORD.size or probe.startswith(mr.MAGIC):
            return True
        opcode, length = mr.RECORD.unpack_from(probe)
        return 0 < opcode <= mr.DATA_END and mr.fits(opcode, length, probe[mr.RECORD.size :])

    def _next(self, at: int, end: int | None = None) -> int:
        """Offset of the next record that fits and is followed by another; `end` (or all records' end) if none is."""
        end = self._end if end is None else end
        while at < end:
            block = self._read(at, min(_BLOCK + mr.RECORD.size - 1, self._end - at))
            for match in _HEAD.finditer(block):
                place = at + match.start()
                if place >= end:
                    return end
                found = self._record(place)
                if found is not None and self._follows(found[2]):
                    return place
            at += _BLOCK
        return end


def _unpack_chunk(content: bytes | memoryview) -> bytes:
    """The records of a chunk, from the content of its record.

    Raises:
        BrokenDataError: if they are damaged.
    """
    content = bytes(content)
    head = mr.chunk_head(content)
    return mr.unpack_chunk(head, content[head.payload : head.payload + head.packed])


class Salvage:
    """Walks an mcap file from its start, without its index.

    Args:
        path: the file.

    Attributes:
        left: what the last walk could not read.

    Raises:
        InputError: if the file is no mcap.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = LeftOut()
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}
        self._declared: dict[str, str] = {}
        self._kept = 0
        self._indexed = 0
        self._span: tuple[int, int] | None = None
        self._hurt = False
        with open(path, "rb") as stream:
            if stream.read(len(mr.MAGIC)) != mr.MAGIC:
                raise InputError(f"{path} is no mcap file: its first bytes are not the format's")

    def topics(self) -> dict[str, str]:
        """Type of each topic that the walks so far have found declared."""
        return dict(self._declared)

    def messages(self) -> Iterator[Message]:
        """All messages that can be read; a second walk knows the topics that the first found declared further on."""
        self.left, self._kept, self._indexed, self._span, self._hurt = LeftOut(), 0, 0, None, False
        with open(self.path, "rb") as stream:
            size = stream.seek(0, 2)

            def read(at: int, length: int) -> bytes:
                return read_at(stream.fileno(), at, length, size)

            at_end = False

            def gap(begin: int, end: int) -> None:
                if not at_end:  # what the summary holds can be made anew
                    self._settle()
                    self._lose(end - begin)
                    self._cut_chunk(read(begin, min(mr.PROBE, size - begin)))

            walk = _Walk(read, size, gap)
            for opcode, begin, end in walk.records(len(mr.MAGIC)):
                at_end = at_end or opcode == mr.DATA_END
                if opcode == mr.CHUNK:
                    self._settle()
                    yield from self._chunk(read(begin, end - begin))
                elif opcode == mr.MESSAGE_INDEX:
                    self._count(read(begin, end - begin))
                elif opcode in (mr.SCHEMA, mr.CHANNEL, mr.MESSAGE) and not (at_end and opcode == mr.MESSAGE):
                    yield from self._take(opcode, read(begin, end - begin))
            self._settle()
            self.left.mended += walk.mended

    def _chunk(self, content: bytes) -> Iterator[Message]:
        try:
            records = _unpack_chunk(content)
        except BrokenDataError:
            head = mr.chunk_head(content)
            self._lose(len(content))
            self.left.span(head.start_ns, head.end_ns)
            return

        def read(at: int, length: int) -> bytes:
            return records[at : at + length]

        for opcode, begin, end in _Walk(read, len(records), lambda a, b: self._lose(b - a)).records(0):
            yield from self._take(opcode, records[begin:end])

    def _cut_chunk(self, head: bytes) -> None:
        """Where a damaged place begins with a chunk, take the span of log times from it."""
        try:
            if head[:1] == bytes([mr.CHUNK]):
                chunk = mr.chunk_head(head[mr.RECORD.size :])
                self.left.span(chunk.start_ns, chunk.end_ns)
        except (BrokenDataError, struct.error):
            return

    def _take(self, opcode: int, content: bytes) -> Iterator[Message]:
        """Note a declaration, or give a message whose channel is declared."""
        if opcode == mr.SCHEMA:
            self._schemas[struct.unpack_from("<H", content)[0]] = mr.text_at(content, 2)[0]
        elif opcode == mr.CHANNEL:
            channel, schema = struct.unpack_from("<HH", content)
            if schema in self._schemas:
                topic = mr.text_at(content, 4)[0]
                self._channels[channel] = (topic, self._declared.setdefault(topic, self._schemas[schema]))
        elif opcode == mr.MESSAGE:
            channel, _, stamp, _ = mr.MESSAGE_HEAD.unpack_from(content)
            if channel in self._channels:
                self._kept += 1
                yield Message(*self._channels[channel], stamp, content[mr.MESSAGE_HEAD.size :])
            else:
                self._lose(len(content))

    def _lose(self, size: int) -> None:
        self.left.places += 1
        self.left.bytes += size
        self._hurt = True

    def _count(self, index: bytes) -> None:
        """Count the messages that an index lists for the chunk before it, and the span of their log times."""
        times = np.frombuffer(index, "<u8", (len(index) - 6) // 16 * 2, 6)[::2]
        if len(times):
            first, last = int(times.min()), int(times.max())
            self._indexed += len(times)
            self._span = (min(self._span[0], first), max(self._span[1], last)) if self._span else (first, last)

    def _settle(self) -> None:
        """Compare what was kept since the last call with what the indexes list."""
        lost = self._indexed - self._kept
        if lost > 0 and self._span is not None:
            self.left.messages += lost
            self.left.span(*self._span)
            if not self._hurt:  # the chunk itself is gone without a trace
                self.left.places += 1
        elif self._hurt and not self._indexed:
            self.left.uncounted += 1
        self._kept, self._indexed, self._span, self._hurt = 0, 0, None, False
