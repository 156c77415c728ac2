# SPDX-License-Identifier: Apache-2.0
"""The page of a run of searches: figures, failures by cause, and the way of each search from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_bringup.evaluation.object_search_truth import CAUSES, SUCCESS
from seal_bringup.objectnav.figures import failures, text_of
from seal_bringup.report.figures import category_colour, fixed
from seal_bringup.report.page import config_groups, write_page
from seal_bringup.report.pictures import drawing_uri
from seal_perception.categories import SIX

MOST_FAILURES, MOST_SUCCESSES = 60, 12
WIDTH = 520


def write_search_report(out: Path, result: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Path:
    """Write `out`/report.html from the results of a run.

    Args:
        out: folder of the run, with `results`/HOME/NNN.png.
        result: of `run.summary`.
        rows: results of the episodes, with `home`.
    """
    lost = failures(rows)
    found = [row for row in rows if row["cause"] == SUCCESS]
    every = max(1, -(-len(found) // MOST_SUCCESSES))
    overall = result["all"]
    values = {
        "headline": f"{sum(row['success'] for row in rows)} of {overall['episodes']} objects found",
        "chips": [
            ("homes", ", ".join(result["homes"])),
            ("policy", result["settings"]["policy"]),
            ("detector", result["weights"]),
            ("commit", result["provenance"]["commit"]),
        ],
        "cards": _cards(overall),
        "tables": [("Home", _lines(result["homes"])), ("Category", _lines(result["categories"], colours=True))],
        "causes": [(name.replace("_", " "), text, overall["causes"][name]) for name, text in CAUSES.items()],
        "failed": [_shot(out, row) for row in lost[:MOST_FAILURES]],
        "left_out": max(0, len(lost) - MOST_FAILURES),
        "found": [_shot(out, row) for row in found[::every]],
        "config": config_groups({"settings": result["settings"], "provenance": result["provenance"]}),
    }
    return write_page(out / "report.html", "objectnav_report.html.j2", values)


def _cards(overall: dict[str, Any]) -> list[dict[str, str]]:
    def card(title: str, key: str, note: str) -> dict[str, str]:
        span = overall[key]["interval"]
        ends = f"95 % interval {span[0]:.2f} to {span[1]:.2f}; " if span else ""
        return {"title": title, "value": fixed(overall[key]["mean"], 2), "unit": "", "note": ends + note}

    count = max(1, overall["episodes"])
    steps, way = overall["steps"] / count, overall["path_m"] / count
    return [
        card("Success", "success", "stopped within 1 m of the object, seeing it"),
        card("SPL", "spl", "success weighted by path length"),
        {"title": "Steps", "value": fixed(steps, 0), "unit": "", "note": "mean over the searches"},
        {"title": "Way", "value": fixed(way, 1), "unit": "m", "note": "mean over the searches"},
    ]


def _lines(groups: dict[str, dict[str, Any]], colours: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "colour": category_colour(name, SIX) if colours else "",
            "episodes": str(one["episodes"]),
            "success": text_of(one["success"]),
            "spl": text_of(one["spl"]),
            "causes": [str(one["causes"][cause] or "") for cause in CAUSES],
        }
        for name, one in groups.items()
    ]


def _shot(out: Path, row: dict[str, Any]) -> dict[str, Any]:
    number = int(str(row["id"]).rpartition(":")[2])
    text = f"{row['steps']} steps, {row['path_m']:.1f} m; shortest {row['shortest_path_m']:.1f} m"
    if row["distance_m"] is not None:
        text += f"; ended {row['distance_m']:.1f} m from a viewpoint"
    return {
        "uri": drawing_uri(out / "results" / row["home"] / f"{number:03d}.png", WIDTH),
        "name": f"{row['home']} {number}: {row['category']}",
        "cause": "" if row["cause"] == SUCCESS else row["cause"].replace("_", " "),
        "text": text,
    }
