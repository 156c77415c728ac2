# SPDX-License-Identifier: Apache-2.0
"""The worlds of `seal benchmark worlds`: how rates are added up, and workers that fail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from tests.sim.rooms import FAST, room

from seal_perception.errors import InputError
from seal_perception.simulator import TruthImages
from sim_bridge.benchmarks import worlds_benchmark as benchmarks_worlds
from sim_bridge.benchmarks.worlds_benchmark import (
    EmbeddedTask,
    Pool,
    Step,
    Window,
    WorkersError,
    counts_to,
    embedded_rows,
    measure,
)
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator


@dataclass(frozen=True)
class Counting:
    """A task that does nothing, `steps` at a time; `fail` says how it ends."""

    steps: int = 1
    fail: str = ""

    def __call__(self) -> Step:
        if self.fail == "input":
            raise InputError("no home is called 'nowhere'")

        def step() -> int:
            if self.fail == "exit":
                os._exit(3)
            return self.steps

        return step


class Scripted:
    """In place of a pool: worker k does 10 (k + 1) steps/s alone, and together all do 80 % of it; rounds get better."""

    def __init__(self, tasks: Sequence[object]) -> None:
        self.calls: list[tuple[int, ...]] = []
        self.closed = False
        pools.append(self)

    def run(self, workers: Sequence[int], seconds: float) -> list[Window]:
        self.calls.append(tuple(workers))
        better = 1.0 if len(self.calls) > 5 else 0.5
        share = better * (1.0 if len(workers) == 1 else 0.8)
        return [Window(share * 10.0 * (k + 1), 20.0 * better, 100.0 + k, 200.0 + k) for k in workers]

    def close(self) -> None:
        self.closed = True


pools: list[Scripted] = []


def test_rates_are_added_and_compared_with_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks_worlds, "Pool", Scripted)
    pools.clear()
    said: list[str] = []
    one, two, three = measure("toy", (8, 6), [Counting()] * 3, rounds=2, progress=said.append)
    assert pools[0].calls[:5] == [(0,), (1,), (2,), (0, 1), (0, 1, 2)] and pools[0].closed
    assert (one.workers, one.steps_per_s, one.alone_steps_per_s, one.efficiency) == (1, 10.0, 10.0, 1.0)
    assert (two.workers, two.steps_per_s, two.alone_steps_per_s) == (2, pytest.approx(24.0), 30.0)
    assert (three.steps_per_s, three.alone_steps_per_s) == (pytest.approx(48.0), 60.0)
    assert two.efficiency == three.efficiency == pytest.approx(0.8)
    assert one.steps_per_cpu_s == two.steps_per_cpu_s == 20.0
    assert (one.pss_mb, two.pss_mb, three.rss_mb) == (100.0, 100.5, 201.0)
    assert (three.what, three.width, three.height) == ("toy", 8, 6)
    assert said[0] == "toy, 8 x 6: opening 3 worlds" and said[-1].endswith("round 2 of 2, 3 worlds at once")


def test_workers_are_counted_to_four_and_then_doubled() -> None:
    assert counts_to(1) == [1] and counts_to(2) == [1, 2]
    assert counts_to(6) == [1, 2, 3, 4, 6]
    assert counts_to(25) == [1, 2, 3, 4, 8, 16, 25]


def test_a_pool_works_in_processes_of_its_own() -> None:
    pool = Pool([Counting(1), Counting(1000)])
    try:
        for window in pool.run([0, 1], 0.05):
            assert min(window.steps_per_s, window.steps_per_cpu_s) > 0 and 0 < window.pss_mb <= window.rss_mb
        assert len(pool.run([1], 0.01)) == 1
        processes = [process for process, _ in pool._workers]
    finally:
        pool.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize(
    ("fail", "text"),
    [
        ("input", "worker 1 of the benchmark: no home is called 'nowhere'"),
        ("exit", r"worker 1 of the benchmark died \(exit code 3\)"),
    ],
)
def test_a_worker_that_fails_is_named(fail: str, text: str) -> None:
    with pytest.raises(WorkersError, match=text):
        Pool([Counting(), Counting(fail=fail)])


def test_homes_are_taken_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = []
    monkeypatch.setattr(
        benchmarks_worlds, "measure", lambda what, size, given, *rest: tasks.append((size, given)) or []
    )
    assert embedded_rows(3, sizes=[(64, 48)], homes=("a", "b")) == []
    ((size, given),) = tasks
    assert size == (64, 48) and [task.home for task in given] == ["a", "b", "a"]


def test_a_step_of_a_home_takes_pictures_and_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[Seen] = []

    class Seen(EmbeddedSimulator):
        truths = 0

        def truth_images(self) -> TruthImages:
            self.truths += 1
            return super().truth_images()

    def opened(name: str, config: EmbeddedConfig) -> EmbeddedSimulator:
        assert (name, config.width, config.height, config.threads) == ("train_07", 64, 48, 1)
        worlds.append(Seen(room(), replace(FAST, width=64, height=48)))
        return worlds[0]

    monkeypatch.setattr("sim_bridge.worlds.open_simulator", opened)
    step = EmbeddedTask("train_07", 64, 48)()
    assert sum(step() for _ in range(21)) == 105
    assert worlds[0].truths == 105
