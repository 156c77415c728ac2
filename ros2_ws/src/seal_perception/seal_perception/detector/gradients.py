# SPDX-License-Identifier: Apache-2.0
"""Two gradients that torch computes slowly on a CPU: of depthwise filters and of RoIAlign's maps.

They took half of a training step: oneDNN has no kernel for the filters of a depthwise convolution in bfloat16 with
channels last, and torchvision scatters on one thread. Forward passes are torch's own. Each thread writes a part of its
own, so equal input gives equal bytes with any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import LevelMapper
from torchvision.ops.roi_align import roi_align

from seal_perception.types import FloatArray

CHANNELS = 64
"""Channels whose sums stay in the processor's first cache."""
SAMPLES = 2
"""Sampling points of RoIAlign per side of a cell, as in Mask R-CNN."""


@numba.njit(cache=True, nogil=True)
def _filter_sums(x: FloatArray, gradient: FloatArray, stride: int, padding: int, first: int, out: FloatArray) -> None:
    """Sums for the channels `first`.. of x (N, H, W, C) and gradient (N, h, w, C); out (k, k, channels) float32."""
    count, height, width, _ = x.shape
    rows, columns = gradient.shape[1], gradient.shape[2]
    kernel, channels = out.shape[0], out.shape[2]
    for n in range(count):
        for i in range(rows):
            for ki in range(kernel):
                row = i * stride - padding + ki
                if row < 0 or row >= height:
                    continue
                for j in range(columns):
                    for kj in range(kernel):
                        column = j * stride - padding + kj
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            out[ki, kj, c] += gradient[n, i, j, first + c] * x[n, row, column, first + c]


@numba.njit(cache=True, nogil=True)
def _between(at: float, size: int) -> tuple[int, int, float]:
    """The two cells around a place on an axis, and its share of the way; -1 where RoIAlign reads nothing."""
    if at < -1.0 or at > size:
        return -1, -1, 0.0
    at = max(at, 0.0)
    low = min(int(at), size - 1)
    high = min(low + 1, size - 1)
    return low, high, at - low if high > low else 0.0


@numba.njit(cache=True, nogil=True)
def _scatter(boxes: FloatArray, gradient: FloatArray, scale: float, image: int, out: FloatArray) -> None:
    """Add the gradient (R, p, p, C) of the boxes (R, 5; image, x0, y0, x1, y1) of one image to its map (H, W, C)."""
    height, width, channels = out.shape
    cells = gradient.shape[1]
    for r in range(boxes.shape[0]):
        if int(boxes[r, 0]) != image:
            continue
        x0, y0 = boxes[r, 1] * scale, boxes[r, 2] * scale
        step_x = max(boxes[r, 3] * scale - x0, 1.0) / cells
        step_y = max(boxes[r, 4] * scale - y0, 1.0) / cells
        for i in range(cells * SAMPLES):
            top, bottom, down = _between(y0 + (i + 0.5) * step_y / SAMPLES, height)
            if top < 0:
                continue
            for j in range(cells * SAMPLES):
                left, right, across = _between(x0 + (j + 0.5) * step_x / SAMPLES, width)
                if left < 0:
                    continue
                share = 1.0 / (SAMPLES * SAMPLES)
                a, b = np.float32(share * (1 - down) * (1 - across)), np.float32(share * (1 - down) * across)
                c, d = np.float32(share * down * (1 - across)), np.float32(share * down * across)
                cell_i, cell_j = i // SAMPLES, j // SAMPLES
                for k in range(channels):
                    value = gradient[r, cell_i, cell_j, k]
                    out[top, left, k] += a * value
                    out[top, right, k] += b * value
                    out[bottom, left, k] += c * value
                    out[bottom, right, k] += d * value


def _share_out(job: Callable[[int], None], parts: int) -> None:
    """Run job(0) .. job(parts - 1) on as many threads as torch has."""
    threads = min(torch.get_num_threads(), parts)
    if threads <= 1:
        for part in range(parts):
            job(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(job, range(parts)))


def _last(value: Tensor) -> FloatArray:
    """(N, C, H, W) of any type as (N, H, W, C) float32."""
    return np.asarray(value.detach().float().permute(0, 2, 3, 1).contiguous().numpy())


