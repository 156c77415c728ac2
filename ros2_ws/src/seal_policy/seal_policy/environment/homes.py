# SPDX-License-Identifier: Apache-2.0
"""`SealEnv`s of many worlds in one process, one of them at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium

from seal_perception.errors import InputError
from seal_policy.environment.environment import Action, Observed, SealEnv


class ManyHomesEnv(gymnasium.Env[Observed, Action]):
    """Each episode in one of several worlds; which one follows from the seed of `reset`: seed modulo their number.

    A world is opened when it is first needed. The one that was not needed for longest is closed when `keep` are open,
    as each takes some 100 MB.

    Args:
        make_envs: give the environments, all of the same spaces.
        keep: most worlds open at a time.
        index: number of this environment among others, for `replay`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012  (as gymnasium has it)

    def __init__(self, make_envs: Sequence[Callable[[], SealEnv]], keep: int = 4, index: int = 0) -> None:
        if not make_envs or keep < 1:
            raise InputError(f"need a world and room for one, got {len(make_envs)} and {keep}")
        self._make_envs, self._keep, self._index = tuple(make_envs), keep, index
        self._open: OrderedDict[int, SealEnv] = OrderedDict()
        self._env = self._enter(0)
        self.observation_space, self.action_space = self._env.observation_space, self._env.action_space
        self.render_mode = self._env.render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observed, Any]:
        """Begin an episode in the world that the seed names; see `SealEnv.reset`."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(1, 2**31 - 1)) if seed is None else seed
        self._env = self._enter(drawn % len(self._make_envs))
        return self._env.reset(seed=drawn, options=options)

    def step(self, action: Action) -> tuple[Observed, SupportsFloat, bool, bool, dict[str, Any]]:
        """See `SealEnv.step`."""
        return self._env.step(action)

    def replay(self, episodes: Mapping[int, tuple[int, Sequence[Action]]]) -> Observed:
        """Bring an episode to where it was: by the seed and the actions that `episodes` has for this environment.

        Nothing is random but the start, so the state is that of an episode that was never interrupted.
        """
        seed, actions = episodes[self._index]
        seen, _ = self.reset(seed=seed)
        for action in actions:
            seen = self.step(action)[0]
        return seen

    def render(self) -> Any:
        """See `SealEnv.render`."""
        return self._env.render()

    def close(self) -> None:
        """Free the worlds."""
        while self._open:
            self._open.popitem()[1].close()

    def _enter(self, world: int) -> SealEnv:
        env = self._open.pop(world, None)
        if env is None:
            while len(self._open) >= self._keep:
                self._open.popitem(last=False)[1].close()
            env = self._make_envs[world]()
        self._open[world] = env
        return env
