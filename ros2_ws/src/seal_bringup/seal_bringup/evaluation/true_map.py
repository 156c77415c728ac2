# SPDX-License-Identifier: Apache-2.0
"""What a run's pictures show of the floor, had the robot known where it is: evaluation, with the simulator's truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from seal_bringup.evaluation.coverage import seen_share
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.frame import Frame
from seal_perception.pose import invert
from seal_perception.types import Float32Array, FloatArray, UInt8Array
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.robot.senses import Senses
from sim_bridge.worlds import World, open_simulator

PLAIN = LightConfig(lamp_gain=0.0, shadows=False)
"""Where nothing looks at the colours, light plays no part."""


class TrueMap:
    """The pictures of a run as the robot took them, noise and all, put at its true poses.

    The share of the floor that is called seen after a paced run is that of this map: in `seal explore --paced`
    (pictures taken again, `retaken`) and in `experiments.paced` (the very pictures of the run).

    Args:
        world: being driven, or reset to the run's start.
        config: of the map that the robot makes.

    Attributes:
        voxel_map: of all pictures so far.
        poses: T_map_base of each.
    """

    def __init__(self, world: World, config: MapConfig) -> None:
        self.voxel_map = VoxelMap(config)
        self.poses: list[FloatArray] = []
        self._world, self._floor = world, world.reachable_floor()

    def add(
        self,
        stamp_ns: int,
        rgb: UInt8Array,
        depth: Float32Array,
        T_world_base: FloatArray,
    ) -> FloatArray:
        """Put in a picture, (H, W, 3) and (H, W) metres, and the true pose it was taken at; returns T_map_base."""
        T = invert(self._world.T_world_odom) @ T_world_base
        self.voxel_map.integrate(Frame(stamp_ns, rgb, depth, self._world.camera, T @ self._world.T_base_camera), None)
        self.poses.append(T)
        return T

    @property
    def seen_share(self) -> float:
        """Share of the reachable floor that the pictures show, in [0, 1]."""
        return seen_share(self._floor, self._world.T_world_odom, self.voxel_map.explored())


def open_unlit(scene: str, config: EmbeddedConfig, seed: int) -> World:
    """The world of a run once more, at its start, without light and laser: for pictures whose depth alone counts."""
    world = open_simulator(scene, dataclasses.replace(config, light=PLAIN, cache_light=False, laser="none"))
    world.reset(seed)
    return world


def retaken(
    world: World, config: EmbeddedConfig, seed: int, poses: Iterable[FloatArray]
) -> Iterator[tuple[UInt8Array, Float32Array]]:
    """The pictures of a run taken again at its true poses: the noise of depth is drawn by seed, picture after picture.

    Args:
        world: where it was; its robot is not moved.
        config: the robot's sensors in the run.
        seed: of the run's start.
        poses: T_world_base of all pictures of the run, the first one included.

    Yields:
        colour (H, W, 3) and depth (H, W) in metres.
    """
    senses = Senses(config)
    senses.reset(seed)
    for T_world_base in poses:
        clean, _ = world.render_at(T_world_base)
        yield senses.picture(clean.rgb, clean.depth)
