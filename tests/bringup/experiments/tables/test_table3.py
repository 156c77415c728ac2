# SPDX-License-Identifier: Apache-2.0
"""Table 3: the cells of k annotated frames, what they may know, and the table that finished ones make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.bringup.experiments.tables.instant_cells import make_instant, needed, of_kind, seal

from seal_bringup.cli.experiment.table3 import parse_frames
from seal_bringup.experiments.tables import labellers, weak_cells
from seal_bringup.experiments.tables.cells import Detector, Evaluation, Labels, Quality, Recording
from seal_bringup.experiments.tables.figures import METRICS
from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.store import Cell, CellStore
from seal_bringup.experiments.tables.table1 import SPECIALIZATION, Table1, Table1Config
from seal_bringup.experiments.tables.table3 import NAIVE, PROPAGATION, Table3, Table3Config
from seal_bringup.experiments.tables.weak_cells import AnnotatedFrames, Choice, Propagated
from seal_mapping.bags.reader import open_bag
from seal_mapping.labels.config import LabelConfig
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

HOMES = ("test_01", "test_02")
SMALL = Table3Config(test_homes=HOMES, seeds=(0, 1), frames=(0, 5))


def key_of(table: Table3, setting: str, k: int, seed: int = 0, home: str = "test_01") -> str:
    return table.evaluation(setting, k, seed, home).key


def test_naive_learns_from_the_frames_alone_and_propagation_from_the_whole_recording() -> None:
    table = Table3(SMALL)
    naive, carried = (table.detector(setting, 5, 1, "test_02") for setting in (NAIVE, PROPAGATION))
    assert isinstance(naive, Detector) and isinstance(carried, Detector)
    assert naive.config == carried.config and naive.parent == carried.parent == table.start
    assert naive.config.iterations == 300 and naive.config.replay_share == 0.5
    (frames,), (labels,) = naive.labels, carried.labels
    assert isinstance(frames, AnnotatedFrames) and isinstance(labels, Propagated) and labels.annotated == frames
    assert frames.choice.k == 5 and frames.choice.recording == table.recording(1, "test_02")
    assert table.detector(NAIVE, 0, 1, "test_02") == table.start
    plain = table.detector(PROPAGATION, 0, 1, "test_02")
    assert isinstance(plain, Detector) and plain.labels == (Labels(table.recording(1, "test_02"), "label_prop"),)


def test_the_cells_follow_k_and_the_rule_and_share_the_episode() -> None:
    table = Table3(Table3Config(frames=(0, 5, 10)))
    for setting in (NAIVE, PROPAGATION):
        assert len({key_of(table, setting, k) for k in (0, 5, 10)}) == 3
    five, ten = (table.evaluation(PROPAGATION, k, 0, "test_01") for k in (5, 10))
    for kind in (Choice, AnnotatedFrames, Propagated):
        ((one,), (other,)) = of_kind(five, kind), of_kind(ten, kind)
        assert one.key != other.key and one.label != other.label
    assert of_kind(five, Recording) == of_kind(ten, Recording)
    # The episode and the frames to judge in are those of Table 1.
    first = Table1(Table1Config())
    assert five.frames in needed(first.evaluation(SPECIALIZATION, "oracle", 0, "test_01"))
    assert key_of(table, NAIVE, 0) == first.evaluation(SPECIALIZATION, "pretrained", 0, "test_01").key


def test_another_rule_makes_other_labels_of_the_same_annotated_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {setting: key_of(Table3(SMALL), setting, 5) for setting in (NAIVE, PROPAGATION)}
    rule = LabelConfig(least_overlap=0.41)
    monkeypatch.setattr(labellers, "LabelConfig", lambda: rule)
    assert key_of(Table3(SMALL), NAIVE, 5) == before[NAIVE]
    assert key_of(Table3(SMALL), PROPAGATION, 5) != before[PROPAGATION]


def test_nothing_true_is_before_the_choice_and_only_chosen_frames_are_true_before_the_labels() -> None:
    """True labels of all frames (`oracle`) judge the propagated ones; nothing that is learnt from needs them."""
    table = Table3(SMALL)
    for target in table.targets():
        for choice in of_kind(target, Choice):
            assert {type(cell) for cell in needed(choice)} == {Choice, Recording, type(table.start)}
            assert not any("bringup" in name or "sim_bridge" in name for name in choice.modules())
        true = [labels for labels in of_kind(target, Labels) if labels.row == labellers.ORACLE]
        assert bool(true) == isinstance(target, Quality)


def test_the_default_table_is_the_papers() -> None:
    table = Table3(Table3Config())
    targets = table.targets()
    # The start once per home, plain label_prop, and two ways for each of two k: all per home and seed.
    assert len([cell for cell in targets if isinstance(cell, Evaluation)]) == 5 + 5 * 3 * (1 + 2 * 2)
    everything: set[Cell] = set().union(*map(needed, targets))
    count = {kind: sum(isinstance(cell, kind) for cell in everything) for kind in (Recording, Choice, AnnotatedFrames)}
    assert count == {Recording: 15, Choice: 30, AnnotatedFrames: 30}


def test_what_would_make_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="from 0 to the 300 steps of an episode, got -1"):
        Table3Config(frames=(-1, 5))
    with pytest.raises(InputError, match="from 0 to the 8 steps of an episode, got 10"):
        Table3Config(frames=(0, 10), steps=8)
    with pytest.raises(InputError, match="test_homes names nothing"):
        Table3Config(test_homes=())
    with pytest.raises(InputError, match="iterations must be at least 1, got 0"):
        Table3Config(iterations=0)
    with pytest.raises(InputError, match="--frames must be whole numbers with commas, such as 0,5,10; got '5,x'"):
        parse_frames("5,x")
    assert parse_frames("10, 0,5") == (10, 0, 5)
    assert Table3Config(frames=(10, 0, 5, 5)).frames == (0, 5, 10)
    assert Table3Config().quick().frames == (0, 2)


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Made-up AP50: 20 before; naive loses k / 5; propagation gains 3, and k more. 10 more in the second home."""

    def box_ap50(cell: Evaluation) -> float:
        about = cell.weights.label
        (drawn,) = of_kind(cell, Choice) or [None]
        k = 0 if drawn is None else drawn.k
        gain = 3.0 + k if about.startswith(PROPAGATION) else -k / 5
        return 20.0 + gain + 10.0 * (cell.frames.home == "test_02")

    return make_instant(monkeypatch, box_ap50, lambda cell: box_ap50(cell) / 2, (Choice, AnnotatedFrames, Propagated))


