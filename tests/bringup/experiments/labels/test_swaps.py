# SPDX-License-Identifier: Apache-2.0
"""The diagnosis by swaps: rows differ from `labels` in one thing, and the table says what each is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.bringup.experiments.tables.instant_cells import make_instant, of_kind

from seal_bringup.experiments.labels import swaps
from seal_bringup.experiments.labels.surgery import SWAPS
from seal_bringup.experiments.labels.swaps import ROWS, Swapped, Swaps, SwapsConfig, lines
from seal_bringup.experiments.tables.cells import Detector, Evaluation, Labels, Recording
from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.store import CellStore
from seal_bringup.experiments.tables.table1 import Table1, Table1Config
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

HOME = "train_11"


def test_each_row_differs_from_the_labels_in_one_thing() -> None:
    table = Swaps(SwapsConfig((HOME,)))
    start = table.detector("labels", HOME)
    assert isinstance(start, Detector) and start.config.iterations == 300 and start.config.batch == 4
    assert start.config.replay_share == 0.5 and start.replay is not None and start.replay.count == 400
    (labels,) = start.labels
    assert isinstance(labels, Labels) and labels.row == "label_prop"
    assert len({table.evaluation(row, 0, HOME).key for row in ROWS}) == len(ROWS)
    for row in ROWS[2:]:
        detector = table.detector(row, HOME)
        assert isinstance(detector, Detector) and detector.parent == start.parent and detector.replay == start.replay
        assert (detector.config == start.config) == (row != "twice_schedule")
        assert (of_kind(detector, Recording) == of_kind(start, Recording)) == ("views" not in row)
        (own,) = detector.labels
        if row in SWAPS:
            assert isinstance(own, Swapped) and own.labels == labels and own.swap == row
            assert own.truth == Labels(labels.recording, "oracle")
        else:
            assert isinstance(own, Labels) and own.row == ("oracle" if row == "true" else "label_prop")
    twice = table.detector("twice_schedule", HOME)
    assert isinstance(twice, Detector) and twice.config.iterations == 600
    more, other = table.episode("twice_views", HOME), table.episode("gainful_views", HOME)
    assert (more.steps, more.policy) == (600, "frontier") and (other.steps, other.policy) == (300, "gainful_views")


def test_episodes_are_those_of_the_tables() -> None:
    """So that one work folder serves both."""
    first = Table1(Table1Config(training_homes=(HOME,)))
    ours = Swaps(SwapsConfig((HOME,))).episode("labels", HOME)
    assert any(ours in of_kind(target, Recording) for target in first.targets())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"homes": ("test_01",)}, "test_01 is no training home"),
        ({"homes": ()}, "no home was named"),
        ({"rows": ("place", "size")}, "unknown rows size; expected some of pretrained, labels, true, place"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SwapsConfig(**changes)


def test_what_each_swap_is_worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures by row and home that are known; `labels` and `pretrained` are there though nobody named them."""
    worth = {"seal": 40.0, "labels": 44.0, "place": 50.0, "no": 43.0}

    def box_ap50(cell: Evaluation) -> float:
        return worth[cell.weights.label.split("_")[0]] + (10.0 if cell.frames.home == "train_12" else 0.0)

    made = make_instant(monkeypatch, box_ap50, lambda cell: box_ap50(cell) / 2, (Swapped,))
    monkeypatch.setattr(swaps, "read_json", lambda path: {"per_category": {"bed": {"box_ap50": 12.5}}})
    table, out = Swaps(SwapsConfig((HOME, "train_12"), ("no_false", "place"))), tmp_path / "swaps.json"
    found = run_table(table, RunOptions(tmp_path / "work", out))
    assert found == read_json(out) and found["complete"] and "commit" in found["provenance"]
    rows = found["settings"]["swaps"]
    assert list(rows) == ["pretrained", "labels", "place", "no_false"]
    assert rows["labels"]["box_ap50"]["mean"] == 49.0 and rows["labels"]["change"]["box_ap50"]["mean"] == 4.0
    assert {row: rows[row]["over_labels"]["box_ap50"]["mean"] for row in ("place", "no_false")} == {
        "place": 6.0, "no_false": -1.0,
    }  # fmt: skip
    assert rows["place"]["by_home"][HOME]["over_labels"]["mask_ap50"] == {"mean": 3.0, "interval": [3.0, 3.0]}
    assert rows["place"]["labels"]["precision"] == 0.75 and "over_labels" not in rows["labels"]
    text = lines(found)
    (mean,) = (line for line in text[: text.index("")] if line.startswith("place"))
    assert "+6.0 [+6.0, +6.0]" in mean and "0.75 / 0.30" in mean
    (in_home,) = (line for line in text[text.index("") :] if line.startswith("no_false") and "53.0" in line)
    assert "-1.0 [-1.0, -1.0]" in in_home and in_home.endswith("12.5")
    assert "| place | 55.0" in out.with_suffix(".md").read_text()
    count = len(made)
    run_table(table, RunOptions(tmp_path / "work", out))
    assert len(made) == count, "nothing is computed twice"


def test_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A real home, episode, labels, truth, surgery, fine-tuning and evaluation, made small."""
    out = tmp_path / "swaps.json"
    small = ("--steps", "10", "--iterations", "1", "--frames", "2", "--replay-pictures", "2")
    places = ("--work", str(tmp_path / "work"), "--out", str(out))
    monkeypatch.setattr("sys.argv", ["swaps", "--homes", HOME, "--rows", "place", *small, *places])
    swaps.main()
    said = capsys.readouterr().out
    assert "over labels (box)" in said and "1 homes and seeds 0" in said
    table = read_json(out)
    assert table["complete"] and not table["cells"]["failed"] and table["config"]["seeds"] == [0]
    rows = table["settings"]["swaps"]
    assert list(rows) == ["pretrained", "labels", "place"]
    assert set(rows["place"]["by_home"][HOME]["per_category"]["bed"]) == {"box_ap50", "mask_ap50", "instances"}
    config = SwapsConfig((HOME,), ("place",), 0, 10, 1, 2, 2)
    store, cell = CellStore(tmp_path / "work"), Swaps(config).labels("place", HOME)
    assert isinstance(cell, Swapped)
    changed, before, truth = (CocoDataset(store.find(one) or "") for one in (cell, cell.labels, cell.truth))
    masks = [
        [row["segmentation"]["counts"] for n in range(11) for row in one.objects(n)] for one in (changed, before, truth)
    ]
    assert len(masks[0]) == len(masks[1]) > 0 and set(masks[0]) - set(masks[1]) <= set(masks[2])
    assert set(masks[0]) & set(masks[2])
    swaps.main()
    assert " ..." not in capsys.readouterr().out
