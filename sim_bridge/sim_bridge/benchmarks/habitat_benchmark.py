# SPDX-License-Identifier: Apache-2.0
"""Steps per second of both backends, in turns: `python -m sim_bridge.benchmarks.habitat_benchmark SCENE --out FILE`.

A step moves the robot and brings colour, depth and labels. The scene is written out for habitat-sim, both walk the
same actions, and short rounds alternate, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.files import write_json
from seal_perception.simulator import Action
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.scenes.load import load_scene
from sim_bridge.scenes.stages.write import write_habitat
from sim_bridge.worlds import World, open_simulator

SIZES = ((640, 480), (320, 240), (160, 120))
MOVES = (Action.FORWARD, Action.FORWARD, Action.FORWARD, Action.LEFT, Action.RIGHT)


def _cpu_s() -> float:
    """Seconds of all cores that this process has used, its threads counted."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed_round(world: World, seed: int, steps: int, truth: bool) -> tuple[float, float]:
    """Milliseconds per step by the clock, and of CPU time, over a walk that belongs to `seed`."""
    moves = np.random.default_rng(seed).integers(0, len(MOVES), steps)
    world.reset(seed)
    clock, cpu = time.perf_counter(), _cpu_s()
    for move in moves:
        world.step(MOVES[int(move)])
        if truth:
            world.truth_images()
    return 1e3 * (time.perf_counter() - clock) / steps, 1e3 * (_cpu_s() - cpu) / steps


def _row(name: str, size: tuple[int, int], truth: bool, times: list[tuple[float, float]]) -> dict[str, Any]:
    clock = sorted(ms for ms, _ in times)
    return {
        "backend": name,
        "size": f"{size[0]} x {size[1]}",
        "pictures": "rgb, depth, truth" if truth else "rgb, depth",
        "steps_per_s": round(1e3 / statistics.median(clock), 1),
        "steps_per_s_slowest_round": round(1e3 / clock[-1], 1),
        "steps_per_s_fastest_round": round(1e3 / clock[0], 1),
        "cpu_ms_per_step": round(statistics.median(ms for _, ms in times), 2),
    }


def measure(scene_name: str, rounds: int, steps: int) -> dict[str, Any]:
    """Rows of both backends for every size, with and without truth."""
    scene = load_scene(scene_name)
    rows: list[dict[str, Any]] = []
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="seal_habitat_") as folder:
        # Both draw the same triangles: no backs for habitat-sim.
        write_habitat(scene, Path(folder) / "scene", backs=False)
        for width, height in SIZES:
            config = EmbeddedConfig(width=width, height=height)
            worlds: dict[str, World] = {
                "embedded": EmbeddedSimulator(scene, config),
                "habitat": open_simulator(f"habitat:{folder}/scene", config),
            }
            for truth in (True, False):
                times: dict[str, list[tuple[float, float]]] = {name: [] for name in worlds}
                for number in range(rounds + 1):
                    for name, world in worlds.items():
                        found = timed_round(world, 1 + number, steps, truth)
                        if number > 0:
                            times[name].append(found)
                rows += [_row(name, (width, height), truth, found) for name, found in times.items()]
                loads.append(os.getloadavg()[0])
            for world in worlds.values():
                world.close()
    return {
        "scene": scene.name,
        "triangles": int(sum(len(part.mesh.faces) for part in scene.parts)),
        "rounds": rounds,
        "steps_per_round": steps,
        "cpus": len(os.sched_getaffinity(0)),
        "load_average_1min": [round(value, 1) for value in loads],
        "rows": rows,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Steps per second of the embedded simulator and of habitat-sim.")
    parser.add_argument("scene", help="home, or folder with scene.glb and objects.json")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = measure(args.scene, args.rounds, args.steps)
    command = "python -m sim_bridge.benchmarks.habitat_benchmark "
    command += f"{Path(args.scene).name} --rounds {args.rounds} --steps {args.steps}"
    write_json(args.out, {"command": command, **found})
    for row in found["rows"]:
        print(f"{row['backend']:9} {row['size']:10} {row['pictures']:18} {row['steps_per_s']:7.1f} steps/s")


if __name__ == "__main__":
    main()
