# SPDX-License-Identifier: Apache-2.0
"""Sample frames: detections before, the propagated label, detections after, and the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.detector.detector import load_detector
from seal_perception.evaluation.preview import draw_annotations, draw_detections
from seal_perception.files import replacing


def choose_frames(labels: CocoDataset, count: int) -> list[int]:
    """Positions of frames spread over the run: in each of `count` equal parts the one with the most label instances.

    Ties, also those of frames without a label, go to the earlier frame.
    """
    if len(labels) == 0:
        return []
    chosen = []
    for part in np.array_split(np.arange(len(labels)), min(count, len(labels))):
        objects = [sum(not a.ignore for a in labels.annotations(int(i))) for i in part]
        chosen.append(int(part[int(np.argmax(objects))]))
    return chosen


def write_samples(out: Path, labels: Path, truth: Path, before: Path, after: Path, count: int = 8) -> None:
    """Write NNN_before.png, NNN_label.png, NNN_after.png and NNN_truth.png for some recorded frames.

    Args:
        out: folder of the pictures.
        labels: dataset of the propagated labels.
        truth: dataset of the same frames with true labels, shown for comparison only.
        before: weights before fine-tuning.
        after: weights after it.
        count: how many frames at most.
    """
    predicted = own_dataset(labels)
    true = CocoDataset(truth, CategoryNames(known=predicted.names))
    detectors = {"before": load_detector(before), "after": load_detector(after)}
    for index in choose_frames(predicted, count):
        rgb = predicted.image(index)
        pictures = {name: draw_detections(rgb, detector.detect(rgb)) for name, detector in detectors.items()}
        pictures["label"] = draw_annotations(rgb, predicted.annotations(index), names=predicted.names)
        pictures["truth"] = draw_annotations(rgb, true.annotations(index), names=predicted.names)
        for name, picture in pictures.items():
            with replacing(out / f"{index:03d}_{name}.png") as beside:
                Image.fromarray(picture).save(beside)
