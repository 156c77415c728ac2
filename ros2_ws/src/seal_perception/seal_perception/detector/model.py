# SPDX-License-Identifier: Apache-2.0
"""The small Mask R-CNN: torchvision's parts behind a backbone that two CPU cores can train.

An EfficientNet-Lite or a ResNet of few basic blocks, a narrow feature pyramid and small heads, for pictures of about
320 x 240. Batch normalisation is folded into the convolutions for inference and is frozen while fine-tuning (batches
of 4 are too small for statistics).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
import torch.utils.deterministic
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, project_masks_on_boxes
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_iou

from seal_perception.categories import CATEGORIES, CategorySet
from seal_perception.detector.backbones import SCALES, EfficientNetLite, ResNet, fold_norm_of
from seal_perception.detector.gradients import RoIAlign

MOST_CHANNELS, MOST_BLOCKS, MOST_SAMPLES, MOST_HEIGHT = 8192, 64, 4000, 1024
"""Sizes beyond these are no detector's: a file of a few kilobytes must not decide that gigabytes are built."""
RESNET = "resnet"
BACKBONES = (RESNET, *SCALES)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LITE_MEAN, LITE_STD = (127.0 / 255.0,) * 3, (128.0 / 255.0,) * 3
"""What EfficientNet-Lite's ImageNet weights expect: (x - 127) / 128."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network; stored with the weights.

    Attributes:
        stem_channels: ResNet: channels of the first convolution (stride 2, followed by a pooling to stride 4).
        channels: ResNet: channels of the stages at strides 4, 8, 16, 32.
        blocks: ResNet: residual blocks per stage.
        fpn_channels: channels of the feature pyramid.
        box_units: width of the two layers of the box head.
        mask_channels: channels of the two convolutions of the mask head.
        samples: anchors and proposals sampled per picture while training.
        proposals: proposals kept per picture for inference.
        input_height: pictures are scaled to this height; 240 is left alone.
        backbone: one of `BACKBONES`; files of before the choice hold a "resnet".
        categories: names of what is detected, in the order of their indices.
    """

    stem_channels: int = 32
    channels: tuple[int, ...] = (48, 96, 192, 384)
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    fpn_channels: int = 64
    box_units: int = 256
    mask_channels: int = 64
    samples: int = 64
    proposals: int = 100
    input_height: int = 240
    backbone: str = RESNET
    categories: tuple[str, ...] = CATEGORIES

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        object.__setattr__(self, "categories", CategorySet(tuple(self.categories)).names)
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {str(self.backbone)[:80]!r}")
        if len(self.channels) != 4 or len(self.blocks) != 4:
            raise ValueError(f"channels and blocks must have 4 stages, got {self.channels}, {self.blocks}")
        widths = (*self.channels, self.stem_channels, self.fpn_channels, self.box_units, self.mask_channels)
        for name, numbers, most in (
            ("channels and units", widths, MOST_CHANNELS),
            ("blocks", self.blocks, MOST_BLOCKS),
            ("samples and proposals", (self.samples, self.proposals), MOST_SAMPLES),
            ("input_height", (self.input_height,), MOST_HEIGHT),
        ):
            whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
            if not whole or not 1 <= min(numbers) <= max(numbers) <= most:
                raise ValueError(f"{name} must be whole numbers from 1 to {most}, got {str(numbers)[:80]}")

    def shape(self) -> dict[str, Any]:
        """All but the categories, JSON-ready."""
        return {key: value for key, value in asdict(self).items() if key != "categories"}


NEW = ModelConfig(backbone="lite0")
"""Shape of a new network, and of the shipped weights."""


class Transform(GeneralizedRCNNTransform):
    """torchvision's scaling to a fixed height; pictures of that height are left alone, ignore regions scaled too."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Scale one (3, H, W) picture with its target."""
        height, width = image.shape[-2:]
        if height == self.min_size[-1] and width <= self.max_size:
            return image, target
        scaled, new = super().resize(image, target)
        if new is not None and "ignore_boxes" in new:
            ratio = [scaled.shape[-1] / width, scaled.shape[-2] / height] * 2
            new["ignore_boxes"] = new["ignore_boxes"] * torch.tensor(ratio)
        return scaled, new


def covered_by(boxes: Tensor, regions: Tensor, share: float = 0.5) -> Tensor:
    """(N,) bool: boxes of which more than `share` of the area lies in one of the (M, 4) regions."""
    if len(regions) == 0 or len(boxes) == 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    low = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(dim=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=1e-6)
    return (inside / area[:, None] > share).any(dim=1)


def unmatched(boxes: Tensor, objects: Tensor, iou: float) -> Tensor:
    """(N,) bool: boxes that overlap none of the (M, 4) objects by as much as `iou`."""
    if len(objects) == 0 or len(boxes) == 0:
        return torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    return box_iou(boxes, objects).amax(dim=1) < iou


APART = 0.3
"""Box IoU below which a region is none of a label's: torchvision's bound of what is background for the proposals."""


