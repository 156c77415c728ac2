# SPDX-License-Identifier: Apache-2.0
"""Rows of the tables, and the labeller of each: the one place where a row's labeller is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.optical_flow import OpticalFlow
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import PAPER, LabelConfig
from seal_mapping.voxels.config import MapConfig
from seal_perception.errors import InputError

PRETRAINED, ORACLE = "pretrained", "oracle"
"""The rows without a labeller: the detector that all begin from; the simulator's true labels, which are the ceiling."""

LABEL_PROP = "label_prop"
"""The row of 3DLabelProp with the shipped rule, which human annotations may join."""

LABELLERS: dict[str, Callable[[], Labeller]] = {
    "self_training": SelfTraining,
    "optical_flow": OpticalFlow,
    "label_prop_paper": lambda: LabelProp(PAPER, MapConfig()),
    LABEL_PROP: lambda: label_prop(),
}
"""Row -> its labeller, made anew for each recording; in the order of the table."""

ROWS: tuple[str, ...] = (PRETRAINED, *LABELLERS, ORACLE)


def label_prop(annotations: FrameAnnotations | None = None) -> LabelProp:
    """3DLabelProp with the shipped rule.

    Args:
        annotations: of frames that a human annotated; there they take the place of the detections.
    """
    return LabelProp(LabelConfig(), MapConfig(), annotations)


def labeller_of(row: str) -> Labeller:
    """A fresh labeller of a row.

    Raises:
        InputError: if none is registered.
    """
    if row not in LABELLERS:
        raise InputError(f"no labeller is registered for the row {row!r}; expected one of {', '.join(LABELLERS)}")
    return LABELLERS[row]()


def labeller_facts(row: str) -> dict[str, Any]:
    """JSON-ready values that decide the labels of a row, code apart."""
    if row == ORACLE:
        return {"labeller": ORACLE}
    labeller = labeller_of(row)
    return {"labeller": labeller.name, **labeller.facts()}


def labeller_module(row: str) -> str:
    """The module whose code gives the labels of a row."""
    return "seal_bringup.demo.oracle" if row == ORACLE else type(labeller_of(row)).__module__
