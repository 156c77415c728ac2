# SPDX-License-Identifier: Apache-2.0
"""Weights beside each other: reliability by bins, sums over datasets, the file and the plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.perception.toy_pictures import as_detections, write_rectangles, write_tiny

from seal_bringup.experiments.detectors import compare
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json
from seal_perception.types import UInt8Array


def test_reliability_counts_each_detection_in_its_bin() -> None:
    scores = np.array([0.05, 0.15, 0.19, 0.95, 1.0, 0.9])
    rows = compare.reliability(scores, np.array([False, True, False, True, True, False]))
    assert rows == [
        {"score": 0.05, "right": 0.0, "count": 1},
        {"score": 0.17, "right": 0.5, "count": 2},
        {"score": 0.95, "right": 0.6667, "count": 3},
    ]
    assert compare.reliability(np.zeros(0), np.zeros(0, bool)) == []


def test_groups_add_up(tmp_path: Path) -> None:
    """A detector that knows the answers of one dataset and is 20 pixels off in the other."""
    folders = [tmp_path / "a", tmp_path / "b"]
    known: dict[bytes, Detections] = {}
    for folder, shift in zip(folders, (0, 20), strict=True):
        dataset = write_rectangles(folder, 5, seed=shift)
        for i in range(5):
            known[dataset.image(i).tobytes()] = as_detections(dataset.annotations(i), dataset.size(i), shift)

    class Knows:
        def detect(self, rgb: UInt8Array) -> Detections:
            return known[rgb.tobytes()]

    parts = [compare.measure(Knows(), folder) for folder in folders]
    assert parts[0].figures["box_ap50"] == pytest.approx(100.0) and parts[1].figures["box_ap50"] < 10
    row = compare.summary(parts)
    counts = [part.figures["above_90"] for part in parts]
    assert counts[0]["right"] == counts[0]["detections"] > 0
    assert row["above_90"]["detections"] == sum(c["detections"] for c in counts)
    assert row["box_ap50"] == pytest.approx((100.0 + parts[1].figures["box_ap50"]) / 2)
    assert row["reliability"] == [
        {"score": 0.95, "right": round(row["above_90"]["right"] / row["above_90"]["detections"], 4),
         "count": row["above_90"]["detections"]}
    ]  # fmt: skip


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny(tmp_path / "w.safetensors")
    write_rectangles(tmp_path / "d", 3)
    words = ["compare", f"--weights=one={tmp_path / 'w.safetensors'}", f"--frames=toys={tmp_path / 'd'}"]
    monkeypatch.setattr("sys.argv", [*words, "--json", str(tmp_path / "o.json"), "--plot", str(tmp_path / "o.png")])
    compare.main()
    assert "one on toys: box AP50" in capsys.readouterr().out
    stored = json.loads((tmp_path / "o.json").read_text())
    assert stored["detectors"]["one"]["toys"]["datasets"]["d"]["frames"] == 3 and stored["provenance"]["commit"]
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="expected NAME=VALUE, got 'seal-small'"):
        compare.named("seal-small")


def test_the_page_says_what_own_labels_beside_the_catalogue_gave(repo_root: Path) -> None:
    page = (repo_root / "docs/detector.md").read_text(encoding="utf-8")
    others = read_json(repo_root / "results/detectors_own.json")["detectors"]
    homes = read_json(repo_root / "results/detectors_own_test.json")["detectors"]
    groups = {
        "two offices by others | 240": ("office_small", "husarion_office"),
        "the house, kept back | 120": ("house",),
        "photographs of COCO | 128": ("photographs",),
        "five test homes | 2500": tuple(homes["new"]),
    }
    for title, group in groups.items():
        known = homes if "test" in title else others
        cells = [title]
        for name in ("seal-small", "former", "new"):
            if name in known:
                box, mask = (np.mean([known[name][one][f"{kind}_ap50"] for one in group]) for kind in ("box", "mask"))
                cells.append(f"{box:.1f} ({mask:.1f})")
            else:
                start = read_json(repo_root / "results/loop_seeds.json")["rows"]["pretrained"]
                cells.append(f"{start['box_ap50']['mean']:.1f} ({start['mask_ap50']['mean']:.1f})")
        assert f"| {' | '.join(cells)} |" in page
    before = read_json(repo_root / "results/detectors_before_imagenet.json")["detectors"]["old"]
    for group in ("offices", "house", "photos"):
        assert f"{before[group]['box_ap50']:.1f} ({before[group]['mask_ap50']:.1f})" in page


def test_the_page_has_the_figures_of_the_shipped_second_detector_and_its_rounds(repo_root: Path) -> None:
    page = (repo_root / "docs/detector.md").read_text(encoding="utf-8")
    known = {
        name: read_json(repo_root / f"results/detectors_{name}.json")["detectors"]
        for name in ("own", "own_test", "rounds", "rounds_test", "replay_test")
    }
    start = read_json(repo_root / "results/loop_seeds.json")["rows"]["pretrained"]
    homes = tuple(f"test_0{k}" for k in range(1, 6))

    def cell(rows: dict[str, Any], group: tuple[str, ...]) -> str:
        box, mask = (np.mean([rows[one][f"{kind}_ap50"] for one in group]) for kind in ("box", "mask"))
        return f"{box:.1f} ({mask:.1f})"

    groups = {
        "two offices by others | 240": ("office_small", "husarion_office"),
        "a house by others, kept back | 120": ("house",),
        "photographs of COCO (62 objects) | 128": ("photographs",),
    }
    own, rounds = known["own"], known["rounds"]
    for title, group in groups.items():
        made = (own["seal-small"], own["former"], rounds["first"], rounds["second"], rounds["seal-homes"])
        assert f"| {' | '.join([title, *(cell(rows, group) for rows in made)])} |" in page
    small = f"{start['box_ap50']['mean']:.1f} ({start['mask_ap50']['mean']:.1f})"
    first, now = known["replay_test"]["replay"], known["rounds_test"]["seal-homes"]
    made = [small, cell(known["own_test"]["former"], homes), cell(first, homes), "-", cell(now, homes)]
    assert f"| {' | '.join(['five test homes | 2500', *made])} |" in page
    for text in (page, (repo_root / "README.md").read_text(encoding="utf-8")):
        assert cell(now, homes) in text
    assert ", ".join(cell(now, (home,)) for home in homes) in page
    above = [now[home]["above_90"] for home in homes]
    assert f"{sum(a['right'] for a in above)} of {sum(a['detections'] for a in above)} in the test homes" in page
