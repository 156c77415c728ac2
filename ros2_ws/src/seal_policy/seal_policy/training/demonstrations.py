# SPDX-License-Identifier: Apache-2.0
"""Episodes of a teacher in the training environment: what it saw, and the goals that it gave."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.types import Float32Array, IntArray
from seal_policy.environment.environment import SealEnv
from seal_policy.goals.policy import GlobalPolicy


@dataclass(frozen=True)
class Demonstrations:
    """Goals of a teacher.

    Attributes:
        seen: observations by name, (N, ...) each.
        actions: (N, 2) float32 goals as points of the window in [0, 1].
        rewards: (N,) float32 of each goal.
        episodes: (N,) int64 which episode a goal belongs to; goals of one follow one another.
    """

    seen: dict[str, Any]
    actions: Float32Array
    rewards: Float32Array
    episodes: IntArray

    def __len__(self) -> int:
        return len(self.actions)

    def returns(self, gamma: float) -> Float32Array:
        """(N,) float32 discounted rewards to the end of each episode."""
        out = np.zeros(len(self), np.float32)
        ahead = 0.0
        for n in reversed(range(len(self))):
            last = n + 1 == len(self) or self.episodes[n + 1] != self.episodes[n]
            ahead = float(self.rewards[n]) + (0.0 if last else gamma * ahead)
            out[n] = ahead
        return out

    def part(self, chosen: Any) -> Demonstrations:
        """Those of an index or mask."""
        seen = {name: values[chosen] for name, values in self.seen.items()}
        return Demonstrations(seen, self.actions[chosen], self.rewards[chosen], self.episodes[chosen])


def demonstrate(env: SealEnv, teacher: GlobalPolicy, seed: int, path: Path) -> None:
    """Let a teacher drive an episode and write it, whole or not at all."""
    seen, _ = env.reset(seed=seed)
    rows: dict[str, list[Any]] = {name: [] for name in seen}
    actions, rewards, ended = [], [], False
    while not ended:
        action = env.ask(teacher)
        for name, value in seen.items():
            rows[name].append(value)
        actions.append(action)
        seen, reward, _, ended, _ = env.step(action)
        rewards.append(float(reward))
    arrays: dict[str, Any] = {f"seen.{name}": np.stack(values) for name, values in rows.items()}
    arrays |= {"actions": np.stack(actions).astype(np.float32), "rewards": np.array(rewards, np.float32)}
    with replacing(path) as beside, open(beside, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_demonstrations(paths: Sequence[Path]) -> Demonstrations:
    """The episodes of some files, in their order.

    Raises:
        InputError: if there is none, or a file is damaged.
    """
    if not paths:
        raise InputError("there are no demonstrations to learn from")
    parts: list[dict[str, Any]] = []
    for path in paths:
        try:
            with np.load(path, allow_pickle=False) as stored:
                parts.append({name: stored[name] for name in stored.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is damaged ({str(error)[:80]}): remove it, it is made again") from error
    names = [name for name in parts[0] if name.startswith("seen.")]
    seen = {name.removeprefix("seen."): np.concatenate([part[name] for part in parts]) for name in names}
    episodes = np.repeat(np.arange(len(parts)), [len(part["actions"]) for part in parts])
    actions, rewards = (np.concatenate([part[name] for part in parts]) for name in ("actions", "rewards"))
    return Demonstrations(seen, actions, rewards, episodes)
