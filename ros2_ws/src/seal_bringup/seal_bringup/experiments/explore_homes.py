# SPDX-License-Identifier: Apache-2.0
"""How much of every home does the frontier policy see in 500 steps, does it get stuck, how often does it touch things?

python -m seal_bringup.experiments.explore_homes --homes all --out results/explore_homes.json

In one process, without ROS and without a detector: the map holds geometry only, so the pictures' light is left out. The
truth (reachable floor) is read for the figures alone. Each home's figures are kept under --work and taken from there
when the same code has run in the same home before.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.demo.config import TEST_HOMES, parse_homes
from seal_bringup.evaluation.coverage import measure, seen_share, top_down, write_top_down
from seal_bringup.evaluation.standstill import DITHERS, SPINS, longest_standstill, stuck_steps
from seal_bringup.experiments.explore_sheet import write_sheet
from seal_bringup.provenance import code_hash, provenance
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.files import read_json, write_json
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.running.processes import context
from seal_perception.simulator import Action
from seal_policy.explorer import Explorer
from seal_policy.goals.registry import make_policy
from seal_policy.loop import explore
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.homes.build import make_home

UNLIT = LightConfig(shadows=False)
"""Depth does not depend on light, and no detector looks at the colours."""

CODE = (
    *("seal_perception", "seal_mapping", "seal_policy", "sim_bridge"),
    *(
        "seal_bringup.evaluation.coverage",
        "seal_bringup.evaluation.standstill",
        "seal_bringup.experiments.explore_homes",
    ),
)
"""What decides a run and its figures."""


@dataclass(frozen=True)
class Settings:
    """What is run in each home.

    Attributes:
        steps: actions of the robot.
        width, height: size of the pictures.
        seed: of the start pose; 0 = the middle of the home, facing +x.
        policy: name of the goal policy.
    """

    steps: int = 500
    width: int = 320
    height: int = 240
    seed: int = 0
    policy: str = "frontier"

    def __post_init__(self) -> None:
        if min(self.steps, self.width, self.height) < 1:
            raise InputError(f"steps, width and height must be at least 1, got {self}")


class TimedExplorer(Explorer):
    """An explorer that keeps how long it thinks, in CPU time: other work on the machine does not count."""

    ms: list[float]

    def act(self, obstacles: Grid2D, explored: Grid2D, T_map_base: Any, step: int) -> Action:
        """See `Explorer.act`."""
        start = time.thread_time()
        action = super().act(obstacles, explored, T_map_base, step)
        self.ms.append(1e3 * (time.thread_time() - start))
        return action


def explore_home(home: str, settings: Settings, work: Path, world: EmbeddedSimulator | None = None) -> dict[str, Any]:
    """Figures of one home; topdown_<home>.png and <home>.json are left in `work`.

    Args:
        home: name of the home.
        settings: what to run.
        work: folder that keeps what is done.
        world: the home, if it is open already.
    """
    if world is None:
        config = EmbeddedConfig(width=settings.width, height=settings.height, light=UNLIT, cache_light=False)
        world = EmbeddedSimulator(make_home(home), config)
    key = run_key(world, settings)
    kept, picture = work / f"{home}.json", work / f"topdown_{home}.png"
    if kept.is_file() and picture.is_file():
        found = read_json(kept)
        if found.get("key") == key:
            world.close()
            return dict(found["row"])
    row = _run(world, settings, picture)
    world.close()
    write_json(kept, {"home": home, "key": key, "row": row})
    return row


def _run(world: EmbeddedSimulator, settings: Settings, picture: Path) -> dict[str, Any]:
    voxel_map, shares = VoxelMap(), []
    explorer = TimedExplorer(make_policy(settings.policy, settings.seed))
    explorer.ms = []

    def watch(step: int, frame: Frame, found: object, action: Action | None) -> None:
        if step % 100 == 0:
            shares.append(round(seen_share(world.reachable_floor(), world.T_world_odom, voxel_map.explored()), 4))

    began = time.monotonic()
    run = explore(world, None, voxel_map, explorer, settings.steps, watch, settings.seed)
    wall_s = time.monotonic() - began
    floor, explored = world.reachable_floor(), voxel_map.explored()
    result = measure(floor, world.T_world_odom, explored, run.poses)
    xy = run.poses[:, :2, 3]
    top = top_down(voxel_map.obstacles(), explored, run.poses, (), floor, world.T_world_odom, 25.0)
    write_top_down(picture, top)
    return {
        **result.as_dict(),
        "curve": shares[1:],
        "contacts": run.collisions,
        "contacts_per_100_steps": round(100.0 * run.collisions / settings.steps, 3),
        "stuck_steps": stuck_steps(xy, run.explored_m2),
        "longest_standstill": longest_standstill(xy, run.explored_m2),
        "turns": sum(action in (Action.LEFT, Action.RIGHT) for action in run.actions),
        "goals": len(run.goals),
        "replans": run.replans,
        "think_cpu_ms": {"median": _ms(explorer.ms, 50), "p90": _ms(explorer.ms, 90)},
        "wall_s": round(wall_s, 1),
    }


def _ms(values: list[float], percentile: float) -> float:
    return round(float(np.percentile(values, percentile)), 2) if values else math.nan


def run_key(world: EmbeddedSimulator, settings: Settings) -> str:
    """SHA-256 of all that decides a run: the scene's geometry, the settings, and the code."""
    digest = hashlib.sha256(repr(asdict(settings)).encode())
    for part in world.scene.parts:
        digest.update(part.mesh.vertices.tobytes() + part.mesh.faces.tobytes())
    digest.update(repr((world.scene.start_xy, world.config)).encode())
    digest.update(code_hash(*CODE).encode())
    return digest.hexdigest()


