# SPDX-License-Identifier: Apache-2.0
"""SEAL's training environment: an action is a goal, an observation is the map, a step is some 25 steps of the robot.

Simulator, map, planner and local policy are the objects that the nodes and `explore` run (`loop.Run`). Neither
observation nor reward nor info sees anything but the robot's own senses and map.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from seal_mapping.voxels.local_map import window_volume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.simulator import Simulator
from seal_perception.types import Float32Array
from seal_perception.upright import FrameDetector
from seal_policy.environment.config import EnvironmentConfig
from seal_policy.explorer import Explorer
from seal_policy.goals.layers import layers_of
from seal_policy.goals.policy import GlobalPolicy, MapLayers, PolicyInput
from seal_policy.loop import Run
from seal_policy.observation.observe import MEMORY, observe
from seal_policy.observation.view import LocalView, draw_view, map_shapes
from seal_policy.planning.motion import Point, planar
from seal_policy.rewards import CuriosityReward, MapReward

Observed = dict[str, Any]
Action = Float32Array


class _GivenGoal:
    """The goal policy that hands on the goal of the agent."""

    def __init__(self) -> None:
        self.point: Point | None = None

    def goal(self, inp: PolicyInput) -> Point:
        """See `GlobalPolicy.goal`."""
        point, self.point = self.point, None
        if point is None:
            raise InputError("a goal was due and none was given")
        return point


class SealEnv(gymnasium.Env[Observed, Action]):
    """An episode of goals in one world.

    Action: (2,) float32 in [0, 1], a point of the window around the robot: [0.5, 0.5] is where it stands, the first
    number grows with the map's x, the second with its y. The robot drives there by the planner until the next goal is
    due (25 steps; `EnvironmentConfig.explorer.goals`).

    Observation: "map" (2 + C, X, Y) uint8 (obstacles, explored, best score per category), "heading" (index of one of 72
    sectors) and, on demand, "volume" (1 + C, X, Y, Z) uint8 and "memory" (3, X, Y) uint8; see `observe`. The map frame
    is the start pose.

    Info: steps, explored_m2, confident_voxels, collisions, path_m, replans, goal (the last one, x and y; NaN before
    the first), start (the simulator's seed). Never terminated; truncated after `max_steps` steps of the robot.

    Args:
        make_world: gives the simulator; called at the first reset, in the process that then runs it.
        config: the numbers.
        make_reward: gives a fresh reward for each episode; Gainful Curiosity by default (0 without a detector).
        make_detector: gives the detector, at the first reset; None = a map without categories.
        render_mode: "rgb_array" or None.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012  (as gymnasium has it)

    def __init__(
        self,
        make_world: Callable[[], Simulator],
        config: EnvironmentConfig | None = None,
        make_reward: Callable[[], MapReward] = CuriosityReward,
        make_detector: Callable[[], FrameDetector] | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise InputError(f"render_mode must be rgb_array or None, got {render_mode!r}")
        self.config = config or EnvironmentConfig()
        self.render_mode = render_mode
        self._make_world, self._make_reward, self._make_detector = make_world, make_reward, make_detector
        self._world: Simulator | None = None
        self._detector: FrameDetector | None = None
        c = self.config
        flat, volume = map_shapes(c.window, c.map.voxel_m, c.map.num_categories)
        entries: dict[str, spaces.Space[Any]] = {
            "map": spaces.Box(0, 255, flat, np.uint8),
            "heading": spaces.Discrete(c.heading_bins),
        }
        if c.volume:
            entries["volume"] = spaces.Box(0, 255, volume, np.uint8)
        if c.memory:
            entries["memory"] = spaces.Box(0, 255, (len(MEMORY), *flat[1:]), np.uint8)
        self._observed = tuple(entries)
        self.observation_space = spaces.Dict(entries)
        self.action_space = spaces.Box(0.0, 1.0, (2,), np.float32)
        self._run: Run | None = None
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observed, Any]:
        """Begin an episode.

        Args:
            seed: of the environment's random numbers; the same seed, the same start poses from then on.
            options: {"start": k} begins at the simulator's start pose k (0 = the scene's own); without it the pose is
                drawn.

        Raises:
            InputError: if the world cannot be opened, or an option is not what it should be.
        """
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(1, 2**31 - 1))
        self._start = _start_of(options, drawn)
        if self._world is None:
            self._world = self._make_world()
        if self._detector is None and self._make_detector is not None:
            self._detector = self._make_detector()
        self._map = VoxelMap(self.config.map)
        self._given = _GivenGoal()
        self._named: dict[Point, Point] = {}
        self._reward = self._make_reward()
        self._path: list[tuple[float, float, float]] = []
        self._path_m = 0.0
        self._run = run = Run(self._world, self._detector, self._map, Explorer(self._given, self.config.explorer))
        self._ended = False
        run.start(self._start)
        self._note_pose(run)
        while not run.goal_due():
            run.take(run.choose())
            self._note_pose(run)
        self._reward.update(self._map)
        self._look(run)
        return self._observation(), self._info(run)

    def step(self, action: Action) -> tuple[Observed, SupportsFloat, bool, bool, dict[str, Any]]:
        """Drive to the goal until the next one is due.

        Raises:
            InputError: if the episode has ended, or the action is not two numbers in [0, 1].
        """
        run = self._require_open()
        try:
            point = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"an action must be two numbers in [0, 1], got {str(action)[:60]!r}") from error
        if point.shape != (2,) or not ((point >= -1e-6) & (point <= 1.0 + 1e-6)).all():
            raise InputError(f"an action must be two numbers in [0, 1], got {str(action)[:60]}")
        self._given.point = self._point(point)
        reward = 0.0
        while True:
            run.take(run.choose())
            self._note_pose(run)
            reward += self._reward.update(self._map)
            self._ended = run.step >= self.config.max_steps
            if self._ended or run.goal_due():
                break
        self._look(run)
        return self._observation(), reward, False, self._ended, self._info(run)

    def ask(self, policy: GlobalPolicy) -> Action:
        """The action that an ordinary goal policy would take now; goals beyond the window go to its edge.

        Its input is the one of any run. Goals that could not be reached are in it as the policy named them.

        Raises:
            InputError: if the episode has ended.
        """
        run = self._require_open()
        inp = self._policy_input(run, layers_of(self._map))
        failed = [self._named.get((x, y), (x, y)) for x, y in inp.failed.tolist()]
        goal = policy.goal(dataclasses.replace(inp, failed=np.array(failed).reshape(-1, 2)))
        action = self._view.frame.action(goal)
        self._named[self._point(action)] = goal
        return action

    def render(self) -> Any:
        """Picture (N, N, 3) uint8 of the window from above, the way so far and the goal; None without a render mode."""
        if self.render_mode is None:
            return None
        run = self._require_run()
        return draw_view(self._view, np.array(self._path), run.explorer.goal, self.config.picture_px)

    def close(self) -> None:
        """Free the world."""
        if self._world is not None:
            self._world.close()
        self._world = self._run = None
        self._ended = True

    def _require_run(self) -> Run:
        if self._run is None:
            raise InputError("no episode has begun: call reset()")
        return self._run

    def _require_open(self) -> Run:
        run = self._require_run()
        if self._ended:
            raise InputError("the episode has ended: call reset()")
        return run

    def _point(self, action: npt.ArrayLike) -> Point:
        """The goal that an action names."""
        return self._view.frame.point(np.clip(np.asarray(action, np.float64), 0.0, 1.0))

    def _note_pose(self, run: Run) -> None:
        pose = planar(run.seen.T_odom_base)
        if self._path:
            self._path_m += math.dist(self._path[-1][:2], pose[:2])
        self._path.append(pose)

    def _policy_input(self, run: Run, layers: MapLayers) -> PolicyInput:
        obstacles, explored = self._map.obstacles(), self._map.explored()
        return run.explorer.goals.policy_input(run.step, obstacles, explored, run.seen.T_odom_base, layers)

    def _look(self, run: Run) -> None:
        c = self.config
        uncertainty = self._map.uncertainty if c.memory else None
        layers = MapLayers(uncertainty, lambda xy: window_volume(self._map, xy, c.window))
        seen = observe(self._policy_input(run, layers), c.window, c.heading_bins, memory=c.memory)
        self._view: LocalView = seen[0]
        self._seen = seen[1]

    def _observation(self) -> Observed:
        return {key: self._seen[key].copy() for key in self._observed}

    def _info(self, run: Run) -> dict[str, Any]:
        goal = run.explorer.goal
        return {
            "steps": run.step,
            "explored_m2": float(self._map.explored_area_m2),
            "confident_voxels": int(self._map.confident_count),
            "collisions": run.collisions,
            "path_m": self._path_m,
            "replans": run.explorer.driver.replans,
            "goal": np.array(goal if goal is not None else (math.nan, math.nan)),
            "start": self._start,
        }


def _start_of(options: dict[str, Any] | None, drawn: int) -> int:
    """The start asked for, or the one drawn."""
    unknown = set(options or {}) - {"start"}
    if unknown:
        raise InputError(f"unknown option of reset: {sorted(unknown)}; expected start")
    start = (options or {}).get("start", drawn)
    if not isinstance(start, (int, np.integer)) or isinstance(start, bool) or start < 0:
        raise InputError(f"option start must be a whole number >= 0, got {start!r}")
    return int(start)
