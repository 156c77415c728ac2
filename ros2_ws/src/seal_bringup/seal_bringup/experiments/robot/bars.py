# SPDX-License-Identifier: Apache-2.0
"""The bars of the runs on a fake robot, and the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAPPED, SEEN, TOUCHED, MAP_CM = 0.95, 0.8, 1.0, 1.0
"""Least share of the frames that are mapped and of the floor that is seen; most contacts per minute; by how many cm
the map may be farther off than that of the paced table."""


def judged(figures: Mapping[str, Any], paced: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a run with `paced_map_cm` and `bars`: name -> whether it is met, None = there is nothing to compare.

    Args:
        figures: as `robot_figures` has them, with `asked`.
        paced: `homes` of results/paced.json.
    """
    row = paced.get(figures["asked"]["home"], {}).get("noise")
    paced_cm = None if row is None else row["map_error"]["mean_cm"]
    bars = {
        "mapped": figures["mapped_share"] >= MAPPED,
        "seen": figures["seen_share"] >= SEEN,
        "contacts": figures["contacts_per_minute"] <= TOUCHED,
        "map": None if paced_cm is None else figures["map_error"]["mean_cm"] <= paced_cm + MAP_CM,
    }
    return {**figures, "paced_map_cm": paced_cm, "bars": bars}


HEAD = (
    *("run", "mapped", "seen", "80 % after", "driven", "contacts/min"),
    *("pose off mean/max", "map mean (paced)", "true poses", "bars"),
)


def table(rows: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Cells of the table, a row per run."""
    return [_row(name, row) for name, row in rows.items()]


def _row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    missed = [bar for bar, met in row["bars"].items() if met is False]
    if (soak := row.get("soak")) is not None:
        missed += [bar for bar in ("flat", "no_growing_queue") if not soak[bar]]
    paced = "-" if row["paced_map_cm"] is None else f"{row['paced_map_cm']:.1f}"
    after, off = row["minutes_to_80"], row["pose_error"]
    return (
        name,
        f"{row['mapped']}/{row['frames']} {100 * row['mapped_share']:.1f} %",
        f"{100 * row['seen_share']:.1f} %",
        "-" if after is None else f"{after:.1f} min",
        f"{row['driven_m']:.0f} m",
        f"{row['contacts_per_minute']:.2f}",
        f"{off['mean_m']:.2f}/{off['max_m']:.2f} m, {off['mean_deg']:.1f}/{off['max_deg']:.0f} deg",
        f"{row['map_error']['mean_cm']:.1f} ({paced}) cm",
        f"{row['map_error_of_true_poses']['mean_cm']:.1f} cm",
        f"fail: {', '.join(missed)}" if missed else "pass" if paced != "-" else "pass (map not compared)",
    )


def print_table(rows: Mapping[str, Mapping[str, Any]], failed: Mapping[str, str]) -> None:
    """Print the table, then the runs that failed and why."""
    cells = [HEAD, *table(rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(HEAD))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for name, why in failed.items():
        print(f"{name} failed: {why}")