def apart_from(boxes: Tensor, objects: Tensor) -> Tensor:
    """(N,) bool: boxes (N, 4) that no object (M, 4) explains, not even in part."""
    if len(objects) == 0 or len(boxes) == 0:
        return torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    return box_iou(boxes, objects).amax(dim=1) < APART


class Teacher(Protocol):
    """What gives targets where no label lies (`training.teacher`); `logits` (N, R) are the network's own of a step."""

    logits: Tensor | None

    def objectness(self) -> Tensor:
        """(A,) targets of the anchors of all pictures."""

    def classes(self, proposals: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """(N, R) targets of the proposals of all pictures."""


class IgnoringRPN(RegionProposalNetwork):
    """Region proposals; anchors inside an ignore region are never negatives.

    Attributes:
        teacher: gives the targets of anchors that are no object's; None = 0, as torchvision.
    """

    teacher: Teacher | None = None
    _guessed: Tensor | None = None

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As torchvision's, with label -1 (not sampled) for background anchors that an ignore region covers."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for label, boxes, target in zip(labels, anchors, targets, strict=True):
            label[(label == 0) & covered_by(boxes, target["ignore_boxes"])] = -1.0
        if self.teacher is not None:
            exact = [torch.full_like(label, EXACT in one) for label, one in zip(labels, targets, strict=True)]
            self._guessed = torch.cat(exact) == 0
        return labels, matched

    def compute_loss(
        self, objectness: Tensor, pred_bbox_deltas: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """As torchvision's; with a teacher the objectness of background anchors has its targets."""
        if self.teacher is None or self._guessed is None:
            losses: tuple[Tensor, Tensor] = super().compute_loss(
                objectness, pred_bbox_deltas, labels, regression_targets
            )
            return losses
        kept: Any = self.fg_bg_sampler
        sampler, guessed = _Remembering(kept), self._guessed
        self.fg_bg_sampler: Any = sampler
        try:
            _, box_loss = super().compute_loss(objectness, pred_bbox_deltas, labels, regression_targets)
        finally:
            self.fg_bg_sampler, self._guessed = kept, None
        positive, negative = (torch.where(torch.cat(part))[0] for part in sampler.sampled)
        chosen, hard = torch.cat([positive, negative]), torch.cat(labels)
        target = torch.where((hard == 0) & guessed, self.teacher.objectness(), hard)
        loss = nn.functional.binary_cross_entropy_with_logits(objectness.flatten()[chosen], target[chosen])
        return loss, box_loss


class _Remembering:
    """A sampler of torchvision's that keeps what it sampled last."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self.sampled: tuple[list[Tensor], list[Tensor]] = ([], [])

    def __call__(self, labels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        self.sampled = self._sampler(labels)
        return self.sampled


MaskLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Loss of (K, M, M) logits, their labels in [0, 1], and which (K,) of these are `EXACT`."""
EXACT = "exact"
"""Key of a picture's target, if its masks have no noise."""


class IgnoringRoIHeads(RoIHeads):
    """Box and mask heads; proposals inside an ignore region are never negatives.

    Attributes:
        mask_loss: takes the place of torchvision's cross-entropy of the masks in training; None leaves that.
        teacher: gives the targets of proposals that no label explains; None = background, as torchvision.
    """

    mask_loss: MaskLoss | None = None
    teacher: Teacher | None = None
    _selected: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]] | None = None

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """As torchvision's, with `loss_mask` by `mask_loss` and `loss_classifier` by `teacher` where those are set."""
        found, losses = super().forward(features, proposals, image_shapes, targets)
        if targets is not None and self.training:
            if self.teacher is not None:
                losses["loss_classifier"] = self._class_loss_of(self.teacher, image_shapes, targets)
            if self.mask_loss is not None:
                losses["loss_mask"] = self._mask_loss_of(features, image_shapes, targets)
            self._selected = None
        return found, losses

    def _class_loss_of(
        self, teacher: Teacher, image_shapes: list[tuple[int, int]], targets: list[dict[str, Tensor]]
    ) -> Tensor:
        """Cross-entropy of the samples of this batch, with the teacher's targets where no label explains them."""
        assert self._selected is not None and teacher.logits is not None
        (samples, _, labels, _), logits = self._selected, teacher.logits
        soft = [
            (label == 0) & apart_from(boxes, target["boxes"]) & (EXACT not in target)
            for boxes, label, target in zip(samples, labels, targets, strict=True)
        ]
        hard = nn.functional.one_hot(torch.cat(labels), logits.shape[1]).to(logits)
        target = torch.where(torch.cat(soft)[:, None], teacher.classes(samples, image_shapes).to(hard), hard)
        # A folded row is minus infinity with the target 0.
        return -(logits.log_softmax(dim=1).where(target > 0, 0.0) * target).sum(dim=1).mean()

    def has_mask(self) -> bool:
        """Whether torchvision's forward pass runs the mask head: not where `_mask_loss_of` does."""
        return not self._learns_masks_itself() and bool(super().has_mask())

    def _learns_masks_itself(self) -> bool:
        return self.training and self.mask_loss is not None

    def _mask_loss_of(
        self, features: dict[str, Tensor], image_shapes: list[tuple[int, int]], targets: list[dict[str, Tensor]]
    ) -> Tensor:
        """`mask_loss` of the samples of this batch that are objects; 0 without any."""
        assert self.mask_loss is not None and self._selected is not None
        samples, labels, matches, exact = [], [], [], []
        for boxes, matched, label, target in zip(*self._selected[:3], targets, strict=True):
            positive = label > 0
            samples.append(boxes[positive])
            matches.append(matched[positive])
            labels.append(label[positive])
            exact.append(torch.full_like(labels[-1], EXACT in target, dtype=torch.bool))
        logits: Tensor = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, samples, image_shapes)))
        if not len(logits):
            return logits.sum() * 0
        size, rows = logits.shape[-1], zip(targets, samples, matches, strict=True)
        masks = torch.cat([project_masks_on_boxes(target["masks"], *of_one, size) for target, *of_one in rows])
        own = logits[torch.arange(len(logits), device=logits.device), torch.cat(labels)]
        return self.mask_loss(own, masks, torch.cat(exact))

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """As torchvision's, after dropping what an ignore region covers and no object matches."""
        if targets is None:
            raise ValueError("targets should not be None")
        kept = []
        for boxes, target in zip(proposals, targets, strict=True):
            free = unmatched(boxes, target["boxes"], self.proposal_matcher.high_threshold)
            kept.append(boxes[~(covered_by(boxes, target["ignore_boxes"]) & free)])
        selected: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]] = super().select_training_samples(
            kept, targets
        )
        self._selected = selected if self.mask_loss is not None or self.teacher is not None else None
        return selected


