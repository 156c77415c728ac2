# SPDX-License-Identifier: Apache-2.0
"""Cells are computed after their inputs, here and on a cluster, and one that fails stops only what needs it."""

from __future__ import annotations

import pickle
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.bringup.experiments.tables.toy_cells import Number, Sum, made

from seal_bringup.experiments.tables import schedule
from seal_bringup.experiments.tables import store as stores
from seal_bringup.experiments.tables.schedule import Here, RayPool, Work, run_cells
from seal_bringup.experiments.tables.store import Cell, CellStore
from seal_perception.errors import InputError


class Witness:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.over: list[tuple[str, str]] = []
        self.inside: list[str] = []

    def started(self, cell: Cell, work: Work) -> None:
        assert all(work.store.find(one) is not None for one in cell.inputs())

    def progress(self, cell: Cell, done: int, total: int) -> None:
        self.inside.append(f"{cell.label} {done}/{total}")

    def finished(self, cell: Cell, error: str, work: Work) -> None:
        self.over.append((cell.label, error))


def run_here(work: Work) -> Witness:
    witness = Witness()
    run_cells(work, Here(work.store, witness), witness)
    return witness


def test_inputs_come_first_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, two = Number(1, log), Number(2, log)
    inner = Sum((one, two), log)
    outer = Sum((inner, one), log)
    work = Work([outer, inner], CellStore(tmp_path / "work"))
    assert work.total == 4 and work.seconds_left() is None
    witness = run_here(work)
    assert [label for label, _ in witness.over] == ["n1", "n2", "sum", "sum"] == made(log)
    assert witness.inside == ["n1 1/1", "n2 1/1"]
    found = work.store.find(outer)
    assert found is not None and found.read_text() == "4" and work.seconds_left() == 0
    again = Work([outer], CellStore(tmp_path / "work"))
    assert again.missing() == [] and run_here(again).over == []


def test_inputs_of_what_is_finished_are_not_made_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    total = Sum((Number(1, log),), log)
    store = CellStore(tmp_path / "work")
    run_here(Work([total], store))
    for path in (tmp_path / "work/number").iterdir():
        path.rename(tmp_path / "thrown_away")
    assert Work([total], CellStore(tmp_path / "work")).missing() == []


def test_a_failure_stops_only_what_needs_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    bad, good = Number(-1, log), Number(5, log)
    hopeless, fine = Sum((bad, good), log), Sum((good,), log)
    work = Work([hopeless, fine], CellStore(tmp_path / "work"))
    witness = run_here(work)
    assert work.failed == {bad: "-1 is below 0"} and ("n-1", "-1 is below 0") in witness.over
    assert work.store.find(fine) is not None and set(work.missing()) == {bad, hopeless}


def test_what_another_process_computes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "POLL_S", 0.05)
    log = tmp_path / "log"
    one, two = Number(1, log), Number(2, log)
    total = Sum((one, two), log)
    work = Work([total], CellStore(tmp_path / "work"))
    taken, let_go = threading.Event(), threading.Event()

    def other() -> None:
        """Holds the first cell; computes it when all else is done."""
        with CellStore(tmp_path / "work")._lock(one):
            taken.set()
            let_go.wait(60)
        CellStore(tmp_path / "work").make(one)

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait(60)
    witness = Witness()
    told = witness.finished
    witness.finished = lambda cell, error, w: (told(cell, error, w), let_go.set())  # type: ignore[assignment,func-returns-value]
    run_cells(work, Here(work.store, witness), witness)
    thread.join()
    assert sorted(made(log)) == ["n1", "n2", "sum"] and work.store.find(total) is not None
    assert made(log)[0] == "n2"


class LateRay:
    """As much of ray as is used: tasks run when they are waited for, the last first."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(RayError=type("RayError", (Exception,), {}))
        self.open, self.most_at_once = False, 0
        self.lost: set[str] = set()

    def init(self, address: str | None, log_to_driver: bool) -> None:
        assert address is None
        self.open = True

    def shutdown(self) -> None:
        self.open = False

    def remote(self, function: Callable[..., Any]) -> Any:
        return SimpleNamespace(remote=lambda *arguments: (function, arguments))

    def wait(self, tasks: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        self.most_at_once = max(self.most_at_once, len(tasks))
        return tasks[-1:], tasks[:-1]

    def get(self, task: Any) -> Any:
        function, arguments = task
        if arguments[-1].label in self.lost:
            raise self.exceptions.RayError("the machine is gone\nat some line")
        return function(*pickle.loads(pickle.dumps(arguments)))  # as ray hands them over


def test_a_cluster_computes_what_does_not_depend_on_each_other_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = LateRay()
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    log = tmp_path / "log"
    total = Sum(tuple(Number(value, log) for value in range(5)), log)
    ray.lost = {"n9"}
    lost = Sum((Number(9, log),), log)
    work = Work([total, lost], CellStore(tmp_path / "work"))
    pool = RayPool(work.store, "local")
    run_cells(work, pool, Witness())
    pool.close()
    assert ray.most_at_once == 6 and not ray.open
    found = work.store.find(total)
    assert found is not None and found.read_text() == "10" and made(log)[-1] == "sum"
    assert {cell.label: error for cell, error in work.failed.items()} == {"n9": "the machine is gone"}
    assert work.store.find(lost) is None


def test_a_worker_that_runs_other_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = LateRay()
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    log = tmp_path / "log"
    work = Work([Number(1, log)], CellStore(tmp_path / "work", any_code=True))
    pool = RayPool(work.store, "local")
    with monkeypatch.context() as patch:
        there = ray.get
        patch.setattr(
            ray, "get", lambda task: (patch.setattr(stores, "imported_code", lambda *names: "other"), there(task))[1]
        )
        run_cells(work, pool, Witness())
    (error,) = work.failed.values()
    assert re.fullmatch(r"expected the code of \S+, \S+ runs \S+: check out the same there and start .* anew", error)
    assert made(log) == [] and not list((tmp_path / "work").glob("number/*"))


def test_a_real_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the optional package ray is not installed")
    log = tmp_path / "log"
    total = Sum((Number(1, log), Number(2, log)), log)
    work = Work([total], CellStore(tmp_path / "work"))
    pool = RayPool(work.store, "local")
    run_cells(work, pool, Witness())
    pool.close()
    found = work.store.find(total)
    assert found is not None and found.read_text() == "3" and sorted(made(log)) == ["n1", "n2", "sum"]


def test_ray_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="needs the package ray"):
        RayPool(CellStore(tmp_path), "local")
