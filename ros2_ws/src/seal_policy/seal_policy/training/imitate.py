# SPDX-License-Identifier: Apache-2.0
"""Imitation: a network learns a teacher's goals, and what they were worth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seal_policy.learned.network import GoalNetwork, Observations
from seal_policy.training.config import ImitationConfig
from seal_policy.training.demonstrations import Demonstrations
from seal_policy.training.symmetry import SYMMETRIES, turned

NEAR_M = 0.75
"""A goal that is this near to the teacher's counts as the same one in the figures."""
Report = Callable[[int, dict[str, float]], None]


def imitate(
    network: GoalNetwork,
    learn: Demonstrations,
    check: Demonstrations | None,
    config: ImitationConfig,
    gamma: float,
    seed: int,
    report: Report,
) -> None:
    """Train a network on demonstrations, in all symmetries of the square.

    Args:
        network: changed in place.
        learn: goals to learn from.
        check: goals of homes that are held out; None = none.
        config: the numbers.
        gamma: discount per goal of what the value learns.
        seed: of the order and the symmetries.
        report: called after each pass with its number and its figures (see `figures`).
    """
    rng = np.random.default_rng(seed)
    returns = learn.returns(gamma)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.rate)
    batches = -(-len(learn) // config.batch)
    total = max(1, config.epochs * batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: 0.5 * (1.0 + math.cos(math.pi * n / total)))
    bins = network.config.heading_bins
    for epoch in range(1, config.epochs + 1):
        order = rng.permutation(len(learn))
        network.train()
        sums: dict[str, float] = {}
        for n in range(batches):
            chosen = order[n * config.batch : (n + 1) * config.batch]
            part = learn.part(chosen)
            which = int(rng.integers(SYMMETRIES)) if bins % 4 == 0 else 0
            seen, actions = turned(part.seen, part.actions, which, bins)
            loss, parts = _loss(network, tensors(seen), actions, returns[chosen], config.blur_m)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value * len(chosen) / len(learn)
        network.eval()
        if check is not None and len(check):
            sums |= {f"held_out_{name}": value for name, value in figures(network, check).items()}
        report(epoch, sums)


def tensors(seen: dict[str, np.ndarray]) -> Observations:
    """Observations as torch has them."""
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in seen.items()}


def figures(network: GoalNetwork, demonstrations: Demonstrations, batch: int = 64) -> dict[str, float]:
    """How near a network's goals are to the teacher's: `near_share` (within 0.75 m) and `median_m`."""
    distances = []
    size = np.array(network.config.size_m)
    for first in range(0, len(demonstrations), batch):
        part = demonstrations.part(slice(first, first + batch))
        with torch.no_grad():
            goal = network(tensors(part.seen)).goal.numpy()
        if network.config.head == "cells":
            best, grid = goal.argmax(axis=1), network.config.grid
            goal = (np.stack((best // grid, best % grid), axis=1) + 0.5) / grid
        distances.append(np.linalg.norm((goal - part.actions) * size, axis=1))
    metres = np.concatenate(distances)
    return {"near_share": float((metres <= NEAR_M).mean()), "median_m": float(np.median(metres))}


def _loss(
    network: GoalNetwork, seen: Observations, actions: np.ndarray, returns: np.ndarray, blur_m: float
) -> tuple[Tensor, dict[str, float]]:
    out = network(seen)
    points = torch.from_numpy(actions)
    if network.config.head == "point":
        goal_loss = F.mse_loss(out.goal, points)
    else:
        target = _blurred(network, seen, points, blur_m)
        goal_loss = -(target * F.log_softmax(out.goal, dim=1)).sum(dim=1).mean()
    value_loss = F.mse_loss(out.value, torch.from_numpy(returns))
    return goal_loss + 0.5 * value_loss, {"goal_loss": goal_loss.item(), "value_loss": value_loss.item()}


def _blurred(network: GoalNetwork, seen: Observations, points: Tensor, blur_m: float) -> Tensor:
    """(B, cells) probabilities around the teacher's goals, over cells that the network may choose.

    A goal beyond them (at the edge of the window, where nothing was seen yet) is that of the nearest such cell.
    """
    c = network.config
    centres = (torch.stack(torch.meshgrid(*[torch.arange(c.grid)] * 2, indexing="ij"), -1).view(-1, 2) + 0.5) / c.grid
    size = torch.tensor(c.size_m)
    square_m2 = (((centres[None] - points[:, None]) * size) ** 2).sum(dim=-1)
    logits = torch.where(network.allowed(seen), -square_m2 / (2.0 * blur_m**2), torch.tensor(-torch.inf))
    return torch.softmax(logits, dim=1)
