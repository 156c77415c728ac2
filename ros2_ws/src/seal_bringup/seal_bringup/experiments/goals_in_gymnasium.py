# SPDX-License-Identifier: Apache-2.0
"""Random and frontier goals in the training environment: `python -m seal_bringup.experiments.goals_in_gymnasium`.

Prints what an episode of each explores, so that a learnt policy has something to be compared with.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from seal_bringup.worlds_env import make_env
from seal_policy.environment.environment import SealEnv
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.rewards import AreaReward


def episode(env: SealEnv, choose: Callable[[SealEnv], Any], seed: int) -> tuple[float, dict[str, Any]]:
    """Sum of rewards and the last info of an episode whose goals `choose` names."""
    _, info = env.reset(seed=seed)
    total, ended = 0.0, False
    while not ended:
        _, reward, _, ended, info = env.step(choose(env))
        total += float(reward)
    return total, info


def chooser(name: str, env: SealEnv, seed: int) -> Callable[[SealEnv], Any]:
    """What names the goals: "random" or "frontier"; a fresh one per episode."""
    if name == "random":
        env.action_space.seed(seed)
        return lambda env: env.action_space.sample()
    policy = FrontierPolicy()
    return lambda env: env.ask(policy)


def main() -> None:
    """Run some episodes of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", default="train_01")
    parser.add_argument("--episodes", type=int, default=2)
    arguments = parser.parse_args()
    env = make_env(arguments.scene, make_reward=AreaReward)
    for seed in range(arguments.episodes):
        for name in ("random", "frontier"):
            reward, info = episode(env, chooser(name, env, seed), seed)
            print(
                f"{name:8s} seed {seed}: {info['steps']} steps, {info['path_m']:.1f} m driven, "
                f"{info['explored_m2']:.1f} m2 explored (reward {reward:.1f}), {info['collisions']} blocked steps"
            )
    env.close()


if __name__ == "__main__":
    main()
