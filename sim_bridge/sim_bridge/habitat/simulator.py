# SPDX-License-Identifier: Apache-2.0
"""habitat-sim behind the same interface as the embedded simulator, checked with version 0.3.3.

habitat-sim draws the pictures and works out the navigation mesh; the robot moves by the rules of the embedded one
(`robot.body`): a step ahead is whole or not at all. Habitat's own step ends where it touches, and beside a wall
may shift the agent by centimetres and not call it a collision.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, check_pose, invert, planar_pose
from seal_perception.reading.text import read_json
from seal_perception.simulator import Observation, ReachableFloor, TruthImages
from seal_perception.types import FloatArray
from sim_bridge.habitat.engine import Depth, Engine, HabitatOptions, Picture
from sim_bridge.habitat.frames import to_world
from sim_bridge.habitat.ground import Ground, middle, place_near
from sim_bridge.habitat.scene import HabitatScene, find_scene
from sim_bridge.robot.config import EmbeddedConfig
from sim_bridge.robot.simulated_robot import SimulatedRobot

WAY_M = 0.01
"""A step's path is checked for obstacles at this spacing."""

LIFT_M = 0.25
"""The mesh lies at most this far from the floor; a larger difference is furniture or a hole."""


class HabitatSimulator(SimulatedRobot):
    """`Simulator`, `Drivable` and `TruthSource` over a scene of Habitat's.

    The odometry frame is the start pose; noise is that of the embedded simulator. The world frame is Habitat's turned
    to z up, z = 0 on the floor at the start of seed 0. Semantics are loaded only when a truth method is called, and
    never drawn otherwise; labels belong to the clean picture.

    Args:
        scene: `habitat:PATH` or `habitat:CONFIG::SCENE`, see `sim_bridge.habitat.scene`; the prefix may be left out.
        config: the robot, its camera and noise; what concerns drawing does not count here.
        options: what only Habitat's worlds need.

    Raises:
        InputError: if the scene cannot be found or opened, the robot fits nowhere, or Habitat has no such sensor.
        MissingDependencyError: without habitat-sim.
    """

    def __init__(
        self, scene: str | Path, config: EmbeddedConfig | None = None, options: HabitatOptions | None = None
    ) -> None:
        super().__init__(EmbeddedConfig() if config is None else config)
        self.options = HabitatOptions() if options is None else options
        self.source = scene
        files = find_scene(scene)
        self.name = files.name
        if self._senses.has_laser:
            raise InputError(f"Habitat's scenes have no laser scanner; set laser to 'none', got {self.config.laser!r}")
        own = _own_start(files)
        self._engine = Engine(files, self.camera, self.options.gpu)
        try:
            self._prepare(own)
        except BaseException:  # an object that nobody gets must not keep the scene open
            self.close()
            raise

    def _prepare(self, own: FloatArray | None) -> None:
        """Find the floor, the start and its height in the opened scene."""
        c = self.config
        mesh = self._engine.navmesh(c.radius_m, c.obstacle_max_m, self.options.climb_m)
        self._ground = Ground(mesh, self.name, own)
        self._floor = self._ground.reachable(self.options.cell_m)
        if not self._floor.cells.any():
            raise InputError(f"scene {self.name}: the robot fits nowhere on its floor")
        self._start_xy = self._find_start(own)
        self._level()
        self._build_body(WAY_M)
        self._place(0)

    # Where the robot is.

    def _find_start(self, own: FloatArray | None) -> FloatArray:
        """(2,) the scene's own start where the robot can stand there, else the middle of the floor or next to it."""
        if own is not None and self._ground.height(float(own[0]), float(own[1]), self._ground.storey_z) is not None:
            return own[:2]
        return place_near(self._floor, middle(self._floor) if own is None else own[:2])

    def _level(self) -> None:
        """Find the heights of mesh and floor at the start; the mesh may lie a cell over the floor.

        The floor is seen from above. `_mesh_z` and `_floor_z` are the heights that z = 0 has for the base and for the
        pictures.
        """
        x, y = (float(value) for value in self._start_xy)
        z = self._ground.height(x, y, self._ground.storey_z)
        self._mesh_z = self._floor_z = self._ground.storey_z if z is None else z
        _, depth = self._engine.picture(planar_pose(x, y, 0.0, self._mesh_z) @ camera_mounting(0.5, 0.0, math.pi / 2))
        h, w = depth.shape
        below = float(np.median(depth[h // 2 - 1 : h // 2 + 1, w // 2 - 1 : w // 2 + 1]))
        if below > 0 and abs(below - 0.5) <= LIFT_M:
            self._floor_z = self._mesh_z + 0.5 - below

    def _height(self, x: float, y: float, near_z: float) -> float | None:
        """Height of the base at a place of our world, None where it cannot stand."""
        mesh_z = self._ground.height(x, y, near_z + self._mesh_z)
        return None if mesh_z is None else mesh_z - self._mesh_z

    def _picture(self, T_world_camera: FloatArray) -> tuple[Picture, Depth]:
        return self._engine.picture(self._raised(T_world_camera))

    def _raised(self, T_world_camera: FloatArray) -> FloatArray:
        T = T_world_camera.copy()
        T[2, 3] += self._floor_z
        return T

    def _place(self, seed: int) -> None:
        if seed == 0:
            (x, y), yaw = self._start_xy, 0.0
        else:
            rng = np.random.default_rng(seed)
            cells = np.argwhere(self._floor.cells)
            x, y = self._floor.cell_to_world(cells[int(rng.integers(len(cells)))])
            yaw = float(rng.uniform(-math.pi, math.pi))
        z = self._height(float(x), float(y), self._ground.storey_z - self._mesh_z)
        self._begin(seed, planar_pose(float(x), float(y), yaw, 0.0 if z is None else z))
        self._z = self._way_z = float(self.T_world_odom[2, 3])
        self._seen: tuple[FloatArray, Picture, Depth] | None = None

    def _free(self, x: float, y: float) -> bool:
        """As its base's; the height follows the way from where the robot was."""
        wx, wy = (self.T_world_odom @ [x, y, 0.0, 1.0])[:2]
        z = self._height(float(wx), float(wy), self._way_z)
        if z is None:
            return False
        self._way_z = z
        return True

    def _settle(self) -> None:
        """Take the height of the floor where the robot now is."""
        T = self.T_world_odom @ self._body.T_start_base
        z = self._height(float(T[0, 3]), float(T[1, 3]), self._z)
        self._z = self._way_z = self._z if z is None else z

    def _sense(self, collided: bool, seconds: float) -> Observation:
        T = self.T_world_base @ self.T_base_camera
        self._seen = T, *self._picture(T)
        rgb, depth = self._senses.picture(*self._seen[1:], seconds, self._body.twist)
        return Observation(self._step, rgb, depth, self.T_odom_base, collided)

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now; its height is the true one."""
        return self._on_floor(self._body.T_odom_base)

    def _on_floor(self, T: FloatArray) -> FloatArray:
        """A pose in the frame of the start, at the height of the floor where the robot is."""
        T = T.copy()
        T[2, 3] = self._z - self.T_world_odom[2, 3]
        return T

    def close(self) -> None:
        """Free habitat-sim's scene and OpenGL context."""
        self._engine.close()

    # Below: TruthSource. Evaluation only.

    @property
    def T_world_base(self) -> FloatArray:
        """(4, 4) true pose of the robot."""
        return self.T_world_odom @ self._on_floor(self._body.T_start_base)

    def truth_images(self) -> TruthImages:
        """Labels of the picture last seen.

        Raises:
            InputError: before the first `reset`, or if the scene has no semantics.
        """
        if self._seen is None:
            raise InputError("no picture was taken yet: call reset() first")
        T, _, depth = self._seen
        return self._engine.labels(self._raised(T), depth)

    def render_at(self, T_world_base: FloatArray) -> tuple[Observation, TruthImages]:
        """Clean picture and labels from any pose of the base in the world frame; the robot is not moved."""
        T = check_pose(T_world_base, "T_world_base")
        rgb, depth = self._picture(T @ self.T_base_camera)
        observation = Observation(self._step, rgb, depth, invert(self.T_world_odom) @ T, False)
        return observation, self._engine.labels(self._raised(T @ self.T_base_camera), depth)

    def reachable_floor(self) -> ReachableFloor:
        """Cells of the start's storey that the robot's centre can reach, from habitat-sim's navigation mesh."""
        return self._floor

    def instance_table(self) -> dict[int, tuple[str, int]]:
        """Name and category index of every instance id."""
        return self._engine.objects()


def _own_start(scene: HabitatScene) -> FloatArray | None:
    """(3,) start that the scene's own stage configuration names (`seal scene export` writes it), in our axes.

    Raises:
        InputError: if the configuration cannot be read, or its start is no point.
    """
    path = Path(scene.scene_id)
    if not (path.name.endswith(".stage_config.json") and path.is_file()):
        return None
    try:
        table = read_json(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    user = table.get("user_defined", {}) if isinstance(table, dict) else None
    if not isinstance(user, dict):
        raise InputError(f"{path}: a stage configuration is a JSON object, 'user_defined' in it too, got {user!r:.60}")
    if "seal_start" not in user:
        return None
    try:
        start = np.asarray(user["seal_start"], np.float64)
    except (TypeError, ValueError):
        start = np.empty(0)
    if start.shape != (3,) or not np.isfinite(start).all():
        raise InputError(f"{path}: 'seal_start' must be 3 numbers, got {user['seal_start']!r:.60}")
    return to_world(start)
