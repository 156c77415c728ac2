# SPDX-License-Identifier: Apache-2.0
"""A table as text: the cells that a console and a Markdown file show."""

from __future__ import annotations

from typing import Any

_FIGURES = (
    ("box", "box_ap50", ".1f"), ("mask", "mask_ap50", ".1f"),
    ("change (box)", "change.box_ap50", "+.1f"), ("change (mask)", "change.mask_ap50", "+.1f"),
    ("over naive (box)", "over_naive.box_ap50", "+.1f"), ("over naive (mask)", "over_naive.mask_ap50", "+.1f"),
    ("over labels (box)", "over_labels.box_ap50", "+.1f"), ("over labels (mask)", "over_labels.mask_ap50", "+.1f"),
    ("gap closed", "gap_share.box_ap50", ".0%"),
)  # fmt: skip
"""Title, where the figure stands in a row, and its form."""


def text_rows(rows: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of a setting: means with intervals; a column that no row has is left out.

    Args:
        rows: a setting of a table.
    """
    names, missing = list(rows), [str(len(row["missing"]) or "") for row in rows.values()]
    columns = [("row", names)]
    for title, place, form in _FIGURES:
        columns.append((title, [figure_text(_at(row, place), form) for row in rows.values()]))
    columns.append(("labels", [_labels(row) for row in rows.values()]))
    columns += [("right voxels", [_right_voxels(row) for row in rows.values()]), ("missing", missing)]
    kept = [(title, cells) for title, cells in columns if any(cells)]
    return [title for title, _ in kept], [list(line) for line in zip(*(cells for _, cells in kept), strict=True)]


def footer(table: dict[str, Any]) -> str:
    """What the means are over, and what is missing."""
    config = table["config"]
    seeds = ", ".join(map(str, config["seeds"]))
    homes = f"{len(config['test_homes'])} test homes" if "test_homes" in config else f"{len(config['homes'])} homes"
    text = f"AP50, mean over {homes} and seeds {seeds}, with 95 % intervals"
    text += "; labels: precision / recall"
    if any("views" in row for rows in table["settings"].values() for row in rows.values()):
        text += "; right voxels: of those that an episode's map is sure of, mean"
    if table["missing"]:
        text += f". Missing: {len(table['missing'])}, such as {'; '.join(table['missing'][:5])}"
    return text


def markdown(table: dict[str, Any]) -> str:
    """A Markdown table per setting of a table (`figures.document`)."""
    lines = [f"# {table['table']}", ""]
    for setting, rows in table["settings"].items():
        titles, cells = text_rows(rows)
        lines += [f"## {setting}", "", _line(titles), _line(["---"] * len(titles)), *map(_line, cells), ""]
    return "\n".join([*lines, footer(table), ""])


def figure_text(figure: dict[str, Any] | None, form: str = ".1f") -> str:
    """A mean with its interval; empty where a row has no such figure, `-` where it is not known yet."""
    if figure is None or figure["mean"] is None:
        return "" if figure is None else "-"
    span = figure["interval"]
    return f"{figure['mean']:{form}}" + (f" [{span[0]:{form}}, {span[1]:{form}}]" if span else "")


def _at(row: dict[str, Any], place: str) -> dict[str, Any] | None:
    found: Any = row
    for key in place.split("."):
        found = None if found is None else found.get(key)
    return None if found is None else dict(found)


def _labels(row: dict[str, Any]) -> str:
    found = row.get("labels")
    return f"{_share(found['precision'])} / {_share(found['recall'])}" if found else ""


def _right_voxels(row: dict[str, Any]) -> str:
    found = row.get("views")
    return f"{found['right']:.0f} of {found['confident']:.0f}" if found else ""


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
