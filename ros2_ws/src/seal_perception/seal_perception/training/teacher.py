# SPDX-License-Identifier: Apache-2.0
"""What a network said before it was fine-tuned, as soft targets where labels say nothing (Learning without Forgetting).

Labels that a robot makes itself miss objects, and a missed object is taught to be background. So where no label lies,
the target is what a frozen copy of the network said of the same region before: it keeps what it knew of things that
the labels do not show, and learns those that they show. Li and Hoiem 2016 (section 3), for detectors Shmelkov et al.
2017, "Incremental Learning of Object Detectors without Catastrophic Forgetting" (section 3.3).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import concat_box_prediction_layers

from seal_perception.errors import InputError


class Teacher:
    """A frozen copy of a network that looks at each batch of pictures before the network learns from it.

    Args:
        network: small network or network of the COCO form, as it is before it learns.
        share: of the soft target in what no label covers, in (0, 1]; the rest says background.

    Attributes:
        logits: (N, R) what the network that learns has just said of its proposals.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"the share of a teacher must lie in (0, 1], got {share}")
        self.share = share
        self._network: Any = copy.deepcopy(network).requires_grad_(False).train()
        for module in self._network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        self._maps: dict[str, Tensor] = {}
        self.logits: Tensor | None = None

    def watch(self, network: Any) -> None:
        """Be asked by `network`, a copy of which this is, in each of its training steps.

        Raises:
            InputError: if the network is detectron2's, whose heads compute their losses out of reach.
        """
        if not isinstance(getattr(network, "roi_heads", None), RoIHeads):
            raise InputError(
                "distillation is for the small network and torchvision's COCO weights, not for detectron2's"
            )
        network.backbone.register_forward_pre_hook(self._look)
        network.roi_heads.box_predictor.register_forward_hook(self._listen)
        network.rpn.teacher = network.roi_heads.teacher = self

    @torch.no_grad()
    def _look(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if module.training:
            self._maps = self._network.backbone(*inputs)

    def _listen(self, module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        if module.training:
            self.logits = output[0]

    @torch.no_grad()
    def objectness(self) -> Tensor:
        """(A,) soft targets of the anchors of all pictures, in torchvision's order."""
        scores, changes = self._network.rpn.head(list(self._maps.values()))
        flat, _ = concat_box_prediction_layers(scores, changes)
        return self.share * flat.flatten().float().sigmoid()

    @torch.no_grad()
    def classes(self, proposals: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """(N, R) soft targets of the proposals of all pictures; row 0 is the background."""
        heads = self._network.roi_heads
        logits, _ = heads.box_predictor(heads.box_head(heads.box_roi_pool(self._maps, proposals, shapes)))
        target = self.share * logits.float().softmax(dim=1)
        target[:, 0] += 1.0 - self.share
        return target
