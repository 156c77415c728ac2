# SPDX-License-Identifier: Apache-2.0
"""Table 4: which policy and labeller each row has, what rows share, and the table that finished cells make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tests.bringup.experiments.tables.instant_cells import make_instant, needed, of_kind, seal

from seal_bringup.evaluation.true_detector import TrueDetector
from seal_bringup.evaluation.true_views import TrueViews
from seal_bringup.experiments import recordings
from seal_bringup.experiments.recordings import record_world, world_of
from seal_bringup.experiments.tables.cells import Detector, Evaluation, Labels, Recording
from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.store import Given
from seal_bringup.experiments.tables.table1 import GENERALIZATION, SETTINGS, SPECIALIZATION, Table1, Table1Config
from seal_bringup.experiments.tables.table4 import Table4, Table4Config, Views
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_policy.explorer import Explorer
from seal_policy.learned.config import SEES, NetworkConfig
from seal_policy.learned.network import GoalNetwork
from seal_policy.learned.weights import save_policy
from seal_policy.loop import explore
from seal_policy.registry import make_policy, policy_of

HOMES = {"training_homes": ("train_01", "train_02"), "test_homes": ("test_01", "test_02"), "seeds": (0, 1)}
SMALL = Table4Config(**HOMES)
AP = {"frontier": 25.0, "gainful_views": 28.0, "gainful_views+self_training": 21.0, "gainful_views+optical_flow": 22.0}


def test_each_policy_records_for_itself_and_labellers_share_the_best_ones_episodes() -> None:
    table = Table4(SMALL)
    assert SMALL.rows == ("pretrained", *AP)
    frontier, best, other = (
        table.detector(GENERALIZATION, row, 0, "test_01")
        for row in ("frontier", "gainful_views", "gainful_views+self_training")
    )
    policies = [{one.policy for one in of_kind(cell, Recording)} for cell in (frontier, best, other)]
    assert policies == [{"frontier"}, {"gainful_views"}, {"gainful_views"}]
    assert set(of_kind(best, Recording)) == set(of_kind(other, Recording))
    assert {one.row for one in of_kind(best, Labels)} == {"label_prop"}
    assert {one.row for one in of_kind(other, Labels)} == {"self_training"}
    special = table.detector(SPECIALIZATION, "gainful_views", 1, "test_02")
    assert isinstance(special, Detector) and special.parent == table.detector(
        GENERALIZATION, "gainful_views", 1, "test_01"
    )


def test_the_frontier_row_is_that_of_table_1() -> None:
    """A work folder of `table1` is taken over."""
    table = Table4(Table4Config(**HOMES, best="frontier"))
    for row, same in (("frontier", "label_prop"), ("frontier+self_training", "self_training")):
        own = table.evaluation(GENERALIZATION, row, 0, "test_01")
        theirs = Table1(Table1Config(**HOMES)).evaluation(GENERALIZATION, same, 0, "test_01")
        assert own.name == theirs.name and own.weights.name == theirs.weights.name
    best = Table4(SMALL).detector(GENERALIZATION, "gainful_views+self_training", 0, "test_01")
    assert re.fullmatch(r"\w+", best.label)


def test_views_of_a_bag_are_those_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With true detections, in a real home: the map and the truth of each picture are made once more from the bag."""
    world = world_of("train_01", 3)
    monkeypatch.setattr(recordings, "load_detector", lambda weights: TrueDetector(world))
    record_world(world, tmp_path, "", 8, 3)
    cell = Views(Recording("train_01", 3, 8, Given(tmp_path / "bag" / "metadata.yaml")))
    cell.make(tmp_path, [tmp_path / "bag"], lambda done, total: None)
    live, voxel_map = world_of("train_01", 3), VoxelMap()
    views = TrueViews(voxel_map.config)
    explorer = Explorer(make_policy("frontier", 3))
    explore(
        live, TrueDetector(live), voxel_map, explorer, 8, lambda s, frame, *_: views.add(frame, live.truth_images()), 3
    )
    live.close()
    assert read_json(tmp_path / "views.json") == views.figures(voxel_map)
    assert views.figures(voxel_map)["right"] > 200


def test_what_the_table_cannot_be_made_of_is_refused(tmp_path: Path) -> None:
    for changes, told in (
        ({"policies": ()}, "policies names nothing"),
        ({"policies": ("frontier", "wander")}, "unknown policy 'wander'; expected one of: frontier"),
        ({"policies": ("frontier", "frontier")}, "frontier twice"),
        ({"policies": ("frontier=a.safetensors",)}, "frontier is not learned: leave them out"),
        ({"policies": ("gainful_curiosity",)}, "no weights come with the policy gainful_curiosity"),
        ({"policies": (f"ans={tmp_path / 'none'}",)}, "no policy at .*none; expected a .safetensors file"),
        ({"best": "ans"}, "--best must be one of the policies frontier, gainful_views, got 'ans'"),
        ({"policies": ("ans=",)}, "'ans=' names no file; expected NAME=FILE"),
        ({"labellers": ("label_prop",)}, "unknown labellers label_prop; expected some of self_training"),
    ):
        with pytest.raises(InputError, match=told):
            Table4Config(**{**SMALL.__dict__, **changes})
    assert Table4Config(**HOMES, policies=("frontier",), labellers=()).rows == ("pretrained", "frontier")


