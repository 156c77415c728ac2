# SPDX-License-Identifier: Apache-2.0
"""Table 1: which cells it needs, what decides them, and the table that finished ones make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
from tests.bringup.experiments.tables.instant_cells import make_instant, needed, of_kind, seal

from seal_bringup.cli.experiment.table1 import training_homes
from seal_bringup.demo.config import TRAINING_HOMES
from seal_bringup.experiments.tables import cells, labellers
from seal_bringup.experiments.tables.cells import Detector, Evaluation, Frames, Labels, Recording
from seal_bringup.experiments.tables.figures import pooled
from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.store import Cell, CellStore
from seal_bringup.experiments.tables.table1 import GENERALIZATION, SPECIALIZATION, Table1, Table1Config
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.labels.config import LabelConfig
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

HOMES = ("test_01", "test_02")
SMALL = Table1Config(training_homes=("train_01", "train_02"), test_homes=HOMES, seeds=(0, 1))
OWN = {"label_prop_paper": 22.0, "label_prop": 25.0, "oracle": 40.0}
"""Made-up AP50 of rows in generalization; 20 before, 5 more after specialization, 10 more in the second home."""


def test_generalization_learns_once_from_all_training_homes_and_specialization_goes_on_from_there() -> None:
    table = Table1(SMALL)
    one, other = (table.detector(GENERALIZATION, "label_prop", 0, home) for home in HOMES)
    assert isinstance(one, Detector) and one is other and one.config.iterations == 1500
    assert [labels.recording.home for labels in one.labels] == ["train_01", "train_02"]
    assert one.parent == table.start and {labels.recording.weights for labels in one.labels} == {table.start}
    special = table.detector(SPECIALIZATION, "label_prop", 0, "test_02")
    assert isinstance(special, Detector) and special.parent == one and special.config.iterations == 300
    assert [labels.recording.home for labels in special.labels] == ["test_02"]
    assert special.labels[0].recording.weights == one  # recorded with the detector that it goes on from
    assert one.config.replay_share == 0.5 and one.replay is not None and one.replay.count == 400
    assert table.detector(SPECIALIZATION, "pretrained", 1, "test_02") == table.start


def test_the_default_table_is_the_papers() -> None:
    config = Table1Config()
    assert len(config.training_homes) == 25 and len(config.test_homes) == 5 and config.seeds == (0, 1, 2)
    targets = Table1(config).targets()
    evaluations = [cell for cell in targets if isinstance(cell, Evaluation)]
    learning = len(config.rows) - 1
    # Of the start one per test home; of each row and seed, in both settings, one per test home.
    assert len(evaluations) == 5 + 2 * 3 * 5 * learning
    everything = set().union(*map(needed, targets))
    recordings = [cell for cell in everything if isinstance(cell, Recording)]
    assert len(recordings) == 3 * 25 + 3 * 5 * learning  # rows share those of the training homes
    assert {cell.home for cell in everything if isinstance(cell, Frames)} == set(config.test_homes)


def test_a_change_makes_another_cell_of_what_it_decides_and_of_nothing_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(config: Table1Config) -> tuple[set[Cell], set[Cell], Cell]:
        last = Table1(config).evaluation(GENERALIZATION, "label_prop", 0, "test_01")
        return set(of_kind(last, Recording)), set(of_kind(last, Labels)), last

    recordings, labels, last = parts(SMALL)
    assert parts(SMALL) == (recordings, labels, last)
    for change, kept in (
        ({"iterations": 7}, (True, True, False)),
        ({"evaluation_frames": 9}, (True, True, False)),
        ({"replay_pictures": 9}, (True, True, False)),
        ({"steps": 9}, (False, False, False)),
        ({"specialization_iterations": 7}, (True, True, True)),
        ({"test_homes": ("test_01", "test_05")}, (True, True, True)),
    ):
        now = parts(Table1Config(**{**SMALL.__dict__, **change}))
        assert tuple(a == b for a, b in zip(now, (recordings, labels, last), strict=True)) == kept, change
    rule = LabelConfig(least_overlap=0.41)
    monkeypatch.setitem(labellers.LABELLERS, "label_prop", lambda: LabelProp(rule))
    now = parts(SMALL)
    assert now[0] == recordings and now[1].isdisjoint(labels) and now[2] != last


def test_what_would_make_the_table_mean_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="unknown rows optical"):
        Table1Config(rows=("optical",))
    with pytest.raises(InputError, match="unknown settings both"):
        Table1Config(settings=("both",))
    with pytest.raises(InputError, match="train_03 would be learnt from and judged in"):
        Table1Config(test_homes=("train_03",))
    with pytest.raises(InputError, match="iterations must be at least 1, got 0"):
        Table1Config(iterations=0)
    with pytest.raises(InputError, match="no labeller is registered for the row 'oracle'"):
        labellers.labeller_of("oracle")
    assert Table1Config(rows=("oracle",)).rows == ("pretrained", "oracle")


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cells that write made-up figures at once, in the form of the real ones; what was made, in order."""

    def box_ap50(cell: Evaluation) -> float:
        row, about = row_of(cell), cell.weights.label
        value = (20.0 if row is None else OWN[row]) + 5.0 * (row is not None and about.startswith("spec"))
        return value + 10.0 * (cell.frames.home == "test_02")

    def row_of(cell: Evaluation) -> str | None:
        return next((name for name in OWN if f"_{name}_seed" in cell.weights.label), None)

    # The start finds no mask.
    return make_instant(monkeypatch, box_ap50, lambda cell: None if row_of(cell) is None else box_ap50(cell))


