# SPDX-License-Identifier: Apache-2.0
"""detectron2's Mask R-CNN R50-FPN behind the calls of ours; imported only where detectron2 is installed.

Pictures are scaled as detectron2's DefaultPredictor scales them, so its detections are detectron2's own. While
training, regions to ignore and other categories count as in the COCO form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from detectron2 import model_zoo
from detectron2.data.transforms import ResizeShortestEdge
from detectron2.modeling import build_model
from detectron2.modeling.proposal_generator.rpn import RPN
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.modeling.roi_heads.roi_heads import StandardROIHeads
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import Tensor, nn

from seal_perception.detector.coco_form import CocoConfig, fold
from seal_perception.detector.model import covered_by, keep_float32, unmatched

ARCHITECTURE = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml"


class RegionRPN(RPN):
    """Region proposals; anchors inside an ignore region are never negatives."""

    def label_and_sample_anchors(self, anchors: Any, gt_instances: Any) -> Any:
        """As detectron2's, one picture after the other."""
        boxes = Boxes.cat(anchors).tensor
        self.covered = [covered_by(boxes, regions) for regions in self.regions]
        return super().label_and_sample_anchors(anchors, gt_instances)

    def _subsample_labels(self, label: Tensor) -> Tensor:
        label[(label == 0) & self.covered.pop(0)] = -1
        return super()._subsample_labels(label)


class RegionROIHeads(StandardROIHeads):
    """Box and mask heads; proposals inside an ignore region are never negatives."""

    def label_and_sample_proposals(self, proposals: list[Any], targets: list[Any]) -> Any:
        """As detectron2's, after dropping what an ignore region covers and no object matches."""
        kept = []
        for found, regions, target in zip(proposals, self.regions, targets, strict=True):
            boxes = found.proposal_boxes.tensor
            drop = covered_by(boxes, regions) & unmatched(boxes, target.gt_boxes.tensor, 0.5)
            kept.append(found[~drop])
        return super().label_and_sample_proposals(kept, targets)


class FoldingLayers(FastRCNNOutputLayers):
    """The box predictor; while training, the rows of other categories are folded into the background."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, units) to logits (N, 81), the background last, and box changes (N, 320)."""
        logits, changes = super().forward(x)
        if self.training:
            logits = fold(logits.float(), self.others, background=logits.shape[1] - 1)
        return logits, changes


class Detectron2Network(nn.Module):
    """The network with random weights; targets and results as of the COCO form, labels are its 81 rows."""

    def __init__(self, config: CocoConfig) -> None:
        """Build it as detectron2's model zoo configures it."""
        super().__init__()
        cfg = model_zoo.get_config(ARCHITECTURE)
        cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", str(torch.empty(0).device)  # "meta" where shapes alone are asked
        self.model = build_model(cfg)
        rpn, heads = self.model.proposal_generator, self.model.roi_heads
        # Nothing of these parts' state changes, only what they do with ignore regions and other categories.
        rpn.__class__, heads.__class__ = RegionRPN, RegionROIHeads
        heads.box_predictor.__class__ = FoldingLayers
        rows = config.categories_of_rows()
        others = torch.as_tensor(rows < 0) & config.fold_others
        heads.box_predictor.register_buffer("others", others, persistent=False)
        self.register_buffer("ours", torch.as_tensor(rows >= 0), persistent=False)
        self.register_buffer("rows", torch.as_tensor(config.rows()), persistent=False)
        keep_float32(self.model.backbone, rpn.rpn_head, heads.box_predictor, heads.mask_head.predictor)
        self.resize(config)

    def resize(self, config: CocoConfig) -> None:
        """Take pictures of another size and as many samples as `config` says; the weights stay."""
        self._scaling = ResizeShortestEdge([config.min_size] * 2, config.max_size)
        self.model.roi_heads.batch_size_per_image = config.samples

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses while training, else boxes, labels, scores and masks of each (3, H, W) picture in [0, 1]."""
        if not self.training:
            return [self._ours(out["instances"]) for out in self.model([self._input(image)[0] for image in images])]
        if targets is None:
            raise ValueError("targets must be given while training, got None")
        with EventStorage():  # detectron2 counts into one
            return self.model(self.inputs(images, targets))

    def inputs(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> list[dict[str, Any]]:
        """What detectron2's model takes for training; its parts are told of the regions to ignore."""
        inputs, regions = [], []
        for image, target in zip(images, targets, strict=True):
            given, scaling = self._input(image)
            given["instances"] = self._instances(target, scaling, image.device)
            inputs.append(given)
            scale = [scaling.new_w / scaling.w, scaling.new_h / scaling.h] * 2
            regions.append(target["ignore_boxes"] * target["ignore_boxes"].new_tensor(scale))
        self.model.proposal_generator.regions = self.model.roi_heads.regions = regions
        return inputs

    def _input(self, image: Tensor) -> tuple[dict[str, Any], Any]:
        """What detectron2 takes, blue first, and the scaling to it."""
        bgr = (image * 255.0).round().byte().permute(1, 2, 0).flip(2).cpu().numpy()
        scaling = self._scaling.get_transform(bgr)
        scaled = torch.as_tensor(scaling.apply_image(bgr).astype("float32").transpose(2, 0, 1))
        return {"image": scaled, "height": bgr.shape[0], "width": bgr.shape[1]}, scaling

    def _instances(self, target: dict[str, Tensor], scaling: Any, device: Any) -> Any:
        boxes = scaling.apply_box(target["boxes"].cpu().numpy()).reshape(-1, 4).astype(np.float32)
        masks = [scaling.apply_segmentation(mask) for mask in target["masks"].cpu().numpy()]
        size = (scaling.new_h, scaling.new_w)
        stacked = np.stack(masks) if masks else np.zeros((0, *size), np.uint8)
        return Instances(
            size,
            gt_boxes=Boxes(torch.from_numpy(boxes)),
            gt_classes=self.rows.cpu()[target["labels"].cpu() - 1],
            gt_masks=BitMasks(torch.from_numpy(stacked.astype(bool))),
        ).to(device)

    def _ours(self, found: Any) -> dict[str, Tensor]:
        found = found[self.ours[found.pred_classes]]
        return {
            "boxes": found.pred_boxes.tensor,
            "labels": found.pred_classes,
            "scores": found.scores,
            "masks": found.pred_masks[:, None],
        }