def test_a_learned_policys_file_decides_its_episodes_and_no_others(tmp_path: Path) -> None:
    def recordings(text: str) -> dict[str, set[Recording]]:
        (tmp_path / "p").write_text(text)
        config = Table4Config(**HOMES, policies=("frontier", f"ans={tmp_path / 'p'}"), best="ans", labellers=())
        table = Table4(config)
        return {row: set(of_kind(table.detector(GENERALIZATION, row, 0, ""), Recording)) for row in ("frontier", "ans")}

    one, other = recordings("one"), recordings("other")
    assert one["frontier"] == other["frontier"] and one["ans"].isdisjoint(other["ans"])
    (tmp_path / "a=b").write_text("")
    assert policy_of(f"ans={tmp_path / 'a=b'}") == ("ans", str(tmp_path / "a=b"))


def test_the_table_of_known_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def ap(cell: Evaluation) -> float:
        label = cell.weights.label.replace("label_prop", "frontier")
        return next((ap for row, ap in AP.items() if f"_{row.replace('+', '_')}_seed" in label), 20.0)

    made = make_instant(monkeypatch, ap, ap)

    def views(self: Views, folder: Path, inputs: object, progress: object) -> None:
        made.append(self.kind)
        right = 90.0 if self.recording.policy == "frontier" else 130.0
        figures = {"confident": 2 * right, "right": right, "right_share": 0.5, "near_views": 3.0, "sides": 2.0}
        write_json(folder / self.output, figures)

    monkeypatch.setattr(Views, "make", views)
    config = Table4Config(**{**HOMES, "seeds": (0,)}, labellers=("self_training",))
    table = run_table(Table4(config), RunOptions(tmp_path / "work", tmp_path / "out/table4.json"))
    assert table["complete"] and table == read_json(tmp_path / "out/table4.json")
    for setting in SETTINGS:
        rows = table["settings"][setting]
        assert list(rows) == list(config.rows) == ["pretrained", *list(AP)[:3]]
        assert all(rows[row]["box_ap50"]["mean"] == AP[row] for row in config.rows[1:])
        assert rows["gainful_views"]["change"]["box_ap50"]["mean"] == 8.0 and "views" not in rows["pretrained"]
        # In both training homes, or in both test homes.
        assert rows["frontier"]["views"] == {
            "recordings": 2, "of": 2, "confident": 180.0, "right": 90.0, "right_share": 0.5, "near_views": 3.0,
            "sides": 2.0,
        }  # fmt: skip
        assert rows["gainful_views"]["views"]["right"] == 130.0
    assert made.count("views") == 2 * 2 + 3 * 2  # two policies in training homes, three rows in test homes
    text = (tmp_path / "out/table4.md").read_text()
    assert "| 130 of 260 |" in text and "right voxels: of those" in text


def test_quick_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real homes, a learned policy, detector and labels, as a user types it; the second time nothing is computed."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = GoalNetwork(NetworkConfig(inputs=SEES["ans"]))
    save_policy(tmp_path / "ans.safetensors", network, "ans", {"command": "a test", "seed": 0})
    command = ["experiment", "table4", "--quick", "--settings", GENERALIZATION, "--labellers", "none"]
    command += ["--policies", "gainful_views,ans=ans.safetensors"]
    assert seal(monkeypatch, *command) == 0, capsys.readouterr()
    table = read_json(tmp_path / "runs/table4_quick/table4.json")
    rows = table["settings"][GENERALIZATION]
    assert table["complete"] and list(rows) == ["pretrained", "gainful_views", "ans"]
    for row in ("gainful_views", "ans"):
        assert rows[row]["views"]["recordings"] == 2 and rows[row]["views"]["right"] >= 0
        assert rows[row]["views"]["right"] <= rows[row]["views"]["confident"]
    capsys.readouterr()
    assert seal(monkeypatch, *command) == 0
    assert " ..." not in capsys.readouterr().out


def test_everything_that_the_default_table_needs() -> None:
    everything = set().union(*map(needed, Table4(Table4Config()).targets()))
    recordings = [one for one in everything if isinstance(one, Recording)]
    assert len(recordings) == 3 * 2 * 25 + 3 * 4 * 5  # policies in training homes; every row in test homes
    assert sum(isinstance(one, Views) for one in everything) == len(recordings)
