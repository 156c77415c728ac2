# SPDX-License-Identifier: Apache-2.0
"""How much of every home does a policy see from several starts, does it get stuck, does it touch things?

python -m seal_bringup.experiments.explore_homes --homes all --out results/explore_homes.json

In one process, without ROS. By default without a detector: the map holds geometry only, so the pictures' light is left
out. With `--weights seal-small --width 320 --height 240` the figures also say how many voxels are confident, how many
of them are right, and how often each object was in view (`views`).

The truth (reachable floor, labels) is read for the figures alone. Each run's figures are kept under --work and taken
from there when the same code has run from the same start before; what the run says of itself is read off the map that
it left.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.demo.config import TEST_HOMES, parse_homes
from seal_bringup.evaluation.coverage import measure, seen_share, top_down, write_top_down
from seal_bringup.evaluation.shut_in import FEW, RunEnd, remarks
from seal_bringup.evaluation.standstill import DITHERS, SPINS, longest_standstill, stuck_steps
from seal_bringup.evaluation.true_views import TrueViews
from seal_bringup.experiments.explore_sheet import write_sheet
from seal_bringup.provenance import code_hash, provenance
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import names_of
from seal_perception.detector.detector import load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import replacing, sha256, write_json
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.reading.text import read_json
from seal_perception.running.processes import context
from seal_perception.simulator import Action
from seal_policy.explorer import Explorer
from seal_policy.goals.policy import NO_LAYERS, MapLayers
from seal_policy.loop import Trajectory, explore
from seal_policy.planning.motion import planar
from seal_policy.registry import make_policy
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
        "seal_bringup.evaluation.true_views",
        "seal_bringup.experiments.explore_homes",
    ),
)
"""What decides a run and its figures."""


SEEDS = (4711, 4712, 4713, 4714, 4715, 4716)


@dataclass(frozen=True)
class Settings:
    """What is run.

    Attributes:
        steps: actions of the robot.
        width, height: size of the pictures.
        seed: of the start pose; 0 = the middle of the home, facing +x.
        policy: name of the goal policy.
        weights: of the detector; "none" = a map without categories.
        policy_weights: file of a learned policy.
    """

    steps: int = 300
    width: int = 128
    height: int = 96
    seed: int = 4711
    policy: str = "frontier"
    weights: str = "none"
    policy_weights: str = ""

    def __post_init__(self) -> None:
        if min(self.steps, self.width, self.height) < 1:
            raise InputError(f"steps, width and height must be at least 1, got {self}")


class TimedExplorer(Explorer):
    """An explorer that keeps how long it thinks, in CPU time: other work on the machine does not count.

    Attributes:
        ms: milliseconds of each step.
        squeezed: steps on a route that needed the narrow margin.
    """

    ms: list[float]
    squeezed: int = 0

    def act(
        self,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: Any,
        step: int,
        layers: MapLayers = NO_LAYERS,
    ) -> Action:
        """See `Explorer.act`."""
        start = time.thread_time()
        action = super().act(obstacles, explored, T_map_base, step, layers)
        self.ms.append(1e3 * (time.thread_time() - start))
        self.squeezed += self.driver.squeezes
        return action


def explore_home(home: str, settings: Settings, work: Path, world: EmbeddedSimulator | None = None) -> dict[str, Any]:
    """Figures of one run; HOME_SEED.json, .npz (`RunEnd`) and topdown_HOME_SEED.png are left in `work`.

    Args:
        home: name of the home.
        settings: what to run.
        work: folder that keeps what is done.
        world: the home, if it is open already.
    """
    opened = open_home(home, settings) if world is None else world
    key, name = run_key(opened, settings), f"{home}_{settings.seed}"
    kept, end, picture = work / f"{name}.json", work / f"{name}.npz", work / f"topdown_{name}.png"
    row = None
    if kept.is_file() and end.is_file() and picture.is_file():
        found = read_json(kept)
        row = dict(found["row"]) if found.get("key") == key else None
    if row is None:
        row = _run(opened, settings, end, picture)
        write_json(kept, {"home": home, "key": key, "row": row})
    if world is None:
        opened.close()
    return row


def open_home(home: str, settings: Settings) -> EmbeddedSimulator:
    """The home with the camera of the settings."""
    size = {"width": settings.width, "height": settings.height}
    unlit = {} if settings.weights != "none" else {"light": UNLIT, "cache_light": False}
    return EmbeddedSimulator(make_home(home), EmbeddedConfig(**size, **unlit))  # type: ignore[arg-type]


def explore_starts(home: str, settings: Settings, seeds: tuple[int, ...], work: Path) -> dict[str, dict[str, Any]]:
    """Figures of the runs of one home, by seed; see `explore_home`."""
    world = open_home(home, settings)
    rows = {}
    for seed in seeds:
        rows[str(seed)] = row = explore_home(home, replace(settings, seed=seed), work, world)
        _show(f"{home} {seed}", row)
    world.close()
    return rows


def _run(world: EmbeddedSimulator, settings: Settings, end: Path, picture: Path) -> dict[str, Any]:
    detector = load_detector(settings.weights) if settings.weights != "none" else None
    voxel_map, shares = VoxelMap(MapConfig().for_names(None if detector is None else names_of(detector))), []
    truth = TrueViews(voxel_map.config) if detector is not None else None
    explorer = TimedExplorer(make_policy(settings.policy, settings.seed, weights=settings.policy_weights))
    explorer.ms = []

    def watch(step: int, frame: Frame, found: object, action: Action | None) -> None:
        if step % 100 == 0:
            shares.append(round(seen_share(world.reachable_floor(), world.T_world_odom, voxel_map.explored()), 4))
        if truth is not None:
            truth.add(frame, world.truth_images())

    began = time.monotonic()
    run = explore(world, detector, voxel_map, explorer, settings.steps, watch, settings.seed)
    wall_s = time.monotonic() - began
    floor, explored = world.reachable_floor(), voxel_map.explored()
    result = measure(floor, world.T_world_odom, explored, run.poses)
    xy = run.poses[:, :2, 3]
    top = top_down(voxel_map.obstacles(), explored, run.poses, (), floor, world.T_world_odom, 25.0)
    write_top_down(picture, top)
    write_end(end, voxel_map, run)
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
        "squeezed": explorer.squeezed,
        "think_cpu_ms": {"median": _ms(explorer.ms, 50), "p90": _ms(explorer.ms, 90)},
        "wall_s": round(wall_s, 1),
        **({"views": truth.figures(voxel_map)} if truth is not None else {}),
    }


def with_line(end: Path, row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run with the line that `seal explore` would end with; None = it would say nothing."""
    return {**row, "line": remarks(read_kept_end(end), row["seen_share"]).get("line")}


