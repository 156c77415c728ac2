# SPDX-License-Identifier: Apache-2.0
"""Pre-training with labels that a robot made itself beside the catalogue (`seal pretrain --own`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.perception.test_semantic import SMALL, target
from tests.perception.toy_pictures import TINY, write_rectangles, write_tiny
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_bringup.cli.learn import _joined
from seal_perception.categories import CATEGORIES, SIX, CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset, DatasetWriter
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import EXACT, build_model
from seal_perception.detector.weights import save_weights
from seal_perception.errors import InputError, NoLabelsError
from seal_perception.training import pretrain as pretraining
from seal_perception.training.pretrain import PretrainConfig, Start, pretrain
from seal_perception.training.semantic import WithSemantics

CONFIG = PretrainConfig(small_iterations=0, iterations=3, batch=4, checkpoint_every=1, bfloat16=False, threads=1)


def test_guessed_pictures_have_no_pixel_loss_beside_drawn_ones() -> None:
    def pixels(*targets: dict[str, torch.Tensor]) -> torch.Tensor:
        torch.manual_seed(0)
        student = WithSemantics(build_model(SMALL)).eval().train()
        return student([torch.full((3, 64, 96), 0.5)] * len(targets), list(targets))["loss_semantic"]

    drawn, nothing = {**target(), EXACT: torch.tensor(True)}, {**target(), "labels": torch.tensor([6])}
    nothing["masks"] = torch.zeros_like(nothing["masks"])
    alone = pixels(drawn, drawn)
    # Equal pictures: a second one that counted would move the mean, as what it says differs.
    torch.testing.assert_close(pixels(drawn, nothing), alone)
    assert not torch.allclose(pixels(drawn, {**nothing, EXACT: torch.tensor(True)}), alone)
    assert torch.isfinite(pixels(nothing, nothing))  # no drawn ones at all: as before


def test_half_of_a_batch_is_the_robots_own_and_the_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, drawn = Path(write_tiny(tmp_path / "tiny.safetensors")), write_rectangles(tmp_path / "train", 5)
    own = write_rectangles(tmp_path / "own", 3, seed=7)
    seen: list[list[bool]] = []
    whole = pretraining.train

    def watched(model: Any, batches: Any, *rest: Any) -> Any:
        seen.extend([EXACT in one for one in batches[i][1]] for i in range(3))
        return whole(model, batches, *rest)

    monkeypatch.setattr(pretraining, "train", watched)
    start = Start(parent=parent, own=own)
    facts = pretrain(drawn.folder, tmp_path / "w.safetensors", CONFIG, start=start)
    assert seen == [[False, False, True, True]] * 3
    stored = read_metadata(tmp_path / "w.safetensors")
    assert stored["own"] == facts["own"] == {"dataset": own.hash(), "pictures": 3, "of": 3}
    assert "own" not in pretrain(drawn.folder, tmp_path / "v.safetensors", CONFIG, start=Start(parent=parent))


def test_an_interrupted_one_resumes_with_the_same_labels_alone(tmp_path: Path) -> None:
    parent, drawn = Path(write_tiny(tmp_path / "tiny.safetensors")), write_rectangles(tmp_path / "train", 5).folder
    own, other = write_rectangles(tmp_path / "own", 3, seed=7), write_rectangles(tmp_path / "other", 3, seed=8)

    def run(name: str, labels: Any, stop_at: int = 0) -> tuple[int, bytes]:
        count = 0

        def progress(state: Any) -> None:
            nonlocal count
            count += 1
            if state.iteration == stop_at:
                raise KeyboardInterrupt

        out = tmp_path / name
        try:
            pretrain(drawn, out, CONFIG, progress=progress, start=Start(parent=parent, own=labels))
        except KeyboardInterrupt:
            return count, b""
        return count, out.read_bytes()

    _, straight = run("a.safetensors", own)
    run("b.safetensors", own, stop_at=2)
    assert run("b.safetensors", own) == (2, straight)  # the first of three was kept
    run("c.safetensors", own, stop_at=2)
    assert run("c.safetensors", other)[0] == 3  # other labels: from the start


def test_what_does_not_fit_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    labels = write_rectangles(tmp_path / "own", 2).folder
    with DatasetWriter(tmp_path / "empty") as writer:
        writer.add(np.zeros((64, 80, 3), np.uint8), [])
    few = write_rectangles(tmp_path / "few", 2, names=CategorySet(("couch", "chair"))).folder
    words = ["pretrain", "--out", str(tmp_path / "w.safetensors"), "--catalogue", str(tmp_path / "catalogue")]
    tiny = ["--weights", write_tiny(tmp_path / "tiny.safetensors")]
    before = sorted(tmp_path.iterdir())
    for more, kind, told in (
        (["--own", str(labels)], InputError, "--own needs --weights"),
        ([*tiny, "--own", str(tmp_path / "empty")], NoLabelsError, "no picture of --own has a label"),
        ([*tiny, "--own", str(tmp_path / "absent")], InputError, "absent"),
        ([*tiny, "--own", str(labels), "--own", str(few)], InputError, "has no potted plant, bed, toilet, tv"),
        ([*tiny, "--own", str(labels), "--library", str(tmp_path)], InputError, "with .sh3f files"),
    ):
        run = CliRunner().invoke(app, [*words, *more])
        assert isinstance(run.exception, kind) and told in str(run.exception), run.output
        assert sorted(tmp_path.iterdir()) == before, told  # the joined labels neither
    with pytest.raises(ValueError, match=r"own_share must lie in \(0, 1\)"):
        PretrainConfig(own_share=1.0)


def test_own_labels_are_read_by_name_and_another_list_is_refused(tmp_path: Path) -> None:
    """A file whose six stand in another order teaches the same; indices of another list would teach other things."""
    parent, drawn = Path(write_tiny(tmp_path / "tiny.safetensors")), write_rectangles(tmp_path / "train", 2).folder
    turned = CategorySet(tuple(reversed(CATEGORIES)))
    folder = write_rectangles(tmp_path / "own", 2, names=turned).folder
    theirs = CocoDataset(folder, CategoryNames(known=turned))
    with pytest.raises(InputError, match=r"was read for tv, toilet, .*the catalogue is for"):
        pretrain(drawn, tmp_path / "w.safetensors", CONFIG, start=Start(parent=parent, own=theirs))
    with _joined([folder], tmp_path / "joined") as joined:
        assert joined is not None and joined.names == SIX
        for index in range(2):
            mine, same = joined.annotations(index), theirs.annotations(index)
            assert [SIX.names[a.category] for a in mine] == [turned.names[a.category] for a in same] != []
    assert not (tmp_path / "joined").exists()


def test_the_command_joins_several_folders_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A robot's pictures need not have the catalogue's size.
    folders = [
        write_rectangles(tmp_path / name, 2, seed=k, height=480, width=640).folder for k, name in enumerate("ab")
    ]
    shape, parent = replace(TINY, input_height=240), tmp_path / "tiny.safetensors"
    torch.manual_seed(0)
    save_weights(parent, build_model(shape), shape, {})
    words = ["pretrain", "--out", str(tmp_path / "w.safetensors"), "--catalogue", str(tmp_path / "catalogue")]
    words += ["--pictures", "8", "--held-out", "2", "--small-iterations", "0", "--iterations", "1", "--workers", "1"]
    words += ["--weights", str(parent), *(w for f in folders for w in ("--own", str(f)))]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.output
    facts = read_metadata(tmp_path / "w.safetensors")
    assert facts["own"]["of"] == 4 and facts["command"].endswith(f"--own {tmp_path.name}/a --own {tmp_path.name}/b")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a", "b", "catalogue", "tiny.safetensors", "w.safetensors"}
