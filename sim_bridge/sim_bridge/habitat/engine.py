# SPDX-License-Identifier: Apache-2.0
"""habitat-sim as a camera: pictures, labels and a navigation mesh; checked with version 0.3.3.

Poses are in Habitat's world turned to z up (`sim_bridge.habitat.frames`). Semantics are loaded and drawn only when
labels are asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.camera import Camera
from seal_perception.categories import NO_CATEGORY
from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.simulator import TruthImages
from seal_perception.types import Float32Array, FloatArray, UInt8Array
from sim_bridge.habitat.categories import category_index
from sim_bridge.habitat.frames import camera_state, colour, habitat_hfov_deg, instances
from sim_bridge.habitat.scene import HabitatScene

Picture = UInt8Array
Depth = Float32Array

SENSES, TRUTH = 0, 1
"""Habitat's agents: one carries the robot's camera, the other, made only for truth, the semantic sensor."""


@dataclass(frozen=True)
class HabitatOptions:
    """What only Habitat's worlds need; robot, camera and noise stand in `EmbeddedConfig`.

    Attributes:
        climb_m: ledge that the robot rolls over; scanned floors are uneven, so more than the embedded 0.05.
        cell_m: cell of `reachable_floor`.
        gpu: Habitat's gpu_device_id; None = 0 where an NVIDIA driver is loaded, else -1 (Mesa).
    """

    climb_m: float = 0.1
    cell_m: float = 0.05
    gpu: int | None = None

    def __post_init__(self) -> None:
        for name in ("climb_m", "cell_m"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


def import_habitat() -> Any:
    """The module habitat_sim.

    Raises:
        MissingDependencyError: if it is not installed, or cannot be loaded.
    """
    # It prints a page per scene otherwise; who wants that sets the variables.
    os.environ.setdefault("HABITAT_SIM_LOG", "quiet")
    os.environ.setdefault("MAGNUM_LOG", "quiet")
    try:
        import habitat_sim
    except ImportError as error:
        raise MissingDependencyError(
            f"Habitat's scenes need habitat-sim 0.3 for this Python, which is not to be had ({error}); install its "
            "headless build (conda package habitat-sim, or from its sources), or use a home such as train_01"
        ) from error
    return habitat_sim


class Engine:
    """One scene opened by habitat-sim.

    Args:
        scene: its files.
        camera: square pixels, the axis in the middle.
        gpu: Habitat's gpu_device_id.

    Raises:
        InputError: if habitat-sim cannot open the scene, or has no such camera.
        MissingDependencyError: without habitat-sim.
    """

    def __init__(self, scene: HabitatScene, camera: Camera, gpu: int | None = None) -> None:
        self.scene = scene
        self.camera = camera
        self._hfov_deg = habitat_hfov_deg(camera)
        self._gpu = _gpu() if gpu is None else gpu
        self._habitat = import_habitat()
        self._objects: dict[int, tuple[str, int]] = {}
        self._sim = self._open()

    def _sensor(self, uuid: str, kind: Any) -> Any:
        import magnum

        spec = self._habitat.CameraSensorSpec()
        spec.uuid, spec.sensor_type = uuid, kind
        spec.resolution = [self.camera.height, self.camera.width]
        spec.hfov = self._hfov_deg
        # The agent itself is put where the camera is, so one conversion serves every mounting.
        spec.position = magnum.Vector3(0.0)
        return spec

    def _settings(self, truth: bool) -> Any:
        kinds = self._habitat.SensorType
        agents = [self._habitat.AgentConfiguration() for _ in range(2 if truth else 1)]
        agents[SENSES].sensor_specifications = [self._sensor("rgb", kinds.COLOR), self._sensor("depth", kinds.DEPTH)]
        if truth:
            agents[TRUTH].sensor_specifications = [self._sensor("semantic", kinds.SEMANTIC)]
        world = self._habitat.SimulatorConfiguration()
        world.scene_id = self.scene.scene_id
        world.scene_dataset_config_file = self.scene.dataset_config
        world.gpu_device_id = self._gpu
        world.load_semantic_mesh = truth
        world.enable_physics = False
        world.allow_sliding = False
        return self._habitat.Configuration(world, agents)

    def _open(self) -> Any:
        try:
            return self._habitat.Simulator(self._settings(False))
        except (AssertionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"habitat-sim cannot open scene {self.scene.scene_id}: {reason}") from error

    def navmesh(self, radius_m: float, height_m: float, climb_m: float) -> Any:
        """habitat-sim's pathfinder for a robot; the mesh that lies beside a scene is of another robot.

        Raises:
            InputError: if it finds no floor.
        """
        settings = self._habitat.NavMeshSettings()
        settings.set_defaults()
        # With Habitat's 0.2 m the base may stand 0.2 m above the floor.
        settings.cell_size = settings.cell_height = 0.05
        settings.agent_radius = radius_m
        settings.agent_height = height_m
        settings.agent_max_climb = climb_m + 1e-4
        settings.include_static_objects = True
        pathfinder = self._habitat.PathFinder()
        if not self._sim.recompute_navmesh(pathfinder, settings):
            raise InputError(f"habitat-sim finds no floor for this robot in scene {self.scene.name}")
        return pathfinder

    def _look(self, agent: int, T_world_camera: FloatArray) -> dict[str, Any]:
        """What an agent's sensors see."""
        position, (w, x, y, z) = camera_state(T_world_camera)
        state = self._habitat.AgentState(position, [x, y, z, w])
        self._sim.get_agent(agent).set_state(state)
        return dict(self._sim.get_sensor_observations(agent_ids=[agent])[agent])

    def picture(self, T_world_camera: FloatArray) -> tuple[Picture, Depth]:
        """Colour (H, W, 3) and depth (H, W) in metres, 0 = nothing hit, from a pose of the optical frame."""
        seen = self._look(SENSES, T_world_camera)
        return colour(seen["rgb"]), np.ascontiguousarray(seen["depth"], np.float32)

    def _semantics(self) -> None:
        """Load the semantics, once.

        Raises:
            InputError: if the scene has none.
        """
        if self._objects:
            return
        self._sim.reconfigure(self._settings(True))
        # ids are the objects' own, which need not be their places in the list.
        found = [o for o in self._sim.semantic_scene.objects if o is not None]
        if not found:
            raise InputError(
                f"scene {self.scene.name} comes without semantics, so it has no truth; Habitat needs its semantic mesh "
                "and list of objects (HM3D: also the annotated data set configuration)"
            )
        table = {
            int(o.semantic_id): (str(o.id), category_index(o.category.name() if o.category else "")) for o in found
        }
        # 0 means "nothing hit" here: what has Habitat's 0 gets the next free id.
        self._unlabelled = max(table) + 1
        table[self._unlabelled] = table.pop(0, ("unlabelled", NO_CATEGORY))
        self._objects = table
        self._categories = np.full(self._unlabelled + 1, NO_CATEGORY, np.int8)
        self._categories[list(table)] = [category for _, category in table.values()]

    def objects(self) -> dict[int, tuple[str, int]]:
        """Name and category index of every instance id."""
        self._semantics()
        return dict(self._objects)

    def labels(self, T_world_camera: FloatArray, depth: Depth) -> TruthImages:
        """Labels of a picture whose depth is known already.

        Raises:
            InputError: if the scene has no semantics.
        """
        self._semantics()
        semantic = self._look(TRUTH, T_world_camera)["semantic"]
        unknown = semantic >= len(self._categories)
        ids = instances(np.where(unknown, 0, semantic).astype(np.uint32), depth, self._unlabelled)
        return TruthImages(ids, self._categories[ids])

    def close(self) -> None:
        """Free the scene and the OpenGL context."""
        self._sim.close()


def _gpu() -> int:
    """0 where an NVIDIA driver is loaded; with Mesa habitat-sim needs -1, or it ends the process."""
    return 0 if Path("/proc/driver/nvidia/version").exists() else -1
