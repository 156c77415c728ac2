# SPDX-License-Identifier: Apache-2.0
"""docs/examples/loop.py explores, labels and fine-tunes, made small."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from seal_perception.dataset import CocoDataset
from seal_perception.detector.detector import load_detector

EXAMPLE = Path(__file__).resolve().parent.parent / "docs/examples/loop.py"


@pytest.mark.timeout(900)
def test_example_makes_labels_and_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE))["main"](steps=16, iterations=2)
    labels = CocoDataset(tmp_path / "labels")
    assert len(labels) == 17 and len(labels.labelled()) > 0
    found = load_detector(tmp_path / "tuned.safetensors").detect(labels.image(0))
    assert found.masks.shape[1:] == labels.image(0).shape[:2]
