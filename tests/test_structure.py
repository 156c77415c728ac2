# SPDX-License-Identifier: Apache-2.0
"""The house stays easy to find one's way in: narrow folders, short lists of parameters, rooms named in the READMEs."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "house.py")))
MAX_MODULES = 19  # of a folder
MAX_PARAMETERS = 8
MOST_WITH_MORE = 34  # functions


def test_no_folder_is_a_hall_of_many_doors() -> None:
    counts = HOUSE.folders()
    assert len(counts) > 40
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_few_functions_have_many_parameters() -> None:
    found = HOUSE.many_parameters(MAX_PARAMETERS)
    assert len(found) <= MOST_WITH_MORE, found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a, b=1, *, c, d=2): ...", 4),
        ("def f(self, a, /, b): ...", 2),
        ("async def f(cls, *args, **kwargs): ...", 2),
        ("def f(): ...", 0),
    ],
)
def test_parameters_are_counted(source: str, count: int) -> None:
    assert HOUSE.parameters(ast.parse(source).body[0]) == count


@pytest.mark.parametrize("package", ["seal_perception", "seal_mapping", "sim_bridge"])
def test_the_readme_names_every_room(package: str) -> None:
    folder = HOUSE.PACKAGES[package]
    lines = (folder.parent / "README.md").read_text(encoding="utf-8").splitlines()
    rooms = [path.parent.name for path in folder.glob("*/__init__.py")]
    assert len(rooms) > 3
    assert [room for room in rooms if not any(line.startswith(f"| `{room}/`") for line in lines)] == []
