# SPDX-License-Identifier: Apache-2.0
"""PPO of a goal network in the training environment, from checkpoint to checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from seal_policy.environment.vector import VectorSealEnv
from seal_policy.learned.network import GoalNetwork
from seal_policy.training.checkpoint import load_checkpoint, save_checkpoint
from seal_policy.training.config import TrainConfig
from seal_policy.training.curves import Curves
from seal_policy.training.engine import GoalActorCritic, GoalVecEnv, figures_of

LOGGED = ("policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction", "explained_variance")
OnUpdate = Callable[[int, dict[str, float]], None]

_NEVER = 1 << 30
"""Iterations between two tables of the engine's own logger: the curves are ours."""


class Trainer:
    """PPO with a checkpoint after each update.

    After an interruption the same call goes on: network, optimiser, generators and the episodes under way (their
    actions are driven again) are as they were after the last update, so what follows is what would have followed. This
    holds on one machine with the same number of threads.

    Args:
        config: the numbers.
        network: begins with its weights.
        envs: the environments, made without automatic reset.
        checkpoint: file of the checkpoint; an existing one is resumed.
        curves: takes the figures.
        on_update: called after each update with the frames so far and its figures; what it raises ends the training.
    """

    def __init__(
        self,
        config: TrainConfig,
        network: GoalNetwork,
        envs: VectorSealEnv,
        checkpoint: Path,
        curves: Curves,
        on_update: OnUpdate,
    ) -> None:
        p = config.ppo
        self._config, self._checkpoint, self._curves, self._on_update = config, checkpoint, curves, on_update
        self._recent: list[dict[str, float]] = []
        self.usage = Usage([process.pid for process in envs.processes if process.pid is not None])
        self._envs = GoalVecEnv(envs, config.network, config.seed, self._on_episode)
        self._model = PPO(
            GoalActorCritic,
            self._envs,
            learning_rate=p.rate,
            n_steps=p.horizon,
            batch_size=p.batch,
            n_epochs=p.epochs,
            gamma=p.gamma,
            gae_lambda=p.gae_lambda,
            clip_range=p.clip,
            ent_coef=p.entropy,
            vf_coef=p.value,
            max_grad_norm=p.max_norm,
            target_kl=p.target_kl or None,
            policy_kwargs={"network": config.network},
            seed=config.seed,
            device="cpu",
        )
        self._model.set_logger(Logger(folder=None, output_formats=[]))  # the engine's own makes a folder each time
        policy: Any = self._model.policy
        self.network: GoalNetwork = policy.goal_network
        self.network.load_state_dict(network.state_dict())
        self.updates = 0
        try:
            if checkpoint.is_file():
                self._resume()
            else:
                curves.forget("ppo/")
        except BaseException:  # a checkpoint that cannot be used leaves no process behind
            self.close()
            raise

    @property
    def frames(self) -> int:
        """Frames of the robot so far."""
        return self._envs.frames

    def run(self) -> None:
        """Train until the frames of the configuration are used up."""
        while self.frames < self._config.ppo.frames:
            self._model.learn(
                self._model.n_steps * self._model.n_envs,
                _Updates(self),
                log_interval=_NEVER,
                reset_num_timesteps=False,
            )
            self._after_update()

    def close(self) -> None:
        """End the environments' processes."""
        self._envs.close()

    def note_rollout(self, seconds: float, frames: int, cpu_s: float) -> None:
        """Take how long the environments took for so many frames, and their processor time."""
        goals = self._model.n_steps * self._model.n_envs
        self._rates = {"frames_per_s": frames / seconds, "goals_per_s": goals / seconds}
        self._rates |= {"cpu_ms_per_frame": 1e3 * cpu_s / max(1, frames), "worker_mb": self.usage.worker_mb()}
        self._began = time.monotonic()

    def _on_episode(self, frames: int, figures: dict[str, float]) -> None:
        self._recent.append(figures)
        self._curves.add(frames, {f"ppo/{name}": value for name, value in figures.items()})

    def _after_update(self) -> None:
        self.updates += 1
        figures = figures_of(LOGGED, self._model.logger.name_to_value)
        figures |= self._rates | {"learn_s": time.monotonic() - self._began}
        self._curves.add(self.frames, {f"ppo/{name}": value for name, value in figures.items()})
        recent = self._recent[-20:]
        if recent:
            figures["reward"] = sum(one["reward"] for one in recent) / len(recent)
        state = {"updates": self.updates, "goals": self._model.num_timesteps, "envs": self._envs.state()}
        save_checkpoint(self._checkpoint, self.network, self._model.policy.optimizer, state | {"recent": recent})
        self._curves.write()
        self._on_update(self.frames, figures)

    def _resume(self) -> None:
        state = load_checkpoint(self._checkpoint, self.network, self._model.policy.optimizer)
        # Driving the episodes again must not draw from the generators that the checkpoint has brought back.
        self.updates, self._recent = int(state["updates"]), list(state["recent"])
        self._model.num_timesteps = int(state["goals"])
        with torch.random.fork_rng(devices=[]):
            seen, begun = self._envs.restore(state["envs"])
        self._model._last_obs, self._model._last_episode_starts = seen, begun
        self._curves.forget("ppo/", self.frames)


class Usage:
    """Processor time and memory of worker processes; of those alone that live.

    Args:
        pids: their numbers.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = tuple(pids)

    def cpu_s(self) -> float:
        """Processor time of all so far, in seconds."""
        return sum(self._of(lambda process: sum(process.cpu_times()[:2])))

    def worker_mb(self) -> float:
        """Mean of their memory in MB: proportional set size where the system tells it, else the resident one."""
        sizes = self._of(lambda process: getattr(whole := process.memory_full_info(), "pss", whole.rss) / 1e6)
        return sum(sizes) / max(1, len(sizes))

    def _of(self, figure: Callable[[psutil.Process], float]) -> list[float]:
        found = []
        for pid in self._pids:
            with suppress(psutil.Error):  # it has died, which the next step says
                found.append(figure(psutil.Process(pid)))
        return found


class _Updates(BaseCallback):
    """Times a rollout; the engine needs a callback to be asked at all."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self._trainer = trainer

    def _on_rollout_start(self) -> None:
        self._start, self._frames = time.monotonic(), self._trainer.frames
        self._cpu_s = self._trainer.usage.cpu_s()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        frames, cpu_s = self._trainer.frames - self._frames, self._trainer.usage.cpu_s() - self._cpu_s
        self._trainer.note_rollout(time.monotonic() - self._start, frames, cpu_s)
