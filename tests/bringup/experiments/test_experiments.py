# SPDX-License-Identifier: Apache-2.0
"""Experiments refuse what would make their tables mean something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.experiments import finetune_rules, fusion_rules
from seal_bringup.experiments.recordings import record
from seal_mapping.labels.config import LabelConfig
from seal_perception.errors import InputError


@pytest.mark.parametrize("experiment", [fusion_rules, finetune_rules])
def test_nothing_is_chosen_on_test_homes(experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune_rules, "REPLAY_PICTURES", 1)
    monkeypatch.setattr("sys.argv", ["x", "--homes", "test_01", "--work", str(tmp_path), "--out", str(tmp_path / "t")])
    with pytest.raises(InputError, match="test_01 is no training home"):
        experiment.main()
    assert not (tmp_path / "t").exists() and not (tmp_path / "test_01").exists()


def test_unknown_rules_are_refused_before_anything_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--rules", "default,max", "--work", str(tmp_path)])
    with pytest.raises(InputError, match="unknown rules max"):
        finetune_rules.main()
    assert not list(tmp_path.iterdir())


def test_a_recording_made_otherwise_is_not_taken(tmp_path: Path) -> None:
    assert len(record("train_01", tmp_path, "seal-small", steps=2)) == 3
    made = (tmp_path / "bag" / "metadata.yaml").stat().st_mtime_ns
    assert len(record("train_01", tmp_path, "seal-small", steps=2)) == 3
    assert (tmp_path / "bag" / "metadata.yaml").stat().st_mtime_ns == made
    with pytest.raises(InputError, match="was recorded otherwise"):
        record("train_01", tmp_path, "seal-small", steps=3)
    (tmp_path / "recording.json").unlink()  # of what is not known
    with pytest.raises(InputError, match="was recorded otherwise"):
        record("train_01", tmp_path, "seal-small", steps=2)


def test_the_rules_compared_contain_the_default_and_differ() -> None:
    rules = fusion_rules.candidates()
    assert LabelConfig() in rules.values()
    assert len({repr(rule) for rule in rules.values()}) == len(rules)
