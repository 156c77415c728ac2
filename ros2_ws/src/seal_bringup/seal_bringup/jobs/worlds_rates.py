# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark worlds`: many worlds at once, bare and as training environments, and how fast a home loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seal_bringup.provenance import provenance
from sim_bridge.benchmarks.worlds_benchmark import (
    HABITAT_STEPS_PER_S,
    Step,
    WorldsRow,
    embedded_rows,
    load_times,
    measure,
)
from sim_bridge.homes.build import TRAIN_HOMES

ENV_SIZE = (160, 120)
GYMNASIUM = "gymnasium"
"""A step of the robot in the training environment."""


@dataclass(frozen=True)
class EnvironmentTask:
    """Steps of the robot in the training environment (simulate, map, plan, act): random goals, no detector."""

    home: str

    def __call__(self) -> Step:
        """Open the environment."""
        from seal_bringup.worlds_env import make_env
        from seal_policy.rewards import AreaReward

        env = make_env(self.home, make_reward=AreaReward)
        env.action_space.seed(0)
        env.reset(seed=0)
        at = [0]

        def step() -> int:
            _, _, _, ended, info = env.step(env.action_space.sample())
            done = int(info["steps"]) - at[0]
            at[0] = int(info["steps"])
            if ended:
                env.reset()
                at[0] = 0
            return done

        return step


def worlds(
    workers: int,
    rounds: int = 3,
    seconds: float = 2.0,
    homes: Sequence[str] = TRAIN_HOMES,
    progress: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """All figures of the group, JSON-ready.

    Args:
        workers: most workers at once.
        rounds: how often everything is measured; the best counts.
        seconds: of each measurement.
        homes: one per worker, from the start again where there are more workers.
        progress: called with what is done next.

    Returns:
        rows (`WorldsRow` with `times_habitat`), load_s, baseline, and where it was measured.
    """
    loads = load_times([homes[0], homes[1 % len(homes)]], progress)
    rows = embedded_rows(workers, rounds, seconds, homes=homes, progress=progress)
    tasks = [EnvironmentTask(homes[k % len(homes)]) for k in range(workers)]
    rows += measure(GYMNASIUM, ENV_SIZE, tasks, rounds, max(seconds, 2.0), progress)
    baseline = {f"{w} x {h}": list(rates) for (w, h), rates in HABITAT_STEPS_PER_S.items()}
    return {
        "rows": [as_dict(row) for row in rows],
        "load_s": asdict(loads),
        "baseline": {"what": "habitat-sim 0.3.3, measured elsewhere, lowest and highest steps/s", **baseline},
        "rounds": rounds,
        "seconds": seconds,
        "homes": list(homes[:workers]),
        "provenance": provenance(),
    }


def as_dict(row: WorldsRow) -> dict[str, Any]:
    """A row with its ratio to habitat's highest rate at that size of picture (null where there is none)."""
    rates = HABITAT_STEPS_PER_S.get((row.width, row.height))
    bare = row.what != GYMNASIUM
    return {**asdict(row), "times_habitat": row.steps_per_s / rates[1] if rates and bare else None}
