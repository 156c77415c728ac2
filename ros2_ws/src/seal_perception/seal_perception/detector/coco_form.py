# SPDX-License-Identifier: Apache-2.0
"""The COCO form: torchvision's Mask R-CNN R50-FPN with all 91 rows of its heads, for detecting and for fine-tuning.

The rows of our categories are COCO's own, and none of the others is dropped. *Detecting* runs torchvision's code: the
softmax goes over all 91 rows (without the other rows a table's 0.9 would fall to the chair), and what is none of ours
is left out before masks are made. *Fine-tuning* knows only our categories, and its "background" means "none of ours":
that a proposal is none of ours has the probability of background plus that of all other rows. So the loss takes the
log of their summed exponentials as the background's logit. A table that the network calls a table is right then and
teaches nothing; with 91 rows apart it would be taught to be background.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNPredictor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FrozenBatchNorm2d

from seal_perception.categories import CATEGORIES
from seal_perception.coco.names import COCO_CATEGORIES
from seal_perception.detector.model import IgnoringRoIHeads, IgnoringRPN, keep_float32
from seal_perception.types import IntArray

COCO_NAMES: tuple[str, ...] = tuple(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"])
"""Name of each of the 91 rows; "__background__" is row 0, and 10 rows are "N/A"."""

TRAINED_STAGES = 3
"""Stages of the backbone that learn; stem and first stage stay, as in torchvision and detectron2 (FREEZE_AT 2)."""

MOST_SIZE = 2000


@dataclass(frozen=True)
class CocoConfig:
    """What can differ between networks of this form; stored with the weights.

    Attributes:
        categories: names of the categories that are detected and learnt, in the order of their indices.
        min_size: shorter side in pixels to which pictures are scaled.
        max_size: longer side in pixels that is not exceeded.
        samples: proposals per picture that the heads learn from; 512 are torchvision's.
        fold_others: count the rows of other categories as background in the loss; False is torchvision's own loss.
    """

    form: ClassVar[str] = "coco"
    categories: tuple[str, ...] = CATEGORIES
    min_size: int = 800
    max_size: int = 1333
    samples: int = 512
    fold_others: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        odd = [name for name in self.categories if name not in COCO_CATEGORIES]
        if odd or not self.categories or len(set(self.categories)) != len(self.categories):
            raise ValueError(f"categories must be different ones of COCO's 80, got {str(list(self.categories))[:100]}")
        for name in ("min_size", "max_size", "samples"):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_SIZE:
                raise ValueError(f"{name} must be a whole number from 1 to {MOST_SIZE}, got {str(number)[:80]}")
        if not isinstance(self.fold_others, bool):
            raise ValueError(f"fold_others must be true or false, got {str(self.fold_others)[:80]}")

    def shape(self) -> dict[str, Any]:
        """All but the categories, JSON-ready."""
        return {key: value for key, value in asdict(self).items() if key != "categories"}

    def row_names(self) -> tuple[str, ...]:
        """Name of each row of the heads."""
        return COCO_NAMES

    def rows(self) -> list[int]:
        """The row of each category."""
        return [self.row_names().index(name) for name in self.categories]

    def categories_of_rows(self) -> IntArray:
        """(R,) category of each row, -1 for none of ours."""
        out = np.full(len(self.row_names()), -1, np.int64)
        out[self.rows()] = np.arange(len(self.categories))
        return out


class FoldingPredictor(FastRCNNPredictor):
    """torchvision's box predictor; while training, the rows of other categories are folded into the background."""

    def __init__(self, units: int, config: CocoConfig) -> None:
        """Make it for the 91 rows."""
        super().__init__(units, len(COCO_NAMES))
        others = torch.as_tensor(config.categories_of_rows()) < 0
        self.register_buffer("others", others if config.fold_others else torch.zeros_like(others), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, units) to logits (N, 91) and box changes (N, 364)."""
        logits, changes = super().forward(x)
        return (fold(logits.float(), self.others) if self.training else logits), changes


def fold(logits: Tensor, others: Tensor, background: int = 0) -> Tensor:
    """The logits whose softmax has the sum of the `others` at the background and nothing at the rest of them.

    Args:
        logits: (N, R).
        others: (R,) bool, the background among them; nothing changes where there is none.
        background: its row.

    Returns:
        (N, R); the others' rows but the background are minus infinity.
    """
    if not bool(others.any()):
        return logits
    total = torch.logsumexp(logits[:, others], dim=1, keepdim=True)
    here = torch.arange(logits.shape[1], device=logits.device) == background
    return torch.where(here, total, logits.masked_fill(others, -torch.inf))


class OurRoIHeads(IgnoringRoIHeads):
    """Box and mask heads; what is none of our categories gets no mask."""

    ours: Tensor

    def postprocess_detections(
        self, class_logits: Tensor, box_regression: Tensor, proposals: list[Tensor], image_shapes: list[Any]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Boxes, scores and rows as torchvision finds them in each picture, without those of other categories."""
        found = super().postprocess_detections(class_logits, box_regression, proposals, image_shapes)
        keep = [self.ours[labels] for labels in found[2]]
        boxes, scores, labels = ([part[k] for part, k in zip(parts, keep, strict=True)] for parts in found)
        return boxes, scores, labels


