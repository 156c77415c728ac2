# SPDX-License-Identifier: Apache-2.0
"""The hash of a module's code changes with what it imports, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup import provenance


def imported(patch: pytest.MonkeyPatch, folder: Path, name: str) -> str:
    for cached in (provenance.imported_code, provenance._source, provenance._own_imports):
        cached.cache_clear()
    patch.syspath_prepend(str(folder))
    patch.setattr(provenance, "OWN", ("imported_toy",))
    found = provenance.imported_code(name)
    for cached in (provenance.imported_code, provenance._source, provenance._own_imports):
        cached.cache_clear()
    return found


def test_code_is_a_module_and_all_that_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "imported_toy"
    (folder / "room").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "a.py": "import os\nfrom imported_toy.room import b\n",
        "room/__init__.py": "",
        "room/b.py": "def f():\n    from imported_toy.c import thing\n    return thing\n",
        "c.py": "thing = 1\n",
        "other.py": "import imported_toy.a\n",
    }.items():
        (folder / name).write_text(text)
    before = imported(monkeypatch, tmp_path, "imported_toy.a")
    assert before == imported(monkeypatch, tmp_path, "imported_toy.a")
    for name, changes in (("other.py", False), ("c.py", True), ("room/b.py", True), ("a.py", True)):
        was = imported(monkeypatch, tmp_path, "imported_toy.a")
        (folder / name).write_text((folder / name).read_text() + "# changed\n")
        assert (imported(monkeypatch, tmp_path, "imported_toy.a") != was) is changes, name
    with pytest.raises(ValueError, match=r"no source of imported_toy\.absent"):
        imported(monkeypatch, tmp_path, "imported_toy.absent")


def test_recordings_do_not_depend_on_how_labels_are_made() -> None:
    """So a new rule of labels does not throw away the dearest cells."""
    names = ("seal_policy.loop", "seal_mapping.voxels.voxel_map", "sim_bridge.worlds")
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen and (file := provenance._source(name)) is not None:
            seen.add(name)
            waiting += provenance._own_imports(file)
    assert "sim_bridge.embedded" in seen and "seal_mapping.voxels.store" in seen
    assert not [name for name in seen if name.startswith(("seal_mapping.labels", "seal_mapping.datasets"))]
