# SPDX-License-Identifier: Apache-2.0
"""What results/ holds of our training loop beside those of others, and what docs/detector.md says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seal_bringup.experiments.detectors.coco_loop import TOLERANCE, relative_difference


def test_a_hundred_losses_are_torchvisions(repo_root: Path) -> None:
    table = json.loads((repo_root / "results/coco_loop.json").read_text(encoding="utf-8"))
    page = (repo_root / "docs/detector.md").read_text(encoding="utf-8")
    assert len(table["rows"]) == 2
    for row in table["rows"].values():
        assert len(row["ours"]) == len(row["reference"]) == table["iterations"] == 100
        found = relative_difference(row["ours"], row["reference"])
        assert found == row["largest_relative_difference"] <= TOLERANCE
        assert f"{found:.1e}" in page and row["ours"][-1] < 0.7 * row["ours"][0]


def test_a_hundred_losses_are_detectron2s(repo_root: Path) -> None:
    table = json.loads((repo_root / "results/detectron2_loop.json").read_text(encoding="utf-8"))
    page = (repo_root / "docs/detector.md").read_text(encoding="utf-8")
    assert len(table["ours"]) == table["iterations"] == 100 and table["ours"] == table["reference"]
    assert f"({table['ours'][0]:.2f} falling to {table['ours'][-1]:.2f};" in page


def test_losses_are_compared_one_by_one() -> None:
    assert relative_difference([2.0, 1.0], [2.0, 1.0]) == 0.0
    assert relative_difference([2.0, 1.0], [2.0, 0.5]) == 0.5
    with pytest.raises(ValueError):
        relative_difference([1.0], [1.0, 2.0])