def summary(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means and extremes over homes: all, and per split."""
    out = {}
    splits = {"all": list(rows), "train": [h for h in rows if h not in TEST_HOMES]}
    splits["test"] = [h for h in rows if h in TEST_HOMES]
    for split, homes in splits.items():
        if not homes:
            continue
        of = [rows[home] for home in homes]
        curves = [row["curve"] for row in of]
        out[split] = {
            "homes": len(of),
            "mean_seen_share": round(float(np.mean([row["seen_share"] for row in of])), 4),
            "least_seen_share": min(row["seen_share"] for row in of),
            "mean_curve": [round(float(v), 4) for v in np.mean(curves, axis=0)],
            "contacts_per_100_steps": round(float(np.mean([row["contacts_per_100_steps"] for row in of])), 3),
            "stuck_homes": sum(row["stuck_steps"] > 0 for row in of),
            "longest_standstill": max(row["longest_standstill"] for row in of),
            "outside_free_space": sum(row["outside_free_space"] for row in of),
            "mean_path_m": round(float(np.mean([row["path_m"] for row in of])), 1),
        }
    return out


def main() -> None:
    """Run every home, printing each, and write table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="train", help="names with commas, train, test, or all")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policy", default="frontier")
    parser.add_argument("--workers", type=int, default=1, help="homes at the same time")
    parser.add_argument("--work", type=Path, default=Path("runs/explore_homes"))
    parser.add_argument("--out", type=Path, default=Path("results/explore_homes.json"))
    parser.add_argument("--sheet", type=Path, help="also draw all homes on one picture (.jpg)")
    options = parser.parse_args()
    homes = parse_homes("train,test" if options.homes == "all" else options.homes)
    settings = Settings(options.steps, options.width, options.height, options.seed, options.policy)
    if options.workers < 1:
        raise InputError(f"--workers must be at least 1, got {options.workers}")
    rows: dict[str, dict[str, Any]] = {}
    began = time.monotonic()
    with ProcessPoolExecutor(options.workers, context("fork")) as pool:
        for home, row in zip(homes, pool.map(explore_home, *_arguments(homes, settings, options.work)), strict=True):
            rows[home] = row
            left = (time.monotonic() - began) / len(rows) * (len(homes) - len(rows))
            _show(home, row, f"{len(rows)}/{len(homes)}, {left / 60:.0f} min left")
    limits = {"spins": list(SPINS), "dithers": list(DITHERS)}
    result = {"provenance": provenance(), "settings": asdict(settings), "stuck": limits}
    write_json(options.out, {**result, "summary": summary(rows), "homes": rows})
    for split, row in summary(rows).items():
        print(split, row)
    if options.sheet:
        captions = {home: f"{home}  {100 * row['seen_share']:.1f} %" for home, row in rows.items()}
        write_sheet(options.sheet, {home: options.work / f"topdown_{home}.png" for home in rows}, captions)


def _arguments(homes: tuple[str, ...], settings: Settings, work: Path) -> tuple[list[Any], list[Any], list[Any]]:
    return list(homes), [settings] * len(homes), [work] * len(homes)


def _show(home: str, row: dict[str, Any], progress: str) -> None:
    curve = " ".join(f"{100 * share:5.1f}" for share in row["curve"])
    print(
        f"{home}: {row['floor_m2']:5.1f} m2, seen {curve} %, {row['path_m']:.0f} m, {row['contacts']} contacts, "
        f"stuck {row['stuck_steps']}, longest {row['longest_standstill']}, {row['think_cpu_ms']['median']:.1f} ms, "
        f"{row['wall_s']:.0f} s ({progress})",
        flush=True,
    )


if __name__ == "__main__":
    main()
