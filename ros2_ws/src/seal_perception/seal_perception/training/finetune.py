# SPDX-License-Identifier: Apache-2.0
"""Fine-tune a detector on a dataset of labels that the robot made itself (SEAL section 3.3).

Presets: `laptop` (the small model, batch 4, 300 iterations, momentum 0.9, a cosine down to 0 after the warm-up) and
`paper` (SGD at a fixed 1e-4 for 5000 iterations). Batch statistics stay frozen: batches of 4 neighbouring views are too
few and too alike. The truth is never used, only the dataset.

What the labels do not show is forgotten: a category that the map labelled nowhere is taught as background. `keep_share`
writes weights between those before and those learnt, after Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models" (WiSE-FT, equation 1).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seal_perception.categories import CATEGORIES, CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset
from seal_perception.detector.backbones import EfficientNetLite
from seal_perception.detector.calibration import Calibration
from seal_perception.detector.coco_form import CocoConfig
from seal_perception.detector.coco_weights import coco_file, load_coco
from seal_perception.detector.devices import best_device, device_of, has_bfloat16
from seal_perception.detector.facts import is_coco, resolve_weights
from seal_perception.detector.weights import (
    NetworkConfig,
    load_weights,
    save_weights,
    source_commit,
)
from seal_perception.errors import InputError
from seal_perception.files import sha256
from seal_perception.training.augment import MILD
from seal_perception.training.new_list import with_categories
from seal_perception.training.robust_mask import RobustMaskLoss, set_robust_masks
from seal_perception.training.teacher import Teacher
from seal_perception.training.train_loop import Batches, LoopConfig, ProgressCallback, train


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune.

    Attributes:
        iterations: optimiser steps.
        batch: pictures per step.
        momentum: of SGD.
        learning_rate: of SGD, at its largest.
        warm_up: iterations over which the rate rises linearly.
        decay: let the rate fall to 0 by a cosine instead of staying constant.
        weight_decay: of SGD.
        replay_share: share of each batch taken from the replay dataset, in [0, 1).
        labelled_only: learn only from pictures with at least one label, as detectron2 does by default: a picture in
            which the labels missed everything is not taught as background.
        seed: of order, augmentation and sampling.
        checkpoint_every: iterations between checkpoints.
        threads: of torch.
        bfloat16: autocast the forward pass; None = where the CPU or GPU that trains computes in bfloat16 itself.
        min_size: shorter side in pixels of the pictures in a network of the COCO form; None = as in the weights.
        samples: proposals per picture that the heads of such a network learn from; None = as in the weights.
        frozen_stages: stages of an EfficientNet-Lite, from the first on and the stem with them, that stay as they
            are, as detectron2 freezes the first of its R50 (FREEZE_AT).
        robust_mask_iou: learn masks by the robust set loss: a mask of at least this IoU with the label is as good as
            the label (`robust_mask`), in (0, 1]; replay keeps its own. None = plain cross-entropy.
        robust_mask_slack: what that IoU may lack costs this much per 1 of IoU, in nats over a mask's pixels; None = it
            may lack nothing.
        keep_share: the weights written are this share of those to start from and the rest of those learnt, in [0, 1);
            0 where the list of categories changes, as rows that are new have nothing to keep.
        distil: where no label of the dataset lies, the target is by this share what the network said before
            (`teacher`), for the rest background; 0 = background, as detectron2. Not with `categories`, and not for
            detectron2's network.
        categories: list that the network learns; rows of its heads that it knows are taken over. None = the weights'
            own, which are the six for COCO's.
        preset: name of the preset this came from; for the record only.
    """

    iterations: int = 300
    batch: int = 4
    momentum: float = 0.9
    learning_rate: float = 2e-3
    warm_up: int = 20
    decay: bool = True
    weight_decay: float = 1e-4
    replay_share: float = 0.0
    labelled_only: bool = True
    seed: int = 0
    checkpoint_every: int = 50
    threads: int = 2
    bfloat16: bool | None = None
    min_size: int | None = None
    samples: int | None = None
    frozen_stages: int = 3
    robust_mask_iou: float | None = None
    robust_mask_slack: float | None = None
    keep_share: float = 0.0
    distil: float = 0.0
    categories: tuple[str, ...] | None = None
    preset: str = "laptop"

    def __post_init__(self) -> None:
        if not 0.0 <= self.replay_share < 1.0:
            raise ValueError(f"replay_share must lie in [0, 1), got {self.replay_share}")
        if not 0.0 <= self.keep_share < 1.0:
            raise ValueError(f"keep_share must lie in [0, 1), got {self.keep_share}")
        if not 0.0 <= self.distil <= 1.0:
            raise ValueError(f"distil must lie in [0, 1], got {self.distil}")
        CocoConfig(**self.coco_changes())
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if self.robust_mask_slack is not None and self.robust_mask_iou is None:
            raise ValueError("robust_mask_slack needs robust_mask_iou")
        self.mask_loss()
        if self.categories is not None:
            object.__setattr__(self, "categories", CategorySet(self.categories).names)
        self.loop()

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> FinetuneConfig:
        """The preset `laptop` or `paper` with some values changed.

        Raises:
            InputError: if there is no such preset.
        """
        if name not in PRESETS:
            raise InputError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
        return replace(PRESETS[name], **changes)

    def coco_changes(self) -> dict[str, Any]:
        """What differs from the shape of weights of the COCO form."""
        given = {"min_size": self.min_size, "samples": self.samples}
        return {name: value for name, value in given.items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """All values, JSON-ready; categories, robust masks and a share to keep only where they were chosen."""
        chosen = ("categories", "robust_mask_iou", "robust_mask_slack", "keep_share", "distil")
        return {key: value for key, value in asdict(self).items() if key not in chosen or value not in (None, 0.0)}

    def mask_loss(self) -> RobustMaskLoss | None:
        """The loss of masks in the place of the network's own; None leaves that."""
        if self.robust_mask_iou is None:
            return None
        return RobustMaskLoss(
            self.robust_mask_iou, math.inf if self.robust_mask_slack is None else self.robust_mask_slack
        )

    def loop(self) -> LoopConfig:
        """The training loop's configuration."""
        return LoopConfig(
            iterations=self.iterations,
            batch=self.batch,
            optimiser="sgd",
            learning_rate=self.learning_rate,
            schedule="one_cycle" if self.decay else "constant",
            warm_up=self.warm_up,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            freeze_norm_from=0.0,
            bfloat16=bool(self.bfloat16),
            checkpoint_every=self.checkpoint_every,
            seed=self.seed,
            threads=self.threads,
            augment=MILD,
        )


PRESETS: dict[str, FinetuneConfig] = {
    "laptop": FinetuneConfig(),
    "paper": FinetuneConfig(iterations=5000, learning_rate=1e-4, warm_up=0, decay=False, preset="paper"),
}


def finetune(
    weights_in: str | Path,
    dataset: CocoDataset | Path | str,
    weights_out: Path | str,
    config: FinetuneConfig | None = None,
    progress: ProgressCallback | None = None,
    replay_dataset: Path | str | None = None,
) -> dict[str, Any]:
    """Fine-tune weights on a dataset; resumes from a checkpoint beside `weights_out` if one fits.

    The checkpoint is of the weights learnt; those written are mixed with the parent's (`FinetuneConfig.keep_share`).

    The parent's score calibration is kept. Datasets are read with the network's list of categories.

    Args:
        weights_in: a shipped name, "coco", a .pth or .pkl of COCO weights, or a .safetensors file.
        dataset: labelled frames, or their folder.
        weights_out: file to write, whole or not at all.
        config: how to fine-tune.
        progress: called after each iteration.
        replay_dataset: catalogue pictures to mix in at `config.replay_share`.

    Returns:
        The facts stored with the new weights, with `losses` of this call added.

    Raises:
        InputError: if weights or dataset are not usable, or the dataset was opened for another list of categories.
        NoLabelsError: if the dataset has no label.
        SealError: if training diverges.
    """
    config, weights_out = config or FinetuneConfig(), Path(weights_out)
    if config.distil > 0 and config.categories is not None:
        raise InputError("distil needs the list of categories that the weights have: new rows say nothing yet")
    if config.replay_share > 0 and replay_dataset is None:
        raise InputError(f"replay_share {config.replay_share} needs a replay dataset")
    parent, model, model_config, parent_facts = _parent(weights_in, config)
    if isinstance(getattr(model, "backbone", None), EfficientNetLite):
        model.backbone.freeze(config.frozen_stages)
    if (mask_loss := config.mask_loss()) is not None:
        set_robust_masks(model, mask_loss)
    if config.distil > 0:
        Teacher(model, config.distil).watch(model)
    if config.bfloat16 is None:
        config = replace(config, bfloat16=has_bfloat16(device_of(model)))
    names = CategorySet(model_config.categories)
    dataset = dataset if isinstance(dataset, CocoDataset) else CocoDataset(dataset, CategoryNames(known=names))
    if dataset.names != names:
        raise InputError(f"{dataset.file} was read for {dataset.names}, the network is for {names}")
    replay = (
        CocoDataset(replay_dataset, CategoryNames(known=names))
        if replay_dataset is not None and config.replay_share > 0
        else None
    )
    facts: dict[str, Any] = {
        "command": "seal finetune",
        "parent": sha256(parent),
        "dataset": dataset.hash(),
        "replay": replay.hash() if replay else None,
        "config": config.as_dict(),
        "seed": config.seed,
        "commit": source_commit(),
        "calibration": parent_facts.get("calibration"),
    }
    checkpoint = weights_out.with_name(f".{weights_out.name}.checkpoint")
    fingerprint = {key: facts[key] for key in ("parent", "dataset", "replay", "config")}
    batches = Batches(dataset, config.loop(), replay, config.replay_share, config.labelled_only)
    start = {name: value.detach().clone() for name, value in model.state_dict().items()}
    losses = train(model, batches, config.loop(), checkpoint, fingerprint, progress)
    if config.categories is None:
        keep_of(start, model, config.keep_share)
    save_weights(weights_out, model, model_config, facts)
    checkpoint.unlink(missing_ok=True)
    return {**facts, "losses": losses}


def keep_of(start: dict[str, Tensor], model: nn.Module, share: float) -> None:
    """Give a network, in place, `share` of the values in `start` and the rest of its own.

    Args:
        start: a state of the same network; what is no floating-point number stays the network's.
        model: the network.
        share: in [0, 1).
    """
    if share == 0.0:
        return
    own = model.state_dict()
    mixed = {name: torch.lerp(v, start[name].to(v), share) if v.is_floating_point() else v for name, v in own.items()}
    model.load_state_dict(mixed)


def _parent(weights: str | Path, config: FinetuneConfig) -> tuple[Path, Any, NetworkConfig, dict[str, Any]]:
    """File, network, shape and facts to start from; the COCO form lies on a GPU where there is one.

    Raises:
        InputError: if the weights are not usable, or sizes are given for the small network.
        SealError: if COCO's weights cannot be downloaded.
    """
    changes = config.coco_changes()
    if is_coco(weights):
        try:
            shape = CocoConfig(config.categories or CATEGORIES, **changes)
        except ValueError as error:
            raise InputError(str(error)) from error
        path = coco_file(weights)
        model, shape = load_coco(path, shape)
        return path, model.to(best_device()), shape, {}
    path = resolve_weights(weights)
    model, found, facts = load_weights(path)
    if config.categories is not None and config.categories != found.categories:
        before, names = CategorySet(found.categories), CategorySet(config.categories)
        model, found = with_categories(model, found, names, config.seed)
        facts = {**facts, "calibration": _calibration(facts, path, before, names)}
    if isinstance(found, CocoConfig):
        found = replace(found, **changes)
        model.resize(found)
        return path, model.to(best_device()), found, facts
    if changes:
        raise InputError(f"{', '.join(changes)} cannot be set for {path}: it is no network of the COCO form")
    return path, model, found, facts


def _calibration(facts: dict[str, Any], path: Path, before: CategorySet, names: CategorySet) -> dict[str, Any] | None:
    """The stored calibration for another list, None where there is none.

    Raises:
        InputError: if it is broken.
    """
    if not facts.get("calibration"):
        return None
    try:
        return Calibration.from_metadata(facts).for_categories(before, names).as_dict()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} has a broken calibration: {error}") from error
