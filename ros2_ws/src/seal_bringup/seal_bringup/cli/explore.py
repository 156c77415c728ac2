# SPDX-License-Identifier: Apache-2.0
"""`seal explore`: one run over ROS and what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seal_bringup.stack import StackConfig


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
    paced: Annotated[bool, typer.Option(help="Time runs and cmd_vel drives, instead of steps.")] = False,
    minutes: Annotated[float, typer.Option(help="Paced: simulated minutes.")] = 10.0,
    rtf: Annotated[
        float, typer.Option(help="Paced: simulated seconds per second; 0 = in one process without ROS, at full speed.")
    ] = 1.0,
    noise: Annotated[bool, typer.Option(help="Paced: noise of a D435 and of a LoCoBot's wheels and odometry.")] = False,
    wall_heading: Annotated[
        bool, typer.Option(help="Paced with --noise: correct the heading by walls at right angles.")
    ] = True,
) -> None:
    """Let the robot explore a scene over ROS 2, then measure what it has seen.

    Starts simulator, perception, mapping, policy, planner and recorder as processes. The folder then holds the bag,
    map.npz, trajectory.json, status.json, logs, pictures from above, and coverage.json: the share of the reachable
    floor that was seen, computed from the simulator's truth after the run (no node ever gets it).
    """
    from seal_bringup.stack import StackConfig

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
    if paced:
        _explore_paced(config, minutes, rtf, noise, wall_heading)
    else:
        _explore_in_steps(config)


def _explore_in_steps(config: StackConfig) -> None:
    from rich.console import Console

    from seal_bringup.coverage import evaluate_run
    from seal_bringup.runner import run_stack
    from seal_perception.files import write_json
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.worlds import open_simulator

    folder = Path(config.run_dir)
    result = run_stack(config)
    world = open_simulator(config.scene, EmbeddedConfig(width=config.width, height=config.height))
    world.reset(config.seed)
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


def _explore_paced(config: StackConfig, minutes: float, rtf: float, noise: bool, wall_heading: bool) -> None:
    import dataclasses

    from rich.console import Console

    from seal_bringup.paced_explore import evaluate_paced, noisy, run_in_process
    from seal_bringup.runner import run_stack
    from seal_perception.errors import InputError
    from seal_perception.files import write_json

    if rtf < 0:
        raise InputError(f"--rtf must be positive, or 0 for a run in one process, got {rtf}")
    changes: dict[str, Any] = {"mode": "paced", "minutes": minutes, "real_time_factor": rtf or 1.0, "write_truth": True}
    if noise:
        changes |= {**noisy(), "wall_heading": wall_heading}
    config = dataclasses.replace(config, **changes)
    if rtf:
        run_stack(config)
    else:
        run_in_process(config)
    figures = evaluate_paced(config)
    write_json(Path(config.run_dir) / "coverage.json", figures)
    console = Console()
    console.print(f"{config.seconds:.0f} simulated seconds: {config.run_dir}", highlight=False)
    for key, value in figures.items():
        console.print(f"  {key}: {value}", highlight=False)
