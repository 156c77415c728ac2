# SPDX-License-Identifier: Apache-2.0
"""Cells are computed once, told apart by all that decides them, and never look whole when they are not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bringup.experiments.tables.toy_cells import Number, Sum, made

from seal_bringup.experiments.tables import store as stores
from seal_bringup.experiments.tables.store import BUSY, FOUND, MADE, CellStore, Given


def test_a_finished_cell_is_not_computed_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cell = Sum((Number(1, log), Number(2, log)), log)
    store = CellStore(tmp_path / "work")
    with pytest.raises(KeyError, match="needs number n1"):
        store.make(cell)
    assert [store.make(one) for one in (*cell.of, cell)] == [MADE] * 3
    found = CellStore(tmp_path / "work").find(Sum((Number(1, log), Number(2, log)), log))
    assert found is not None and found.read_text() == "3"
    assert [CellStore(tmp_path / "work").make(one) for one in (*cell.of, cell)] == [FOUND] * 3
    assert made(log) == ["n1", "n2", "sum"]
    assert store.mark(cell)["inputs"] == [store.mark(one)["digest"] for one in cell.of]


def test_another_input_value_or_file_is_another_cell(tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, two = Number(1, log), Number(2, log)
    assert Number(1, log / "elsewhere") == one != two  # where it is logged decides nothing
    assert len({Sum((one, two), log).key, Sum((two, one), log).key, Sum((one,), log).key}) == 3
    (tmp_path / "a").write_text("weights")
    (tmp_path / "b").write_text("weights")
    before = Given(tmp_path / "a")
    assert before == Given(tmp_path / "b")
    (tmp_path / "a").write_text("other weights")
    assert Given(tmp_path / "a") != before


def test_other_code_is_another_cell_unless_any_code_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    with monkeypatch.context() as patch:
        patch.setattr(stores, "imported_code", lambda *names: "before")
        cell = Sum((Number(1, log),), log)
        for one in (*cell.of, cell):
            CellStore(tmp_path / "work").make(one)
    now = Sum((Number(1, log),), log)
    assert CellStore(tmp_path / "work").find(now) is None
    assert CellStore(tmp_path / "work", any_code=True).find(now) is not None
    for one in (*now.of, now):
        CellStore(tmp_path / "work").make(one)
    found = CellStore(tmp_path / "work", any_code=True).find(now)
    assert found is not None and found.parent.name == now.name  # its own comes first
    assert made(log) == ["n1", "sum", "n1", "sum"]


def test_what_failed_or_was_interrupted_does_not_look_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    store, bad, cell = CellStore(tmp_path / "work"), Number(-1, log), Number(4, log)
    assert store.attempt(bad) == ("", "-1 is below 0")
    assert store.find(bad) is None and not store.is_busy(bad)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stores, "take_place", interrupt)  # all is written, and the cell is not yet in its place
        store.make(cell)
    assert store.find(cell) is None and not store.is_busy(cell)
    assert list((tmp_path / "work/number").iterdir()) == []
    (tmp_path / "work/number" / cell.name).mkdir()  # a folder without its mark, as no rename leaves it
    assert CellStore(tmp_path / "work").find(cell) is None
    assert store.make(cell) == MADE and (tmp_path / "work/number" / cell.name / "number.txt").read_text() == "4"


def test_whatever_ends_a_cell_is_that_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("CUDA out of memory\nmore lines")

    cell = Number(5, tmp_path / "log")
    monkeypatch.setattr(Number, "make", full)
    assert CellStore(tmp_path / "work").attempt(cell) == ("", "CUDA out of memory")


def test_only_who_holds_the_lock_puts_a_folder_back(tmp_path: Path) -> None:
    """Between the two renames of a cell that is made anew, a reader must not put the old one back."""
    log = tmp_path / "log"
    store, cell = CellStore(tmp_path / "work"), Number(6, log)
    store.make(cell)
    folder = tmp_path / "work/number" / cell.name
    aside = folder.with_name(f".{folder.name}.old")
    folder.rename(aside)
    assert CellStore(tmp_path / "work").find(cell) is None and aside.is_dir()
    assert CellStore(tmp_path / "work").make(cell) == FOUND and folder.is_dir() and made(log) == ["n6"]


def test_a_cell_follows_an_input_that_was_made_anew_with_other_bytes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cell = Sum((Number(1, log),), log)
    for one in (*cell.of, cell):
        CellStore(tmp_path / "work").make(one)
    folder = tmp_path / "work/number" / cell.of[0].name
    shutil.rmtree(folder)
    assert CellStore(tmp_path / "work").find(cell) is not None  # recordings may be thrown away
    CellStore(tmp_path / "work").make(cell.of[0])
    assert CellStore(tmp_path / "work").find(cell) is not None  # the same bytes again
    mark = folder / "cell.json"
    mark.write_text(mark.read_text().replace(CellStore(tmp_path / "work").mark(cell.of[0])["digest"], "0" * 64))
    store = CellStore(tmp_path / "work")
    assert store.find(cell) is None
    assert store.make(cell) == MADE and store.find(cell) is not None


HOLD = """
import sys, time
from pathlib import Path
from tests.bringup.experiments.tables.toy_cells import Number
from seal_bringup.experiments.tables.store import CellStore
with CellStore(Path(sys.argv[1]))._lock(Number(3, Path(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(60)
"""


def test_what_another_process_computes_is_left_to_it_until_it_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    store, cell = CellStore(tmp_path / "work"), Number(3, log)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "work"), str(log)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    assert store.is_busy(cell) and store.make(cell) == BUSY and made(log) == []
    process.kill()
    process.wait()
    assert not store.is_busy(cell) and store.make(cell) == MADE and made(log) == ["n3"]