def write_end(path: Path, voxel_map: VoxelMap, run: Trajectory) -> None:
    """What the run left, without truth: the floor plan and the way."""
    obstacles, explored = voxel_map.obstacles(), voxel_map.explored()
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(
            file,
            obstacles=obstacles.cells,
            explored=explored.cells,
            origin_xy=obstacles.origin_xy,
            cell_m=obstacles.cell_m,
            poses=np.array([planar(T) for T in run.poses]),
            explored_m2=run.explored_m2,
            goals=np.array([(step, *xy) for step, xy in run.goals]).reshape(-1, 3),
        )


def _ms(values: list[float], percentile: float) -> float:
    return round(float(np.percentile(values, percentile)), 2) if values else math.nan


def run_key(world: EmbeddedSimulator, settings: Settings) -> str:
    """SHA-256 of all that decides a run: the scene's geometry, the settings, and the code."""
    digest = hashlib.sha256(repr(asdict(settings)).encode())
    for part in world.scene.parts:
        digest.update(part.mesh.vertices.tobytes() + part.mesh.faces.tobytes())
    digest.update(repr((world.scene.start_xy, world.config)).encode())
    if settings.weights != "none":
        digest.update(sha256(resolve_weights(settings.weights)).encode())
    if settings.policy_weights:
        digest.update(sha256(settings.policy_weights).encode())
    digest.update(code_hash(*CODE).encode())
    return digest.hexdigest()


