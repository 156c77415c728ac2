# SPDX-License-Identifier: Apache-2.0
"""Figures of a fake robot's run over ROS: what of its pictures was mapped, seen, touched, and how far the map is off.

Truth (truth.json of the fake robot, the world itself) is read here, after the run, and nowhere before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.evaluation.coverage import top_down, write_top_down
from seal_bringup.evaluation.map_error import TrueSurface, map_error, pose_error
from seal_bringup.evaluation.true_map import PLAIN, TrueMap, retaken
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import SealError
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.geometry.geodesic import path_length_m
from sim_bridge.geometry.mesh import merge
from sim_bridge.worlds import open_embedded

NS = 1_000_000_000
TRUTH = "truth.json"
WIDTH, HEIGHT = 160, 120
"""Of the pictures taken again, as in the paced table: what they show of the floor does not depend on more."""
MOST_PICTURES = 3000
"""Of longer runs every second, third, ... picture is taken again."""
_CURVE_S = 30.0


class Window:
    """The part of a run that counts: from the time when it first drove, for so long.

    Args:
        truth: content of truth.json.
        trajectory: content of trajectory.json.
        begin_ns: from when.
        seconds: how long.

    Raises:
        SealError: if nothing was mapped, or no picture was sent in this time.
    """

    def __init__(self, truth: dict[str, Any], trajectory: dict[str, Any], begin_ns: int, seconds: float) -> None:
        mapped = np.array(trajectory["stamps_ns"], np.int64)
        if not len(mapped):
            raise SealError("no picture was mapped: the log folder tells what the nodes waited for")
        self.seconds, self.begin_ns = seconds, begin_ns
        self.stamps = np.array(truth["stamps_ns"], np.int64)
        self.inside = self._in(self.stamps)
        if not self.inside.any():
            raise SealError(f"no picture was sent in the {seconds:.0f} s after the robot began to drive")
        self.depth = np.array(truth["depth"], bool)
        self.contacts = np.array(truth["contacts"], np.int64)
        self.true = _poses(truth["true"])
        self.claimed = _poses(truth["claimed"])
        self.mapped = mapped[self._in(mapped)]
        self.believed = _poses(trajectory["poses"])[self._in(mapped)]

    def _in(self, stamps: Any) -> Any:
        return (stamps >= self.begin_ns) & (stamps < self.begin_ns + round(self.seconds * NS))

    def shares(self) -> dict[str, Any]:
        """Pictures sent, those with depth (frames), and the share of these that is in the map."""
        frames = self.stamps[self.inside & self.depth]
        known = int(np.isin(frames, self.mapped).sum())
        return {
            "pictures": int(self.inside.sum()),
            "frames": len(frames),
            "mapped": known,
            "mapped_share": round(known / len(frames), 4) if len(frames) else 0.0,
            "frames_per_s": round(len(frames) / self.seconds, 2),
        }

    def touched(self) -> dict[str, Any]:
        """Contacts, and when they began, in seconds (as far as pictures tell)."""
        counts, stamps = self.contacts[self.inside], self.stamps[self.inside]
        began = np.diff(counts, prepend=counts[:1])
        times = np.repeat((stamps - self.begin_ns) / NS, np.maximum(began, 0))
        total = int(counts[-1] - counts[0])
        return {
            "contacts": total,
            "contacts_per_minute": round(60.0 * total / self.seconds, 2),
            "contacts_s": [round(float(t), 1) for t in times],
        }

    def driven(self, every_s: float = 600.0) -> dict[str, Any]:
        """Metres driven, in all and in each of the parts of so many seconds."""
        xy, since = self.true[self.inside][:, :2, 3], (self.stamps[self.inside] - self.begin_ns) / NS
        parts = [xy[(since >= a) & (since < a + every_s)] for a in np.arange(0.0, self.seconds, every_s)]
        return {
            "driven_m": round(path_length_m(xy), 1),
            "driven_by_part_m": [round(path_length_m(p), 1) for p in parts],
        }


def robot_figures(
    folder: Path, home: str, sensors: EmbeddedConfig, begin_ns: int, seconds: float, seed: int = 0
) -> dict[str, Any]:
    """Figures of a run's folder (map.npz, trajectory.json, truth.json); topdown.png is written beside them.

    Args:
        folder: of the run.
        home: where it was.
        sensors: of the fake robot.
        begin_ns: when it first drove.
        seconds: the time that counts, from then on.
        seed: of its start.

    Raises:
        SealError: if a file is missing, or nothing was mapped.
    """
    window = Window(dict(read_json(folder / TRUTH)), dict(read_json(folder / "trajectory.json")), begin_ns, seconds)
    world, own = _unlit(home, sensors, seed), load_map(folder / "map.npz")
    true = TrueMap(world, own.config)
    curve = list(_see(world, true, window, seed))
    mesh = merge([part.mesh for part in world.scene.parts])
    surface = TrueSurface.of_triangles(np.asarray(mesh.vertices[mesh.faces], np.float64))
    believed, poses = _both(window, world)
    reached = [k for k, share in enumerate(curve) if share >= 0.8]
    floor, T = world.reachable_floor(), world.T_world_odom
    explored = true.voxel_map.explored()
    write_top_down(folder / "topdown.png", top_down(_on(own, explored), explored, poses, (), floor, T))
    figures = {
        **window.shares(),
        "floor_m2": round(float(floor.cells.sum()) * floor.cell_m**2, 1),
        "seen_share": round(true.seen_share, 4),
        "minutes_to_80": round(reached[0] * _CURVE_S / 60.0, 1) if reached else None,
        "seen_every_30_s": [round(share, 4) for share in curve],
        **window.driven(),
        **window.touched(),
        "odometry_error": pose_error(window.claimed[window.inside], _in_odom(window.true[window.inside], world)),
        "pose_error": pose_error(believed, poses),
        "map_error": map_error(own, surface, T),
        "map_error_of_true_poses": map_error(true.voxel_map, surface, T),
    }
    world.close()
    return figures


def _poses(rows: list[list[float]]) -> FloatArray:
    return np.array([planar_pose(*row) for row in rows]).reshape(-1, 4, 4)


def _unlit(home: str, sensors: EmbeddedConfig, seed: int) -> EmbeddedSimulator:
    """The home with a small camera of the same view, without light, at the run's start."""
    changes: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "light": PLAIN, "cache_light": False, "threads": 1}
    world = open_embedded(home, EmbeddedConfig(**{**vars(sensors), **changes}))
    world.reset(seed)
    return world


