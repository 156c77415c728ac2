# SPDX-License-Identifier: Apache-2.0
"""Table 2: which searches it needs, and the table that finished ones make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest

from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.searches import Searches
from seal_bringup.experiments.tables.store import Progress
from seal_bringup.experiments.tables.table2 import Table2, Table2Config, markdown_table
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import write_json

HOMES = ("test_01", "test_02")


def config(folder: Path, **changes: Any) -> Table2Config:
    """Two homes, two seeds, four episodes each; a detector per home of its own bytes."""
    for home in HOMES:
        (folder / f"{home}.safetensors").write_bytes(resolve_weights("seal-small").read_bytes()[:64] + home.encode())
    special = str(folder / "{home}.safetensors")
    return Table2Config(**{"homes": HOMES, "seeds": (0, 1), "episodes": 4, "specialization": special, **changes})


def test_rows_are_the_detectors_that_are_given_and_share_no_cell(tmp_path: Path) -> None:
    table = Table2(config(tmp_path))
    cells = table.targets()
    assert table.config.rows == ("pretrained", "specialization", "oracle")
    assert len(cells) == 3 * 2 * 2 and all(isinstance(cell, Searches) for cell in cells)
    assert {cell.settings.seed for cell in cells[:6] if isinstance(cell, Searches)} == {0}  # a seed is whole early
    labels = [cell.label for cell in cells]
    assert "test_02_seed1_gainful_views_oracle" in labels and "test_02_seed0_gainful_views_test_02" in labels
    assert [len(cell.inputs()) for cell in cells[:6]] == [1, 1, 1, 1, 0, 0]
    assert set(Table2(config(tmp_path)).targets()) == set(cells)
    for changes in ({"policy": "frontier"}, {"episodes": 5}, {"max_steps": 9}, {"width": 160}):
        assert not set(Table2(config(tmp_path, **changes)).targets()) & set(cells)
    assert len(set(Table2(config(tmp_path, oracle=False, seeds=(0, 1, 2))).targets()) & set(cells)) == 8


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown policy 'best'"):
        config(tmp_path, policy="best")
    with pytest.raises(InputError, match=r"no weights at .*test_03_1\.safetensors"):
        Table2(
            config(tmp_path, homes=("test_03",), seeds=(1,), specialization=str(tmp_path / "{home}_{seed}.safetensors"))
        )


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that are over at once: of four episodes the oracle finds four, one that learnt three, the other two."""

    def make(self: Searches, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        found = 4 if not inputs else 3 if inputs[0].stem.startswith("test") else 2
        for k in range(4):
            cause = "success" if k < found else "stuck"
            row = {"id": f"{self.home}:{k}", "cause": cause, "success": k < found, "spl": 0.5 * (k < found)}
            out = folder / self.output / "results" / f"{k:03d}.json"
            write_json(out, {**row, "steps": 10, "path_m": 1.0, "seconds": 0.1})

    monkeypatch.setattr(Searches, "make", make)


def test_the_table_of_finished_searches_by_hand(tmp_path: Path, instant: None) -> None:
    options = RunOptions(tmp_path / "work", tmp_path / "table2.json")
    result = run_table(Table2(config(tmp_path)), options)
    rows = result["rows"]
    assert result["complete"] and [rows[r]["success"]["mean"] for r in rows] == [0.5, 0.75, 1.0]
    assert rows["pretrained"]["episodes"] == 16 and rows["pretrained"]["causes"]["stuck"] == 8
    assert rows["specialization"]["change"]["success"]["mean"] == 0.25
    low, high = rows["specialization"]["change"]["success"]["interval"]
    assert 0.0 < low < 0.25 < high  # paired: no episode is lost by what learnt
    assert rows["oracle"]["spl"] == {"mean": 0.5, "interval": [0.5, 0.5]}
    assert rows["oracle"]["homes"]["test_02"]["success"]["mean"] == 1.0 and "change" not in rows["pretrained"]
    text = (tmp_path / "table2.md").read_text()
    assert text == markdown_table(result) and "| oracle | 16 | 1.00 [1.00, 1.00] | 0.50 [0.50, 0.50] |" in text
    assert cv2.imread(str(tmp_path / "table2.png")) is not None
    # Other rows and seeds on the same folder: what was searched is found again.
    more: list[str] = []
    run_table(Table2(config(tmp_path, seeds=(0, 1, 2))), options, more.append)
    assert sum(line.endswith(" ...") for line in more) == 6


def test_an_unfinished_table_names_what_is_missing(tmp_path: Path, instant: None) -> None:
    from seal_bringup.experiments.tables.store import CellStore

    table = Table2(config(tmp_path))
    store = CellStore(tmp_path / "work")
    store.make(table.targets()[0])
    result = table.table(store)
    assert not result["complete"] and len(result["missing"]) == 11 and "oracle: test_02 seed 1" in result["missing"]
    assert result["rows"]["oracle"]["success"] == {"mean": None, "interval": None}
    table.draw(tmp_path / "partial.png", result)
    assert (tmp_path / "partial.png").read_bytes().startswith(b"\x89PNG")
    assert "| oracle | 0 | - | - |" in table.markdown(result)
