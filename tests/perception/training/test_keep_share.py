# SPDX-License-Identifier: Apache-2.0
"""Weights between those before and those learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer
from tests.perception.toy_pictures import TINY, write_rectangles
from typer.testing import CliRunner

from seal_bringup.cli import learn
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import load_weights, save_weights
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.train_loop import Progress

CONFIG = FinetuneConfig(iterations=4, batch=2, checkpoint_every=2, warm_up=1, threads=1)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", build_model(TINY), TINY, {})
    write_rectangles(tmp_path / "d", 3)
    return tmp_path / "tiny.safetensors"


def values(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_weights(path)[0].state_dict())


def test_a_share_of_the_start_stays(parent: Path, tmp_path: Path) -> None:
    learnt, mixed = tmp_path / "learnt.safetensors", tmp_path / "mixed.safetensors"
    finetune(parent, tmp_path / "d", learnt, CONFIG)
    finetune(parent, tmp_path / "d", mixed, replace(CONFIG, keep_share=0.25))
    before, after, between = values(parent), values(learnt), values(mixed)
    moved = 0
    for name, value in between.items():
        if value.is_floating_point():
            torch.testing.assert_close(
                value, 0.25 * before[name] + 0.75 * after[name], atol=1e-3, rtol=1e-3
            )  # half floats
            moved += not torch.equal(value, after[name])
        else:
            assert torch.equal(value, after[name])
    assert moved > 10
    assert read_metadata(mixed)["config"]["keep_share"] == 0.25
    assert "keep_share" not in read_metadata(learnt)["config"], "files of before there was one say the same"


def test_after_an_interruption_the_start_is_the_parent(parent: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, keep_share=0.5)
    whole, resumed = tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"
    finetune(parent, tmp_path / "d", whole, config)

    def stop(state: Progress) -> None:
        if state.iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(parent, tmp_path / "d", resumed, config, stop)
    finetune(parent, tmp_path / "d", resumed, config)
    assert whole.read_bytes() == resumed.read_bytes()


def test_another_list_of_categories_keeps_nothing(parent: Path, tmp_path: Path) -> None:
    """Rows of new categories begin at random: half of that is nothing to keep."""
    changed = replace(CONFIG, categories=("chair", "refrigerator"), iterations=1)
    for share in (0.0, 0.5):
        finetune(parent, tmp_path / "d", tmp_path / f"{share}.safetensors", replace(changed, keep_share=share))
    plain, kept = values(tmp_path / "0.0.safetensors"), values(tmp_path / "0.5.safetensors")
    assert all(torch.equal(plain[name], kept[name]) for name in plain)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValueError, match=r"keep_share must lie in \[0, 1\)"):
        FinetuneConfig(keep_share=share)


@pytest.mark.parametrize(
    ("options", "share"),
    [([], None), (["--keep", "0"], None), (["--keep", "0.2"], 0.2), (["--preset", "paper", "--keep", "0.2"], 0.2)],
)
def test_the_command_keeps_what_it_is_told(
    parent: Path, tmp_path: Path, options: list[str], share: float | None
) -> None:
    app = typer.Typer()
    learn.register(app)
    out = tmp_path / "out.safetensors"
    words = ["finetune", str(tmp_path / "d"), "--weights", str(parent), "--out", str(out), "--iterations", "1"]
    run = CliRunner().invoke(app, [*words, *options])
    assert run.exit_code == 0, run.output
    assert read_metadata(out)["config"].get("keep_share") == share
