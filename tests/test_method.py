# SPDX-License-Identifier: Apache-2.0
"""docs/method.md names functions that exist and defaults that are so."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parent.parent / "docs/method.md").read_text(encoding="utf-8")
NAME = r"(?:seal_\w+|sim_bridge)(?:\.\w+)+"
NAMES = sorted(set(re.findall(rf"`({NAME})`", PAGE)))
DEFAULTS = re.findall(rf"^\| `({NAME})` \| `([^`]+)` \|", PAGE, flags=re.MULTILINE)


def resolve(name: str) -> Any:
    """What a dotted name leads to: its longest part that is a module, then attributes, fields and all."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
            continue
        for attribute in parts[cut:]:
            found = getattr(found, attribute)
        return found
    raise AttributeError(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_named_exists(name: str) -> None:
    try:
        resolve(name)
    except AttributeError:
        owner = resolve(name.rpartition(".")[0])  # set in __init__, and so documented in the docstring alone
        assert name.rpartition(".")[2] in (owner.__doc__ or ""), name


@pytest.mark.parametrize(("name", "value"), DEFAULTS)
def test_defaults_are_those_of_the_code(name: str, value: str) -> None:
    owner, _, field = name.rpartition(".")
    defaults = {item.name: item.default for item in dataclasses.fields(resolve(owner))}
    assert str(defaults[field]) == value


def test_every_algorithm_of_the_paper_has_a_section() -> None:
    assert re.findall(r"^## Algorithm (\d)", PAGE, flags=re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert len(DEFAULTS) > 30
