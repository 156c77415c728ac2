# SPDX-License-Identifier: Apache-2.0
"""Fields of configuration dataclasses that carry their own description and range.

One text serves the reader of the source, `ros2 param describe`, the tables of the READMEs and the launch arguments.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
_PLAIN = (bool, int, float, str)
_KEY = "parameter"


@dataclass(frozen=True)
class Parameter:
    """What is known about one value that a user may set."""

    name: str
    default: Any
    description: str
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def range_text(self) -> str:
        """The range in words, "0.0 to 1.0", ">= 1", or empty."""
        if self.minimum > -math.inf and self.maximum < math.inf:
            return f"{self.minimum} to {self.maximum}"
        if self.minimum > -math.inf:
            return f">= {self.minimum}"
        return f"<= {self.maximum}" if self.maximum < math.inf else ""

    def includes(self, value: Any) -> bool:
        """Whether a value lies in the range; what is no number always does."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True
        return self.minimum <= value <= self.maximum


def parameter(
    default: T,
    description: str,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    choices: tuple[str, ...] = (),
) -> T:
    """A dataclass field with a description; use it in place of the bare default.

    Args:
        default: value of the field; immutable.
        description: what the value means, with its unit.
        minimum: least value, itself allowed unless the class's own check refuses it.
        maximum: greatest value, itself allowed unless the class's own check refuses it.
        choices: all texts that a user may give; empty = others, too. The class's own check refuses the rest.
    """
    known = Parameter("", default, description, minimum, maximum, choices)
    return dataclasses.field(default=default, metadata={_KEY: known})


def parameters_of(config: Any) -> list[Parameter]:
    """The parameters of a configuration dataclass: its fields that are numbers, texts or tuples of them.

    Args:
        config: the class, or an object of it, whose own values are the defaults then.
    """
    found = []
    for field in dataclasses.fields(config):
        default = field.default if isinstance(config, type) else getattr(config, field.name)
        if _is_plain(default):
            known = field.metadata.get(_KEY) or Parameter("", default, "")
            found.append(dataclasses.replace(known, name=field.name, default=default))
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or isinstance(value, tuple) and all(isinstance(v, _PLAIN) for v in value)
