# SPDX-License-Identifier: Apache-2.0
"""`seal scene`: render built-in homes and your own scenes, make frames of them, import and export scenes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.console import echo

if TYPE_CHECKING:
    from sim_bridge.scenes.fit import Loaded
    from sim_bridge.scenes.pieces import SceneOptions

scene_app = typer.Typer(
    no_args_is_help=True,
    help="Look at the built-in homes or at a scene of your own (glTF, Gazebo, Habitat), convert it, make frames of it.",
)

Home = Annotated[
    str, typer.Argument(help="A home, such as train_01, or a scene: a folder, .glb, .world, .sdf, .stage_config.json.")
]


def register(app: typer.Typer) -> None:
    """Add `seal scene`."""
    scene_app.command("info")(info)
    scene_app.command("import")(import_scene)
    scene_app.command("export")(export)
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
    from seal_bringup.bars import rate_bar
    from seal_bringup.console import make_console
    from sim_bridge.evaluation.frames import write_evaluation_frames

    with rate_bar(f"frames of {home}") as report:
        digest = write_evaluation_frames(home, out, count, seed, width, width * 3 // 4, progress=report)
    make_console().print(f"{count} frames in {out}; poses sha256 {digest}", highlight=False)


Source = Annotated[
    str, typer.Argument(help="A home, or a scene: a folder, .glb, .dae, .world, .sdf, .stage_config.json.")
]
Models = Annotated[
    list[Path] | None, typer.Option(help="A folder with Gazebo models, for model:// names; can be given again.")
]
Categories = Annotated[
    Path | None,
    typer.Option(help='JSON file: name or pattern of an instance -> category or null ({"Stool*": "chair"}).'),
]
Up = Annotated[str | None, typer.Option(help="The axis that points up in the file: x, y or z.")]
Scale = Annotated[float | None, typer.Option(help="Metres per unit of the file.")]
Floor = Annotated[float | None, typer.Option(help="Height of the floor in the file, in metres.")]


def _load(
    source: str,
    models: list[Path] | None,
    categories: Path | None,
    up: str | None,
    scale: float | None,
    floor: float | None,
) -> Loaded:
    from seal_perception.errors import InputError
    from sim_bridge.homes.build import is_home
    from sim_bridge.scenes.glb import stored_notes
    from sim_bridge.scenes.load import read_scene
    from sim_bridge.scenes.pieces import SceneOptions

    for folder in models or []:
        if not folder.is_dir():
            raise InputError(f"--models {folder} is no folder")
    options: SceneOptions = SceneOptions(tuple(models or ()), categories, up, scale, floor)
    loaded = read_scene(source, options)
    if is_home(source):
        return loaded
    return replace(loaded, notes=(*stored_notes(Path(source)), *loaded.notes))


def scene_facts(loaded: Loaded) -> dict[str, Any]:
    """Size, triangles, reachable floor and instances of a scene, as `info --json` prints them.

    Raises:
        InputError: if the robot can stand nowhere in it.
    """
    from seal_perception.categories import CATEGORIES
    from seal_perception.errors import InputError
    from sim_bridge.geometry.collision import collision_map
    from sim_bridge.geometry.mesh import merge

    scene = loaded.scene
    mesh = merge([part.mesh for part in scene.parts])
    low, high = mesh.bounds()
    try:
        floor = collision_map(scene).reachable_from(scene.start_xy)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"scene {scene.name}: {error} (0.36 m wide, 1.1 m high, floor at z = 0)") from error
    counts = {name: sum(part.category == c for part in scene.parts) for c, name in enumerate(CATEGORIES)}
    return {
        "name": scene.name,
        "size_m": [round(float(value), 2) for value in high - low],
        "triangles": len(mesh.faces),
        "textures": sum(material.texture.size > 3 for material in mesh.materials),
        "instances": len(scene.parts),
        "reachable_m2": round(float(floor.cells.sum()) * floor.cell_m**2, 1),
        "start_xy": [round(float(value), 2) for value in scene.start_xy],
        "categories": counts,
        "notes": list(loaded.notes),
    }


def info(
    scene: Source,
    models: Models = None,
    categories: Categories = None,
    up: Up = None,
    scale: Scale = None,
    floor: Floor = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a scene holds: size, triangles, the floor that the robot can reach, objects per category, notes.

    Notes name what was missing or odd in the file, and how it was handled.
    """
    from seal_bringup.console import make_console
    from sim_bridge.geometry.mesh import merge
    from sim_bridge.homes.statistics import drawn_triangles

    loaded = _load(scene, models, categories, up, scale, floor)
    facts = scene_facts(loaded)
    facts["triangles_drawn"] = drawn_triangles(merge([part.mesh for part in loaded.scene.parts]))
    if as_json:
        echo(json.dumps(facts, indent=1))
        return
    console = make_console()
    x, y, z = facts["size_m"]
    objects = ", ".join(f"{count} {name}" for name, count in facts["categories"].items() if count) or "none"
    lines = [
        f"{facts['name']}: {x} x {y} x {z} m",
        f"{facts['instances']} instances, {sum(facts['categories'].values())} of them in a category: {objects}",
        f"{_thousands(facts['triangles'])} triangles ({_thousands(facts['triangles_drawn'])} as drawn: large ones are "
        f"split for the light), {facts['textures']} textures",
        f"reachable floor: {facts['reachable_m2']} m2 for a robot 0.36 m wide, 1.1 m high; start {facts['start_xy']}",
        *(f"note: {note}" for note in facts["notes"]),
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _thousands(count: int) -> str:
    return f"{count / 1000:.0f} k" if count >= 10_000 else str(count)


def import_scene(
    source: Source,
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet.")],
    models: Models = None,
    categories: Categories = None,
    up: Up = None,
    scale: Scale = None,
    floor: Floor = None,
) -> None:
    """Convert a scene of others into a folder that opens wherever a home is named.

    The folder has scene.glb (metres, z up), objects.json (instance -> category, to be corrected by hand where the
    names misled) and scene.json (lamps, start, notes). It no longer needs the models and pictures it was made of.
    """
    from seal_bringup.console import make_console
    from sim_bridge.scenes.pieces import clean_name
    from sim_bridge.scenes.write import write_scene_folder

    loaded = _load(source, models, categories, up, scale, floor)
    facts = scene_facts(loaded)
    named = replace(loaded.scene, name=clean_name(out.resolve().name))  # files made of it are called after the folder
    write_scene_folder(named, out, loaded.notes, source)
    lines = [f"note: {note}" for note in loaded.notes]
    lines.append(
        f"{out}: {facts['instances']} instances, {sum(facts['categories'].values())} of them in a category, "
        f"{facts['reachable_m2']} m2 reachable"
    )
    make_console().print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def export(
    scene: Source,
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet.")],
    form: Annotated[
        str, typer.Option("--format", help="habitat: a scene dataset with HM3D-style semantics; glb: a scene folder.")
    ] = "habitat",
) -> None:
    """Write a home (or any scene) for Habitat, so that it runs in both simulators, or as a scene folder."""
    from seal_bringup.console import make_console
    from seal_perception.errors import InputError
    from sim_bridge.scenes.stages.write import write_habitat
    from sim_bridge.scenes.write import write_scene_folder

    if form not in ("habitat", "glb"):
        raise InputError(f"--format must be habitat or glb, got {form!r}")
    loaded = _load(scene, None, None, None, None, None)
    path = out
    if form == "habitat":
        path = write_habitat(loaded.scene, out)
    else:
        write_scene_folder(loaded.scene, out, loaded.notes, scene)
    make_console().print(
        f"{path} ({loaded.scene.name}, {len(loaded.scene.parts)} objects)", highlight=False, markup=False
    )
