# SPDX-License-Identifier: Apache-2.0
"""`seal explore`: one run over ROS and what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="explore")(explore)


def explore(
    scene: Annotated[str, typer.Option(help="Home (test_01) or folder with scene.glb and objects.json.")] = "test_01",
    steps: Annotated[int, typer.Option(help="Actions: 0.25 m ahead or 30 degrees.")] = 300,
    seed: Annotated[int, typer.Option(help="Start pose (0 = the scene's own) and seed of the policy.")] = 0,
    policy: Annotated[str, typer.Option(help="Goal policy: frontier or random.")] = "frontier",
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/explore_SCENE_SEED if not given.")] = None,
    weights: Annotated[
        str, typer.Option(help="Detector: seal-small, coco, a .safetensors file, or none.")
    ] = "seal-small",
    width: Annotated[int, typer.Option(help="Width of the pictures in pixels.")] = 320,
    height: Annotated[int, typer.Option(help="Height of the pictures in pixels.")] = 240,
    record: Annotated[bool, typer.Option(help="Record a bag.")] = True,
    domain_id: Annotated[int, typer.Option(help="ROS_DOMAIN_ID of the run; -1 = the environment's.")] = -1,
) -> None:
    """Let the robot explore a scene over ROS 2, then measure what it has seen.

    Starts simulator, perception, mapping, policy, planner and recorder as processes. The folder then holds the bag,
    map.npz, trajectory.json, status.json, logs, pictures from above, and coverage.json: the share of the reachable
    floor that was seen, computed from the simulator's truth after the run (no node ever gets it).
    """
    from rich.console import Console

    from seal_bringup.coverage import evaluate_run
    from seal_bringup.runner import run_stack
    from seal_bringup.stack import StackConfig
    from seal_perception.files import write_json
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.worlds import open_simulator

    folder = out or Path("runs") / f"explore_{Path(scene).name}_{seed}"
    config = StackConfig(
        scene=scene,
        steps=steps,
        run_dir=folder,
        seed=seed,
        weights=weights,
        width=width,
        height=height,
        policy=policy,
        record=record,
        domain_id=domain_id,
    )
    result = run_stack(config)
    world = open_simulator(scene, EmbeddedConfig(width=width, height=height))
    world.reset(seed)
    coverage = evaluate_run(folder, world)
    world.close()
    write_json(folder / "coverage.json", coverage)
    console = Console()
    console.print(
        f"{result.frames} frames in {result.wall_s:.0f} s ({result.steps_per_s:.1f} steps/s): {folder}", highlight=False
    )
    for key, value in coverage.items():
        if isinstance(value, (int, float)):
            console.print(f"  {key}: {value}", highlight=False)