def filter_gradient(x: Tensor, gradient: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Gradient of a depthwise convolution's filters.

    Args:
        x: (N, C, H, W) input.
        gradient: (N, C, h, w) of the output.
        kernel: side of the filters.
        stride: of the convolution.
        padding: of the convolution, zeros on each side.

    Returns:
        (C, 1, kernel, kernel) float32.
    """
    ours, theirs, channels = _last(x), _last(gradient), x.shape[1]
    blocks = -(-channels // CHANNELS)
    sums = [np.zeros((kernel, kernel, min(CHANNELS, channels - b * CHANNELS)), np.float32) for b in range(blocks)]
    _share_out(lambda b: _filter_sums(ours, theirs, stride, padding, b * CHANNELS, sums[b]), blocks)
    return torch.from_numpy(np.concatenate(sums, axis=2)).permute(2, 0, 1)[:, None].contiguous()


def map_gradient(boxes: Tensor, gradient: Tensor, scale: float, shape: tuple[int, int, int, int]) -> Tensor:
    """Gradient of the map that RoIAlign (two samples a side, not aligned) reads.

    Args:
        boxes: (R, 5) image, x0, y0, x1, y1 in pixels of the picture.
        gradient: (R, C, p, p) of the cells.
        scale: cells of the map per pixel of the picture.
        shape: of the map, (N, C, H, W).

    Returns:
        (N, C, H, W) float32, channels last in memory.
    """
    ours, regions = _last(gradient), np.asarray(boxes.detach().float().contiguous().numpy())
    out = np.zeros((shape[0], shape[2], shape[3], shape[1]), np.float32)
    _share_out(lambda image: _scatter(regions, ours, scale, image, out[image]), shape[0])
    return torch.from_numpy(out).permute(0, 3, 1, 2)


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution with `filter_gradient`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, filters)
        ctx.stride, ctx.padding = stride, padding
        return nn.functional.conv2d(x, filters, None, stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        x, filters = ctx.saved_tensors
        (gradient,), stride, padding = gradients, ctx.stride, ctx.padding
        of_x = None
        if ctx.needs_input_grad[0]:
            sides, mask = ([stride, stride], [padding, padding], [1, 1]), [True, False, False]
            of_x = torch.ops.aten.convolution_backward(
                gradient, x, filters, None, *sides, False, [0, 0], x.shape[1], mask
            )[0]
        of_filters = filter_gradient(x, gradient, filters.shape[-1], stride, padding)
        return of_x, of_filters.to(filters.dtype), None, None


class _Cells(torch.autograd.Function):
    """RoIAlign with `map_gradient`."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, boxes: Tensor, scale: float, cells: int) -> Tensor:
        ctx.save_for_backward(boxes)
        ctx.scale, ctx.shape = scale, tuple(features.shape)
        out: Tensor = roi_align(features, boxes, cells, scale, SAMPLES)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (boxes,) = ctx.saved_tensors
        return map_gradient(boxes, gradients[0], ctx.scale, ctx.shape).to(gradients[0].dtype), None, None, None


def depthwise(x: Tensor, filters: Tensor, stride: int, padding: int) -> Tensor:
    """Depthwise convolution, under autocast in its type; see `filter_gradient` for shapes."""
    if torch.is_autocast_enabled(x.device.type):
        kind = torch.get_autocast_dtype(x.device.type)
        x, filters = x.to(kind), filters.to(kind)
    out: Tensor = _Depthwise.apply(x, filters, stride, padding)
    return out


def trains_on_cpu(*values: Tensor) -> bool:
    """Whether a gradient of any of these tensors is wanted on the CPU, outside of compilation and tracing."""
    if values[0].device.type != "cpu" or torch.jit.is_tracing() or torch.compiler.is_compiling():
        return False
    return torch.is_grad_enabled() and any(value.requires_grad for value in values)


class RoIAlign(MultiScaleRoIAlign):
    """torchvision's, with `map_gradient` in training on a CPU; `cells` a side, two samples each."""

    def __init__(self, maps: list[str], cells: int) -> None:
        """Read from the maps of these names, the finest at stride 4 and each next at twice the stride before."""
        super().__init__(maps, cells, SAMPLES)
        self._names, self._cells = list(maps), cells
        self._level = LevelMapper(2, 1 + len(maps))

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        """Maps (N, C, h, w) and boxes of each picture to (R, C, cells, cells)."""
        maps = [x[name] for name in self._names]
        if not trains_on_cpu(*maps):
            out: Tensor = super().forward(x, boxes, image_shapes)
            return out
        images = torch.cat([torch.full_like(of_one[:, :1], i) for i, of_one in enumerate(boxes)])
        rows, levels = torch.cat([images, torch.cat(boxes)], dim=1), self._level(boxes)
        out = torch.zeros((len(rows), maps[0].shape[1], self._cells, self._cells), dtype=maps[0].dtype)
        for level, features in enumerate(maps):
            chosen = torch.where(levels == level)[0]
            out[chosen] = _Cells.apply(features, rows[chosen], 0.25 / 2**level, self._cells)
        return out