def options(tmp_path: Path) -> RunOptions:
    return RunOptions(tmp_path / "work", tmp_path / "out/table1.json")


def test_the_table_of_known_figures(instant: list[str], tmp_path: Path) -> None:
    config = Table1Config(**{**SMALL.__dict__, "rows": (*OWN, "pretrained")})
    lines: list[str] = []
    table = run_table(Table1(config), options(tmp_path), lines.append)
    assert table == read_json(tmp_path / "out/table1.json")
    assert cv2.imread(str(tmp_path / "out/table1.png")).shape[1] > 800
    general, special = table["settings"]["generalization"], table["settings"]["specialization"]
    assert list(general) == ["pretrained", "label_prop_paper", "label_prop", "oracle"]
    assert general["pretrained"]["box_ap50"] == {"mean": 25.0, "interval": [20.0, 30.0]}
    assert general["label_prop"]["box_ap50"]["mean"] == 30.0 and special["label_prop"]["box_ap50"]["mean"] == 35.0
    assert general["label_prop"]["change"]["box_ap50"] == {"mean": 5.0, "interval": [5.0, 5.0]}
    assert general["label_prop"]["gap_share"]["box_ap50"] == {"mean": 0.25, "interval": [0.25, 0.25]}
    assert special["label_prop"]["gap_share"]["box_ap50"]["mean"] == 0.4
    assert general["label_prop"]["homes"]["test_02"]["box_ap50"] == [35.0, 35.0]
    assert "gap_share" not in general["oracle"] and general["oracle"]["change"]["box_ap50"]["mean"] == 20.0
    assert general["label_prop"]["labels"] == {
        "recordings": 4, "of": 4, "precision": 0.75, "recall": 0.3, "right": 12, "predicted": 16, "true": 40,
    }  # fmt: skip
    assert special["oracle"]["labelled_pictures"] == {"fine_tunings": 4, "sum": 12}
    # The start has no mask AP50 (nothing to find): no change of it either, and the box alone fills no gap in `missing`.
    assert general["pretrained"]["mask_ap50"] == {"mean": None, "interval": None}
    assert general["label_prop"]["change"]["mask_ap50"] == {"mean": None, "interval": None}
    assert table["missing"] == [] and table["complete"] and "families" in table
    assert table["cells"]["finished"] == table["cells"]["of"] == len(instant)
    assert any("about" in line and "left" in line for line in lines)


def test_a_second_run_makes_nothing_and_a_further_row_only_itself(instant: list[str], tmp_path: Path) -> None:
    config = Table1Config(**{**SMALL.__dict__, "rows": ("oracle",), "settings": (GENERALIZATION,)})
    before = run_table(Table1(config), options(tmp_path))
    count = len(instant)
    assert instant.count("recording") == 4 and instant.count("detector") == 2
    again = run_table(Table1(config), options(tmp_path))
    assert len(instant) == count and again == before
    more = Table1Config(**{**config.__dict__, "rows": ("oracle", "label_prop")})
    run_table(Table1(more), options(tmp_path))
    new = instant[count:]
    assert {kind: new.count(kind) for kind in set(new)} == {"labels": 4, "quality": 4, "detector": 2, "evaluation": 4}


