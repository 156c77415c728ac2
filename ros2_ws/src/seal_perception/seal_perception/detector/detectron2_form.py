# SPDX-License-Identifier: Apache-2.0
"""Shape and names of detectron2's Mask R-CNN R50-FPN, the paper's own detector; the library is imported at use."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from seal_perception.detector.coco_form import COCO_NAMES, CocoConfig
from seal_perception.errors import InputError

ROW_NAMES = (*(name for name in COCO_NAMES if name not in ("__background__", "N/A")), "__background__")
"""detectron2's 81 rows: COCO's 80 categories without gaps, then the background."""

NOT_STORED = ("pixel_mean", "pixel_std", "anchor_generator")
"""Constants that older files of detectron2 hold beside the weights."""


@dataclass(frozen=True)
class Detectron2Config(CocoConfig):
    """What can differ between networks of this form; as of the COCO form."""

    form: ClassVar[str] = "detectron2"

    def row_names(self) -> tuple[str, ...]:
        """Name of each of the 81 rows."""
        return ROW_NAMES


def build_detectron2(config: Detectron2Config) -> Any:
    """The network with random weights, in training mode.

    Raises:
        InputError: if detectron2 is not installed.
    """
    if importlib.util.find_spec("detectron2") is None:
        raise InputError(
            "these weights are of detectron2, which is not installed: install it into this environment as its own "
            "documentation says"
        )
    from seal_perception.detector.detectron2_network import Detectron2Network

    return Detectron2Network(config)


def is_detectron2(state: dict[str, Tensor]) -> bool:
    """Whether tensors have detectron2's names."""
    return any(name.startswith("backbone.bottom_up.") for name in state)


def network_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that our network has for them."""
    return {f"model.{k}": v for k, v in state.items() if not any(word in k for word in NOT_STORED)}
