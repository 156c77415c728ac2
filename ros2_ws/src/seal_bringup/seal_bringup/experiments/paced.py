# SPDX-License-Identifier: Apache-2.0
"""Paced runs of the test homes with noise: what was seen, driven and touched, and how far the map is off.

python -m seal_bringup.experiments.paced --homes test --minutes 10

Each run is kept under --work, so that an interrupted experiment resumes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seal_bringup.demo.config import parse_homes
from seal_bringup.evaluation.coverage import top_down, write_top_down
from seal_bringup.evaluation.map_error import TrueSurface, map_error, pose_error
from seal_bringup.evaluation.true_map import PLAIN, TrueMap
from seal_bringup.paced.run import PacedRates, drive_paced, paced_stack
from seal_bringup.provenance import code_hash, provenance
from seal_bringup.stack.presets import NOISY_MAP
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.files import replacing, write_json
from seal_perception.reading.text import read_json
from seal_perception.simulator import Observation
from seal_perception.types import FloatArray
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.geometry.geodesic import path_length_m
from sim_bridge.geometry.mesh import merge
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot
from sim_bridge.worlds import open_embedded

VARIANTS = {
    "noise": ("locobot", True),
    "no_odometry_noise": ("actuation", False),
    "noise_without_wall_heading": ("locobot", False),
}
"""Name -> motion noise of the simulator (depth always has that of a D435), whether the walls correct the heading."""
RATES = PacedRates(PacedConfig(physics_hz=20, camera_hz=5), command_hz=10)
WIDTH, HEIGHT = 160, 120
CODE = (
    *("seal_perception", "seal_mapping", "seal_policy", "sim_bridge"),
    *(f"seal_bringup.evaluation.{name}" for name in ("coverage", "map_error", "true_map")),
    *("seal_bringup.paced.run", "seal_bringup.stack.presets"),
    "seal_bringup.experiments.paced",
)
"""What decides a run and its figures."""


class Witness(TrueMap):
    """Knows where the robot truly is: keeps poses, and a map of the same pictures from the true poses.

    Args:
        world: being driven.
    """

    def __init__(self, world: EmbeddedSimulator) -> None:
        super().__init__(world, NOISY_MAP)
        self.claimed: list[FloatArray] = []
        self.believed: list[FloatArray] = []
        self.curve: list[float] = []
        self.contacts_s: list[float] = []
        self._truth = world

    def __call__(self, robot: PacedRobot, seen: Observation, T_map_base: FloatArray) -> None:
        """Take the picture that the stack has just mapped."""
        self.add(robot.stamp_ns, seen.rgb, seen.depth, self._truth.T_world_base)
        self.claimed.append(seen.T_odom_base)
        self.believed.append(T_map_base)
        self.contacts_s += [robot.time_s] * (robot.contacts - len(self.contacts_s))
        if (len(self.poses) - 1) % (RATES.robot.camera_hz * 30) == 0:
            share = self.seen_share
            self.curve.append(round(share, 4))
            driven = path_length_m(np.array(self.poses)[:, :2, 3])
            print(f"  {robot.time_s:5.0f} s: seen {share:.3f}, {driven:.1f} m, {robot.contacts} contacts", flush=True)


def run(home: str, variant: str, minutes: float, folder: Path, seed: int = 0) -> dict[str, Any]:
    """One run and its figures; those in `folder` are taken if the same code has made them in the same way."""
    done, picture = folder / f"{home}_{variant}.json", folder / f"{home}_{variant}.png"
    asked = {"minutes": minutes, "seed": seed}
    key = {**asked, "code": code_hash(*CODE)}
    if done.is_file() and picture.is_file() and (found := dict(read_json(done))).get("key") == key:
        return dict(found["figures"])
    motion, by_walls = VARIANTS[variant]
    config = EmbeddedConfig(
        WIDTH, HEIGHT, depth_noise="d435", motion_noise=motion, light=PLAIN, cache_light=False, threads=1
    )
    world = open_embedded(home, config)
    world.reset(seed)
    witness, stack = Witness(world), paced_stack(NOISY_MAP, "frontier", seed, wall_heading=by_walls)
    robot = drive_paced(world, stack, 60 * minutes, RATES, seed, witness)
    figures = _figures(world, witness, stack.voxel_map, robot, minutes)
    figures.update(asked=asked, goals=len(stack.given), stalls=stack.driver.stalls)
    _picture(picture, world, witness, stack.voxel_map)
    world.close()
    write_json(done, {"key": key, "figures": figures})
    return figures


def _figures(
    world: EmbeddedSimulator, witness: Witness, own: VoxelMap, robot: PacedRobot, minutes: float
) -> dict[str, Any]:
    floor, true = world.reachable_floor(), np.array(witness.poses)
    mesh = merge([part.mesh for part in world.scene.parts])
    surface = TrueSurface.of_triangles(np.asarray(mesh.vertices[mesh.faces], np.float64))
    reached = [k for k, share in enumerate(witness.curve) if share >= 0.8]
    return {
        "floor_m2": round(float(floor.cells.sum()) * floor.cell_m**2, 1),
        "seen_share": round(witness.seen_share, 4),
        "minutes_to_80": 0.5 * reached[0] if reached else None,
        "seen_every_30_s": witness.curve,
        "driven_m": round(path_length_m(true[:, :2, 3]), 1),
        "contacts": robot.contacts,
        "contacts_per_minute": round(robot.contacts / minutes, 2),
        "contacts_s": witness.contacts_s,
        "odometry_error": pose_error(np.array(witness.claimed), true),
        "pose_error": pose_error(np.array(witness.believed), true),
        "map_error": map_error(own, surface, world.T_world_odom),
        "map_error_of_true_poses": map_error(witness.voxel_map, surface, world.T_world_odom),
    }


def _picture(path: Path, world: EmbeddedSimulator, witness: Witness, own: VoxelMap) -> None:
    """The stack's own map from above, with the true floor behind it and the true way on it."""
    floor, T = world.reachable_floor(), world.T_world_odom
    seen = witness.voxel_map.explored()
    write_top_down(path, top_down(_on(own, seen), seen, np.array(witness.poses), (), floor, T))


