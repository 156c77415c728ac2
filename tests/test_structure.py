# SPDX-License-Identifier: Apache-2.0
"""The house stays easy to find one's way in: narrow folders, short lists of parameters, rooms named in the READMEs."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "house.py")))
MAX_MODULES = 15  # of a folder
WIDER = {"ros2_ws/src/seal_mapping/seal_mapping/bags": 20}
"""Folders that may hold more: a bag's formats, messages and topics are many small things of one kind."""
MAX_PARAMETERS = 8
WITH_MORE: dict[str, str] = {}
"""Functions with more parameters ("path function") and the reason of each; at most three."""


def test_no_folder_is_a_hall_of_many_doors() -> None:
    counts = HOUSE.folders()
    assert len(counts) > 40
    assert {folder: count for folder, count in counts.items() if count > WIDER.get(folder, MAX_MODULES)} == {}


def test_few_functions_have_many_parameters() -> None:
    assert len(WITH_MORE) <= 3 and all(WITH_MORE.values())
    assert HOUSE.many_parameters(MAX_PARAMETERS).keys() == WITH_MORE.keys()


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


@pytest.mark.parametrize("package", HOUSE.PACKAGES)
def test_the_readme_names_every_room(package: str) -> None:
    folder = HOUSE.PACKAGES[package]
    lines = (folder.parent / "README.md").read_text(encoding="utf-8").splitlines()
    rooms = [path.parent.name for path in folder.glob("*/__init__.py")]
    assert len(rooms) > 3
    assert [room for room in rooms if not any(line.startswith(f"| `{room}/`") for line in lines)] == []


def documents() -> list[Path]:
    files = [path for path in ROOT.rglob("*.md") if not {"node_modules", "shared", "runs"} & set(path.parts)]
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def test_documents_name_only_modules_that_exist() -> None:
    """`module.py` and `folder/module.py` in a document exist; the change log may name old ones."""
    known = ["/" + str(path.relative_to(ROOT)) for top in HOUSE.TOP for path in top.rglob("*.py")]
    lost = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in documents()
        if path.name != "CHANGELOG.md"
        for name in re.findall(r"`([\w/]+\.py)`", path.read_text(encoding="utf-8"))
        if not any(module.endswith("/" + name) for module in known)
    ]
    assert lost == []


def test_nothing_cites_what_a_reader_cannot_open() -> None:
    """No design page and no issue number of this project; the librealsense issues are public."""
    cited = re.compile(r"design\." + r"md|(?<!librealsense )\b[Ii]ssues? \d")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in [*documents(), *(path for top in HOUSE.TOP for path in top.rglob("*.py"))]
        if path.name != "CHANGELOG.md"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if cited.search(line) and "github.com/" not in line
    ]
    assert found == []
