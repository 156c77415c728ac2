# SPDX-License-Identifier: Apache-2.0
"""`seal explore` and `seal run`: a run over ROS, from options or from a stack file; `seal compare` of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.cli.options import CATEGORY_LIST, with_options
from seal_bringup.live.config import PORT

if TYPE_CHECKING:
    from rich.console import Console

    from seal_bringup.stack.config import StackConfig


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="run")(run)
    app.command(name="explore")(explore)
    app.command(name="compare")(compare)


@dataclass(frozen=True)
class RunOptions:
    """Where the robot goes."""

    scene: Annotated[str, typer.Option(help="Home (test_01) or folder with scene.glb and objects.json.")] = "test_01"
    steps: Annotated[
        int | None, typer.Option(help="Actions: 0.25 m ahead or 30 degrees; 300 if not given. Not with --paced.")
    ] = None
    seed: Annotated[int, typer.Option(help="Start pose (0 = the scene's own) and seed of the policy.")] = 0
    policy: Annotated[
        str,
        typer.Option(
            help="Goal policy: frontier, random, gainful_views, or learned: gainful_curiosity, ans, semantic_curiosity."
        ),
    ] = "frontier"
    policy_weights: Annotated[
        str,
        typer.Option(help="File of a learned policy; `seal train-policy` writes it.", show_default="none comes along"),
    ] = ""


@dataclass(frozen=True)
class SightOptions:
    """Detector and camera of the robot."""

    weights: Annotated[
        str, typer.Option(help="Detector: seal-small, seal-homes, coco, a .safetensors file, or none.")
    ] = "seal-small"
    categories: CATEGORY_LIST = None
    width: Annotated[int, typer.Option(help="Width of the pictures in pixels.")] = 320
    height: Annotated[int, typer.Option(help="Height of the pictures in pixels.")] = 240


@dataclass(frozen=True)
class RosOptions:
    """Bag and ROS domain of the run."""

    record: Annotated[bool | None, typer.Option(help="Record a bag; the default, except with --rtf 0.")] = None
    domain_id: Annotated[int, typer.Option(help="ROS_DOMAIN_ID of the run; -1 = the environment's.")] = -1
    live: Annotated[bool, typer.Option("--live", help="Show the run in the browser while it goes on.")] = False
    live_port: Annotated[int, typer.Option(help="TCP port of the live page; 0 = any free one.")] = PORT


@dataclass(frozen=True)
class PaceOptions:
    """Options of a paced run."""

    paced: Annotated[bool, typer.Option(help="Time runs and cmd_vel drives, instead of steps.")] = False
    minutes: Annotated[float | None, typer.Option(help="Paced: simulated minutes; 10 if not given.")] = None
    rtf: Annotated[
        float | None,
        typer.Option(
            help="Paced: simulated seconds per second, 1 if not given; 0 = in one process without ROS, at full speed."
        ),
    ] = None
    noise: Annotated[bool, typer.Option(help="Paced: noise of a D435 and of a LoCoBot's wheels and odometry.")] = False
    object_goals: Annotated[
        bool,
        typer.Option(
            "--object-goals", help="Paced: hear object_goal, or --live's list: look for that category and stop there."
        ),
    ] = False
    wall_heading: Annotated[
        bool | None,
        typer.Option(help="Paced with --noise: correct odometry by walls and by what was seen; done by default."),
    ] = None


@with_options
def explore(
    *,
    run: RunOptions,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/explore_SCENE_SEED if not given.")] = None,
    sight: SightOptions,
    ros: RosOptions,
    pace: PaceOptions,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that the folder holds.")] = False,
) -> None:
    """Let the robot explore a scene over ROS 2, then measure what it has seen.

    Starts simulator, perception, mapping, policy, planner and recorder as processes. The folder then holds the bag,
    map.npz, trajectory.json, status.json, logs, pictures from above, and coverage.json: the share of the reachable
    floor that was seen, computed from the simulator's truth after the run (no node ever gets it). With --paced that
    is the share that the run's pictures show when they are put at the true poses (docs/paced.md).
    """
    from seal_bringup.stack.config import StackConfig
    from seal_bringup.stack.run_check import check_run

    _refuse_unused(run.steps, ros, pace)
    changes: dict[str, Any] = {} if run.steps is None else {"steps": run.steps}
    if pace.paced:
        changes = _paced_fields(pace)
    config = StackConfig(
        scene=run.scene,
        run_dir=out or Path("runs") / f"explore_{Path(run.scene).name}_{run.seed}",
        seed=run.seed,
        weights=sight.weights,
        categories=",".join(sight.categories or ()),
        width=sight.width,
        height=sight.height,
        policy=run.policy,
        policy_weights=run.policy_weights,
        record=pace.rtf != 0 if ros.record is None else ros.record,
        domain_id=ros.domain_id,
        live=ros.live,
        live_port=ros.live_port,
        **changes,
    )
    check_run(config, overwrite)
    if pace.paced:
        _explore_paced(config, in_process=pace.rtf == 0)
    else:
        _explore_in_steps(config)


def _refuse_unused(steps: int | None, ros: RosOptions, pace: PaceOptions) -> None:
    """Refuse options that have no effect on this run.

    Raises:
        InputError: for the first of them.
    """
    from seal_perception.errors import InputError

    heading = pace.wall_heading is not None
    of_paced = {"--minutes": pace.minutes is not None, "--rtf": pace.rtf is not None, "--noise": pace.noise}
    of_paced["--object-goals"] = pace.object_goals
    of_paced["--wall-heading or --no-wall-heading"] = heading
    for name, given in of_paced.items():
        if given and not pace.paced:
            raise InputError(f"{name} is for paced runs: add --paced, or leave it out")
    if pace.paced and steps is not None:
        raise InputError("--steps counts the actions of a run without --paced: give --minutes instead")
    if heading and not pace.noise:
        raise InputError("--wall-heading and --no-wall-heading are for runs with --noise: add it, or leave them out")
    if ros.live_port != PORT and not ros.live:
        raise InputError("--live-port is for runs with --live: add it, or leave it out")
    if pace.rtf == 0 and (ros.record or ros.live or ros.domain_id != -1 or pace.object_goals):
        named = {"--record": ros.record, "--live": ros.live, "--object-goals": pace.object_goals, "--domain-id": True}
        name = next(name for name, given in named.items() if given)
        raise InputError(f"{name} needs ROS, and --rtf 0 runs in one process without it: leave one of the two out")


def _paced_fields(pace: PaceOptions) -> dict[str, Any]:
    """Fields of a paced stack.

    Raises:
        InputError: if `rtf` is negative.
    """
    from seal_bringup.paced.explore import noisy
    from seal_perception.errors import InputError

    if pace.rtf is not None and pace.rtf < 0:
        raise InputError(f"--rtf must be positive, or 0 for a run in one process, got {pace.rtf}")
    fields: dict[str, Any] = {"mode": "paced", "real_time_factor": pace.rtf or 1.0, "write_truth": True}
    fields["object_goals"] = pace.object_goals
    if pace.minutes is not None:
        fields["minutes"] = pace.minutes
    return {**fields, **noisy(), "wall_heading": pace.wall_heading is not False} if pace.noise else fields


def _explore_in_steps(config: StackConfig) -> None:
    from seal_bringup.console import make_console
    from seal_bringup.evaluation.coverage import evaluate_run
    from seal_bringup.stack.runner import run_stack
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
    console = make_console()
    console.print(
        f"{result.frames} frames in {result.wall_s:.0f} s ({result.steps_per_s:.1f} steps/s): {folder}", highlight=False
    )
    for key, value in coverage.items():
        if isinstance(value, (int, float)):
            console.print(f"  {key}: {value}", highlight=False)
    _warn(console, coverage)


def _warn(console: Console, figures: dict[str, Any]) -> None:
    """The last line of a run that did not get on, or saw little."""
    if "line" in figures:
        console.print(f"warning: {figures['line']}", style="yellow", highlight=False, markup=False)


def _explore_paced(config: StackConfig, in_process: bool) -> None:
    from seal_bringup.bars import rate_bar
    from seal_bringup.console import make_console
    from seal_bringup.paced.explore import evaluate_paced, run_in_process
    from seal_bringup.stack.runner import run_stack
    from seal_perception.files import write_json

    end = None
    if in_process:
        with rate_bar("explore", "pictures") as report:
            end = run_in_process(config, report)
    else:
        run_stack(config)
    with rate_bar("measure", "pictures") as report:
        figures = evaluate_paced(config, report, end)
    write_json(Path(config.run_dir) / "coverage.json", figures)
    console = make_console()
    no_bag = "; no bag: --rtf 0 records none" if in_process else ""
    console.print(f"{config.seconds:.0f} simulated seconds: {config.run_dir}{no_bag}", highlight=False)
    for key, value in figures.items():
        if key in ("line", "shut_in"):
            continue
        parts = value.items() if isinstance(value, dict) else ()
        console.print(f"  {key}: {', '.join(f'{name} {part}' for name, part in parts) or value}", highlight=False)
    _warn(console, figures)


def run(
    stack: Annotated[
        Path, typer.Argument(help="ROS 2 parameter file with the run and its nodes; see seal_bringup/config/sim.yaml.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for bag, map, trajectory and logs.")] = Path("runs/run"),
    scene: Annotated[str, typer.Option(help="Home or scene folder instead of the file's.")] = "",
    steps: Annotated[int, typer.Option(help="Actions instead of the file's; 0 = the file's.")] = 0,
    namespace: Annotated[str, typer.Option(help="Prefix of all topics, e.g. robot1.")] = "",
    domain_id: Annotated[int, typer.Option(help="ROS_DOMAIN_ID of the run; -1 = the environment's.")] = -1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that the folder holds.")] = False,
) -> None:
    """Run the nodes of a run with the parameters of STACK until it is over, without `ros2 launch`.

    Each node is a process of its own with a log in OUT/log. When one dies, the command names it and stops the rest.
    RViz, Foxglove and `ros2 topic` see the topics under the same ROS_DOMAIN_ID.
    """
    from seal_bringup.console import make_console
    from seal_bringup.evaluation.shut_in import note_remarks
    from seal_bringup.stack.overrides import config_from_file
    from seal_bringup.stack.run_check import check_run
    from seal_bringup.stack.runner import run_stack

    given = {"scene": scene, "steps": steps, "namespace": namespace}
    overrides = {key: value for key, value in given.items() if value}
    config = config_from_file(stack, run_dir=out, **overrides, **({"domain_id": domain_id} if domain_id >= 0 else {}))
    check_run(config, overwrite)
    result = run_stack(config)
    console = make_console()
    console.print(
        f"{result.frames} frames in {result.wall_s:.0f} s ({result.steps_per_s:.1f} steps/s): {result.run_dir}",
        highlight=False,
    )
    _warn(console, note_remarks(result.run_dir))


def compare(
    one: Annotated[Path, typer.Argument(help="Folder of a run: bag, map.npz and trajectory.json.")],
    other: Annotated[Path, typer.Argument(help="Folder of another run.")],
) -> None:
    """Tell whether two runs are the same bit for bit: messages of the bags, arrays of the maps, the way.

    In lockstep a seed repeats a run whatever starts its nodes: `seal explore`, `seal run` or `ros2 launch`. Ends with 1
    and a line per topic, array or list that differs. A paced run never repeats.
    """
    from seal_bringup.console import echo
    from seal_bringup.evaluation.same_run import compare_runs
    from seal_perception.errors import SealError

    found = compare_runs(one, other)
    for line in found.compared:
        echo(line)
    for line in found.differences:
        echo(f"different: {line}")
    if found.differences:
        raise SealError(
            f"{one} and {other} differ: a run repeats in lockstep, with the same scene, seed, steps, weights"
        )
    echo("the same bit for bit")
