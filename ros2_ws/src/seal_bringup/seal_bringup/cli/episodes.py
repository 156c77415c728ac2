# SPDX-License-Identifier: Apache-2.0
"""`seal episodes`: ObjectNav episodes for evaluation, and what a set of them holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from seal_bringup.console import echo
from seal_bringup.stack.progress import clock

episodes_app = typer.Typer(
    no_args_is_help=True,
    help="Make ObjectNav episodes (start, goal category, shortest path) from the simulator's truth, for evaluation.",
)


def register(app: typer.Typer) -> None:
    """Add `seal episodes`."""
    app.add_typer(episodes_app, name="episodes")


@episodes_app.command("make")
def make(
    out: Annotated[Path, typer.Option(help="Folder of the episodes; must not hold a finished set.")],
    split: Annotated[
        str | None,
        typer.Option(
            help="Homes: train (01-20), val (21-25 of train) or test; with --scene only the set's name.",
            show_default="test; with --scene custom",
        ),
    ] = None,
    per_home: Annotated[int, typer.Option(min=1, help="Episodes per home.")] = 50,
    seed: Annotated[int, typer.Option(help="Another number, other episodes.")] = 0,
    scene: Annotated[
        list[str] | None,
        typer.Option(help="Only this home or folder; may be given more than once."),
    ] = None,
    min_path_m: Annotated[float, typer.Option(help="Minimum length of the shortest path, in metres.")] = 1.0,
) -> None:
    """Write episodes: one gzipped JSON per home and a manifest with their hashes.

    A robot succeeds that stops within 0.1 m of a viewpoint: a place within 1 m of an object of the category, from which
    it can be seen. The same scenes, number and seed give the same bytes. A set of --scene is called
    "custom" if --split does not name it; homes of another split are refused.
    """
    from seal_perception.errors import InputError
    from sim_bridge.evaluation.episode_files import write_episodes
    from sim_bridge.evaluation.episodes import SPLITS, EpisodeConfig
    from sim_bridge.worlds import open_embedded, require_scene

    split = split or ("custom" if scene else "test")
    if split not in SPLITS and not scene:
        raise InputError(f"unknown split {split!r}; expected one of {', '.join(SPLITS)}, or name scenes with --scene")
    names = list(scene or SPLITS[split])
    for name in names:
        require_scene(name, "embedded")
        if split in SPLITS and name.split("@", 1)[0] not in SPLITS[split]:
            raise InputError(f"{name} is not of the split {split}; leave --split out, or give another name")
    try:
        config = EpisodeConfig(min_path_m=min_path_m)
    except ValueError as error:
        raise InputError(str(error)) from error
    scenes = [(Path(name).resolve().name, lambda name=name: open_embedded(name).scene) for name in names]
    each = f"{per_home} episode{'s' if per_home > 1 else ''}"
    where = names[0] if len(names) == 1 else f"each of {len(names)} homes of {split}"
    echo(f"{each} in {where}")
    manifest = write_episodes(scenes, out, split, per_home, seed, config, on_home=_home_lines([n for n, _ in scenes]))
    echo(str(manifest))


def _home_lines(names: list[str]) -> Callable[[str, int, int], None]:
    """For `write_episodes`: a line when a home is finished, with the time left."""
    start = time.monotonic()

    def on_home(_: str, done: int, count: int) -> None:
        if done:
            took = time.monotonic() - start
            left = f", {clock(took / done * (count - done))} left" if done < count else ""
            echo(f"{names[done - 1]}: {done}/{count} homes in {clock(took)}{left}")

    return on_home


@episodes_app.command("info")
def info(
    folder: Annotated[Path, typer.Argument(help="Folder that `seal episodes make` wrote.")],
    picture: Annotated[Path | None, typer.Option(help="Also draw the distribution as this PNG.")] = None,
) -> None:
    """Check a set of episodes and print what it holds: categories, homes, lengths of the shortest paths."""
    from rich.table import Table

    from seal_bringup.console import make_console
    from seal_bringup.evaluation.episode_figures import draw_distribution, figures
    from sim_bridge.evaluation.episode_files import content_hash, read_episodes

    episodes = read_episodes(folder)
    console = make_console()
    table = Table("category", box=None)
    for title in ("episodes", "homes", "objects", "shortest m", "median m", "longest m", "median path / straight"):
        table.add_column(title, justify="right")
    for row in figures(episodes):
        lengths = (f"{row.shortest_m:.1f}", f"{row.median_m:.1f}", f"{row.longest_m:.1f}", f"{row.detour:.2f}")
        table.add_row(row.category, str(row.episodes), str(row.homes), str(row.objects), *lengths)
    console.print(f"split {episodes.split}, seed {episodes.seed}, from the simulator's truth: for evaluation only")
    console.print(table)
    console.print(f"sha256 of all episodes: {content_hash(episodes)}", highlight=False)
    if picture is not None:
        draw_distribution(picture, episodes)
        console.print(f"drawn: {picture}", highlight=False)
