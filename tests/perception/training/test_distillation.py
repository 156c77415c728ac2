# SPDX-License-Identifier: Apache-2.0
"""What the network said before is kept where no label lies, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from tests.perception.toy_pictures import TINY, write_rectangles
from torch import Tensor, nn
from typer.testing import CliRunner

from seal_bringup.cli import learn
from seal_perception.detector.coco_form import CocoConfig, build_coco
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import EXACT, apart_from, build_model, freeze_norm
from seal_perception.detector.weights import save_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.teacher import Teacher
from seal_perception.training.train_loop import Progress

CONFIG = FinetuneConfig(iterations=4, batch=2, checkpoint_every=2, warm_up=1, threads=1, distil=1.0)


def picture(seed: int = 0) -> Tensor:
    return torch.rand((3, 64, 96), generator=torch.Generator().manual_seed(seed))


def target(boxes: list[list[float]], **extra: Tensor) -> dict[str, Tensor]:
    masks = torch.zeros((len(boxes), 64, 96), dtype=torch.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[int(y0) : int(y1), int(x0) : int(x1)] = 1
    found = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    labels = torch.ones(len(boxes), dtype=torch.int64)
    return {"boxes": found, "labels": labels, "masks": masks, "ignore_boxes": torch.zeros((0, 4)), **extra}


def tiny() -> Any:
    torch.manual_seed(0)
    return build_model(TINY)


def coco() -> Any:
    torch.manual_seed(0)
    return build_coco(CocoConfig(min_size=64, samples=16))


def pull(network: Any, targets: list[dict[str, Tensor]]) -> dict[str, float]:
    """The largest gradient of the rows that say what and whether something is."""
    freeze_norm(network.train())
    torch.manual_seed(1)
    losses = network([picture(n) for n in range(len(targets))], targets)
    assert all(bool(torch.isfinite(loss)) for loss in losses.values())
    network.zero_grad()
    (losses["loss_classifier"] + losses["loss_objectness"]).backward()
    heads = {"classes": network.roi_heads.box_predictor.cls_score, "objectness": network.rpn.head.cls_logits}
    return {name: float(head.weight.grad.abs().max()) for name, head in heads.items()}


@pytest.mark.parametrize("make", [tiny, coco])
def test_without_a_label_nothing_pulls_at_what_was_known(make: Any) -> None:
    """At the start network and teacher say the same, so the targets are met; as background they would not be."""
    network = make()
    nothing = [target([]), target([])]
    before = pull(network, nothing)
    Teacher(network, 1.0).watch(network)
    with_teacher = pull(network, nothing)
    for name, largest in before.items():
        assert largest > 1e-3 and with_teacher[name] < 1e-3 * largest, name


def test_the_share_of_background_pulls() -> None:
    whole, half = tiny(), tiny()
    Teacher(whole, 1.0).watch(whole)
    Teacher(half, 0.5).watch(half)
    assert pull(half, [target([])])["classes"] > 100 * pull(whole, [target([])])["classes"]


def test_labels_and_drawn_pictures_teach_as_before() -> None:
    plain, watched = tiny(), tiny()
    Teacher(watched, 1.0).watch(watched)
    drawn = [target([], **{EXACT: torch.tensor(True)})]
    assert pull(watched, drawn) == pull(plain, drawn), "catalogue pictures miss nothing"
    labelled = [target([[10.0, 10.0, 60.0, 50.0]])]
    assert pull(watched, labelled)["classes"] > 1e-3


def test_what_a_label_explains_in_part_is_background() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 4.0], [20.0, 20.0, 30.0, 30.0]])
    label = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    assert apart_from(boxes, label).tolist() == [False, False, True]
    assert apart_from(boxes, torch.zeros((0, 4))).all()


def test_the_teacher_stays_as_it_was_and_is_no_part_of_the_weights() -> None:
    network = tiny()
    names = set(network.state_dict())
    teacher = Teacher(network, 1.0)
    teacher.watch(network)
    kept = {name: value.clone() for name, value in teacher._network.state_dict().items()}
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    pull(network, [target([[10.0, 10.0, 60.0, 50.0]])])
    optimiser.step()
    assert set(network.state_dict()) == names
    assert all(torch.equal(value, kept[name]) for name, value in teacher._network.state_dict().items())


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    save_weights(tmp_path / "tiny.safetensors", tiny(), TINY, {})
    write_rectangles(tmp_path / "d", 3)
    return tmp_path / "tiny.safetensors"


def test_after_an_interruption_the_teacher_is_the_parent(parent: Path, tmp_path: Path) -> None:
    whole, resumed, plain = (tmp_path / f"{name}.safetensors" for name in ("whole", "resumed", "plain"))
    finetune(parent, tmp_path / "d", whole, CONFIG)

    def stop(state: Progress) -> None:
        if state.iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(parent, tmp_path / "d", resumed, CONFIG, stop)
    finetune(parent, tmp_path / "d", resumed, CONFIG)
    assert whole.read_bytes() == resumed.read_bytes()
    finetune(parent, tmp_path / "d", plain, replace(CONFIG, distil=0.0))
    assert whole.read_bytes() != plain.read_bytes()
    assert "distil" not in read_metadata(plain)["config"], "files of before there was one say the same"


def test_another_list_of_categories_is_refused(parent: Path, tmp_path: Path) -> None:
    """Its new rows begin at random: what they say is nothing to keep."""
    changed = replace(CONFIG, categories=("chair", "refrigerator"), iterations=1)
    with pytest.raises(InputError, match="distil needs the list of categories that the weights have"):
        finetune(parent, tmp_path / "d", tmp_path / "out.safetensors", changed)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValueError, match=r"distil must lie in \[0, 1\]"):
        FinetuneConfig(distil=share)
    with pytest.raises(ValueError, match=r"share of a teacher must lie in \(0, 1\]"):
        Teacher(nn.Linear(1, 1), share)


def test_another_network_is_refused() -> None:
    other = nn.Linear(1, 1)
    with pytest.raises(InputError, match="not for detectron2's"):
        Teacher(other, 1.0).watch(other)


@pytest.mark.parametrize(("options", "share"), [([], None), (["--distil", "0.7"], 0.7)])
def test_the_command_distils(parent: Path, tmp_path: Path, options: list[str], share: float | None) -> None:
    app = typer.Typer()
    learn.register(app)
    out = tmp_path / "out.safetensors"
    words = ["finetune", str(tmp_path / "d"), "--weights", str(parent), "--out", str(out), "--iterations", "1"]
    run = CliRunner().invoke(app, [*words, *options])
    assert run.exit_code == 0, run.output
    assert read_metadata(out)["config"].get("distil") == share
