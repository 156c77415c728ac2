# SPDX-License-Identifier: Apache-2.0
"""Our training loop beside detectron2's SimpleTrainer, on detectron2's own network and loss; needs detectron2.

The same random weights (seeded), batches and draws; rows of other categories stay apart, and there are no regions to
ignore, as in detectron2 itself.

python -m seal_bringup.experiments.detectors.detectron2_loop --json results/detectron2_loop.json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from seal_bringup.experiments.detectors.coco_loop import (
    WithoutRegions,
    loop_config,
    parameter_groups,
    relative_difference,
    seeded_network,
)
from seal_bringup.provenance import provenance
from seal_perception.dataset import CocoDataset
from seal_perception.detector.detectron2_form import Detectron2Config
from seal_perception.detector.devices import device_of, settle
from seal_perception.files import write_json
from seal_perception.training.train_loop import Batches, LoopConfig, iteration_seed, train
from sim_bridge.catalogue.pictures import catalogue_at

RATE = 1e-4
"""Of SGD: detectron2 divides pictures by nothing, and random weights have not learnt to."""


def trainer_losses(network: Any, batches: Batches, config: LoopConfig) -> list[float]:
    """Losses of detectron2's SimpleTrainer on detectron2's model inside our network, trained in place."""
    from detectron2.engine import SimpleTrainer
    from detectron2.utils.events import EventStorage

    def drawn() -> Iterator[list[dict[str, Any]]]:
        for iteration in range(config.iterations):
            images, targets = batches[iteration]
            torch.manual_seed(iteration_seed(config.seed, iteration))
            yield network.inputs(images, targets)

    settle(config.threads, device_of(network))
    optimiser = torch.optim.SGD(
        parameter_groups(network, config.weight_decay), config.learning_rate, momentum=config.momentum
    )
    losses = []
    with torch.random.fork_rng(devices=[]), EventStorage() as storage:
        trainer = SimpleTrainer(network.model, drawn(), optimiser)
        for iteration in range(config.iterations):
            trainer.iter = storage.iter = iteration
            trainer.run_step()
            losses.append(float(storage.history("total_loss").latest()))
    return losses


def compare(dataset: CocoDataset, shape: Detectron2Config, config: LoopConfig) -> dict[str, Any]:
    """Both loops from the same weights: losses of each iteration and their largest relative difference."""
    batches = WithoutRegions(dataset, config)
    ours = train(seeded_network(shape), batches, config)
    theirs = trainer_losses(seeded_network(shape).train(), batches, config)
    return {"largest_relative_difference": relative_difference(ours, theirs), "ours": ours, "reference": theirs}


def main() -> None:
    """Compare on catalogue pictures, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--min-size", type=int, default=96, help="shorter side of the pictures in pixels")
    parser.add_argument("--samples", type=int, default=32, help="proposals per picture that the heads learn from")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--work", type=Path, default=Path("runs/coco_loop"))
    parser.add_argument("--json", type=Path, default=Path("results/detectron2_loop.json"))
    options = parser.parse_args()
    folder = options.work / "catalogue_40"
    catalogue_at(folder, 40)
    shape = Detectron2Config(min_size=options.min_size, samples=options.samples, fold_others=False)
    config = loop_config(options.iterations, options.batch, RATE, options.threads)
    row = compare(CocoDataset(folder), shape, config)
    print(
        f"{row['ours'][0]:.4f} -> {row['ours'][-1]:.4f}, largest relative difference "
        f"{row['largest_relative_difference']:.1e}"
    )
    settings = {
        "iterations": options.iterations,
        "batch": options.batch,
        "samples": options.samples,
        "learning_rate": RATE,
    }
    write_json(options.json, {"provenance": provenance(), **settings, "min_size": options.min_size, **row})


if __name__ == "__main__":
    main()
