# SPDX-License-Identifier: Apache-2.0
"""The one training loop of pre-training and fine-tuning: repeatable by seed, resumable to the bit.

Everything random in iteration i depends on (seed, i) alone, so a run resumed from a checkpoint equals one that was
never stopped.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from seal_perception.dataset import Annotation, CocoDataset
from seal_perception.detector.devices import device_of, settle
from seal_perception.detector.model import EXACT, freeze_norm
from seal_perception.detector.weights import save_tensors
from seal_perception.errors import InputError, NoLabelsError, SealError
from seal_perception.reading.text import load_json
from seal_perception.training.augment import AugmentConfig, augment, shrunk

_log = logging.getLogger(__name__)
Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


@dataclass(frozen=True)
class LoopConfig:
    """How to train.

    Attributes:
        iterations: optimiser steps.
        batch: pictures per step.
        optimiser: "adamw" or "sgd" (with `momentum`).
        learning_rate: largest rate.
        schedule: "one_cycle" (up over `warm_up`, down to 0 by a cosine) or "constant" (after `warm_up`).
        warm_up: iterations over which the rate rises linearly.
        momentum: of SGD.
        weight_decay: of either optimiser.
        clip_norm: largest norm of the gradient.
        freeze_norm_from: share of the iterations after which batch statistics are frozen; 0 = always.
        bfloat16: autocast the forward pass.
        checkpoint_every: iterations between checkpoints.
        seed: of order, augmentation and sampling.
        threads: of torch.
        augment: changes of the pictures.
        shrink: show pictures this many times smaller, so that more of them fit into the same time.
        backbone_rate: learning rate of the backbone (without its pyramid) as a share of `learning_rate`; features that
            have seen photographs are worth keeping.
    """

    iterations: int = 300
    batch: int = 4
    optimiser: str = "sgd"
    learning_rate: float = 2e-3
    schedule: str = "constant"
    warm_up: int = 20
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip_norm: float = 10.0
    freeze_norm_from: float = 0.0
    bfloat16: bool = False
    checkpoint_every: int = 100
    seed: int = 0
    threads: int = 2
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    shrink: int = 1
    backbone_rate: float = 1.0

    def __post_init__(self) -> None:
        if min(self.iterations, self.batch, self.checkpoint_every, self.threads) < 1 or self.warm_up < 0:
            raise ValueError(f"iterations, batch, checkpoint_every and threads must be at least 1, got {self}")
        if not 0.0 < self.backbone_rate <= 1.0:
            raise ValueError(f"backbone_rate must lie in (0, 1], got {self.backbone_rate}")
        if self.shrink < 1:
            raise ValueError(f"shrink must be at least 1, got {self.shrink}")
        if self.optimiser not in ("adamw", "sgd"):
            raise ValueError(f"optimiser must be adamw or sgd, got {self.optimiser}")
        if self.schedule not in ("one_cycle", "constant"):
            raise ValueError(f"schedule must be one_cycle or constant, got {self.schedule}")
        if not self.learning_rate > 0 or not self.clip_norm > 0:
            raise ValueError(f"learning_rate and clip_norm must be above 0, got {self.learning_rate}, {self.clip_norm}")

    def rate(self, iteration: int) -> float:
        """Learning rate of an iteration, counting from 0."""
        if iteration < self.warm_up:
            return self.learning_rate * (iteration + 1) / self.warm_up
        if self.schedule == "constant":
            return self.learning_rate
        done = (iteration - self.warm_up) / max(1, self.iterations - self.warm_up)
        return self.learning_rate * max(0.5 * (1.0 + math.cos(math.pi * done)), 1e-3)


@dataclass(frozen=True)
class Progress:
    """What a training reports after each iteration; `loss` is the sum of `parts`."""

    iteration: int
    iterations: int
    loss: float
    parts: dict[str, float]
    learning_rate: float
    iterations_per_s: float
    seconds_left: float


ProgressCallback = Callable[[Progress], None]


class Batches:
    """The batches of a training: batch i is a function of (seed, i).

    Pictures are taken in a new random order per round; a fixed share of each batch may come from a second dataset.
    """

    def __init__(
        self,
        dataset: CocoDataset,
        config: LoopConfig,
        replay: CocoDataset | None = None,
        replay_share: float = 0.0,
        labelled_only: bool = False,
    ) -> None:
        """Check the datasets.

        Args:
            dataset: what to learn.
            config: batch, seed, augmentation.
            replay: second dataset.
            replay_share: share of each batch taken from it.
            labelled_only: leave out the pictures of `dataset` without an object.

        Raises:
            InputError: if a dataset has no picture, or the share leaves a batch without a picture of one of the two.
            NoLabelsError: if none of `dataset` has a label where it must.
        """
        if len(dataset) == 0 or (replay is not None and len(replay) == 0):
            raise InputError("a training needs at least one picture")
        if not 0.0 <= replay_share < 1.0:
            raise InputError(f"replay_share must lie in [0, 1), got {replay_share}")
        self._config = config
        count = round(config.batch * replay_share) if replay is not None else 0
        if replay is not None and replay_share > 0 and not 1 <= count < config.batch:
            raise InputError(
                f"replay_share {replay_share} of a batch of {config.batch} is {count} pictures; expected a share that"
                f" leaves from 1 to {config.batch - 1}"
            )
        used = dataset.labelled() if labelled_only else list(range(len(dataset)))
        if not used:
            raise NoLabelsError(f"no picture of {dataset.folder} has a label: there is nothing to learn from it")
        self._parts = [(dataset, used, config.batch - count)]
        if replay is not None and count:
            self._parts.append((replay, list(range(len(replay))), count))

    def __getitem__(self, iteration: int) -> Batch:
        """Pictures (3, H, W) float in [0, 1] and targets of one iteration."""
        images, targets = [], []
        for part, (dataset, used, count) in enumerate(self._parts):
            for slot in range(count):
                position = iteration * count + slot
                turn, place = divmod(position, len(used))
                order = np.random.default_rng((self._config.seed, part, turn)).permutation(len(used))
                rng = np.random.default_rng((self._config.seed, part, iteration, slot))
                index = used[int(order[place])]
                rgb, kept = augment(dataset.image(index), dataset.annotations(index), self._config.augment, rng)
                if self._config.shrink > 1:
                    rgb, kept = shrunk(rgb, kept, self._config.shrink)
                images.append(torch.from_numpy(rgb).permute(2, 0, 1).float() / 255.0)
                target = make_target(kept, rgb.shape[0], rgb.shape[1])
                targets.append(
                    {**target, EXACT: torch.tensor(True)} if part else target
                )  # replay counts as drawn, not guessed, labels of earlier homes (`seal demo --replay`) too
        return images, targets


def make_target(annotations: Sequence[Annotation], height: int, width: int) -> dict[str, Tensor]:
    """Make torchvision's target of one picture; ignored annotations go to `ignore_boxes` (M, 4)."""
    objects = [a for a in annotations if not a.ignore]
    boxes = [a.box() for a in objects]
    ignored = [a.box() for a in annotations if a.ignore]
    masks = np.stack([a.mask for a in objects]) if objects else np.zeros((0, height, width), bool)
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor([a.category + 1 for a in objects], dtype=torch.int64),
        "masks": torch.from_numpy(masks.astype(np.uint8)),
        "ignore_boxes": torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4),
    }


