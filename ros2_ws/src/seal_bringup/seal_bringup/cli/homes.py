# SPDX-License-Identifier: Apache-2.0
"""`seal homes`: contact sheets and statistics of the built-in homes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sim_bridge.homes.statistics import HomeStatistics

homes_app = typer.Typer(no_args_is_help=True, help="Contact sheets and statistics of the built-in homes.")

Homes = Annotated[
    str,
    typer.Option(
        "--homes", help="Names with commas, such as train_03 or train_03@objects=5,materials=2; or train, test, all."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `seal homes`."""
    app.add_typer(homes_app, name="homes")


def parse_names(text: str) -> tuple[str, ...]:
    """Homes of an option; commas within a variant (`@objects=1,materials=2`) do not part names.

    Raises:
        InputError: if nothing is named or a name is unknown.
    """
    from seal_perception.errors import InputError
    from sim_bridge.homes.build import HOMES, TEST_HOMES, TRAIN_HOMES, is_home, no_home

    groups = {"all": HOMES, "train": TRAIN_HOMES, "test": TEST_HOMES}
    names: list[str] = []
    for word in (w.strip() for w in text.split(",") if w.strip()):
        if "=" in word and "@" not in word and names and "@" in names[-1]:
            names[-1] += f",{word}"
        else:
            names += groups.get(word, (word,))
    if not names:
        raise InputError("--homes names no home; expected names such as train_01, or train, test or all")
    for name in names:
        if not is_home(name):
            raise no_home(name, ", or train, test or all")
    return tuple(dict.fromkeys(names))


@homes_app.command("sheet")
def sheet(
    out: Annotated[Path, typer.Option(help="JPEG to write; with several sheets a number is added to its name.")],
    homes: Homes = "all",
    per_sheet: Annotated[int, typer.Option(min=1, help="Homes on one sheet.")] = 10,
    quality: Annotated[int, typer.Option(min=1, max=100, help="JPEG quality.")] = 82,
) -> None:
    """Draw homes from above, ceilings taken off, and as the robot sees them from three places each."""
    import cv2

    from seal_bringup.console import make_console
    from seal_perception.files import replacing
    from sim_bridge.pictures.home_sheet import sheet as draw

    names = parse_names(homes)
    groups = [names[k : k + per_sheet] for k in range(0, len(names), per_sheet)]
    console = make_console()
    for number, group in enumerate(groups, 1):
        path = out if len(groups) == 1 else out.with_name(f"{out.stem}_{number}{out.suffix}")
        with console.status(f"drawing {group[0]} .. {group[-1]}"):
            picture = draw(group)
        done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise OSError(f"cannot encode {path}")
        with replacing(path) as beside:
            beside.write_bytes(data.tobytes())
        console.print(f"{path}  {picture.shape[1]} x {picture.shape[0]}, {len(data) / 1e6:.2f} MB", highlight=False)


@homes_app.command("stats")
def stats(
    homes: Homes = "all",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything to this JSON file.")] = None,
) -> None:
    """Count what is in each home and in each split."""
    from seal_bringup.console import make_console
    from seal_perception.files import write_json
    from sim_bridge.homes.statistics import home_statistics, split_statistics

    names, console = parse_names(homes), make_console()
    rows = []
    with console.status("counting") as status:
        for name in names:
            status.update(f"counting in {name}")
            rows.append(home_statistics(name))
    splits = split_statistics(rows)
    _print_homes(console, rows)
    for split, values in splits.items():
        console.print("\n".join(["", *split_lines(split, values)]), highlight=False, markup=False)
    if json_file is not None:
        write_json(json_file, {"splits": splits, "homes": [row.as_dict() for row in rows]})
        console.print(f"written to {json_file}", highlight=False)


def _print_homes(console: Console, rows: list[HomeStatistics]) -> None:
    from rich.table import Table

    from seal_perception.categories import CATEGORIES

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("home", no_wrap=True)
    titles = ("m2", "reach m2", "rooms", *(c.split()[-1] for c in CATEGORIES), "others", "lamps", "triangles")
    for title in titles:
        table.add_column(title, justify="right")
    for row in rows:
        counts = [str(row.objects[c]) for c in CATEGORIES]
        sizes = [f"{row.area_m2:.0f}", f"{row.reachable_m2:.0f}", str(len(row.rooms))]
        table.add_row(row.name, *sizes, *counts, str(row.others), str(row.lamps), f"{row.triangles / 1000:.0f} k")
    console.print(table)
    console.print(
        "reach: floor that the middle of a robot 0.36 m wide gets to; chair .. tv, others: instances; triangles: as "
        "drawn, after large surfaces are split for the light",
        highlight=False,
    )


def split_lines(split: str, values: dict[str, Any]) -> list[str]:
    """The statistics of a split as text; see `home_statistics.split_statistics`."""
    lines = [f"{split}: {values['homes']} home{'s' if values['homes'] > 1 else ''}"]
    area, triangles = values["area_m2"], values["triangles"]
    if values["homes"] == 1:
        lines += [f"  area: {area['mean']} m2, {values['reachable_m2']} m2 of it in reach"]
        lines += [f"  triangles as drawn: {triangles['mean']}"]
    else:
        lines += [f"  area: {area['least']} to {area['most']} m2, mean {area['mean']} m2"]
        lines += [f"  in reach, all homes: {values['reachable_m2']} m2"]
        lines += [f"  triangles as drawn: mean {triangles['mean']}, most {triangles['most']}"]
    lines += [f"  layouts: {', '.join(values['layouts'])}"]
    lines += [f"  rooms: {_counted(values['rooms'])}"]
    lines += [f"  instances: {_counted(values['objects'])}; {values['others']} others; {values['lamps']} lamps"]
    lines += [f"  families of {name}: {', '.join(found)}" for name, found in values["families"].items() if found]
    return [*lines, f"  kinds of others: {', '.join(values['kinds'])}"]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
