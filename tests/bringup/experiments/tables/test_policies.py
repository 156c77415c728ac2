# SPDX-License-Identifier: Apache-2.0
"""Goal policies beside each other: ratios, intervals, and runs that do not belong together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.experiments.tables.policies import main, read_runs, summary
from seal_perception.errors import InputError


def run(path: Path, right: dict[str, tuple[float, float]], **settings: Any) -> str:
    """A file of `explore_homes` with so many right voxels by home, from the starts 0 and 1."""
    homes = {}
    for home, values in right.items():
        rows = {}
        for start, value in enumerate(values):
            views = {
                "right": value,
                "confident": 2 * value,
                "right_share": 0.5,
                "near_views": 3,
                "sides": 2,
                "views": 5,
            }
            rows[str(start)] = {"seen_share": 0.9, "views": views}
        homes[home] = rows
    said = {
        "steps": 300,
        "weights": "seal-small",
        "policy": path.stem,
        "policy_weights": "",
        "seed": [0, 1],
        **settings,
    }
    path.write_text(json.dumps({"provenance": {"commit": "abc"}, "settings": said, "homes": homes}))
    return f"{path.stem}={path}"


def test_the_ratio_is_of_means_and_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run(tmp_path / "frontier.json", {"a": (100.0, 100.0), "b": (300.0, 300.0)})
    other = run(tmp_path / "views.json", {"a": (150.0, 150.0), "b": (330.0, 330.0)})
    found = summary(read_runs([one, other]))
    assert found["first"] == "frontier" and "over_first" not in found["policies"]["frontier"]
    row = found["policies"]["views"]
    assert row["right"]["mean"] == 240.0 and row["by_home"] == {"a": [150.0, 150.0], "b": [330.0, 330.0]}
    # Unpaired, draws of (a, a) beside (b, b) would reach from 0.5 to 3.3.
    assert row["over_first"] == {"mean": 1.2, "interval": [1.1, 1.5]}
    assert row["seen_share"]["mean"] == 0.9
    monkeypatch.setattr(sys, "argv", ["policies", "--runs", one, "--runs", other, "--out", str(tmp_path / "o.json")])
    main()
    written = json.loads((tmp_path / "o.json").read_text())
    assert written["policies"] == found["policies"] and written["provenance"]["views"] == {"commit": "abc"}
    assert written["settings"]["views"]["policy"] == "views"


def test_a_first_policy_without_a_right_voxel_has_no_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing, some = run(tmp_path / "n.json", {"a": (0.0, 0.0)}), run(tmp_path / "s.json", {"a": (5.0, 5.0)})
    assert summary(read_runs([nothing, some]))["policies"]["s"]["over_first"] == {"mean": None, "interval": None}
    words = ["policies", "--runs", nothing, "--runs", some, "--out", str(tmp_path / "o.json")]
    monkeypatch.setattr(sys, "argv", words)
    main()
    assert "right voxels 5 [5, 5], - of n" in capsys.readouterr().out


def test_runs_that_do_not_belong_together(tmp_path: Path) -> None:
    one = run(tmp_path / "one.json", {"a": (1.0, 1.0)})
    for changes, told in (({"steps": 200}, "other settings"), ({"weights": "seal-homes"}, "other settings")):
        with pytest.raises(InputError, match=told):
            read_runs([one, run(tmp_path / "two.json", {"a": (1.0, 1.0)}, **changes)])
    with pytest.raises(InputError, match=r"other homes than the first: \['b'\] instead of \['a'\]"):
        read_runs([one, run(tmp_path / "two.json", {"b": (1.0, 1.0)})])
    with pytest.raises(InputError, match="other starts"):
        read_runs([one, run(tmp_path / "two.json", {"a": (1.0, 1.0)}, seed=[3, 4])])
    with pytest.raises(InputError, match="each name once"):
        read_runs([one, one])
    with pytest.raises(InputError, match="NAME=FILE"):
        read_runs(["one.json"])
    bare = json.loads((tmp_path / "one.json").read_text())
    del bare["homes"]["a"]["1"]["views"]
    (tmp_path / "bare.json").write_text(json.dumps(bare))
    with pytest.raises(InputError, match="run explore_homes with --weights"):
        read_runs([f"bare={tmp_path / 'bare.json'}"])


def test_the_page_quotes_the_file(repo_root: Path) -> None:
    page = (repo_root / "docs/exploration.md").read_text(encoding="utf-8")
    found = json.loads((repo_root / "results/policies.json").read_text())
    assert len(found["homes"]) == 5 and len(found["starts"]) == 3
    for name, row in found["policies"].items():
        right, (low, high) = row["right"]["mean"], row["right"]["interval"]
        over = row.get("over_first")
        beside = "" if over is None else f"{over['mean']:.2f} [{over['interval'][0]:.2f}, {over['interval'][1]:.2f}] "
        figures = f"{100 * row['seen_share']['mean']:.1f} % | {right:.0f} [{low:.0f}, {high:.0f}] | {beside}"
        share = f"{100 * row['right_share']['mean']:.0f} %"
        near = f"{row['near_views']['mean']:.1f}, {row['sides']['mean']:.1f}"
        assert f"| `{name}` | {figures}| {share} | {near} |" in page
