# SPDX-License-Identifier: Apache-2.0
"""The tables in README and docs say what results/loop_objects.json and results/loop.json (former rule) hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.demo.config import DEFAULT_ROWS, TEST_HOMES, DemoConfig
from seal_bringup.demo.run import mean_over_homes

FORMER = "### The former detector and rule"


def read(repo_root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repo_root / f"results/{name}.json").read_text())
    return found


@pytest.fixture
def loop(repo_root: Path) -> dict[str, Any]:
    return read(repo_root, "loop_objects")


@pytest.mark.parametrize("name", ["loop_objects", "loop"])
def test_all_test_homes_were_run_as_the_demo_runs_them(repo_root: Path, name: str) -> None:
    loop = read(repo_root, name)
    rows = tuple(loop["config"]["rows"])
    assert tuple(loop["homes"]) == TEST_HOMES and (rows == DEFAULT_ROWS or name == "loop_objects")
    assert loop["config"] == DemoConfig(homes=TEST_HOMES, rows=rows).as_dict()
    for home in loop["homes"].values():
        assert tuple(home["rows"]) == rows
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


def pages(repo_root: Path, former: bool) -> list[str]:
    """The parts of docs/results.md and docs/loop.md on the present rule or on the former one."""
    texts = [(repo_root / f"docs/{name}.md").read_text() for name in ("results", "loop")]
    return [text.split(FORMER)[1 if former else 0] for text in texts]


@pytest.mark.parametrize("name", ["loop_objects", "loop"])
def test_pages_quote_the_measured_figures(repo_root: Path, name: str) -> None:
    loop = read(repo_root, name)
    results, by_home = pages(repo_root, name == "loop")
    for row in loop["config"]["rows"]:
        assert quoted(results, row)[:3] == pytest.approx(means(loop, row)), row
        homes = [home["rows"][row] for home in loop["homes"].values()]
        each = [round(figures[key], 1) for figures in homes for key in ("box_ap50", "mask_ap50")]
        assert quoted(by_home, row)[:13] == pytest.approx([*each, *means(loop, row)]), row


def gains(loop: dict[str, Any], key: str) -> list[float]:
    rows = [home["rows"] for home in loop["homes"].values()]
    return [round(row["label_prop"][key] - row["pretrained"][key], 1) for row in rows]


def test_the_results_page_quotes_each_home_and_what_is_wrong(loop: dict[str, Any], repo_root: Path) -> None:
    page = pages(repo_root, former=False)[0]
    for key in ("box_ap50", "mask_ap50"):
        assert ", ".join(f"{gain:+.1f}" for gain in gains(loop, key)) in page
    labels = [home["labels"]["label_prop"] for home in loop["homes"].values()]
    assert ", ".join(f"{one['instance_precision']:.2f}" for one in labels) in page
    wrong = sum(count for one in labels for count in one["errors"].values())
    place = sum(one["errors"]["poor localisation"] for one in labels)
    assert f"Of the {wrong} wrong labels" in page and f", {place} are of the right category" in page


def test_readme_quotes_the_mean_of_all_seeds_not_the_best(repo_root: Path) -> None:
    readme, found = (repo_root / "README.md").read_text(), read(repo_root, "loop_seeds")
    rows = found["rows"]
    assert found["seeds"] == [0, 1, 2]
    for row, shown in rows.items():
        box = shown["box_ap50"]
        expected = [round(value, 1) for value in (box["mean"], shown["mask_ap50"]["mean"], box["change"]["mean"])]
        assert quoted(readme, row)[:3] == pytest.approx(expected), row
    spans = [one["change"]["interval"] for one in (rows["label_prop"]["box_ap50"], rows["label_prop"]["mask_ap50"])]
    assert "box {:+.1f} to {:+.1f}, mask {:+.1f} to {:+.1f}".format(*spans[0], *spans[1]) in readme
    start, own = (rows[row]["box_ap50"]["by_home"] for row in ("pretrained", "label_prop"))
    change = [sum(own[home]) / 3 - sum(start[home]) / 3 for home in start]
    assert f"By home box {min(change):+.1f} to {max(change):+.1f}" in readme
    assert set(re.findall(r"^\| `(\w+)` \|", readme, flags=re.MULTILINE)) == set(rows)
