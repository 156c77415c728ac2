# SPDX-License-Identifier: Apache-2.0
"""Our two gradients are torch's and torchvision's, whatever the number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign

from seal_perception.detector.backbones import SameConv2d
from seal_perception.detector.gradients import RoIAlign, depthwise, filter_gradient
from seal_perception.detector.model import build_model

NAMES = ["0", "1", "2", "3"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _gradients(run: Callable[[], Tensor], *leaves: Tensor) -> tuple[Tensor, list[Tensor]]:
    out = run()
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(5)).to(out.dtype)
    return out.detach(), list(torch.autograd.grad((out * weights).sum(), leaves, allow_unused=True))  # type: ignore[arg-type]


def _close(ours: Tensor, theirs: Tensor, share: float) -> bool:
    return float((ours.float() - theirs.float()).abs().max()) <= share * float(theirs.float().abs().max())


@pytest.mark.parametrize(
    ("channels", "size", "kernel", "stride", "padding"),
    [
        (100, (16, 20), 5, 1, 2),
        (70, (19, 23), 5, 2, 0),
        (64, (9, 8), 3, 1, 1),
        (33, (9, 9), 3, 2, 0),
        (1, (1, 1), 3, 1, 1),
    ],
)
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_filters_of_a_depthwise_convolution(
    channels: int, size: tuple[int, int], kernel: int, stride: int, padding: int, kind: torch.dtype
) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, channels, *size).to(kind).to(memory_format=torch.channels_last).requires_grad_()
    filters = torch.randn(channels, 1, kernel, kernel).to(kind).requires_grad_()

    def torchs() -> Tensor:
        return torch.nn.functional.conv2d(x, filters, None, stride, padding, groups=channels)

    out, (of_x, of_filters) = _gradients(lambda: depthwise(x, filters, stride, padding), x, filters)
    expected, (expected_x, expected_filters) = _gradients(torchs, x, filters)
    assert torch.equal(out, expected)
    assert torch.equal(of_x, expected_x)
    # torch rounds sums of bfloat16 as well as the result.
    assert _close(of_filters, expected_filters, 1e-5 if kind == torch.float32 else 1e-2)


def test_the_number_of_threads_changes_no_byte() -> None:
    torch.manual_seed(0)
    x, gradient = torch.randn(2, 200, 12, 9), torch.randn(2, 200, 12, 9)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(filter_gradient(x, gradient, 3, 1, 1))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


@pytest.mark.parametrize("cells", [7, 14])
def test_the_maps_that_boxes_read(cells: int) -> None:
    torch.manual_seed(0)
    maps = {name: torch.randn(2, 8, 64 >> i, 80 >> i, requires_grad=True) for i, name in enumerate(NAMES)}
    corners = [torch.rand(60, 2) * torch.tensor([320.0, 256.0]) - 20.0 for _ in range(2)]
    sizes = torch.cat([torch.rand(40, 2) * 150.0 + 0.1, torch.rand(20, 2) * 150.0 + 250.0])
    boxes = [torch.cat([corner, corner + sizes], dim=1) for corner in corners]
    boxes[1] = boxes[1][:30]
    shapes = [(256, 320)] * 2
    ours, theirs = RoIAlign(NAMES, cells), MultiScaleRoIAlign(NAMES, cells, 2)
    out, gradients = _gradients(lambda: ours(maps, boxes, shapes), *maps.values())
    expected, expected_gradients = _gradients(lambda: theirs(maps, boxes, shapes), *maps.values())
    assert torch.equal(out, expected)
    assert sum(float(g.abs().sum()) > 0 for g in expected_gradients) >= 3  # three levels are read
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert _close(gradient, wanted, 2e-5)


def test_no_box_at_all() -> None:
    maps = {name: torch.randn(1, 4, 64 >> i, 80 >> i, requires_grad=True) for i, name in enumerate(NAMES)}
    out = RoIAlign(NAMES, 7)(maps, [torch.zeros(0, 4)], [(256, 320)])
    assert out.shape == (0, 4, 7, 7)


def test_the_network_uses_both_in_training() -> None:
    torch.manual_seed(0)
    model = build_model()
    assert isinstance(model.roi_heads.box_roi_pool, RoIAlign)
    assert isinstance(model.roi_heads.mask_roi_pool, RoIAlign)
    layer = next(m for m in model.modules() if isinstance(m, SameConv2d) and m.groups > 1)
    out = layer(torch.randn(1, layer.in_channels, 8, 8))
    assert "Depthwise" in type(out.grad_fn).__name__
    with torch.no_grad():
        assert layer(torch.randn(1, layer.in_channels, 8, 8)).grad_fn is None
