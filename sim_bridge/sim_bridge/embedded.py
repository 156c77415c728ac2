# SPDX-License-Identifier: Apache-2.0
"""The simulator that comes with SEAL: a round robot with an RGB-D camera in a scene of triangles, on the CPU."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.errors import InputError
from seal_perception.pose import check_pose, invert, planar_pose
from seal_perception.simulator import Observation, ReachableFloor, TruthImages
from seal_perception.types import FloatArray
from sim_bridge.drawing.light_cache import cached_renderer
from sim_bridge.drawing.render import Rendered, Renderer
from sim_bridge.geometry.collision import collision_map, nearest
from sim_bridge.geometry.mesh import Scene
from sim_bridge.robot.config import EmbeddedConfig as EmbeddedConfig
from sim_bridge.robot.simulated_robot import SimulatedRobot


class EmbeddedSimulator(SimulatedRobot):
    """`Simulator`, `Drivable` and `TruthSource` over one scene.

    The odometry frame is the start pose. Noise is drawn by `reset`'s seed and the config's: the same actions see the
    same bytes again. Labels are computed only when a truth method is called; they belong to the clean picture.

    Args:
        scene: the world.
        config: the robot and the camera.
    """

    def __init__(self, scene: Scene, config: EmbeddedConfig | None = None) -> None:
        super().__init__(EmbeddedConfig() if config is None else config)
        c = self.config
        self.name = scene.name
        self.scene = scene
        try:
            collisions = collision_map(scene, c.radius_m, c.cell_m, c.obstacle_min_m, c.obstacle_max_m)
            self._floor = collisions.reachable_from(scene.start_xy)
        except ValueError as error:
            raise InputError(f"scene {scene.name}: {error}") from error
        self._renderer: Renderer | None = None
        self._build_body(0.5 * c.cell_m)
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
        if seed == 0:
            i, j = nearest(self._floor.cells, self._floor.world_to_cell(self.scene.start_xy))
            yaw = 0.0
        else:
            rng = np.random.default_rng(seed)
            cells = np.argwhere(self._floor.cells)
            i, j = cells[int(rng.integers(len(cells)))]
            yaw = float(rng.uniform(-math.pi, math.pi))
        x, y = self._floor.cell_to_world((i, j))
        if seed == 0 and self._stands(*self.scene.start_xy):
            x, y = self.scene.start_xy
        self._begin(seed, planar_pose(float(x), float(y), yaw))
        self._last: Rendered | None = None

    def _stands(self, x: float, y: float) -> bool:
        """Whether the robot's centre may be at this world position."""
        i, j = self._floor.world_to_cell((x, y))
        cells = self._floor.cells
        return bool(0 <= i < cells.shape[0] and 0 <= j < cells.shape[1] and cells[i, j])

    def _free(self, x: float, y: float) -> bool:
        return self._stands(*(self.T_world_odom @ [x, y, 0.0, 1.0])[:2])

    def _settle(self) -> None:
        """Nothing to take: the floor is level."""

    def _sense(self, collided: bool, seconds: float) -> Observation:
        self._last = self.renderer.render(self.camera, self.T_world_base @ self.T_base_camera)
        rgb, depth = self._senses.picture(self._last.rgb, self._last.depth, seconds, self._body.twist)
        scan = self._senses.scan(self.renderer.cast, self.T_world_base)
        return Observation(self._step, rgb, depth, self.T_odom_base, collided, scan)

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
        """Clean picture and labels from any pose of the base in the world frame; the robot is not moved."""
        T = check_pose(T_world_base, "T_world_base")
        seen = self.renderer.render(self.camera, T @ self.T_base_camera)
        observation = Observation(self._step, seen.rgb, seen.depth, invert(self.T_world_odom) @ T, False)
        return observation, TruthImages(seen.instance, seen.category)

    def reachable_floor(self) -> ReachableFloor:
        """Cells of the collision map that the robot's centre can reach."""
        return self._floor

    def instance_table(self) -> dict[int, tuple[str, int]]:
        """Name and category index of every instance id."""
        return {i + 1: (part.name, part.category) for i, part in enumerate(self.scene.parts)}
