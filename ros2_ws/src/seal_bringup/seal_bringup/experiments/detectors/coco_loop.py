# SPDX-License-Identifier: Apache-2.0
"""Our training loop beside torchvision's reference loop, on the COCO form: the same weights, batches and draws.

The reference is what train_one_epoch of torchvision's references/detection/engine.py does with its losses: their sum,
zero_grad, backward, step. It runs torchvision's own Mask R-CNN with torchvision's own loss, and our network with the
rows of other categories folded into the background. Weights are random (seeded), pictures are of the catalogue.

python -m seal_bringup.experiments.detectors.coco_loop --json results/coco_loop.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.ops import FrozenBatchNorm2d

from seal_bringup.provenance import provenance
from seal_perception.dataset import CocoDataset
from seal_perception.detector.coco_form import COCO_NAMES, CocoConfig
from seal_perception.detector.devices import device_of, settle
from seal_perception.detector.weights import build_network
from seal_perception.files import write_json
from seal_perception.training.augment import AugmentConfig
from seal_perception.training.train_loop import Batch, Batches, LoopConfig, iteration_seed, train
from sim_bridge.catalogue.pictures import catalogue_at

TOLERANCE = 1e-5
"""Largest difference of two losses, relative to the larger one."""
LAST_NORMS = ("bn3.weight", "conv3.norm.weight")
"""Names that torchvision and detectron2 give the scale at the end of a block's branch."""


def seeded_network(config: CocoConfig, seed: int = 0) -> Any:
    """The network of a form with random weights, damped as trained ones are: a branch of a block adds a fifth."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(config)
    for name, value in network.named_buffers():
        if name.endswith(LAST_NORMS):
            value.fill_(0.2)
    return network


def torchvision_network(config: CocoConfig, state: dict[str, Tensor]) -> Any:
    """The Mask R-CNN R50-FPN of torchvision itself with its own loss, made as for its COCO weights."""
    backbone = resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3
    )
    network = MaskRCNN(
        backbone,
        len(COCO_NAMES),
        min_size=config.min_size,
        max_size=config.max_size,
        box_batch_size_per_image=config.samples,
    )
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
    network.load_state_dict(state)
    return network


def reference_loop(network: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterable[Batch]) -> list[float]:
    """Losses of one epoch as torchvision's reference trains it."""
    network.train()
    losses = []
    for images, targets in batches:
        total = sum(network(images, targets).values())
        losses.append(float(total.detach()))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return losses


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """What an optimiser takes: our loop's decay, none on vectors."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def relative_difference(ours: list[float], theirs: list[float]) -> float:
    """The largest difference of two losses, relative to the larger one."""
    return max(abs(a - b) / max(abs(a), abs(b)) for a, b in zip(ours, theirs, strict=True))


def reference_losses(network: Any, batches: Batches, config: LoopConfig, rows: Tensor | None) -> list[float]:
    """Run the reference with the optimiser that our loop makes of `config`.

    Args:
        network: to train, in place.
        batches: the data; they are our loop's.
        config: of our loop: SGD at a constant rate, without weight decay on vectors.
        rows: (C,) COCO's row of each category, for a network whose targets hold these; None = ours.
    """

    def drawn() -> Iterator[Batch]:
        for iteration in range(config.iterations):
            images, targets = batches[iteration]
            torch.manual_seed(iteration_seed(config.seed, iteration))
            if rows is not None:
                targets = [{**target, "labels": rows[target["labels"] - 1]} for target in targets]
            yield images, targets

    groups = parameter_groups(network, config.weight_decay)
    settle(config.threads, device_of(network))
    with torch.random.fork_rng(devices=[]):
        return reference_loop(network, torch.optim.SGD(groups, config.learning_rate, momentum=config.momentum), drawn())


class WithoutRegions(Batches):
    """Batches without regions to ignore, which torchvision's own network does not know."""

    def __getitem__(self, iteration: int) -> Batch:
        """Pictures and targets of one iteration."""
        images, targets = super().__getitem__(iteration)
        return images, [{**target, "ignore_boxes": target["ignore_boxes"][:0]} for target in targets]


def compare(dataset: CocoDataset, shape: CocoConfig, config: LoopConfig) -> dict[str, Any]:
    """Both loops from the same weights: losses of each iteration and their largest relative difference."""
    batches = (Batches if shape.fold_others else WithoutRegions)(dataset, config)
    began = time.monotonic()
    ours = train(seeded_network(shape), batches, config)
    seconds = time.monotonic() - began
    if shape.fold_others:
        reference, rows = seeded_network(shape), None
    else:
        reference = torchvision_network(shape, seeded_network(shape).state_dict())
        rows = torch.tensor(shape.rows())
    theirs = reference_losses(reference, batches, config, rows)
    return {
        "largest_relative_difference": relative_difference(ours, theirs),
        "seconds_per_iteration": seconds / config.iterations,
        "ours": ours,
        "reference": theirs,
    }


def loop_config(iterations: int, batch: int, learning_rate: float = 2e-3, threads: int = 2) -> LoopConfig:
    """SGD with momentum at a constant rate and without a bound on the gradient, which the reference has not."""
    return LoopConfig(
        iterations=iterations,
        batch=batch,
        optimiser="sgd",
        learning_rate=learning_rate,
        schedule="constant",
        warm_up=0,
        clip_norm=1e12,
        threads=threads,
        augment=AugmentConfig(flip=0.5, scale_chance=0, colour_chance=0, noise=0, blur_chance=0, erase_chance=0),
    )


def main() -> None:
    """Compare on catalogue pictures, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--min-size", type=int, default=96, help="shorter side of the pictures in pixels")
    parser.add_argument("--samples", type=int, default=32, help="proposals per picture that the heads learn from")
    parser.add_argument("--pictures", type=int, default=40, help="catalogue pictures that the batches are made of")
    parser.add_argument("--work", type=Path, default=Path("runs/coco_loop"))
    parser.add_argument("--json", type=Path, default=Path("results/coco_loop.json"))
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    options = parser.parse_args()
    folder = options.work / f"catalogue_{options.pictures}"
    catalogue_at(folder, options.pictures)
    config, rows = loop_config(options.iterations, options.batch, threads=options.threads), {}
    for name, fold in (("torchvision's network and loss", False), ("our network, other rows folded", True)):
        shape = CocoConfig(min_size=options.min_size, samples=options.samples, fold_others=fold)
        rows[name] = compare(CocoDataset(folder), shape, config)
        row = rows[name]
        print(
            f"{name}: {row['ours'][0]:.4f} -> {row['ours'][-1]:.4f}, largest relative difference "
            f"{row['largest_relative_difference']:.1e}, {row['seconds_per_iteration']:.2f} s per iteration",
            flush=True,
        )
    settings = {"iterations": options.iterations, "batch": options.batch, "min_size": options.min_size}
    settings.update({"samples": options.samples, "learning_rate": config.learning_rate})
    write_json(options.json, {"provenance": provenance(), **settings, "tolerance": TOLERANCE, "rows": rows})


if __name__ == "__main__":
    main()