def _see(world: EmbeddedSimulator, true: TrueMap, window: Window, seed: int) -> Iterator[float]:
    """Put the frames' pictures, taken again, into the map of the true poses; the share seen every half minute."""
    chosen = np.flatnonzero(window.inside & window.depth)
    chosen = chosen[:: math.ceil(len(chosen) / MOST_PICTURES)]
    pictures = retaken(world, world.config, seed, window.true[chosen])
    due_ns = window.begin_ns
    for k, (rgb, depth) in zip(chosen, pictures, strict=True):
        true.add(int(window.stamps[k]), rgb, depth, window.true[k])
        while window.stamps[k] >= due_ns:
            yield true.seen_share
            due_ns += round(_CURVE_S * NS)


def _in_odom(T_world_base: FloatArray, world: EmbeddedSimulator) -> FloatArray:
    """True poses in odometry's frame of the start."""
    return np.asarray(np.linalg.inv(world.T_world_odom) @ T_world_base)


def _both(window: Window, world: EmbeddedSimulator) -> tuple[FloatArray, FloatArray]:
    """Poses of the frames mapped, as the stack has them and as they were, both in the frame of the start."""
    at = {int(stamp): k for k, stamp in enumerate(window.stamps)}
    known = [k for k, stamp in enumerate(window.mapped) if int(stamp) in at]
    rows = [at[int(window.mapped[k])] for k in known]
    return window.believed[known], _in_odom(window.true[rows], world)


def _on(own: VoxelMap, grid: Grid2D) -> Grid2D:
    """The map's obstacles on the cells of another grid (map frames are alike)."""
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    values = own.obstacles().value_at(grid.cell_to_world(cells), False).astype(bool)
    return Grid2D(values, grid.origin_xy, grid.cell_m)