def summary(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Means and extremes over runs: all, and per split.

    Args:
        rows: figures by home and by seed.
    """
    out = {}
    splits = {"all": list(rows), "train": [h for h in rows if h not in TEST_HOMES]}
    splits["test"] = [h for h in rows if h in TEST_HOMES]
    for split, homes in splits.items():
        if homes:
            of = [row for home in homes for row in rows[home].values()]
            out[split] = {"homes": len(homes), **figures(of)}
    return out


def figures(of: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and extremes of some runs."""
    shares = [row["seen_share"] for row in of]
    return {
        "runs": len(of),
        "mean_seen_share": round(float(np.mean(shares)), 4),
        "least_seen_share": min(shares),
        "below_60_percent": sum(share < FEW for share in shares),
        "below_60_percent_without_a_line": sum(row["seen_share"] < FEW and not row["line"] for row in of),
        "lines": sum(bool(row["line"]) for row in of),
        "squeezed_runs": sum(row["squeezed"] > 0 for row in of),
        "mean_curve": [round(float(v), 4) for v in np.mean([row["curve"] for row in of], axis=0)],
        "contacts_per_100_steps": round(float(np.mean([row["contacts_per_100_steps"] for row in of])), 3),
        "stuck_runs": sum(row["stuck_steps"] > 0 for row in of),
        "longest_standstill": max(row["longest_standstill"] for row in of),
        "outside_free_space": sum(row["outside_free_space"] for row in of),
        "mean_path_m": round(float(np.mean([row["path_m"] for row in of])), 1),
        **_mean_views([row["views"] for row in of if "views" in row]),
    }


def _mean_views(of: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Means of the figures of `TrueViews`, where runs have them."""
    return {"views": {key: round(float(np.mean([row[key] for row in of])), 4) for key in of[0]}} if of else {}


def main() -> None:
    """Run every home from every start, printing each run, and write table and pictures."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="train", help="names with commas, train, test, or all")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="start seeds with commas")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--width", type=int, default=usual.width)
    parser.add_argument("--height", type=int, default=usual.height)
    parser.add_argument("--policy", default=usual.policy)
    parser.add_argument("--policy-weights", default="", help="file of a learned policy")
    parser.add_argument("--weights", default=usual.weights, help="detector; none = a map without categories")
    parser.add_argument("--workers", type=int, default=1, help="homes at the same time")
    parser.add_argument("--work", type=Path, default=Path("runs/explore_homes"))
    parser.add_argument("--out", type=Path, default=Path("results/explore_homes.json"))
    parser.add_argument("--sheet", type=Path, help="also draw each home's least seen run on one picture (.jpg)")
    options = parser.parse_args()
    homes = parse_homes("train,test" if options.homes == "all" else options.homes)
    chosen = {"policy": options.policy, "policy_weights": options.policy_weights, "weights": options.weights}
    settings = Settings(options.steps, options.width, options.height, **chosen)
    seeds = parse_seeds(options.seeds)
    if options.workers < 1:
        raise InputError(f"--workers must be at least 1, got {options.workers}")
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    began = time.monotonic()
    with ProcessPoolExecutor(options.workers, context("fork")) as pool:
        done = pool.map(explore_starts, homes, *([each] * len(homes) for each in (settings, seeds, options.work)))
        for home, of_home in zip(homes, done, strict=True):
            rows[home] = {seed: with_line(options.work / f"{home}_{seed}.npz", row) for seed, row in of_home.items()}
            left = (time.monotonic() - began) / len(rows) * (len(homes) - len(rows))
            print(f"{len(rows)}/{len(homes)} homes, {left / 60:.0f} min left", flush=True)
    limits = {"spins": list(SPINS), "dithers": list(DITHERS)}
    result = {"provenance": provenance(), "settings": {**asdict(settings), "seed": list(seeds)}, "stuck": limits}
    write_json(options.out, {**result, "summary": summary(rows), "homes": rows})
    for split, row in summary(rows).items():
        print(split, row)
    if options.sheet:
        _write_sheet(options.sheet, options.work, rows)


def _write_sheet(path: Path, work: Path, rows: dict[str, dict[str, dict[str, Any]]]) -> None:
    least = {home: min(of, key=lambda seed: of[seed]["seen_share"]) for home, of in rows.items()}
    captions = {home: f"{home}  {100 * rows[home][seed]['seen_share']:.1f} %" for home, seed in least.items()}
    write_sheet(path, {home: work / f"topdown_{home}_{seed}.png" for home, seed in least.items()}, captions)


def read_kept_end(path: Path) -> RunEnd:
    """What a run left, as `write_end` wrote it."""
    with np.load(path) as kept:
        obstacles, explored = (
            Grid2D(kept[n], kept["origin_xy"], float(kept["cell_m"])) for n in ("obstacles", "explored")
        )
        goals = tuple((int(step), (float(x), float(y))) for step, x, y in kept["goals"])
        return RunEnd(obstacles, explored, kept["poses"], kept["explored_m2"], goals)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Start seeds of a text such as 0,1,2.

    Raises:
        InputError: if one is no whole number >= 0, or there is none.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise InputError(f"--seeds must be whole numbers with commas, such as 0,1,2; got {text!r}")
    return tuple(dict.fromkeys(map(int, parts)))


def _show(name: str, row: dict[str, Any]) -> None:
    curve = " ".join(f"{100 * share:5.1f}" for share in row["curve"])
    print(
        f"{name}: {row['floor_m2']:5.1f} m2, seen {curve} %, {row['path_m']:.0f} m, {row['contacts']} contacts, "
        f"stuck {row['stuck_steps']}, longest {row['longest_standstill']}, squeezed {row['squeezed']}, "
        f"{row['think_cpu_ms']['median']:.1f} ms, {row['wall_s']:.0f} s {row.get('views', '')}",
        flush=True,
    )


if __name__ == "__main__":
    main()
