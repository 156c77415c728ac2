# SPDX-License-Identifier: Apache-2.0
"""Milliseconds per picture of each variant of a detector, and its AP where labelled pictures are given."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.benchmarks.variants import Variant, build
from seal_perception.dataset import CocoDataset
from seal_perception.detector.detector import Detector
from seal_perception.evaluation.evaluate import evaluate_detector
from seal_perception.types import UInt8Array

GROUP = "perception"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PerceptionRow(BenchmarkRow):
    """One variant: `stage` is its name, `size` that of its pictures.

    Attributes:
        network: name of the weights.
        precision: float32 or bfloat16.
        channels_last: memory layout.
        compiled: by torch.compile.
        detections: mean number per picture that was timed; time grows with it.
        box_ap50: on the labelled pictures, 0 to 100; None where there are none, or the weights are random.
        mask_ap50: likewise.
    """

    network: str = ""
    precision: str = "float32"
    channels_last: bool = True
    compiled: bool = False
    detections: float = 0.0
    box_ap50: float | None = None
    mask_ap50: float | None = None


def measure(
    variants: Iterable[Variant],
    pictures: Sequence[UInt8Array],
    weights: str = "seal-small",
    repeats: int = 20,
    truth: CocoDataset | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> list[PerceptionRow]:
    """Time variants, warm, one after the other.

    A variant that cannot run here (no headers for the compiler, no kernel for bfloat16) is left out with a warning.

    Args:
        variants: what to measure; a baseline comes before those that are compared with it.
        pictures: (H, W, 3) uint8, scaled to each variant's size beforehand.
        weights: of the small network.
        repeats: measured pictures per variant.
        truth: labelled pictures for AP; of compiled variants only if all are of one size: each size compiles anew.
        progress: called with the name of the variant that is measured next.

    Raises:
        InputError: if weights or labelled pictures cannot be read.
    """
    rows: list[PerceptionRow] = []
    for variant in variants:
        progress(variant.name)
        detector = build(variant, weights)
        try:
            times = _times(detector, [_scaled(rgb, variant.size) for rgb in pictures], repeats)
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            _LOG.warning("%s is left out: %s", variant.name, reason)
            continue
        rows.append(_row(variant, times, _ap(variant, detector, truth), rows))
    return rows


def frontier(rows: Sequence[PerceptionRow]) -> list[PerceptionRow]:
    """The rows with an AP that no other beats in both time and box AP, fastest first."""
    known = sorted((row for row in rows if row.box_ap50 is not None), key=lambda row: (row.ms, -(row.box_ap50 or 0.0)))
    best, out = -1.0, []
    for row in known:
        if row.box_ap50 is not None and row.box_ap50 > best:
            best = row.box_ap50
            out.append(row)
    return out


def _scaled(rgb: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _times(detector: Detector, pictures: Sequence[UInt8Array], repeats: int) -> tuple[float, float, float]:
    """Median and 90 % figure in milliseconds, and the mean number of detections."""
    counts: list[int] = []
    turn = itertools.cycle(pictures)
    ms, p90 = time_ms(lambda: counts.append(len(detector.detect(next(turn)))), repeats)
    return ms, p90, float(np.mean(counts))


def _ap(variant: Variant, detector: Detector, truth: CocoDataset | None) -> tuple[float | None, float | None]:
    """Box and mask AP50, None where they would say nothing."""
    if truth is None or not variant.trained:
        return None, None
    if variant.compiled and len({truth.size(n) for n in range(len(truth))}) > 1:
        return None, None
    figures = evaluate_detector(detector, truth, resamples=0)
    return figures["box_ap50"], figures["mask_ap50"]


def _row(
    variant: Variant,
    times: tuple[float, float, float],
    ap: tuple[float | None, float | None],
    before: Sequence[PerceptionRow],
) -> PerceptionRow:
    """The row of a variant, beside its baseline's among those before it."""
    beside = next((row.ms for row in before if row.stage == variant.baseline), None)
    return PerceptionRow(
        group=GROUP,
        stage=variant.name,
        size="{} x {}".format(*variant.size),
        ms=times[0],
        p90_ms=times[1],
        baseline=None if beside is None else variant.baseline,
        baseline_ms=beside,
        network=variant.network,
        precision=variant.precision,
        channels_last=variant.channels_last,
        compiled=variant.compiled,
        detections=times[2],
        box_ap50=ap[0],
        mask_ap50=ap[1],
    )
