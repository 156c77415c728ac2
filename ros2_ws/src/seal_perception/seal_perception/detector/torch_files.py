# SPDX-License-Identifier: Apache-2.0
"""What a file of torch (.pth) asks for, looked at before torch reads it.

torch's `weights_only` runs no code, but it makes what it is told to: a bytearray of 10 GB from 40 bytes, or an entry of
a zip that unpacks to a thousand times its size. A file of tensors needs neither.
"""

from __future__ import annotations

import pickle
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from seal_perception.errors import InputError

_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
NAMES = {
    "collections OrderedDict",
    "collections Counter",  # of a learning rate's steps, in the checkpoint of a training
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    *(f"torch {kind}Storage" for kind in _STORAGES),
}
"""All that the pickle in a file of tensors names."""

SMALL = 10**6
"""Numbers up to this one are asked for by any file."""

_MAGIC = 0x1950A86A20F9469CFC6C
"""Number at the head of files of torch before 1.6, which hold five pickles one after the other."""


def check_torch_file(path: Path) -> None:
    """Refuse a file that is none of tensors or asks for more than its own bytes.

    Raises:
        InputError: if it does, or is no file of torch.
    """
    try:
        if zipfile.is_zipfile(path):
            _check_zip(path)
        else:
            with path.open("rb") as stream:
                for _ in range(5):
                    _check_pickle(stream, path.stat().st_size)
    except (ValueError, OSError, MemoryError, zipfile.BadZipFile, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a torch weights file: {first[:200]}") from error


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its entries are compressed, which torch's are not")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError("its entries are larger than the file")
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as stream:
                    _check_pickle(stream, path.stat().st_size)


def _check_pickle(stream: IO[bytes], size: int) -> None:
    """Look at one pickle without following it."""
    for name, argument in _codes(stream):
        if name == "GLOBAL" and argument not in NAMES:
            raise ValueError(f"it names {str(argument)[:80].replace(' ', '.')}, which no file of tensors does")
        if name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ", "NEWOBJ_EX"):
            raise ValueError("it makes objects, which no file of tensors does")
        place = "PUT" in name or "GET" in name
        if isinstance(argument, int) and not place and argument > max(size, SMALL) and argument != _MAGIC:
            raise ValueError(f"it asks for {argument}, and has {size} bytes itself")


def _codes(stream: IO[bytes]) -> Iterator[tuple[str, object]]:
    try:
        for code, argument, _ in pickletools.genops(stream):
            yield code.name, argument
    except (pickle.UnpicklingError, EOFError, UnicodeError, OverflowError) as error:
        raise ValueError(f"its pickle is broken ({error})") from error
