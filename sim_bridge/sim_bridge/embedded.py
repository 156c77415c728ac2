# SPDX-License-Identifier: Apache-2.0
"""The simulator that comes with SEAL: a round robot with an RGB-D camera in a scene of triangles, on the CPU."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seal_perception.errors import InputError
from seal_perception.pose import check_pose, invert, planar_pose
from seal_perception.simulator import Action, Observation, ReachableFloor, TruthImages
from sim_bridge.body import Body
from sim_bridge.collision import floor_plan, nearest
from sim_bridge.embedded_config import EmbeddedConfig as EmbeddedConfig
from sim_bridge.embedded_config import checked_seed
from sim_bridge.light_cache import cached_renderer
from sim_bridge.mesh import Scene
from sim_bridge.render import Rendered, Renderer
from sim_bridge.senses import Senses

FloatArray = npt.NDArray[np.float64]

STEP_S = 0.1
"""Time that a discrete step takes for the sensors (the camera's exposure follows with time)."""


class EmbeddedSimulator:
    """`Simulator`, `Drivable` and `TruthSource` over one scene.

    The odometry frame is the start pose. Noise is drawn by `reset`'s seed and the config's: the same actions see the
    same bytes again. Labels are worked out only when a truth method is called; they belong to the clean picture.

    Args:
        scene: the world.
        config: the robot and the camera.
    """

    def __init__(self, scene: Scene, config: EmbeddedConfig | None = None) -> None:
        self.config = EmbeddedConfig() if config is None else config
        c = self.config
        self.name = scene.name
        self.scene = scene
        self.camera = c.camera
        self.T_base_camera: FloatArray = c.T_base_camera
        self._senses = Senses(c)
        self._plan = floor_plan(scene, c.radius_m, c.cell_m, c.obstacle_min_m, c.obstacle_max_m)
        try:
            self._floor = self._plan.reachable_from(scene.start_xy)
        except ValueError as error:
            raise InputError(f"scene {scene.name}: {error}") from error
        self._renderer: Renderer | None = None
        self._body = Body(c.forward_m, math.radians(c.turn_deg), self._free, 0.5 * c.cell_m, c.motion_noise_config)
        self.T_world_odom: FloatArray = np.eye(4)
        self._place(0)

    @property
    def renderer(self) -> Renderer:
        """The renderer, built (or its light read from the cache) when first used."""
        if self._renderer is None:
            c = self.config
            if c.cache_light:
                self._renderer = cached_renderer(self.scene, c.light, c.threads)
            else:
                self._renderer = Renderer(self.scene, c.light, c.threads)
        return self._renderer

    def _place(self, seed: int) -> None:
        """Set the start pose of `seed` and forget the run so far."""
        if seed == 0:
            i, j = nearest(self._floor.cells, self._plan.cell(self.scene.start_xy))
            yaw = 0.0
        else:
            rng = np.random.default_rng(seed)
            cells = np.argwhere(self._floor.cells)
            i, j = cells[int(rng.integers(len(cells)))]
            yaw = float(rng.uniform(-math.pi, math.pi))
        x, y = self._plan.centre((i, j))
        if seed == 0 and self._stands(*self.scene.start_xy):
            x, y = self.scene.start_xy
        self.T_world_odom = planar_pose(float(x), float(y), yaw)
        self._body.reset(seed, self.config.noise_seed)
        self._senses.reset(seed)
        self._step = 0
        self._time_s = self._seen_s = 0.0
        self._touched = False
        self._last: Rendered | None = None

    def _stands(self, x: float, y: float) -> bool:
        """Whether the robot's centre may be at this world position."""
        i, j = self._plan.cell((x, y))
        cells = self._floor.cells
        return bool(0 <= i < cells.shape[0] and 0 <= j < cells.shape[1] and cells[i, j])

    def _free(self, x: float, y: float) -> bool:
        """Whether the robot's centre may be at this position of the frame of its start."""
        return self._stands(*(self.T_world_odom @ [x, y, 0.0, 1.0])[:2])

    @property
    def _T_world_base(self) -> FloatArray:
        return self.T_world_odom @ self._body.T_start_base

    def _observe(self, collided: bool) -> Observation:
        self._touched = False
        T_world_base = self._T_world_base
        self._last = self.renderer.render(self.camera, T_world_base @ self.T_base_camera)
        seconds = (self._time_s - self._seen_s) or STEP_S
        self._seen_s = self._time_s
        rgb, depth = self._senses.picture(self._last.rgb, self._last.depth, seconds, self._body.twist)
        scan = self._senses.scan(self.renderer.cast, T_world_base)
        return Observation(self._step, rgb, depth, self.T_odom_base, collided, scan)

    def reset(self, seed: int = 0) -> Observation:
        """Back to a start pose: the scene's own, facing +x, for seed 0; another reachable one for others.

        Raises:
            InputError: for a seed that is no whole number >= 0.
        """
        self._place(checked_seed(seed))
        return self._observe(False)

    def step(self, action: Action) -> Observation:
        """Take one action; a blocked step ahead does not move (no sliding) and says `collided`."""
        collided = False
        if action is Action.FORWARD:
            collided = self._body.forward()
        elif action in (Action.LEFT, Action.RIGHT):
            self._body.turn(1 if action is Action.LEFT else -1)
        elif action is Action.STOP:
            self._body.stop()
        else:
            raise ValueError(f"action must be one of {[a.name for a in Action]}, got {action!r}")
        self._step += 1
        return self._observe(collided or self._touched)

    # Below: Drivable.

    @property
    def time_s(self) -> float:
        """Seconds driven since reset; discrete steps take none."""
        return self._time_s

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now."""
        return self._body.T_odom_base

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        """Drive along an arc; at an obstacle the robot stops, turning too, until the next call. See `Drivable`.

        Raises:
            ValueError: for a speed that is not finite, or a time that is negative or not finite.
        """
        if not (math.isfinite(forward_mps) and math.isfinite(turn_radps) and 0.0 <= seconds < math.inf):
            raise ValueError(
                f"drive needs finite speeds and seconds >= 0, got {forward_mps} m/s, {turn_radps} rad/s, {seconds} s"
            )
        touched = self._body.drive(forward_mps * seconds, turn_radps * seconds, seconds)
        self._time_s += seconds
        self._touched = self._touched or touched
        return touched

    def observe(self) -> Observation:
        """Sense without moving; `collided` says whether a drive since the last observation touched something."""
        self._step += 1
        return self._observe(self._touched)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    # Below: TruthSource. Evaluation only.

    @property
    def T_world_base(self) -> FloatArray:
        """(4, 4) true pose of the robot."""
        return self._T_world_base

    def truth_images(self) -> TruthImages:
        """Labels of the picture last seen.

        Raises:
            InputError: before the first `reset`.
        """
        if self._last is None:
            raise InputError("no picture was taken yet: call reset() first")
        return TruthImages(self._last.instance, self._last.category)

    def render_at(self, T_world_base: FloatArray) -> tuple[Observation, TruthImages]:
        """Clean picture and labels from any pose of the base in the world frame; the robot is not moved."""
        T = check_pose(T_world_base, "T_world_base")
        seen = self.renderer.render(self.camera, T @ self.T_base_camera)
        observation = Observation(self._step, seen.rgb, seen.depth, invert(self.T_world_odom) @ T, False)
        return observation, TruthImages(seen.instance, seen.category)

    def reachable_floor(self) -> ReachableFloor:
        """Cells of the floor plan that the robot's centre can reach."""
        return self._floor

    def instance_table(self) -> dict[int, tuple[str, int]]:
        """Name and category index of every instance id."""
        return {i + 1: (part.name, part.category) for i, part in enumerate(self.scene.parts)}
