# SPDX-License-Identifier: Apache-2.0
"""What a base's message says, by the name of a field and a test of its value: no vendor's package is imported."""

from __future__ import annotations

import importlib.util
import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from seal_perception.errors import InputError
from seal_perception.parameters import parameter

_TYPE = re.compile(r"([a-z][a-z0-9_]*)/msg/([A-Z][A-Za-z0-9]*)")
_PATH = re.compile(r"[a-z][a-z0-9_]*(\[\])?(\.[a-z][a-z0-9_]*(\[\])?)*")
_COMPARED = re.compile(r"(==|!=|<=|>=|<|>|&)\s*(-?\d+(?:\.\d+)?)")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "&": lambda value, mask: math.isfinite(value) and bool(int(value) & int(mask)),
}  # fmt: skip


@dataclass(frozen=True)
class SignalConfig:
    """Where a base tells one thing about itself."""

    topic: str = parameter("", "topic; empty = this base does not tell it")
    type: str = parameter("", "message type, such as std_msgs/msg/Bool")
    field: str = parameter("data", "field, such as state, or detections[].type: any element of a list")
    when: str = parameter("true", "the signal is on when the field is: true, false, or such as == 1, < 13.2, & 7")
    timeout_s: float = parameter(
        0.0, "stop without a message for this long, in seconds; 0 = it comes on change only", minimum=0.0
    )

    def __post_init__(self) -> None:
        if not self.topic:
            return
        split_type(self.type)
        if not _PATH.fullmatch(self.field):
            raise ValueError(f"field must be names with dots between them, [] after a list, got {self.field!r}")
        test_of(self.when)


def split_type(name: str) -> tuple[str, str]:
    """Package and class of a message type.

    Raises:
        InputError: if it is not written as package/msg/Name.
    """
    found = _TYPE.fullmatch(name)
    if found is None:
        raise InputError(f"a message type must be written as package/msg/Name, got {name!r}")
    return found[1], found[2]


def is_installed(kind: str) -> bool:
    """Whether the package of a message type is. Nothing is imported: a name must not run what happens to be there.

    Raises:
        InputError: if the type is not written as package/msg/Name.
    """
    found = importlib.util.find_spec(split_type(kind)[0])
    places = (found.submodule_search_locations if found else None) or ()
    return any((Path(place) / "msg" / "__init__.py").is_file() for place in places)


def values_of(message: Any, path: str) -> list[Any]:
    """The values that a path leads to: one, or one per element of its lists.

    Raises:
        InputError: if the message has no such field.
    """
    found = [message]
    for part in path.split("."):
        name = part.removesuffix("[]")
        try:
            found = [getattr(each, name) for each in found]
        except AttributeError as error:
            raise InputError(f"{type(message).__name__} has no field {path!r}: it ends at {name!r}") from error
        if part.endswith("[]"):
            if not all(isinstance(each, Iterable) for each in found):
                raise InputError(f"{type(message).__name__}: {name!r} of {path!r} is no list")
            found = [element for each in found for element in each]
    return found


def _plain(value: Any) -> float:
    """A value as a number; a byte field comes as one byte.

    Raises:
        InputError: if it is neither.
    """
    if isinstance(value, (bytes, bytearray)) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Real):
        raise InputError(f"a value of the base must be true, false or a number, got {str(value)[:40]!r}")
    return float(value)


def test_of(when: str) -> Callable[[Any], bool | None]:
    """The test of a value that `when` names; None = the value says nothing (NaN: not measured).

    Raises:
        InputError: if it is none.
    """
    if when in ("true", "false"):
        return lambda value: (_plain(value) != 0) == (when == "true")
    found = _COMPARED.fullmatch(when.strip())
    if found is None:
        raise InputError(f"when must be true, false, or one of == != < <= > >= & and a number, got {when!r}")
    compare, number = _OPERATORS[found[1]], float(found[2])

    def test(value: Any) -> bool | None:
        plain = _plain(value)
        return None if math.isnan(plain) else compare(plain, number)

    return test


def signal_of(message: Any, signal: SignalConfig) -> bool | None:
    """Whether a message says that the signal is on; None = it does not say (NaN).

    Raises:
        InputError: if the message has no such field, or its value is no number.
    """
    test = test_of(signal.when)
    found = [test(value) for value in values_of(message, signal.field)]
    return True if True in found else None if None in found else False
