# SPDX-License-Identifier: Apache-2.0
"""Model-zoo files of detectron2 (.pkl), read without running code.

They are pickles. Of all that a pickle can name, only what makes plain arrays of numbers is let through, and no length
is believed before the file has the bytes.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seal_perception.errors import InputError
from seal_perception.reading.text import require_file

MOST_MB = 1000
_TYPES = tuple(np.dtype(name) for name in ("float16", "float32", "float64", "int32", "int64"))


def read_zoo(path: Path) -> dict[str, Tensor]:
    """The tensors of a model-zoo file (.pkl).

    Raises:
        InputError: if it is none, names anything but arrays of numbers, or is larger than 1 GB.
    """
    require_file(path)
    if path.stat().st_size > MOST_MB * 1e6:
        raise InputError(f"{path} has {path.stat().st_size / 1e6:.0f} MB; expected at most {MOST_MB} MB of weights")
    try:
        # detectron2's own files are of Python 2 or 3: latin1 reads the bytes of both.
        found = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a pickle can fail in any way
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no model-zoo file of detectron2: {first[:200]}") from error
    model = found.get("model", found) if isinstance(found, dict) else None
    if not isinstance(model, dict):
        raise InputError(f"{path} is no model-zoo file of detectron2: it must hold a dict of arrays")
    odd = [
        str(name)[:80]
        for name, value in model.items()
        if not (isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype in _TYPES)
    ]
    if odd:
        raise InputError(f"{path} is no model-zoo file of detectron2: {odd[0]} is no array of numbers")
    return {name: torch.from_numpy(np.array(value)) for name, value in model.items()}


_ARRAY = object()
"""What stands for numpy's ndarray: the class itself would make arrays of any size."""


def _empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
    """What numpy's pickles begin with: an array of nothing, filled from the bytes that follow."""
    if kind is not _ARRAY or tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array must begin empty")
    return np.empty(0, np.int8)


def _number_type(code: Any, *rest: Any) -> np.dtype:
    """A type of plain numbers."""
    kind = np.dtype(code) if isinstance(code, str) and len(code) <= 3 else None
    if kind is None or kind.kind not in "biuf":
        raise pickle.UnpicklingError(f"a type {str(code)[:40]!r} is no type of numbers")
    return kind


def _latin1(text: Any, encoding: Any) -> bytes:
    """What Python 2's bytes are in newer pickles."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes must be latin1")
    return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _number_type,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _latin1,
}
_Reader: Any = pickle._Unpickler  # type: ignore[attr-defined]
_LEFT_OUT = (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.OBJ, pickle.INST)


class _ArraysOnly(_Reader):  # type: ignore[misc]
    """Python's own unpickler without what makes objects of a class or allocates by a number in the file.

    The one in C makes its memo as large as an index in the file says; this one keeps a dict.
    """

    dispatch: ClassVar[dict[int, Any]] = {k: v for k, v in _Reader.dispatch.items() if bytes([k]) not in _LEFT_OUT}

    def find_class(self, module: str, name: str) -> Any:
        """One of the admitted makers of arrays.

        Raises:
            UnpicklingError: for any other name.
        """
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return _ADMITTED[module, name]

    def fill(self) -> None:
        """Give an array its numbers; of a type the byte order alone is heeded."""
        state, thing = self.stack.pop(), self.stack[-1]
        if isinstance(thing, np.dtype):
            if state[1] not in ("<", "|", "=") or any(part is not None for part in state[2:5]):
                raise pickle.UnpicklingError("a type must be of little-endian numbers")
        elif isinstance(thing, np.ndarray):
            _, shape, kind, _, data = state
            if not isinstance(kind, np.dtype) or len(data) != math.prod(shape) * kind.itemsize:
                raise pickle.UnpicklingError("an array has other bytes than its shape says")
            thing.__setstate__(state)
        else:
            raise pickle.UnpicklingError(f"a {type(thing).__name__} cannot be given a state")

    dispatch[pickle.BUILD[0]] = fill
