# SPDX-License-Identifier: Apache-2.0
"""Train the small detector on catalogue pictures, from ImageNet's features or earlier weights; calibrate its scores.

Labels that a robot made itself may join in.

The calibration is fitted on every second room of the held-out catalogue pictures. The stored figures of confident
detections are measured in the other rooms. No home takes part in that.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from seal_perception.categories import SIX
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.detector.backbones import EfficientNetLite
from seal_perception.detector.calibration import Calibration, fit_calibration, relative_sizes
from seal_perception.detector.detector import DetectorConfig, load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.detector.model import NEW, ModelConfig, build_model, native_bfloat16, set_shrink
from seal_perception.detector.weights import load_six, save_tensors, save_weights, source_commit
from seal_perception.errors import InputError
from seal_perception.evaluation.evaluate import calibration_data, detect_all, evaluate_detections
from seal_perception.files import sha256
from seal_perception.training.augment import AugmentConfig
from seal_perception.training.imagenet import load_imagenet
from seal_perception.training.semantic import WithSemantics
from seal_perception.training.train_loop import Batches, LoopConfig, ProgressCallback, train

CATALOGUE = AugmentConfig(scale=(0.6, 1.6), scale_chance=0.6, brightness=0.25, hue=6.0, noise=4.0, erase_chance=0.1)
"""Changes of pictures: the catalogue's, which vary in light and sharpness by themselves, and a robot's own."""

PICTURES_PER_ROOM = 2
"""Catalogue pictures in a row that show one room (`sim_bridge.catalogue.pictures.VIEWS`)."""


@dataclass(frozen=True)
class PretrainConfig:
    """How to pre-train: first on pictures of half the size, which teach most per second, then on whole ones.

    Attributes:
        small_iterations: optimiser steps on pictures of half the size; 0 = none.
        small_batch: pictures per such step.
        small_learning_rate: peak of AdamW's one-cycle rate in them.
        iterations: optimiser steps on whole pictures.
        batch: pictures per step.
        learning_rate: peak of AdamW's one-cycle rate.
        seed: of weights, order, augmentation and sampling.
        checkpoint_every: iterations between checkpoints.
        threads: of torch.
        semantic: weight of the per-pixel loss beside the detector's own; 0 = none.
        bfloat16: train in bfloat16 (1.5 times as fast); the default is whether this CPU has it.
        frozen_stages: stages of an EfficientNet-Lite, from the first on and the stem with them, that stay as they are:
            drawn pictures would only spoil what photographs taught them (Hinterstoisser et al. 2018).
        backbone_rate: learning rate of the other stages as a share of the rate.
        own_share: share of each batch of whole pictures that labels of a robot's own have, if there are any, in (0, 1).
    """

    small_iterations: int = 800
    small_batch: int = 24
    small_learning_rate: float = 1e-3
    iterations: int = 2500
    batch: int = 8
    learning_rate: float = 6e-4
    seed: int = 0
    checkpoint_every: int = 200
    threads: int = 2
    semantic: float = 1.0
    bfloat16: bool = field(default_factory=native_bfloat16)
    frozen_stages: int = 3
    backbone_rate: float = 0.5
    own_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.own_share < 1.0:
            raise ValueError(f"own_share must lie in (0, 1), got {self.own_share}")

    def loop(self, small: bool = False, frozen_norm: bool = False) -> LoopConfig:
        """A stage's configuration.

        Args:
            small: of the stage on small pictures.
            frozen_norm: batch statistics stay those of ImageNet; else they are frozen for the last 15 % of the second
                stage.
        """
        iterations = self.small_iterations if small else self.iterations
        return LoopConfig(
            iterations=iterations,
            batch=self.small_batch if small else self.batch,
            optimiser="adamw",
            learning_rate=self.small_learning_rate if small else self.learning_rate,
            schedule="one_cycle",
            warm_up=max(1, min(150, iterations // 10)),
            weight_decay=0.01,
            freeze_norm_from=0.0 if frozen_norm else 1.0 if small else 0.85,
            shrink=2 if small else 1,
            bfloat16=self.bfloat16,
            checkpoint_every=self.checkpoint_every,
            seed=self.seed,
            threads=self.threads,
            augment=CATALOGUE,
            backbone_rate=self.backbone_rate,
        )


@dataclass(frozen=True)
class Start:
    """What pre-training starts from: a new network, or earlier weights.

    Attributes:
        shape: of a new network; None = `NEW`.
        parent: weights to start from instead (a shipped name or a file); their own facts are stored as `parent`.
        imagenet: give a new EfficientNet-Lite ImageNet's features; False = random weights, as a ResNet has.
        own: labels that a robot made itself with `parent` (`seal label`), learnt beside the catalogue in the stage on
            whole pictures.

    Raises:
        InputError: if parent and shape are both given, or labels without a parent.
    """

    shape: ModelConfig | None = None
    parent: Path | str | None = None
    imagenet: bool = True
    own: CocoDataset | None = None

    def __post_init__(self) -> None:
        if self.own is not None and self.parent is None:
            raise InputError("labels of a robot's own come from a detector: give its weights to begin from, too")
        if self.parent is not None and self.shape is not None:
            raise InputError("expected weights to begin from or the shape of a new network, got both: leave one out")


def pretrain(
    dataset_folder: Path | str,
    out: Path | str,
    config: PretrainConfig | None = None,
    held_out_folder: Path | str | None = None,
    progress: ProgressCallback | None = None,
    detecting: Callable[[int, int], None] | None = None,
    command: str = "",
    start: Start | None = None,
) -> dict[str, Any]:
    """Train, calibrate, measure and write weights; resumes from a checkpoint beside `out` if there is one.

    Args:
        dataset_folder: catalogue pictures to train on.
        out: weights file to write.
        config: how to train.
        held_out_folder: catalogue pictures for calibration and figures; None leaves both out.
        progress: called after each iteration.
        detecting: called after each held-out picture with (done, count).
        command: the command that makes these weights, stored with them (no paths of a machine).
        start: a new network, or earlier weights; None = `NEW` with ImageNet's features.

    Returns:
        The facts stored with the weights.

    Raises:
        InputError: if a dataset, the parent or ImageNet's package is not usable, or own labels are of another list.
        NoLabelsError: if none of the robot's own pictures has a label.
    """
    start, config, out = start or Start(), config or PretrainConfig(), Path(out)
    dataset = CocoDataset(dataset_folder)
    held_out = CocoDataset(held_out_folder) if held_out_folder else None
    facts: dict[str, Any] = {"command": command, "seed": config.seed, "config": asdict(config)}
    facts.update({"commit": source_commit(), "dataset": dataset.hash(), "pictures": len(dataset)})
    own = start.own
    if own is not None:
        if own.names != SIX:
            raise InputError(f"{own.file} was read for {own.names}, the catalogue is for {SIX}")
        facts["own"] = {"dataset": own.hash(), "pictures": len(own.labelled()), "of": len(own)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model, model_config, origin = _begin(start)
        student = WithSemantics(model, config.semantic) if config.semantic > 0 else model
    facts.update(origin)
    # Random features are nothing to keep.
    frozen_norm = isinstance(model.backbone, EfficientNetLite) and bool(origin)
    if frozen_norm:
        model.backbone.freeze(config.frozen_stages)
    checkpoint = out.with_name(f".{out.name}.checkpoint")
    fingerprint = {"dataset": facts["dataset"], "model": model_config.shape(), "semantic": config.semantic, **origin}
    fingerprint["frozen_stages"] = config.frozen_stages
    if own is not None:
        fingerprint.update(own=facts["own"], own_share=config.own_share)
    if config.small_iterations > 0:
        loop = config.loop(True, frozen_norm)
        _train_small(
            student, model, dataset, loop, model_config, out.with_name(f".{out.name}.small"), fingerprint, progress
        )
        fingerprint["small"] = asdict(loop)
    whole = config.loop(False, frozen_norm)
    batches = Batches(dataset, whole) if own is None else Batches(own, whole, dataset, 1.0 - config.own_share, True)
    train(student, batches, whole, checkpoint, fingerprint, progress)
    if held_out is not None:
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            plain = Path(folder) / "plain.safetensors"
            save_weights(plain, model, model_config, facts)
            detector = load_detector(plain, DetectorConfig(threads=config.threads))
            found = detect_all(detector, held_out, detecting)
        facts.update(calibrate(found, held_out))
    save_weights(out, model, model_config, facts)
    for leftover in (checkpoint, out.with_name(f".{out.name}.small")):
        leftover.unlink(missing_ok=True)
    return facts


def _begin(start: Start) -> tuple[GeneralizedRCNN, ModelConfig, dict[str, Any]]:
    """Network, its shape, and the facts of where its weights come from."""
    if start.parent is not None:
        model, shape, earlier = load_six(start.parent)
        facts = {
            key: earlier.get(key) for key in ("command", "seed", "commit", "pictures", "imagenet", "own", "parent")
        }
        return model, shape, {"parent": {"sha256": sha256(resolve_weights(start.parent)), **facts}}
    shape = start.shape or NEW
    model = build_model(shape)
    if not (start.imagenet and isinstance(model.backbone, EfficientNetLite)):
        return model, shape, {}
    return model, shape, {"imagenet": load_imagenet(model.backbone, shape.backbone)}


def _train_small(
    student: nn.Module,
    model: GeneralizedRCNN,
    dataset: CocoDataset,
    loop: LoopConfig,
    model_config: ModelConfig,
    done: Path,
    fingerprint: dict[str, Any],
    progress: ProgressCallback | None,
) -> None:
    """The stage on small pictures; its result is kept at `done`, so that a resumed run does not repeat it."""
    facts = json.dumps({"loop": asdict(loop), **fingerprint}, sort_keys=True)
    if done.is_file():
        with safe_open(str(done), framework="pt") as stream:
            if (stream.metadata() or {}).get("seal") == facts:
                student.load_state_dict({key: stream.get_tensor(key) for key in stream.keys()})  # noqa: SIM118
                return
    set_shrink(model, model_config, loop.shrink)
    checkpoint = done.with_name(done.name + ".checkpoint")
    train(student, Batches(dataset, loop), loop, checkpoint, {**fingerprint, "stage": "small"}, progress)
    set_shrink(model, model_config, 1)
    save_tensors(done, {key: value.contiguous() for key, value in student.state_dict().items()}, {"seal": facts})
    checkpoint.unlink(missing_ok=True)


def calibrate(
    found: list[Detections], held_out: CocoDataset, pictures_per_room: int = PICTURES_PER_ROOM
) -> dict[str, Any]:
    """Calibration from every second room; average precision of all, precision above 0.9 from the other rooms alone.

    Args:
        found: detections of each held-out picture.
        held_out: the pictures.
        pictures_per_room: so many pictures in a row show one room, and stay together.
    """
    even, odd = _Half(held_out, 0, pictures_per_room), _Half(held_out, 1, pictures_per_room)
    data = calibration_data([found[i] for i in even.indices], even)
    calibration = fit_calibration(data.scores, data.right, data.categories, data.sizes)
    rescored = [rescore(d, calibration) for d in found]
    figures = evaluate_detections(rescored, held_out)
    scores, right, _, _ = calibration_data([rescored[i] for i in odd.indices], odd)
    confident = scores > 0.9
    return {
        "calibration": calibration.as_dict(),
        "held_out": {
            "pictures": len(held_out),
            **{key: figures[key] for key in ("box_ap50", "mask_ap50", "box_ap50_interval", "mask_ap50_interval")},
            "per_category": figures["per_category"],
            "precision_at_90": float(right[confident].mean()) if confident.any() else None,
            "confident": int(confident.sum()),
        },
    }


def rescore(found: Detections, calibration: Calibration) -> Detections:
    """The same detections with calibrated scores."""
    sizes = relative_sizes(found.boxes, *found.masks.shape[1:])
    scores = calibration.apply(found.scores, found.categories, sizes)
    order = np.argsort(-scores, kind="stable")
    return Detections(found.boxes[order], found.categories[order], scores[order], found.masks[order])


class _Half(CocoDataset):
    """The pictures of every second room of an open dataset; `indices` are their places in it."""

    def __init__(self, whole: CocoDataset, first: int, pictures_per_room: int) -> None:
        self.__dict__.update(whole.__dict__)
        self.indices = [i for i in range(len(whole)) if (i // pictures_per_room) % 2 == first]
        self._images, self._rows = [whole._images[i] for i in self.indices], [whole._rows[i] for i in self.indices]
        self._names = [whole._names[i] for i in self.indices]
