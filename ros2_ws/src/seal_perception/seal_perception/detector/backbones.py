# SPDX-License-Identifier: Apache-2.0
"""The two backbones of the small detector, each with a feature pyramid: maps at strides 4, 8, 16, 32 and 64.

`EfficientNetLite` (Tan and Le 2019; Lite: without squeeze and excitation, ReLU6) can begin from ImageNet, as the
paper's R50 does. `ResNet` (He et al. 2016) begins from random weights; earlier weights files hold it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from seal_perception.detector.gradients import depthwise, trains_on_cpu


class Stage(NamedTuple):
    """Blocks of one width: EfficientNet-B0's table, scaled by `Scale`."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""Table 1 of Tan and Le 2019."""
TAPS = (1, 2, 4, 6)
"""Stages whose last block gives the maps at strides 4, 8, 16 and 32."""
STEM_CHANNELS = 32


class Scale(NamedTuple):
    """Multipliers of width and depth."""

    width: float
    depth: float


SCALES = {"lite0": Scale(1.0, 1.0), "lite1": Scale(1.0, 1.1), "lite2": Scale(1.1, 1.2)}


def scaled_channels(channels: int, width: float) -> int:
    """A multiple of 8, never more than 10 % below `channels * width` (EfficientNet's rounding)."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def scaled_stages(scale: Scale) -> list[Stage]:
    """`STAGES` scaled; Lite repeats neither the first nor the last stage more often."""
    ends = (0, len(STAGES) - 1)
    return [
        stage._replace(
            repeats=stage.repeats if i in ends else math.ceil(stage.repeats * scale.depth),
            channels=scaled_channels(stage.channels, scale.width),
        )
        for i, stage in enumerate(STAGES)
    ]


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "SAME": the odd pixel of padding goes right and below.

    The ImageNet weights were trained so; with PyTorch's padding every map would lie half a cell off.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            kernel, stride = self.kernel_size[0], self.stride[0]
            rows, columns = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
            x = nn.functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        if self.groups == x.shape[1] > 1 and self.bias is None and trains_on_cpu(self.weight):
            return depthwise(x, self.weight, self.stride[0], int(self.padding[0]))
        out: Tensor = super().forward(x)
        return out


def _convolution(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> SameConv2d:
    padding = 0 if stride > 1 else kernel // 2
    return SameConv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBlock(nn.Module):
    """Widen, convolve each channel alone, narrow (MobileNetV2, Sandler et al. 2018); shortcut where shapes agree."""

    def __init__(self, c_in: int, stage: Stage, stride: int) -> None:
        """Make the block; it halves the picture where `stride` is 2."""
        super().__init__()
        wide = c_in * stage.expand
        self.expand: nn.Module = nn.Identity()
        if stage.expand > 1:
            self.expand = nn.Sequential(_convolution(c_in, wide, 1), _norm(wide), nn.ReLU6(inplace=True))
        self.depthwise = nn.Sequential(
            _convolution(wide, wide, stage.kernel, stride, wide), _norm(wide), nn.ReLU6(inplace=True)
        )
        self.project = nn.Sequential(_convolution(wide, stage.channels, 1), _norm(stage.channels))
        self.residual = stride == 1 and c_in == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite with a feature pyramid."""

    def __init__(self, variant: str, fpn_channels: int) -> None:
        """Make stem, blocks and pyramid of `variant`, one of `SCALES`."""
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, STEM_CHANNELS, 3, 2), _norm(STEM_CHANNELS), nn.ReLU6(inplace=True))
        stages, c_in, widths = [], STEM_CHANNELS, []
        for index, stage in enumerate(scaled_stages(SCALES[variant])):
            blocks = []
            for block in range(stage.repeats):
                blocks.append(InvertedBlock(c_in, stage, stage.stride if block == 0 else 1))
                c_in = stage.channels
            stages.append(nn.Sequential(*blocks))
            if index in TAPS:
                widths.append(c_in)
        self.stages = nn.ModuleList(stages)
        self.fpn = FeaturePyramidNetwork(widths, fpn_channels, LastLevelMaxPool())
        self.out_channels = fpn_channels

    def freeze(self, stages: int) -> None:
        """Keep the stem and the first `stages` stages out of training; 0 = all is trained."""
        for module in (self.stem, *self.stages[:stages]) if stages else ():
            module.requires_grad_(False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to maps "0".."3" and "pool", each (B, fpn_channels, h, w)."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in TAPS:
                maps[str(len(maps))] = x
        out: dict[str, Tensor] = self.fpn(maps)
        return out


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2016)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        """Make the block; it halves the picture where `stride` is 2."""
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """ResNet of basic blocks with a feature pyramid; maps at strides 4, 8, 16, 32 and 64."""

    def __init__(self, stem_channels: int, channels: Sequence[int], blocks: Sequence[int], fpn_channels: int) -> None:
        """Make stem, four stages (strides 4, 8, 16, 32) and pyramid."""
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem_channels, 5, 2, 2, bias=False),
            nn.BatchNorm2d(stem_channels),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        stages, c_in = [], stem_channels
        for index, (width, count) in enumerate(zip(channels, blocks, strict=True)):
            layers = []
            for block in range(count):
                layers.append(BasicBlock(c_in, width, 2 if index > 0 and block == 0 else 1))
                c_in = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.fpn = FeaturePyramidNetwork(list(channels), fpn_channels, LastLevelMaxPool())
        self.out_channels = fpn_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to maps "0".."3" and "pool", each (B, fpn_channels, h, w)."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for index, stage in enumerate(self.stages):
            x = stage(x)
            maps[str(index)] = x
        out: dict[str, Tensor] = self.fpn(maps)
        return out


def fold_norm_of(backbone: nn.Module) -> None:
    """Fold each batch normalisation into the convolution before it, in place; for inference only."""
    backbone.eval()
    for module in list(backbone.modules()):
        if isinstance(module, BasicBlock):
            module.conv1, module.bn1 = fuse_conv_bn_eval(module.conv1, module.bn1), nn.Identity()  # type: ignore[assignment]
            module.conv2, module.bn2 = fuse_conv_bn_eval(module.conv2, module.bn2), nn.Identity()  # type: ignore[assignment]
        elif isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