def test_the_table_of_known_figures(instant: list[str], tmp_path: Path) -> None:
    table = run_table(Table3(SMALL), RunOptions(tmp_path / "work", tmp_path / "table3.json"))
    assert table == read_json(tmp_path / "table3.json") and table["complete"] and table["table"] == "table3"
    naive, carried = table["settings"]["naive"], table["settings"]["propagation"]
    assert list(naive) == list(carried) == ["pretrained", "k=0", "k=5"]
    assert naive["k=0"]["box_ap50"] == naive["pretrained"]["box_ap50"] == {"mean": 25.0, "interval": [20.0, 30.0]}
    assert naive["k=5"]["change"]["box_ap50"] == {"mean": -1.0, "interval": [-1.0, -1.0]}
    assert carried["k=0"]["change"]["box_ap50"] == {"mean": 3.0, "interval": [3.0, 3.0]}
    assert carried["k=5"]["change"]["mask_ap50"] == {"mean": 4.0, "interval": [4.0, 4.0]}
    assert carried["k=5"]["over_naive"]["box_ap50"] == {"mean": 9.0, "interval": [9.0, 9.0]}
    assert carried["k=5"]["homes"]["test_02"]["box_ap50"] == [38.0, 38.0]
    assert carried["k=5"]["labels"]["recordings"] == 4 and carried["k=5"]["labels"]["precision"] == 0.75
    assert naive["k=5"]["labelled_pictures"] == {"fine_tunings": 4, "sum": 12} and "labels" not in naive["k=5"]
    assert cv2.imread(str(tmp_path / "table3.png")).shape[1] > 800
    lines = (tmp_path / "table3.md").read_text().splitlines()
    assert "| k=5 | 24.0 [19.0, 29.0] | 12.0 [9.5, 14.5] | -1.0 [-1.0, -1.0] | -0.5 [-0.5, -0.5] |" in lines
    (last,) = (line for line in lines[lines.index("## propagation") :] if line.startswith("| k=5"))
    assert last.endswith("| +9.0 [+9.0, +9.0] | +4.5 [+4.5, +4.5] | 0.75 / 0.30 |")
    assert "gap closed" not in " ".join(lines) and "missing" not in " ".join(lines)
    count = len(instant)
    more = Table3Config(**{**SMALL.__dict__, "frames": (0, 5, 10)})
    run_table(Table3(more), RunOptions(tmp_path / "work", tmp_path / "table3.json"))
    new = instant[count:]
    assert {kind: new.count(kind) for kind in set(new)} == {
        "choice": 4, "annotated_frames": 4, "labels": 4, "quality": 4, "detector": 8, "evaluation": 8,
    }  # fmt: skip


