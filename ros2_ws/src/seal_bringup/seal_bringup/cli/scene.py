# SPDX-License-Identifier: Apache-2.0
"""`seal scene`: look at homes and scenes of others, and make evaluation frames of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

scene_app = typer.Typer(
    no_args_is_help=True,
    help="Look at the built-in homes or at a scene of your own (glTF, Gazebo, Habitat), convert it, make frames of it.",
)

Home = Annotated[
    str, typer.Argument(help="A home, such as train_01, or a scene: a folder, .glb, .world, .sdf, .stage_config.json.")
]


def register(app: typer.Typer) -> None:
    """Add `seal scene`."""
    from seal_bringup.cli import scene_files

    scene_files.register(scene_app)
    app.add_typer(scene_app, name="scene")


@scene_app.command("list")
def list_homes(
    details: Annotated[bool, typer.Option("--details", help="Also build each home and count what is in it.")] = False,
) -> None:
    """List the built-in homes: 25 to train in, 5 to test in. Test homes share no shape or texture with the others."""
    from rich.table import Table

    from seal_bringup.console import make_console
    from seal_perception.categories import CATEGORIES
    from sim_bridge.homes.build import HOMES, make_home

    console = make_console()
    if not details:
        console.print("\n".join(HOMES), highlight=False)
        return
    table = Table("home", "m2", *CATEGORIES, "other things", box=None)
    for name in HOMES:
        home = make_home(name)
        counts = [str(sum(part.category == c for part in home.parts)) for c in range(len(CATEGORIES))]
        floors = [part.mesh.bounds() for part in home.parts if part.name.startswith("floor ")]
        area = sum(float((high - low)[:2].prod()) for low, high in floors)
        shell = ("floor ", "ceiling", "wall ", "trim ", "window ", "door ")
        others = sum(part.category < 0 and not part.name.startswith(shell) for part in home.parts)
        table.add_row(name, f"{area:.0f}", *counts, str(others))
    console.print(table)


@scene_app.command("render")
def render(
    home: Home,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("scene"),
    views: Annotated[int, typer.Option(min=0, help="Robot views from random places.")] = 6,
    labels: Annotated[bool, typer.Option("--labels", help="Tint the six categories (truth).")] = False,
) -> None:
    """Draw a home from above, its ceilings taken off, and as the robot sees it, as PNG files to look at."""
    import cv2

    from seal_bringup.console import make_console
    from seal_perception.files import replacing
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.pictures.views import robot_views, tint, top_view
    from sim_bridge.worlds import open_embedded

    simulator = open_embedded(home, EmbeddedConfig(width=640, height=480))
    try:
        above = top_view(simulator.scene)
        pictures = [("top", above.rgb, above.category)]
        seen = robot_views(simulator, views)
        pictures += [(f"view_{k:02d}", rgb, category) for k, (rgb, category) in enumerate(seen)]
        for name, rgb, category in pictures:
            picture = tint(rgb, category) if labels else rgb
            path = out / f"{simulator.name}_{name}.png"
            with replacing(path) as beside:
                if not cv2.imwrite(str(beside), picture[..., ::-1]):
                    raise OSError(f"cannot write {path}")
            make_console().print(str(path), highlight=False)
    finally:
        simulator.close()


@scene_app.command("frames")
def frames(
    home: Home,
    out: Annotated[Path, typer.Option(help="Folder of the dataset (COCO); must not exist yet.")],
    count: Annotated[int, typer.Option(min=1, help="How many frames.")] = 500,
    seed: Annotated[int, typer.Option(help="Another number, other places.")] = 0,
    width: Annotated[int, typer.Option(min=32, help="Width in pixels; the height is 3/4 of it.")] = 320,
) -> None:
    """Write evaluation frames of a home: pictures from everywhere the robot can stand, with true boxes and masks.

    The same home, count and seed give the same frames; poses.json holds them and their hash.
    """
    from seal_bringup.cli.bars import rate_bar
    from seal_bringup.console import make_console
    from sim_bridge.evaluation.frames import write_evaluation_frames

    with rate_bar(f"frames of {home}") as report:
        digest = write_evaluation_frames(home, out, count, seed, width, width * 3 // 4, progress=report)
    make_console().print(f"{count} frames in {out}; poses sha256 {digest}", highlight=False)