def train(
    model: nn.Module,
    batches: Batches,
    config: LoopConfig,
    checkpoint: Path | None = None,
    fingerprint: dict[str, Any] | None = None,
    progress: ProgressCallback | None = None,
) -> list[float]:
    """Train a network in place.

    Args:
        model: from `build_model`.
        batches: its data.
        config: how to train.
        checkpoint: file for checkpoints; training resumes from a fitting one; the caller removes it.
        fingerprint: JSON-ready facts (dataset, parent) that a checkpoint must share to fit.
        progress: called after each iteration.

    Returns:
        Loss of each iteration done in this call.

    Raises:
        SealError: if the loss is no longer finite.
    """
    settle(config.threads, device_of(model))
    optimiser = _make_optimiser(model, config)
    facts = json.dumps({"config": asdict(config), "fingerprint": fingerprint or {}}, sort_keys=True)
    start = _load_checkpoint(checkpoint, facts, model, optimiser) if checkpoint else 0
    losses: list[float] = []
    model.train()
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool, torch.random.fork_rng(devices=[]):
        next_batch = pool.submit(batches.__getitem__, start)
        for iteration in range(start, config.iterations):
            images, targets = next_batch.result()
            if iteration + 1 < config.iterations:
                next_batch = pool.submit(batches.__getitem__, iteration + 1)
            if iteration >= config.freeze_norm_from * config.iterations:
                freeze_norm(model)
            parts = _step(model, optimiser, images, targets, config, iteration)
            losses.append(sum(parts.values()))
            if not math.isfinite(losses[-1]):
                raise SealError(f"training diverged at iteration {iteration + 1} (loss {losses[-1]}); lower the rate")
            if progress:
                rate = len(losses) / (time.monotonic() - began)
                left = (config.iterations - iteration - 1) / rate
                progress(
                    Progress(iteration + 1, config.iterations, losses[-1], parts, config.rate(iteration), rate, left)
                )
            if checkpoint and (iteration + 1) % config.checkpoint_every == 0 and iteration + 1 < config.iterations:
                _save_checkpoint(checkpoint, facts, model, optimiser, iteration + 1)
    return losses


