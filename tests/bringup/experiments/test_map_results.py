# SPDX-License-Identifier: Apache-2.0
"""The tables on maps and labels in docs/ say what results/ holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seal_mapping.labels.objects.model import SHIPPED
from seal_perception.detector.facts import resolve_weights
from seal_perception.files import sha256
from seal_perception.reading.text import read_json


def result(repo_root: Path, name: str) -> Any:
    return json.loads((repo_root / "results" / f"{name}.json").read_text())


def cells(page: str, first: str) -> list[str]:
    """Cells after the first of the table line whose first cell, without bold, is `first`."""
    for line in page.splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and row[0].replace("**", "").removesuffix(" (the default of `instance_vote`)") == first:
            return row[1:]
    raise AssertionError(f"no table line begins with {first!r}")


def test_rules_of_fusion(repo_root: Path) -> None:
    page = (repo_root / "docs/labels.md").read_text().split("How they were chosen")[1]
    table = result(repo_root, "fusion_rules")["pooled"]
    quoted = [name for name in table if f"`{name}`" in page]
    assert len(quoted) >= 15 and "paper" in quoted
    for name in quoted:
        row, found = table[name], cells(page, f"`{name}`")
        assert found[:2] == [f"{row['precision']:.2f}", f"{row['recall']:.2f}"], name
        counts = [f"{c['right']}/{c['predicted']}/{c['true']}" for c in row["per_category"].values()]
        assert found[2:] == counts, name


def test_objects_beside_other_rules(repo_root: Path) -> None:
    page = (repo_root / "docs/labels.md").read_text().split("Every home left out")[1]
    found = result(repo_root, "objects")
    for name, row in found["pooled"].items():
        counts = [f"{c['right']}/{c['predicted']}/{c['true']}" for c in row["per_category"].values()]
        named = (
            f"`{name}`"
            if name in ("paper", "instance_vote")
            else f"`objects`, `least_overlap` {name.split(maxsplit=1)[1]}"
        )
        assert cells(page, named) == [f"{row['precision']:.2f}", f"{row['recall']:.2f}", *counts], name
    place = {name: row["errors"]["poor localisation"] for name, row in found["pooled"].items()}
    assert f"{place['objects 0.4, neither']} labels are off in place, with both {place['objects 0.4']}" in page
    seen, right = found["objects_seen"], found["objects_with_a_right_candidate"]
    assert f"{right} of the {seen} objects seen" in page


def test_the_shipped_model_is_that_of_the_figures(repo_root: Path) -> None:
    found, model = result(repo_root, "objects"), read_json(SHIPPED)
    assert all(model["about"][key] == found[key] for key in ("homes", "weights", "command"))
    for key in ("candidates", "things"):  # the figures are of another machine, whose detector rounds otherwise
        assert model["about"][key] == pytest.approx(found[key], rel=0.01)
    assert model["about"]["weights"] == sha256(resolve_weights("seal-small")), "fitted with the shipped detector"
    assert list(found["shared_weights"].values()) == pytest.approx(model["shared"], abs=0.05)


def test_filters_of_real_depth(repo_root: Path) -> None:
    page, rows = (repo_root / "docs/mapping.md").read_text(), result(repo_root, "real_depth")["rows"]
    names = {
        "none": "no filter",
        "`edge_filter` 0.05": "edge_filter 0.05",
        "`min_views` 3": "min_views 3",
        "`min_views` 3, `range_weight_m` 2.5": "min_views 3, range_weight_m 2.5",
        "`min_views` 3, `clear_views` 3": "min_views 3, clear_views 3",
        "`min_views` 3 and all three": "min_views 3, all three",
    }
    for shown, name in names.items():
        row = rows[name]
        assert cells(page, shown) == [f"{100 * row[key]:.1f} %" for key in ("precise", "early", "no_hit")]
    best = rows["min_views 3, all three"]
    assert best["precise"] >= 0.8 and best["no_hit"] < 0.05  # the bars set before measuring


def test_polygons(repo_root: Path) -> None:
    page, rows = (repo_root / "docs/weak_supervision.md").read_text(), result(repo_root, "polygons")["rows"]
    for shown, name in (("default", "default"), ("labels do not grow", "nothing grown")):
        iou = rows[name]["mask_iou"]
        numbers = [float(n) for n in re.findall(r"\d\.\d+", " ".join(cells(page, shown)))]
        keys = [iou["all"]["mean"], iou["all"]["sd"], *(iou[c]["mean"] for c in ("couch", "potted plant", "chair"))]
        assert numbers == pytest.approx(keys, abs=0.0051)
    reach = rows["default"]["reach"]
    assert f"All {reach['seen']} pairs" in page and reach["labelled"] == reach["seen"]


def test_memory(repo_root: Path) -> None:
    page, rows = (repo_root / "docs/labels.md").read_text(), result(repo_root, "memory")["rows"]
    for name, bar in (("24 m home", 100.0), ("200 m building", 1000.0)):
        row = rows[name]
        assert row["map_mb"] < bar and row["peak_with_labels_mb"] < 1000.0
        line = next(line for line in page.splitlines() if line.startswith(f"| {name} ("))
        for key in ("map_mb", "peak_map_mb", "peak_with_labels_mb", "dense_mb"):
            assert f"| {row[key]:.0f} MB |" in line
    bags = {name: row for name, row in rows.items() if name.startswith("bag of")}
    for name, row in bags.items():
        assert cells(page, name)[-1] == f"{row['peak_mb']:.0f} MB"
