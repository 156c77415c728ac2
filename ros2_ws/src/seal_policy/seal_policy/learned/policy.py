# SPDX-License-Identifier: Apache-2.0
"""A network as a goal policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from seal_perception.errors import InputError
from seal_policy.goals.policy import PolicyInput
from seal_policy.learned.network import GoalNetwork, Observations
from seal_policy.learned.weights import load_policy, policy_file
from seal_policy.observation.observe import cell_centre, observe
from seal_policy.planning.motion import Point


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch count with one thread: sums of more than one depend on the machine in their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class LearnedPolicy:
    """Goals of a network: the likeliest cell, or the mean. No random numbers, so the same maps give the same goals."""

    def __init__(self, network: GoalNetwork) -> None:
        self._network = network.eval()

    @classmethod
    def from_file(cls, name: str, weights: str | Path = "") -> LearnedPolicy:
        """The policy of that name with the weights of a file; a learned policy needs one.

        Raises:
            InputError: as `load_policy`.
        """
        return cls(load_policy(policy_file(name, weights), name)[0])

    def goal(self, inp: PolicyInput) -> Point:
        """See `GlobalPolicy.goal`.

        Raises:
            InputError: if the network looks at the map's volume and the input has none, or one of other categories.
        """
        c = self._network.config
        view, seen = observe(inp, c.window, c.heading_bins, c.sees_volume, c.sees_memory)
        if c.sees_volume and len(seen["volume"]) != 1 + len(c.categories):
            raise InputError(
                f"this policy was trained for {len(c.categories)} categories, the map has {len(seen['volume']) - 1}: "
                "take a detector of the same list, or another policy"
            )
        if seen["map"].shape[1:] != tuple(c.cells[:2]):
            raise InputError(
                f"this policy looks at {c.cells[0]} x {c.cells[1]} cells of the map, got {seen['map'].shape[1:]} of "
                f"{inp.obstacles.cell_m:g} m: it was trained on voxels of another size"
            )
        batch: Observations = {key: torch.from_numpy(np.asarray(value)[None]) for key, value in seen.items()}
        with torch.no_grad(), one_thread():
            goal = self._network(batch).goal[0]
        if c.head == "cells":
            return cell_centre(view.frame, int(goal.argmax()), c.grid)
        return view.frame.point(goal.double().numpy())
