# SPDX-License-Identifier: Apache-2.0
"""Worlds by name for the training of goal policies: the teacher's episodes and PPO's environments, in processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gymnasium.vector import AutoresetMode

from seal_bringup.demo.config import TEST_HOMES
from seal_bringup.worlds_env import PRELOAD, NamedDetector, NamedWorld
from seal_perception.errors import InputError
from seal_perception.running.processes import context
from seal_policy.environment.environment import SealEnv
from seal_policy.environment.homes import ManyHomesEnv
from seal_policy.environment.vector import PRELOAD as ENVIRONMENT
from seal_policy.environment.vector import VectorSealEnv
from seal_policy.registry import make_policy
from seal_policy.rewards import AreaReward, CuriosityReward, MapReward, SemanticCuriosityReward
from seal_policy.training.config import TEACHERS, TrainConfig
from seal_policy.training.demonstrations import demonstrate
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.worlds import require_scene

REWARDS: dict[str, Callable[[], MapReward]] = {
    "gainful_curiosity": partial(CuriosityReward, 0.001),
    "ans": partial(AreaReward, 0.1),
    "semantic_curiosity": partial(SemanticCuriosityReward, 0.01),
}
"""What a policy is paid; scaled so that an episode is worth some units."""
NEED_DETECTOR = ("gainful_curiosity", "semantic_curiosity")


def require_training_homes(homes: Sequence[str]) -> None:
    """Refuse what a policy must not learn from, and what there is not.

    Raises:
        InputError: for a test home, or an unknown one.
    """
    tested = [home for home in homes if home.partition("@")[0] in TEST_HOMES]
    if tested:
        raise InputError(f"{', '.join(tested)}: a policy is tested there and must not learn there; take train_01..25")
    for home in homes:
        require_scene(home)


def make_home_env(config: TrainConfig, home: str) -> SealEnv:
    """The training environment of a home, with small pictures and one thread."""
    camera = EmbeddedConfig(width=config.width, height=config.height, threads=1)
    detector = NamedDetector(config.weights, threads=1) if config.policy in NEED_DETECTOR else None
    return SealEnv(NamedWorld(home, camera), config.environment, REWARDS[config.policy], detector)


def make_homes_env(config: TrainConfig, index: int) -> ManyHomesEnv:
    """An environment of all homes of a training."""
    return ManyHomesEnv([partial(make_home_env, config, home) for home in config.homes], index=index)


def demonstrate_home(config: TrainConfig, home: str, episodes: Sequence[tuple[int, str]]) -> int:
    """Let the teacher drive episodes (seed, file) of a home; returns how many."""
    env = make_home_env(config, home)
    try:
        for seed, path in episodes:
            demonstrate(env, make_policy(TEACHERS[config.policy], seed), seed, Path(path))
    finally:
        env.close()
    return len(episodes)


@dataclass(frozen=True)
class NamedWorlds:
    """Makes the environments of a training of homes by name; see `training.run.Worlds`.

    Attributes:
        workers: processes of the teacher.
        progress: told (done, total) episodes.
    """

    workers: int
    progress: Callable[[int, int], None]

    def demonstrate(self, config: TrainConfig, folder: Path) -> Sequence[Path]:
        """See `Worlds.demonstrate`."""
        folder.mkdir(parents=True, exist_ok=True)
        homes, count = config.homes, config.imitation.episodes
        named = [(homes[n % len(homes)], config.seed * 1000 + n // len(homes)) for n in range(count)]
        files = [folder / f"{Path(home).name}_{seed}.npz" for home, seed in named]
        missing: dict[str, list[tuple[int, str]]] = {}
        for (home, seed), path in zip(named, files, strict=True):
            if not path.is_file():
                missing.setdefault(home, []).append((seed, str(path)))
        done = count - sum(map(len, missing.values()))
        if missing:
            context("forkserver").set_forkserver_preload([*ENVIRONMENT, *PRELOAD])
            with ProcessPoolExecutor(self.workers, context("forkserver")) as pool:
                tasks = [pool.submit(demonstrate_home, config, home, rows) for home, rows in missing.items()]
                try:
                    for task in as_completed(tasks):
                        done += task.result()
                        self.progress(done, count)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return files

    def make(self, config: TrainConfig) -> VectorSealEnv:
        """See `Worlds.make`."""
        makers = [partial(make_homes_env, config, n) for n in range(config.ppo.environments)]
        return VectorSealEnv(makers, preload=PRELOAD, autoreset_mode=AutoresetMode.DISABLED)
