# SPDX-License-Identifier: Apache-2.0
"""Decompression and reads with a limit: a broken bag may name absurd sizes."""

from __future__ import annotations

import bz2
import os
from typing import Any

import lz4.frame
import zstandard

MAX_BYTES = 1 << 30
"""Largest chunk or message that is read, in bytes; no camera comes near."""


class BrokenDataError(ValueError):
    """Bytes of a bag are not what its format says."""


def read_at(descriptor: int, offset: int, length: int, size: int) -> bytes:
    """`length` bytes at `offset` of an open file of `size` bytes; walks share no position.

    Raises:
        BrokenDataError: if the file is shorter, or the length absurd.
    """
    if offset < 0 or not 0 <= length <= MAX_BYTES or offset + length > size:
        raise BrokenDataError(f"{length} bytes at {offset} do not lie in a file of {size} bytes")
    parts = []
    while length:
        part = os.pread(descriptor, length, offset)
        if not part:
            raise BrokenDataError("the file ended while it was read")
        parts.append(part)
        offset, length = offset + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _zstd(data: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data).read(limit)


def _lz4(data: bytes, limit: int) -> bytes:
    return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=limit))


def _bz2(data: bytes, limit: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, max_length=limit)


_UNPACKERS: dict[str, Any] = {"zstd": _zstd, "lz4": _lz4, "bz2": _bz2}


def unpack(compression: str, data: bytes, size: int) -> bytes:
    """The `size` bytes that were compressed; `compression` is zstd, lz4, bz2, none or empty.

    Raises:
        BrokenDataError: if the data are damaged, of another size, absurdly large or compressed otherwise.
    """
    if not 0 <= size <= MAX_BYTES:
        raise BrokenDataError(f"a chunk of {size} bytes is larger than the {MAX_BYTES} that are read")
    if compression in ("", "none"):
        out = bytes(data)
    elif compression in _UNPACKERS:
        try:
            # One byte more than there should be, so that a longer content is seen.
            out = _UNPACKERS[compression](data, size + 1)
        except (zstandard.ZstdError, RuntimeError, OSError, EOFError, ValueError, MemoryError) as error:
            raise BrokenDataError(f"a chunk cannot be decompressed ({compression}): {error}") from error
    else:
        raise BrokenDataError(f"a chunk is compressed by {compression!r}; expected zstd, lz4, bz2 or none")
    if len(out) != size:
        raise BrokenDataError(f"a chunk holds {len(out)} bytes where {size} are announced")
    return out


def unpack_message(data: bytes, most: int = MAX_BYTES) -> bytes:
    """The first `most` bytes of a message that was compressed by itself with zstd.

    Raises:
        BrokenDataError: if the data are damaged or absurdly large.
    """
    try:
        size = zstandard.frame_content_size(data)
        if size > MAX_BYTES:
            raise BrokenDataError(f"a message of {size} bytes is larger than the {MAX_BYTES} that are read")
        stream = zstandard.ZstdDecompressor().stream_reader(data)
        if size >= 0:
            out = stream.read(min(size, most)) if size else b""
            if len(out) != min(size, most):
                raise BrokenDataError(f"a message holds {len(out)} bytes where {size} are announced")
            return bytes(out)
        parts, left = [], most
        while left and (part := stream.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    except (zstandard.ZstdError, MemoryError, OSError) as error:
        raise BrokenDataError(f"a message cannot be decompressed: {error}") from error
