# SPDX-License-Identifier: Apache-2.0
"""The per-pixel loss of pre-training."""

from __future__ import annotations

import torch

from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.detector.weights import save_weights
from seal_perception.training.semantic import UNKNOWN, WithSemantics, semantic_target

SMALL = ModelConfig(8, (8, 8, 8, 8), (1, 1, 1, 1), 8, 16, 8, 16, 10, 64)


def target() -> dict[str, torch.Tensor]:
    mask = torch.zeros((1, 64, 96), dtype=torch.uint8)
    mask[0, 16:48, 32:64] = 1
    return {
        "boxes": torch.tensor([[32.0, 16.0, 64.0, 48.0]]),
        "labels": torch.tensor([3]),
        "masks": mask,
        "ignore_boxes": torch.tensor([[0.0, 0.0, 16.0, 16.0]]),
    }


def test_target_is_the_category_at_every_fourth_pixel() -> None:
    dense = semantic_target(target(), 64, 96)
    assert dense.shape == (16, 24)
    assert (dense[4:12, 8:16] == 3).all() and (dense == 3).sum() == 64
    assert (dense[:4, :4] == UNKNOWN).all() and (dense == UNKNOWN).sum() == 16


def test_an_object_wins_over_the_ignored_box_behind_it() -> None:
    both = {**target(), "ignore_boxes": torch.tensor([[0.0, 0.0, 96.0, 64.0]])}
    assert (semantic_target(both, 64, 96)[4:12, 8:16] == 3).all()


def test_loss_teaches_the_backbone_and_leaves_no_trace_in_the_weights(tmp_path) -> None:
    torch.manual_seed(0)
    model = build_model(SMALL)
    student = WithSemantics(model)
    losses = student([torch.rand(3, 64, 96)], [target()])
    losses["loss_semantic"].backward()
    gradient = model.backbone.stem[0].weight.grad
    assert gradient is not None and gradient.abs().sum() > 0
    save_weights(tmp_path / "w.safetensors", model, SMALL, {"seed": 0})
    assert set(model.state_dict()) == set(build_model(SMALL).state_dict())