def test_an_interrupted_run_leaves_a_partial_table_that_names_what_is_missing(
    instant: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Table1Config(**{**SMALL.__dict__, "rows": ("oracle",), "settings": (GENERALIZATION,), "seeds": (0,)})
    make = Evaluation.make

    def interrupt(self: Any, *rest: Any) -> None:
        if self.weights.label.startswith("gen") and self.frames.home == "test_02":
            raise KeyboardInterrupt
        make(self, *rest)

    monkeypatch.setattr(Evaluation, "make", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_table(Table1(config), options(tmp_path))
    table = read_json(tmp_path / "out/table1.json")
    assert table["missing"] == ["generalization: oracle: test_02 seed 0"] and not table["complete"]
    row = table["settings"]["generalization"]["oracle"]
    assert row["box_ap50"]["mean"] == 40.0 and row["change"]["box_ap50"]["mean"] == 20.0  # of test_01 alone, paired
    assert row["homes"]["test_02"]["box_ap50"] == [None]
    monkeypatch.setattr(Evaluation, "make", make)
    assert (
        run_table(Table1(config), options(tmp_path))["settings"]["generalization"]["oracle"]["box_ap50"]["mean"] == 45
    )
    assert instant.count("detector") == 1


def test_a_home_that_cannot_be_rendered_is_named_and_the_others_are_judged(
    instant: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Table1Config(**{**SMALL.__dict__, "rows": ("oracle",), "settings": (GENERALIZATION,), "seeds": (0,)})
    make = Frames.make

    def fail(self: Any, *rest: Any) -> None:
        if self.home == "test_01":
            raise InputError("no floor")
        make(self, *rest)

    monkeypatch.setattr(Frames, "make", fail)
    with pytest.raises(InputError, match="1 cells failed, such as frames test_01_500: no floor"):
        run_table(Table1(config), options(tmp_path))
    table = read_json(tmp_path / "out/table1.json")
    assert table["cells"]["failed"] == {"frames test_01_500": "no floor"}
    assert table["settings"]["generalization"]["oracle"]["missing"] == ["test_01 seed 0"]
    assert table["settings"]["generalization"]["oracle"]["box_ap50"]["mean"] == 50.0


def test_labels_are_pooled_by_counting() -> None:
    one = {"overall": {"right": 1, "predicted": 2, "true": 10}}
    other = {"overall": {"right": 5, "predicted": 6, "true": 5}}
    assert pooled([one, other]) == {"precision": 0.75, "recall": 0.4, "right": 6, "predicted": 8, "true": 15}
    assert pooled([])["precision"] is None


def test_quick_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real homes, detector, labels and fine-tuning, as a user types it; the second time nothing is computed."""
    monkeypatch.chdir(tmp_path)
    command = ("experiment", "table1", "--quick", "--rows", "label_prop,oracle")
    assert seal(monkeypatch, *command) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "generalization: AP50" in said and "specialization: AP50" in said and "label_prop" in said
    table = read_json(tmp_path / "runs/table1_quick/table1.json")
    assert table["complete"] and table["provenance"]["packages"]["torch"] != "absent"
    for rows in table["settings"].values():
        assert list(rows) == ["pretrained", "label_prop", "oracle"]
        assert all(0 <= row["box_ap50"]["mean"] <= 100 for row in rows.values())
        assert rows["oracle"]["labelled_pictures"]["sum"] > 0
        assert rows["label_prop"]["labels"]["true"] > 0
    store = CellStore(tmp_path / "runs/table1_quick")
    work = Table1(Table1Config(rows=("label_prop", "oracle")).quick())
    general = work.detector(GENERALIZATION, "oracle", 0, "test_01")
    learnt = store.find(general)
    assert learnt is not None and not (learnt.parent / "joined").exists()
    labels = [CocoDataset(path) for path in map(store.find, general.inputs()[1:3]) if path is not None]
    assert cells.learnt_pictures(learnt) == sum(len(part.labelled()) for part in labels) > 0
    assert seal(monkeypatch, *command) == 0
    again = capsys.readouterr().out
    assert " ..." not in again and again.splitlines()[-8:] == said.splitlines()[-8:]


def test_pictures_that_two_datasets_have_are_kept_once(tmp_path: Path) -> None:
    import numpy as np

    from seal_perception.dataset import DatasetWriter

    for name, last in (("a", 1), ("b", 2)):
        with DatasetWriter(tmp_path / name) as writer:
            writer.add(np.full((8, 8, 3), 7, np.uint8))
            writer.add(np.full((8, 8, 3), last, np.uint8))
    one, other = CocoDataset(tmp_path / "a"), CocoDataset(tmp_path / "b")
    before = one.hash()
    assert cells.share_pictures(one, other) == 1 == cells.share_pictures(one, other)
    assert one.picture_path(0).samefile(other.picture_path(0))
    assert not one.picture_path(1).samefile(other.picture_path(1)) and one.hash() == before


@pytest.mark.parametrize(
    ("text", "homes"),
    [
        ("train", TRAINING_HOMES),
        ("2", ("train_01", "train_02")),
        ("train_11,train_12", ("train_11", "train_12")),
    ],
)
def test_training_homes_are_a_number_or_names(text: str, homes: tuple[str, ...]) -> None:
    assert training_homes(text) == homes


@pytest.mark.parametrize(("text", "said"), [("test_01", "test_01 is no training home"), ("0", "names nothing")])
def test_other_homes_are_not_learnt_from(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Table1Config(training_homes=training_homes(text))
