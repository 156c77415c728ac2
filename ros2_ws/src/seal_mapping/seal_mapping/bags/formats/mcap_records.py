# SPDX-License-Identifier: Apache-2.0
"""The records of an mcap file, shared by the reader and by the recovery of damaged files (https://mcap.dev/spec)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from seal_mapping.bags.unpack import BrokenDataError, unpack

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX, ATTACHMENT = range(1, 10)
METADATA, DATA_END = 12, 15
RECORD = struct.Struct("<BQ")
"""Head of a record: opcode, length of its content."""
MESSAGE_HEAD = struct.Struct("<HIQQ")
"""Begin of a message's content: channel, sequence, log time, publish time."""
PROBE = RECORD.size + MESSAGE_HEAD.size + 1024
"""Bytes of a record from which its form is judged."""
CRC_AT = RECORD.size + 24
"""Offset of a chunk's checksum from the begin of its record."""
_FIXED = {DATA_END: 4, FOOTER: 20}
_IN_THE_DATA = (HEADER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, ATTACHMENT, METADATA, DATA_END)
_LAST_KNOWN = 15


class ChunkHead(NamedTuple):
    """What a chunk says about itself.

    Attributes:
        start_ns: earliest log time in it.
        end_ns: latest.
        size: bytes of its records, uncompressed.
        crc: CRC-32 of these; 0 = there is none.
        compression: zstd, lz4, or empty.
        payload: offset of the compressed records from the begin of the chunk's content.
        packed: their length in bytes.
    """

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    payload: int
    packed: int


def text_at(data: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, and the offset behind it.

    Raises:
        BrokenDataError: if it is longer than the data.
    """
    (length,) = struct.unpack_from("<I", data, at)
    if at + 4 + length > len(data):
        raise BrokenDataError(f"a text of {length} bytes in a record of {len(data)}")
    return data[at + 4 : at + 4 + length].decode(errors="replace"), at + 4 + length


def chunk_head(content: bytes) -> ChunkHead:
    """Head of a chunk from the first bytes of its content.

    Raises:
        BrokenDataError: if they are none.
        struct.error: if they are too few.
    """
    compression, at = text_at(content[:64], 28)
    (packed,) = struct.unpack_from("<Q", content, at)
    start_ns, end_ns, size, crc = struct.unpack_from("<QQQI", content)
    return ChunkHead(start_ns, end_ns, size, crc, compression, at + 8, packed)


def unpack_chunk(head: ChunkHead, packed: bytes) -> bytes:
    """The records of a chunk, checked against its CRC where it has one.

    Raises:
        BrokenDataError: if they are damaged.
    """
    records = unpack(head.compression, packed, head.size)
    if head.crc and zlib.crc32(records) != head.crc:
        raise BrokenDataError("a chunk's checksum does not fit")
    return records


def fits(opcode: int, length: int, head: bytes) -> bool:
    """Whether the fields of a record of the data section add up to the length that it names.

    A flipped bit in opcode or length is noticed by this. Opcodes that the format does not define yet always fit.

    Args:
        opcode: of the record.
        length: of its content in bytes, as its head says.
        head: the content, or its first 1 kB.
    """
    if opcode > _LAST_KNOWN:
        return True
    if opcode in _FIXED:
        return length == _FIXED[opcode]
    if opcode == MESSAGE:
        return length >= MESSAGE_HEAD.size
    if opcode not in _IN_THE_DATA:
        return False
    try:
        return length == _length_by_fields(opcode, head)
    except (BrokenDataError, struct.error):
        return False


def _length_by_fields(opcode: int, head: bytes) -> int:
    """Length of a record's content by its fields; these kinds end with a part whose length stands before it."""
    if opcode == CHUNK:
        chunk = chunk_head(head)
        return chunk.payload + chunk.packed
    texts_at, texts = {
        HEADER: (0, 1), SCHEMA: (2, 2), CHANNEL: (4, 2), MESSAGE_INDEX: (2, 0), ATTACHMENT: (16, 2), METADATA: (0, 1),
    }[opcode]  # fmt: skip
    at = texts_at
    for _ in range(texts):
        _, at = text_at(head, at)
    if opcode == ATTACHMENT:
        return int(at + 8 + struct.unpack_from("<Q", head, at)[0] + 4)
    return int(at + 4 + struct.unpack_from("<I", head, at)[0])


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcode and content of each whole record; what follows the last whole one is left out."""
    at = 0
    while at + RECORD.size <= len(data):
        opcode, length = RECORD.unpack_from(data, at)
        begin, at = at + RECORD.size, at + RECORD.size + length
        if at > len(data):
            return
        yield opcode, data[begin:at]