class RegionTransform(GeneralizedRCNNTransform):
    """torchvision's scaling, of ignore regions too."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Scale one (3, H, W) picture with its target."""
        scaled, new = super().resize(image, target)
        if new is not None and "ignore_boxes" in new:
            ratio = [scaled.shape[-1] / image.shape[-1], scaled.shape[-2] / image.shape[-2]] * 2
            new["ignore_boxes"] = new["ignore_boxes"] * new["ignore_boxes"].new_tensor(ratio)
        return scaled, new


class CocoNetwork(MaskRCNN):
    """Mask R-CNN R50-FPN with COCO's 91 rows; targets hold labels from 1 in the order of `config.categories`.

    Targets need ignore_boxes (M, 4) too, as those of `build_model`. Labels of detections are COCO's rows.
    """

    def __init__(self, config: CocoConfig) -> None:
        """Make it as torchvision makes it for its COCO weights, batch statistics frozen."""
        backbone = resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=TRAINED_STAGES
        )
        for module in backbone.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = 0.0  # torchvision's COCO weights are from a network without it
        super().__init__(
            backbone,
            min_size=config.min_size,
            max_size=config.max_size,
            box_batch_size_per_image=config.samples,
            box_predictor=FoldingPredictor(1024, config),
            mask_predictor=MaskRCNNPredictor(256, 256, len(COCO_NAMES)),
        )
        # Nothing of these parts' state changes, only what they do with ignore regions and other categories.
        self.rpn.__class__, self.roi_heads.__class__ = IgnoringRPN, OurRoIHeads
        self.transform.__class__ = RegionTransform
        rows = config.categories_of_rows()
        self.roi_heads.register_buffer("ours", torch.as_tensor(rows >= 0), persistent=False)
        self.register_buffer("rows", torch.as_tensor(config.rows()), persistent=False)

    def resize(self, config: CocoConfig) -> None:
        """Take pictures of another size and as many samples as `config` says; the weights stay."""
        self.transform.min_size, self.transform.max_size = (config.min_size,), config.max_size
        self.roi_heads.fg_bg_sampler.batch_size_per_image = config.samples

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses while training, else boxes, labels, scores and masks of each (3, H, W) picture in [0, 1]."""
        if targets is not None:
            targets = [{**target, "labels": self.rows[target["labels"] - 1]} for target in targets]
        return super().forward(images, targets)


def build_coco(config: CocoConfig | None = None) -> nn.Module:
    """The network with random weights (drawn from torch's global generator), in training mode."""
    network = CocoNetwork(config or CocoConfig())
    heads = network.roi_heads
    keep_float32(network.backbone, network.rpn.head, heads.box_predictor, heads.mask_predictor)
    return network
