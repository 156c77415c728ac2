# SPDX-License-Identifier: Apache-2.0
"""Arrays that others wrote (.npz): what they unpack to is known from their headers before memory is asked for."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.errors import InputError
from seal_perception.reading.limits import require
from seal_perception.reading.text import MB, require_file

BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, ValueError, TypeError, AttributeError,
    OverflowError, MemoryError, RuntimeError,
)  # fmt: skip
"""What a broken file, or one with other arrays than were expected, raises in NumPy and in the code that uses them.

Among the RuntimeErrors are NotImplementedError (a compression that zipfile does not know) and RecursionError.
"""


def read_npz(path: Path | str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file by name; no pickle.

    Raises:
        InputError: if it is no regular file, unpacks to more than the limit, or a header lies about its size.
        BROKEN: if it is broken.
        OSError: if it cannot be read.
    """
    require_file(path)
    with zipfile.ZipFile(path) as archive:
        require("arrays_mb", sum(max(entry.file_size, 0) for entry in archive.infolist()) / MB, path)
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                _require_honest(stream, entry, path)
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _require_honest(stream: Any, entry: zipfile.ZipInfo, path: Path | str) -> None:
    """Refuse an array whose header names more than its file holds: NumPy would allocate that first."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    asked = dtype.itemsize
    for length in shape:
        if length < 0:
            raise InputError(f"{path}: the array {entry.filename} has the shape {shape}")
        asked *= length
    if asked > entry.file_size:
        raise InputError(
            f"{path}: the array {entry.filename} of {asked / MB:,.0f} MB does not fit its {entry.file_size:,} bytes"
        )
