# SPDX-License-Identifier: Apache-2.0
"""The mean of two weights: each value lies between, equal bytes again, facts of both; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.perception.toy_pictures import TINY

from seal_bringup.experiments.detectors.average import main
from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.detector.weights import load_weights, save_weights
from seal_perception.errors import InputError
from seal_perception.files import sha256


def _weights(path: Path, seed: int, shape: ModelConfig = TINY, slope: float = 1.5) -> Path:
    torch.manual_seed(seed)
    facts = {"command": "seal finetune", "seed": seed, "commit": "abc", "calibration": {"slope": slope, "offset": 0.0}}
    save_weights(path, build_model(shape), shape, facts)
    return path


def test_a_mean_lies_between_two_weights_and_says_what_it_is_of(tmp_path: Path) -> None:
    a, b = _weights(tmp_path / "a.safetensors", 1), _weights(tmp_path / "b.safetensors", 2)
    out = tmp_path / "c.safetensors"
    main([str(a), str(b), "--share", "0.25", "--out", str(out)])
    (first, *_), (second, *_), (mean, shape, facts) = (load_weights(path) for path in (a, b, out))
    assert shape == TINY and facts["share"] == 0.25 and facts["seed"] == 2
    assert [row["sha256"] for row in facts["parents"]] == [sha256(a), sha256(b)]
    assert [row["seed"] for row in facts["parents"]] == [1, 2] and facts["calibration"]["slope"] == 1.5
    moved = 0
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            expected = 0.25 * first.state_dict()[name] + 0.75 * second.state_dict()[name]
            torch.testing.assert_close(value, expected, atol=1e-3, rtol=1e-3)
            moved += not torch.equal(value, second.state_dict()[name])
    assert moved > 10
    again = tmp_path / "d.safetensors"
    main([str(a), str(b), "--share", "0.25", "--out", str(again)])
    assert again.read_bytes() == out.read_bytes()


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    a = _weights(tmp_path / "a.safetensors", 1)
    out = ["--out", str(tmp_path / "c.safetensors")]
    other = _weights(tmp_path / "b.safetensors", 2, replace(TINY, box_units=8))
    with pytest.raises(InputError, match="must be of one shape, list of categories and calibration"):
        main([str(a), str(other), *out])
    with pytest.raises(InputError, match="must be of one shape, list of categories and calibration"):
        main([str(a), str(_weights(tmp_path / "d.safetensors", 2, slope=2.0)), *out])
    with pytest.raises(InputError, match="--share must lie between 0 and 1, got 1"):
        main([str(a), str(a), "--share", "1", *out])
    assert not (tmp_path / "c.safetensors").exists()