def _on(own: VoxelMap, grid: Any) -> Any:
    """The map's obstacles on the cells of another grid (map frames are alike)."""
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    values = own.obstacles().value_at(grid.cell_to_world(cells), False).astype(bool)
    return type(grid)(values, grid.origin_xy, grid.cell_m)


def sheet(folder: Path, homes: tuple[str, ...], variants: tuple[str, ...], out: Path, width: int = 420) -> None:
    """One picture of all runs: a row per variant, a column per home."""
    rows = []
    for variant in variants:
        tiles = []
        for home in homes:
            tile = cv2.imread(str(folder / f"{home}_{variant}.png"))
            scale = min(width / tile.shape[1], width / tile.shape[0])
            tile = cv2.resize(tile, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            frame = np.full((width + 26, width + 8, 3), 255, np.uint8)
            frame[26 : 26 + tile.shape[0], 4 : 4 + tile.shape[1]] = tile
            label = f"{home}, {variant.replace('_', ' ')}"
            cv2.putText(frame, label, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA)
            tiles.append(frame)
        rows.append(np.concatenate(tiles, axis=1))
    ok, data = cv2.imencode(".jpg", np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])
    assert ok
    with replacing(out) as beside:
        beside.write_bytes(data.tobytes())


def summary(runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Worst and mean of the figures of Done-when 6 per variant."""
    rows: dict[str, Any] = {}
    for variant in VARIANTS:
        found = [homes[variant] for homes in runs.values() if variant in homes]
        if found:
            rows[variant] = {
                "homes": len(found),
                "least_seen": min(r["seen_share"] for r in found),
                "mean_seen": round(math.fsum(r["seen_share"] for r in found) / len(found), 4),
                "least_driven_m": min(r["driven_m"] for r in found),
                "most_contacts_per_minute": max(r["contacts_per_minute"] for r in found),
                "mean_near_share": round(math.fsum(r["map_error"]["near_share"] for r in found) / len(found), 4),
                "mean_map_cm": round(math.fsum(r["map_error"]["mean_cm"] for r in found) / len(found), 2),
            }
    return rows


def main() -> None:
    """Run homes and variants, and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="test")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--variants", default="noise,no_odometry_noise")
    parser.add_argument("--work", type=Path, default=Path("runs/paced"))
    parser.add_argument("--out", type=Path, default=Path("results/paced.json"))
    parser.add_argument("--picture", type=Path, default=None, help="docs/images/paced.jpg")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    homes, variants = parse_homes(options.homes), tuple(options.variants.split(","))
    runs: dict[str, dict[str, dict[str, Any]]] = {home: {} for home in homes}
    for variant in variants:
        for home in homes:
            print(f"{home} {variant}", flush=True)
            runs[home][variant] = figures = run(home, variant, options.minutes, options.work)
            print({k: v for k, v in figures.items() if k not in ("seen_every_30_s", "contacts_s")}, flush=True)
    rows = {"provenance": provenance(), "minutes": options.minutes, "homes": runs, "summary": summary(runs)}
    write_json(options.out, rows)
    if options.picture is not None:
        sheet(options.work, homes, variants, options.picture)


if __name__ == "__main__":
    main()
