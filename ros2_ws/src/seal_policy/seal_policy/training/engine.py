# SPDX-License-Identifier: Apache-2.0
"""What stable-baselines3 needs: our environments as its vector, our network as its policy. Imported only to train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution, make_proba_distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from seal_policy.environment.vector import VectorSealEnv
from seal_policy.learned.config import NetworkConfig
from seal_policy.learned.network import GoalNetwork, GoalOutput, Observations

Progress = Callable[[int, dict[str, float]], None]


class GoalVecEnv(VecEnv):
    """Environments in processes, as the engine has them.

    The seed of an episode follows from the training's, the environment's number and the episode's, so that an
    interrupted training resumes with the same episodes: `state` names them, with the actions so far.

    Args:
        envs: of `ManyHomesEnv`s, with `AutoresetMode.DISABLED`.
        network: says what an action is: a cell, or a point of the window.
        seed: of the training.
        on_episode: called with the frames so far and the figures of an episode that has ended.
    """

    def __init__(self, envs: VectorSealEnv, network: NetworkConfig, seed: int, on_episode: Progress) -> None:
        self._envs, self._network, self._seed, self._on_episode = envs, network, seed, on_episode
        action_space: spaces.Space[Any] = envs.single_action_space
        if network.head == "cells":
            action_space = spaces.Discrete(network.grid**2)
        super().__init__(envs.num_envs, envs.single_observation_space, action_space)
        self.frames = 0
        self._episodes = [0] * self.num_envs
        self._actions: list[list[list[float]]] = [[] for _ in range(self.num_envs)]
        self._rewards = [0.0] * self.num_envs
        self._steps = [0] * self.num_envs

    def state(self) -> dict[str, Any]:
        """Where the environments are, JSON-ready."""
        return {
            "frames": self.frames,
            "episodes": list(self._episodes),
            "actions": [list(actions) for actions in self._actions],
            "rewards": list(self._rewards),
            "steps": list(self._steps),
        }

    def restore(self, state: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
        """Bring the environments to a state; returns the observations, and which episodes have just begun."""
        self.frames = int(state["frames"])
        self._episodes, self._actions = list(state["episodes"]), [list(actions) for actions in state["actions"]]
        self._rewards, self._steps = list(state["rewards"]), list(state["steps"])
        episodes = {
            n: (self._episode_seed(n), [np.array(action, np.float32) for action in self._actions[n]])
            for n in range(self.num_envs)
        }
        seen = self._envs.call("replay", episodes)
        stacked = {name: np.stack([one[name] for one in seen]) for name in seen[0]}
        return stacked, np.array([not actions for actions in self._actions])

    def reset(self) -> dict[str, Any]:
        """Begin an episode in each environment."""
        return self._begin(np.ones(self.num_envs, bool))

    def step_async(self, actions: np.ndarray) -> None:
        """Send actions, (N,) cells or (N, 2) points, to the environments."""
        points = np.asarray(actions)
        if self._network.head == "cells":
            grid = self._network.grid
            points = (np.stack((points // grid, points % grid), axis=1) + 0.5) / grid
        points = points.astype(np.float32)
        for n, point in enumerate(points):
            self._actions[n].append([float(v) for v in point])
        self._envs.step_async(points)

    def step_wait(self) -> Any:
        """Observations, rewards, ends and infos; an environment whose episode has ended begins the next one."""
        seen, rewards, _, ended, info = self._envs.step_wait()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for n in range(self.num_envs):
            self.frames += int(info["steps"][n]) - self._steps[n]
            self._steps[n] = int(info["steps"][n])
            self._rewards[n] += float(rewards[n])
        for n in np.flatnonzero(ended):
            last = {name: values[n].copy() for name, values in seen.items()}
            infos[n] = {"terminal_observation": last, "TimeLimit.truncated": True}
            figures = {
                "reward": self._rewards[n],
                "confident_voxels": float(info["confident_voxels"][n]),
                "explored_m2": float(info["explored_m2"][n]),
                "goals": float(len(self._actions[n])),
                "collisions": float(info["collisions"][n]),
            }
            self._on_episode(self.frames, figures)
            self._episodes[n] += 1
        if ended.any():
            seen = self._begin(np.asarray(ended, bool))
        return seen, rewards.astype(np.float32), np.asarray(ended), infos

    def close(self) -> None:
        """End the processes."""
        self._envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of each environment."""
        if attr_name == "render_mode":  # nothing is drawn in training
            return [None for _ in self._get_indices(indices)]
        values: Any = self._envs.get_attr(attr_name)
        return [values[n] for n in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of each environment."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError("an attribute is set for all environments or none")
        self._envs.set_attr(attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of each environment."""
        values = self._envs.call(method_name, *method_args, **method_kwargs)
        return [values[n] for n in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """None of them is: episodes are counted here."""
        return [False for _ in self._get_indices(indices)]

    def _begin(self, which: np.ndarray) -> dict[str, Any]:
        for n in np.flatnonzero(which):
            self._actions[n], self._rewards[n], self._steps[n] = [], 0.0, 0
        seeds: list[int | None] = [self._episode_seed(n) for n in range(self.num_envs)]
        seen, info = self._envs.reset(seed=seeds, options={"reset_mask": which})
        for n in np.flatnonzero(which):
            self._steps[n] = int(info["steps"][n])
            self.frames += self._steps[n]
        return {name: np.array(values) for name, values in seen.items()}

    def _episode_seed(self, n: int) -> int:
        state = np.random.SeedSequence([self._seed, n, self._episodes[n]]).generate_state(1)
        return int(state[0]) & 0x7FFFFFFF


class GoalActorCritic(ActorCriticPolicy):
    """A `GoalNetwork` as the engine's policy.

    Args:
        network: its shape.
        given: what the engine gives a policy: spaces, learning rate, ...
    """

    def __init__(self, *given: Any, network: NetworkConfig, **more: Any) -> None:
        self._shape = network
        super().__init__(*given, **more)

    def _build(self, lr_schedule: Any) -> None:
        self.goal_network = GoalNetwork(self._shape)
        self.optimizer = torch.optim.Adam(self.goal_network.parameters(), lr=lr_schedule(1), eps=1e-5)

    def forward(self, obs: Observations, deterministic: bool = False) -> tuple[Any, Any, Any]:
        """Actions, values and log probabilities of a batch."""
        out = self.goal_network(obs)
        distribution = self._distribution(out)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, out.value, distribution.log_prob(actions)

    def evaluate_actions(self, obs: Observations, actions: torch.Tensor) -> tuple[Any, Any, Any]:
        """Values, log probabilities and entropies of a batch of actions."""
        out = self.goal_network(obs)
        distribution = self._distribution(out)
        return out.value, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: Observations) -> Distribution:
        """Distribution of the actions of a batch."""
        return self._distribution(self.goal_network(obs))

    def predict_values(self, obs: Observations) -> torch.Tensor:
        """(B,) values of a batch."""
        value: torch.Tensor = self.goal_network(obs).value
        return value

    def _distribution(self, out: GoalOutput) -> Distribution:
        distribution = make_proba_distribution(self.action_space)
        if self._shape.head == "cells":
            return distribution.proba_distribution(out.goal)
        return distribution.proba_distribution(out.goal, self.goal_network.log_std)


def figures_of(names: Sequence[str], logged: dict[str, Any]) -> dict[str, float]:
    """Those of the engine's figures that are there, without their prefix."""
    found = {name: logged.get(f"train/{name}") for name in names}
    return {name: float(value) for name, value in found.items() if value is not None}