def test_quick_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real home, detector, choice, truth of the chosen frames, labels and fine-tuning, as a user types it."""
    monkeypatch.chdir(tmp_path)
    command = ("experiment", "table3", "--quick")
    assert seal(monkeypatch, *command) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "naive: AP50" in said and "propagation: AP50" in said and "k=2" in said
    work = tmp_path / "runs/table3_quick"
    table = read_json(work / "table3.json")
    assert table["complete"] and (work / "table3.png").is_file() and "| k=2 |" in (work / "table3.md").read_text()
    for rows in table["settings"].values():
        assert list(rows) == ["pretrained", "k=0", "k=2"]
        assert all(0 <= row[metric]["mean"] <= 100 for row in rows.values() for metric in METRICS)
    store, cells = CellStore(work), Table3(Table3Config().quick())
    choice = Choice(cells.recording(0, "test_01"), 2)
    carried, annotated = Propagated(AnnotatedFrames(choice)), store.find(AnnotatedFrames(choice))
    bag, labels = store.find(choice.recording), store.find(carried)
    assert annotated is not None and labels is not None and bag is not None
    chosen = read_json(store.find(choice) or Path())
    drawn, everything = CocoDataset(annotated), CocoDataset(labels)
    assert {drawn.image_info(n)["stamp_ns"] for n in range(len(drawn))} == set(chosen["stamps_ns"])
    assert (len(drawn), len(everything)) == (2, 9) and read_json(labels / "labels.json")["annotated_frames"] == 2
    assert_drawn_masks_are_the_truth(drawn, bag)
    # Without the simulator and its truth the choice is the same.
    monkeypatch.setattr(weak_cells, "world_of", None)
    monkeypatch.setattr(weak_cells, "Truth", None)
    choice.make(tmp_path, [bag], lambda done, total: None)
    assert read_json(tmp_path / choice.output) == chosen
    assert seal(monkeypatch, *command) == 0
    again = capsys.readouterr().out
    assert " ..." not in again and again.splitlines()[-8:] == said.splitlines()[-8:]


def assert_drawn_masks_are_the_truth(drawn: CocoDataset, bag: Path) -> None:
    """Of the recorded picture with the same stamp, as the simulator renders its objects."""
    from seal_bringup.demo.oracle import Truth
    from seal_bringup.experiments.recordings import world_of

    world = world_of("test_01", 0)
    truth: Any = Truth(world, {})
    frames = {item.frame.stamp_ns: item for item in open_bag(bag)}
    for n in range(len(drawn)):
        item = frames[drawn.image_info(n)["stamp_ns"]]
        np.testing.assert_array_equal(drawn.image(n), item.frame.rgb)
        expected, found = truth.annotations(item), drawn.annotations(n)
        assert [one.category for one in found] == [one.category for one in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.mask, other.mask)
    world.close()
