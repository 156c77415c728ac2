# SPDX-License-Identifier: Apache-2.0
"""Writing report.html into a folder of labels: what was labelled, how, and how far it can be trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from seal_bringup.report import charts
from seal_bringup.report.cubes import CubeView, render_cubes
from seal_bringup.report.figures import DASH, category_colour, fixed, label_figures
from seal_bringup.report.label_folder import RIGHT, LabelFolder, Verdicts, judge, read_labels
from seal_bringup.report.label_gallery import best_views, denied, most_wrong, shots, spread, worst
from seal_bringup.report.page import config_groups, write_page
from seal_bringup.report.pictures import drawing_uri, rendering_uri
from seal_bringup.report.run_folder import as_dict, number
from seal_bringup.report.topdown import draw_topdown
from seal_bringup.report.viewer import pack_voxels
from seal_mapping.datasets.summary import AGREES, OWN_SCORE
from seal_perception.categories import CategorySet
from seal_perception.dataset import CocoDataset
from seal_perception.evaluation.label_quality import label_quality

PICTURE = CubeView(width=1400)
SHOTS, WORST, MOST_OBJECTS = 12, 6, 200
RULE_TEXTS = {
    "paper": "The paper's rule: a voxel takes the category of the best score it ever got, if above 0.9; connected "
    "voxels of one category are an object.",
    "agreement": "A voxel takes a category if enough of the frames that saw it agree; connected voxels of one category "
    "are an object.",
    "instance_vote": "Voxels with some evidence connect to an object; the object takes the category that the frames "
    "which saw it agree on best, and is kept if they agree well enough.",
    "objects": "Connected voxels at every level of evidence may be an object; those are kept whose expected "
    "overlap with a thing, learnt on training homes from evidence, size and what lies around, is large enough.",
    "self_training": "No map: each frame's own confident detections are its labels.",
    "optical_flow": "No map: each pixel takes the best of the confident detections of its frame and of the frames "
    "before and after, carried along dense optical flow.",
}
CONFIG_KEYS = ("label_config", "map_config")


def write_label_report(folder: Path, truth: CocoDataset | None = None, source_lines: Sequence[str] = ()) -> Path:
    """Write `folder`/report.html: one page that needs no network, figures as in labels.json.

    Args:
        folder: written by `seal_mapping.datasets.labelling`.
        truth: true labels of the same pictures (simulation): marks what is right. Evaluation only; the page notes it.
        source_lines: what was chosen in the bag (`BagReader.choices`).

    Returns:
        The page's path.

    Raises:
        InputError: if it is no finished folder of labels, a file in it is broken, or `truth` has other pictures.
    """
    labels = read_labels(folder)
    page = _page(labels, truth, source_lines)
    return write_page(labels.path / "report.html", "label_report.html.j2", page, labels.dataset.names)


def _page(labels: LabelFolder, truth: CocoDataset | None, source_lines: Sequence[str]) -> dict[str, Any]:
    quality = None if truth is None else label_quality(labels.dataset, truth)
    verdicts = None if truth is None else judge(labels.dataset, truth)
    summary, voxels = labels.summary, labels.voxels
    frames, labelled = len(labels.dataset), len({n for n, _ in labels.rows})
    objects = len(labels.instances)
    of_what = f", of {objects} {'object' if objects == 1 else 'objects'}" if "instances" in summary else ""
    over_run = spread(labels, SHOTS)
    return {
        "headline": f"{len(labels.rows)} labels in {labelled} of {frames} frames{of_what}",
        "chips": _chips(summary),
        "cards": _cards(labels, labelled, quality),
        "rule_text": RULE_TEXTS.get(str(summary.get("rule")), ""),
        "source_lines": list(source_lines),
        "unused": list(as_dict(summary.get("unused")).items()),
        "missing": labels.missing,
        "hero": None if voxels is None else rendering_uri(render_cubes(voxels, PICTURE)),
        "viewer": None if voxels is None else pack_voxels(voxels, confident=0),
        "topdown": None if voxels is None else _topdown(labels),
        "objects": _objects(labels, verdicts),
        "considered": _considered(labels),
        "categories": _categories(labels),
        "agrees": fixed(AGREES, 1),
        "plots": _plots(labels, verdicts),
        "quality": None if quality is None else _quality(quality, labels.dataset.names),
        "wrong": [] if verdicts is None else shots(labels, most_wrong(labels, SHOTS, verdicts), verdicts),
        "shots": shots(labels, over_run, verdicts),
        "odd": shots(labels, worst(labels, WORST, denied, over_run), verdicts),
        "views": best_views(labels, MOST_OBJECTS, verdicts),
        "config": config_groups({key: value for key, value in summary.items() if key in CONFIG_KEYS}),
    }


def _chips(summary: dict[str, Any]) -> list[tuple[str, str]]:
    chips = [("rule", str(summary.get("rule")))]
    for key, name in (("annotated_frames", "frames drawn by hand"), ("confident_voxels", "confident voxels")):
        if number(summary.get(key)):
            chips.append((name, fixed(summary[key], 0)))
    if number(summary.get("explored_area_m2")):
        chips.append(("explored", f"{fixed(summary['explored_area_m2'])} m²"))
    if number(summary.get("min_score")):
        chips.append(("least score", fixed(summary["min_score"], 2)))
    return chips


def _cards(labels: LabelFolder, labelled: int, quality: dict[str, Any] | None) -> list[dict[str, str]]:
    frames = len(labels.dataset)
    share = fixed(100.0 * labelled / frames) if frames else DASH
    cards = [_card("Frames with a label", share, f"{labelled} of {frames}", "%")]
    for key, title in (("score", "Median score"), ("support", "Median support")):
        values = _values(labels, key)
        if values:
            note = "mean evidence of the views, 0 to 1" if key == "score" else "views that voted for it, per label"
            cards.append(_card(title, fixed(median(values), 2 if key == "score" else 0), note))
    asked = [row for _, row in labels.rows if number(row.get(OWN_SCORE)) is not None]
    if asked:
        agree = 100.0 * sum(row[OWN_SCORE] >= AGREES for row in asked) / len(asked)
        cards.append(_card("Own detector agrees", fixed(agree), "of the labels; no truth", "%"))
    if quality is not None:
        overall = label_figures(quality)
        cards.append(_card("Precision", fixed(overall["precision"], 1, 100.0), "labels that are right", "%"))
        cards.append(_card("Recall", fixed(overall["recall"], 1, 100.0), "true objects in view with a label", "%"))
    return cards


def _card(title: str, value: str, note: str, unit: str = "") -> dict[str, str]:
    return {"title": title, "value": value, "unit": "" if value == DASH else unit, "note": note}


def _topdown(labels: LabelFolder) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        return drawing_uri(draw_topdown(Path(folder) / "topdown.png", labels.voxels))


def _objects(labels: LabelFolder, verdicts: Verdicts | None) -> list[dict[str, Any]]:
    """Lines of the table of objects: by category, most frames first."""
    frames = labels.labels_of()
    rows_of: dict[int, list[dict[str, Any]]] = {}
    for _, row in labels.rows:
        rows_of.setdefault(row.get("instance", 0), []).append(row)
    lines, names = [], labels.dataset.names
    for item in labels.instances:
        own = rows_of.get(item.get("id", 0), [])
        lines.append(
            {
                "id": item.get("id"),
                "category": item.get("category"),
                "colour": category_colour(str(item.get("category")), names),
                "voxels": fixed(item.get("voxels"), 0),
                "score": fixed(item.get("score"), 2),
                "support": fixed(item.get("support"), 0),
                "views": fixed(item.get("views"), 0),
                "seen": fixed(item.get("seen"), 0, 100.0),
                "size": _sizes(item.get("size_xyz"), " × ", 2),
                "frames": frames[item.get("id", 0)],
                "right": None if verdicts is None else fixed(verdicts.right(own), 0),
            }
        )
    known = {name: n for n, name in enumerate(names.names)}
    return sorted(lines, key=lambda line: (known.get(line["category"], len(known)), -line["frames"]))


def _considered(labels: LabelFolder) -> list[dict[str, Any]]:
    """Lines of the table of what was considered and got no label, best first."""
    rows = [as_dict(row) for row in labels.summary.get("considered") or []]
    return [
        {
            "category": row.get("category"),
            "colour": category_colour(str(row.get("category")), labels.dataset.names),
            **{key: fixed(row.get(key), 2) for key in ("overlap", "score", "found")},
            **{key: fixed(row.get(key), 0) for key in ("views", "voxels")},
            "place": _sizes(row.get("centre_xyz"), ", ", 1),
            "size": _sizes(row.get("size_xyz"), " × ", 2),
            "why": str(row.get("why", "")),
        }
        for row in rows
        if not row.get("label")
    ]


def _sizes(values: Any, between: str, decimals: int) -> str:
    return between.join(fixed(value, decimals) for value in values) if isinstance(values, list) else DASH


def _categories(labels: LabelFolder) -> list[dict[str, str]]:
    """Lines of the table of categories, figures of labels.json."""
    checked, counts = (as_dict(labels.summary.get(key)) for key in ("self_consistency", "annotations_per_category"))
    lines, names = [], labels.dataset.names
    for name in [*(n for n in names.names if n in counts), *(n for n in counts if n not in names.names)]:
        row = as_dict(checked.get(name))
        objects = sum(item.get("category") == name for item in labels.instances)
        lines.append(
            {
                "name": name,
                "colour": category_colour(name, names),
                "labels": fixed(counts[name], 0),
                "objects": str(objects) if "instances" in labels.summary else DASH,
                "confirmed": fixed(row.get("confirmed"), 1, 100.0),
                "score": fixed(row.get("score"), 2),
                "support": fixed(row.get("support"), 0),
            }
        )
    return lines


def _values(labels: LabelFolder, key: str, only: set[int] | None = None) -> list[float]:
    """One figure of the labels, or of those with the ids `only`."""
    rows = (row for _, row in labels.rows if only is None or row["id"] in only)
    return [value for value in (number(row.get(key)) for row in rows) if value is not None]


def _plots(labels: LabelFolder, verdicts: Verdicts | None) -> list[Any]:
    """How score, support and the own detector's score are distributed over the labels."""
    layers: list[tuple[str, str, set[int] | None]] = [("labels", "tone0", None)]
    if verdicts is not None:
        right = {n for n, kind in verdicts.kind.items() if kind == RIGHT}
        layers = [("right", "tone0", right), ("wrong", "tone-bad", set(verdicts.kind) - right)]
    step = max(1, ceil(max(_values(labels, "support"), default=0.0) / 10))
    tenths = [n / 10 for n in range(11)]
    plots = []
    for key, title, edges in (
        ("score", "Score of the labels", tenths),
        ("support", "Views that voted for it", [float(step * n) for n in range(11)]),
        (OWN_SCORE, "Score of the frame's own detection (0: none)", tenths),
    ):
        plots.append(
            charts.histogram(title, [(name, kind, _values(labels, key, ids)) for name, kind, ids in layers], edges)
        )
    return [plot for plot in plots if plot]


def _quality(quality: dict[str, Any], names: CategorySet) -> dict[str, Any]:
    """The tables of precision and recall."""
    shares = ("instance_precision", "instance_recall", "pixel_precision", "pixel_recall")
    lines = []
    for name, row in [("all", quality["overall"]), *quality["per_category"].items()]:
        cells = [fixed(row[key], 1, 100.0) for key in shares]
        counts = [fixed(row[key], 0) for key in ("predicted", "right", "true")]
        lines.append({"name": name, "colour": category_colour(name, names), "cells": [*cells, *counts]})
    return {"lines": lines, "errors": [(kind, fixed(n, 0)) for kind, n in quality["overall"]["errors"].items()]}
