# SPDX-License-Identifier: Apache-2.0
"""The simulator that comes with SEAL: a round robot with an RGB-D camera in a scene of triangles, on the CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, check_pose, invert, planar_pose
from seal_perception.simulator import Action, Observation, ReachableFloor, TruthImages
from sim_bridge.body import Body
from sim_bridge.collision import floor_plan, nearest
from sim_bridge.light import HOME_LIGHT, LightConfig
from sim_bridge.light_cache import cached_renderer
from sim_bridge.mesh import Scene
from sim_bridge.render import Rendered, Renderer

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EmbeddedConfig:
    """The robot and how its world is drawn.

    Attributes:
        width, height: size of the pictures in pixels.
        hfov_deg: horizontal field of view.
        camera_height_m: camera above the floor; it looks level and straight ahead.
        radius_m: radius of the robot.
        forward_m: length of a step ahead.
        turn_deg: angle of a turn.
        cell_m: cell of the floor plan used for collisions.
        obstacle_min_m, obstacle_max_m: things between these heights stop the robot.
        light: how the scene is lit.
        threads: CPU threads per picture; 0 = all.
        cache_light: keep baked light in the user's cache folder.
    """

    width: int = 320
    height: int = 240
    hfov_deg: float = 79.0
    camera_height_m: float = 0.88
    radius_m: float = 0.18
    forward_m: float = 0.25
    turn_deg: float = 30.0
    cell_m: float = 0.02
    obstacle_min_m: float = 0.05
    obstacle_max_m: float = 1.1
    light: LightConfig = HOME_LIGHT
    threads: int = 0
    cache_light: bool = True

    def __post_init__(self) -> None:
        if not 1.0 < self.hfov_deg < 179.0:
            raise ValueError(f"hfov_deg must lie between 1 and 179, got {self.hfov_deg}")
        for name in ("camera_height_m", "radius_m", "forward_m", "turn_deg", "cell_m"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.obstacle_min_m < self.obstacle_max_m:
            raise ValueError(f"obstacle heights must rise, got {self.obstacle_min_m} to {self.obstacle_max_m}")


class EmbeddedSimulator:
    """`Simulator`, `Drivable` and `TruthSource` over one scene.

    The odometry frame is the start pose. Labels are worked out only when a truth method is called.

    Args:
        scene: the world.
        config: the robot and the camera.
    """

    def __init__(self, scene: Scene, config: EmbeddedConfig | None = None) -> None:
        self.config = EmbeddedConfig() if config is None else config
        c = self.config
        self.name = scene.name
        self.scene = scene
        self.camera = Camera.from_hfov(c.width, c.height, math.radians(c.hfov_deg))
        self.T_base_camera: FloatArray = camera_mounting(c.camera_height_m)
        self._plan = floor_plan(scene, c.radius_m, c.cell_m, c.obstacle_min_m, c.obstacle_max_m)
        try:
            self._floor = self._plan.reachable_from(scene.start_xy)
        except ValueError as error:
            raise InputError(f"scene {scene.name}: {error}") from error
        self._renderer: Renderer | None = None
        self._body = Body(c.forward_m, math.radians(c.turn_deg), self._free, 0.5 * c.cell_m)
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
        self._body.reset()
        self._step = 0
        self._time_s = 0.0
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

    def _observe(self, collided: bool) -> Observation:
        self._touched = False
        self._last = self.renderer.render(self.camera, self.T_world_base @ self.T_base_camera)
        return Observation(self._step, self._last.rgb, self._last.depth, self.T_odom_base, collided)

    def reset(self, seed: int = 0) -> Observation:
        """Back to a start pose: the scene's own, facing +x, for seed 0; another reachable one for others."""
        self._place(seed)
        return self._observe(False)

    def step(self, action: Action) -> Observation:
        """Take one action; a blocked step ahead does not move (no sliding) and says `collided`."""
        collided = False
        if action is Action.FORWARD:
            collided = self._body.forward()
        elif action in (Action.LEFT, Action.RIGHT):
            self._body.turn(1 if action is Action.LEFT else -1)
        elif action is not Action.STOP:
            raise ValueError(f"action must be one of {[a.name for a in Action]}, got {action!r}")
        self._step += 1
        return self._observe(collided)

    # Below: Drivable.

    @property
    def time_s(self) -> float:
        """Seconds driven since reset; discrete steps take none."""
        return self._time_s

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now."""
        return self._body.T_start_base

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        """Drive along an arc; at an obstacle the robot stops, turning too, until the next call. See `Drivable`.

        Raises:
            ValueError: for a speed that is not finite, or a time that is negative or not finite.
        """
        if not (math.isfinite(forward_mps) and math.isfinite(turn_radps) and 0.0 <= seconds < math.inf):
            raise ValueError(
                f"drive needs finite speeds and seconds >= 0, got {forward_mps} m/s, {turn_radps} rad/s, {seconds} s"
            )
        touched = self._body.drive(forward_mps * seconds, turn_radps * seconds)
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
        return self.T_world_odom @ self._body.T_start_base

    def truth_images(self) -> TruthImages:
        """Labels of the picture last seen.

        Raises:
            InputError: before the first `reset`.
        """
        if self._last is None:
            raise InputError("no picture was taken yet: call reset() first")
        return TruthImages(self._last.instance, self._last.category)

    def render_at(self, T_world_base: FloatArray) -> tuple[Observation, TruthImages]:
        """Picture and labels from any pose of the base in the world frame; the robot is not moved."""
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
