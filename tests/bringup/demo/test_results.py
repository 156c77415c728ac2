# SPDX-License-Identifier: Apache-2.0
"""The tables in README and docs say what results/loop.json holds, and that holds what the demo would run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.demo.config import DEFAULT_ROWS, TEST_HOMES, DemoConfig
from seal_bringup.demo.run import mean_over_homes

README_ROWS = ("pretrained", "label_prop", "oracle")


@pytest.fixture
def loop(repo_root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repo_root / "results/loop.json").read_text())
    return found


def test_all_test_homes_were_run_as_the_demo_runs_them(loop: dict[str, Any]) -> None:
    assert tuple(loop["homes"]) == TEST_HOMES
    assert loop["config"] == DemoConfig(homes=TEST_HOMES).as_dict()
    for home in loop["homes"].values():
        assert tuple(home["rows"]) == DEFAULT_ROWS
        assert all(row["frames"] == 500 for row in home["rows"].values())
    assert mean_over_homes(loop["homes"]) == loop["mean"]


def quoted(page: str, row: str) -> list[float]:
    """Numbers in the first table line of a page that begins with `row`."""
    line = next(line for line in page.splitlines() if line.startswith(f"| `{row}` |"))
    return [float(number) for number in re.findall(r"(?<![\w.])[+-]?\d+\.\d+", line.split("|", 2)[2])]


def means(loop: dict[str, Any], row: str) -> list[float]:
    """Mean box and mask AP50 of a row, and its change in box AP50."""
    mean, base = loop["mean"]["rows"][row], loop["mean"]["rows"]["pretrained"]["box_ap50"]
    return [round(mean["box_ap50"], 1), round(mean["mask_ap50"], 1), round(mean["box_ap50"] - base, 1)]


@pytest.mark.parametrize("row", DEFAULT_ROWS)
def test_pages_quote_the_measured_figures(loop: dict[str, Any], repo_root: Path, row: str) -> None:
    assert quoted((repo_root / "docs/results.md").read_text(), row)[:3] == pytest.approx(means(loop, row))
    homes = [home["rows"][row] for home in loop["homes"].values()]
    each = [round(figures[key], 1) for figures in homes for key in ("box_ap50", "mask_ap50")]
    assert quoted((repo_root / "docs/loop.md").read_text(), row)[:13] == pytest.approx([*each, *means(loop, row)])


@pytest.mark.parametrize("row", README_ROWS)
def test_readme_quotes_the_measured_figures(loop: dict[str, Any], repo_root: Path, row: str) -> None:
    assert quoted((repo_root / "README.md").read_text(), row)[:3] == pytest.approx(means(loop, row))


def test_readme_tells_the_best_and_the_worst_home(loop: dict[str, Any], repo_root: Path) -> None:
    readme = (repo_root / "README.md").read_text()
    rows = [home["rows"] for home in loop["homes"].values()]
    gains = [round(row["label_prop"]["box_ap50"] - row["pretrained"]["box_ap50"], 1) for row in rows]
    assert f"{min(gains):+.1f} to {max(gains):+.1f}" in readme
    assert set(re.findall(r"^\| `(\w+)` \|", readme, flags=re.MULTILINE)) == set(README_ROWS)
