# SPDX-License-Identifier: Apache-2.0
"""Speed of the detector, for `seal benchmark`."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.categories import SIX
from seal_perception.detector.detector import Detector, load_detector, small_labels
from seal_perception.detector.facts import SHIPPED
from seal_perception.detector.model import build_model, fold_norm
from seal_perception.detector.weights import load_weights


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Group "detector": one picture of 320 x 240 through the small model.

    The baseline is the same network as torchvision runs it, with batch normalisation as its own layers. Without the
    shipped weights both run with random weights (which find things everywhere).
    """
    folded, plain = _detector(), Detector(_network().eval(), small_labels(SIX))
    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    ms, p90 = time_ms(lambda: folded.detect(picture), repeats)
    baseline_ms, _ = time_ms(lambda: plain.detect(picture), repeats)
    return [BenchmarkRow("detector", "detect", "320 x 240", ms, p90, "batch norm not folded", baseline_ms)]


def _detector() -> Detector:
    if SHIPPED.is_file():
        return load_detector("seal-small")
    return Detector(fold_norm(_network()), small_labels(SIX))


def _network() -> GeneralizedRCNN:
    if SHIPPED.is_file():
        return load_weights("seal-small")[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_model()