def build_model(config: ModelConfig | None = None) -> GeneralizedRCNN:
    """The network with random weights (drawn from torch's global generator), in training mode; None = `NEW`.

    Targets of its forward pass need boxes (N, 4), labels (N,) from 1, masks (N, H, W) and ignore_boxes (M, 4).
    """
    config = config or NEW
    backbone = _backbone(config)
    width, classes, maps = config.fpn_channels, len(config.categories) + 1, ["0", "1", "2", "3"]
    anchors = AnchorGenerator(((16,), (32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 5)
    rpn = IgnoringRPN(
        anchors,
        RPNHead(width, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=config.samples,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 400, "testing": 2 * config.proposals},
        post_nms_top_n={"training": 300, "testing": config.proposals},
        nms_thresh=0.7,
    )
    heads = IgnoringRoIHeads(
        RoIAlign(maps, 7),
        TwoMLPHead(width * 49, config.box_units),
        FastRCNNPredictor(config.box_units, classes),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=config.samples,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=50,
        mask_roi_pool=RoIAlign(maps, 14),
        mask_head=MaskRCNNHeads(width, (config.mask_channels, config.mask_channels), 1),
        mask_predictor=MaskRCNNPredictor(config.mask_channels, config.mask_channels, classes),
    )
    resnet = config.backbone == RESNET
    mean, std = (MEAN, STD) if resnet else (LITE_MEAN, LITE_STD)
    transform = Transform(config.input_height, 4 * config.input_height, list(mean), list(std))
    model = GeneralizedRCNN(backbone, rpn, heads, transform)
    keep_float32(backbone, rpn.head, heads.box_predictor, heads.mask_predictor)
    return model.to(memory_format=torch.channels_last)


def keep_float32(*modules: nn.Module) -> None:
    """Let parts whose output becomes a box, a score or a mask put out float32 under autocast.

    torchvision gives anchors, proposals and true boxes the type of what these parts put out: in bfloat16 a coordinate
    above 256 would be even and a box one pixel wide empty.
    """
    for module in modules:
        module.register_forward_hook(_float32)


def _backbone(config: ModelConfig) -> ResNet | EfficientNetLite:
    if config.backbone == RESNET:
        return ResNet(config.stem_channels, config.channels, config.blocks, config.fpn_channels)
    return EfficientNetLite(config.backbone, config.fpn_channels)


def _float32(module: nn.Module, inputs: Any, output: Any) -> Any:
    """Forward hook: all tensors of an output as float32."""
    return _in_float32(output)


def _in_float32(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _in_float32(item) for key, item in value.items()}
    return type(value)(_in_float32(item) for item in value)


def parameter_count(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())


def freeze_norm(model: nn.Module) -> None:
    """Let batch normalisation use its stored statistics; its scale and shift stay trainable."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def fold_norm(model: GeneralizedRCNN) -> GeneralizedRCNN:
    """Fold batch normalisation into the convolutions, in place; for inference only."""
    model.eval()
    fold_norm_of(model.backbone)
    return model


def set_shrink(model: GeneralizedRCNN, config: ModelConfig, factor: int) -> None:
    """Prepare a network for training on pictures `factor` times smaller, with as many fewer samples in each."""
    height = config.input_height // factor
    model.transform.min_size, model.transform.max_size = (height,), 4 * height
    for sampler in (model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler):
        sampler.batch_size_per_image = max(1, config.samples // factor)


def native_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16 itself; elsewhere it is emulated and slower than float32."""
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def set_deterministic(threads: int) -> None:
    """Fix torch's thread count and kernels, for the whole process, so that equal input gives equal bytes."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