def _make_optimiser(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """Four groups: matrices (which decay) and vectors, of the backbone (at its own rate) and of the rest."""
    groups = []
    for body in (False, True):
        trained = [p for name, p in model.named_parameters() if p.requires_grad and _in_body(name) == body]
        for matrices, decay in ((True, config.weight_decay), (False, 0.0)):
            chosen = [p for p in trained if (p.ndim > 1) == matrices]
            share = config.backbone_rate if body else 1.0
            groups.append({"params": chosen, "weight_decay": decay, "share": share})
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)


def iteration_seed(seed: int, iteration: int) -> int:
    """Seed of torch's global generator for the samplers of an iteration."""
    return int(np.random.default_rng((seed, 7, iteration)).integers(2**62))


def _in_body(name: str) -> bool:
    """Whether a parameter belongs to the backbone below its pyramid."""
    return "backbone." in name and ".fpn." not in name


def _step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    images: list[Tensor],
    targets: list[dict[str, Tensor]],
    config: LoopConfig,
    iteration: int,
) -> dict[str, float]:
    # torchvision's samplers draw from torch's global generator: it is set from (seed, iteration) inside fork_rng.
    torch.manual_seed(iteration_seed(config.seed, iteration))
    device = device_of(model)
    images = [image.to(device) for image in images]
    targets = [{name: value.to(device) for name, value in target.items()} for target in targets]
    for group in optimiser.param_groups:
        group["lr"] = group["share"] * config.rate(iteration)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
        parts = model(images, targets)
    loss = torch.stack([value.float() for value in parts.values()]).sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def _save_checkpoint(
    path: Path, facts: str, model: nn.Module, optimiser: torch.optim.Optimizer, iteration: int
) -> None:
    tensors = {f"model.{k}": v.contiguous() for k, v in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors.update({f"optimiser.{index}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()})
    save_tensors(path, tensors, {"seal": json.dumps({"facts": facts, "iteration": iteration})})
    _log.info("checkpoint after iteration %d at %s", iteration, path)


def _load_checkpoint(path: Path, facts: str, model: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Restore a fitting checkpoint; the iteration to resume at, 0 if there is none that fits."""
    if not path.is_file():
        return 0
    try:
        with safe_open(str(path), framework="pt") as stream:
            stored = dict(load_json((stream.metadata() or {}).get("seal", "{}"), path))
            if stored.get("facts") != facts:
                _log.warning("checkpoint %s is of another training; starting over", path)
                return 0
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        _log.warning("checkpoint %s cannot be read (%s); starting over", path, error)
        return 0
    model.load_state_dict({k[len("model.") :]: v for k, v in tensors.items() if k.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    document = optimiser.state_dict()
    document["state"] = state
    optimiser.load_state_dict(document)
    _log.info("resuming after iteration %d from %s", stored["iteration"], path)
    return int(stored["iteration"])
