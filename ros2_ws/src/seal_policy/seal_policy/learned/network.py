# SPDX-License-Identifier: Apache-2.0
"""The goal network: a window of the map and a heading to where to go, and what that is worth.

Source: SEAL's global policy: two 3D and three 2D convolutions, three fully connected layers, the orientation by an
embedding. The paper gives no widths and no strides; ours are `NetworkConfig`'s.
Departs from it with `head="cells"`: a goal is one of the window's cells, scored by a small convolution over the 2D
features of three scales and what the fully connected layers say. A Gaussian has one peak, and a home more than one
place worth going to: imitated, it points between them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seal_policy.learned.config import NetworkConfig

Observations = dict[str, Tensor]
"""Batches of `observe`'s arrays; "heading" as (B,) indices or (B, bins) one-hot rows."""


class GoalOutput(NamedTuple):
    """What the network says of a batch.

    Attributes:
        goal: (B, grid * grid) log-odds of the cells, those that are not allowed at -1e8; or (B, 2) mean in [0, 1].
        value: (B,) worth of the state, in the reward's unit.
    """

    goal: Tensor
    value: Tensor


class GoalNetwork(nn.Module):
    """See the module. Give it the arrays of `observe` in batches, uint8 or as floats of the same numbers."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = c = config
        k = len(c.categories)
        from_volume = 0
        if "volume" in c.inputs:
            (c1, c2), (s1, s2) = c.volume_channels, c.strides()
            self.volume = nn.Sequential(
                nn.Conv3d(1 + k, c1, 3, s1, 1), nn.ReLU(), nn.Conv3d(c1, c2, 3, s2, 1), nn.ReLU()
            )
            from_volume = c2 * c.heights()
        f1, f2, f3 = c.flat_channels
        self.conv1 = nn.Conv2d(from_volume + 2 * c.channels + 3, f1, 3, 1, 1)
        self.conv2 = nn.Conv2d(f1, f2, 3, 2, 1)
        self.conv3 = nn.Conv2d(f2, f3, 3, 2, 1)
        small = -(-c.grid // 4)
        self.heading = nn.Parameter(0.1 * torch.randn(c.heading_bins, c.heading_size))
        self.full1 = nn.Linear(f3 * small * small, c.hidden[0])
        self.full2 = nn.Linear(c.hidden[0] + c.heading_size, c.hidden[1])
        self.value = nn.Linear(c.hidden[1], 1)
        if c.head == "point":
            self.point = nn.Linear(c.hidden[1], 2)
            self.log_std = nn.Parameter(torch.full((2,), -1.0))
        else:
            self.whole = nn.Linear(c.hidden[1], f1)
            self.score1 = nn.Conv2d(f1 + f2 + f3, f1, 1)
            self.score2 = nn.Conv2d(f1, 1, 1)
        x = (torch.arange(c.grid) + 0.5) / c.grid * 2.0 - 1.0
        xx, yy = torch.meshgrid(x, x, indexing="ij")
        self.register_buffer("places", torch.stack((xx, yy, (xx**2 + yy**2).sqrt()))[None], persistent=False)

    def forward(self, seen: Observations) -> GoalOutput:
        """Where to go, and the worth of the state."""
        c, n = self.config, seen["map"].shape[0]
        maps = self._maps(seen)
        parts = [F.avg_pool2d(maps, c.factor), F.max_pool2d(maps, c.factor), self.places.expand(n, -1, -1, -1)]
        if "volume" in c.inputs:
            volume = self.volume(_unit(seen["volume"]))
            parts.append(volume.permute(0, 1, 4, 2, 3).flatten(1, 2))
        f1 = F.relu(self.conv1(torch.cat(parts, dim=1)))
        f2 = F.relu(self.conv2(f1))
        f3 = F.relu(self.conv3(f2))
        hidden = F.relu(self.full1(f3.flatten(1)))
        hidden = F.relu(self.full2(torch.cat((hidden, self._embedded(seen["heading"])), dim=1)))
        value = self.value(hidden).squeeze(1)
        if c.head == "point":
            return GoalOutput(torch.sigmoid(self.point(hidden)), value)
        size = (c.grid, c.grid)
        wide = [f1, F.interpolate(f2, size, mode="bilinear"), F.interpolate(f3, size, mode="bilinear")]
        scored = self.score1(torch.cat(wide, dim=1)) + self.whole(hidden)[:, :, None, None]
        logits = self.score2(F.relu(scored)).flatten(1)
        return GoalOutput(torch.where(self.allowed(seen), logits, torch.full_like(logits, -1e8)), value)

    def allowed(self, seen: Observations) -> Tensor:
        """(B, grid * grid) bool: cells of which something was seen, that the robot is not in, and that did not fail.

        Where there is none, all are.
        """
        c = self.config
        known = F.max_pool2d(seen["map"][:, :2].float().amax(dim=1, keepdim=True), c.factor)[:, 0] > 0
        middle = slice(c.grid // 2 - 1, c.grid // 2 + 1)
        known[:, middle, middle] = False
        if "memory" in c.inputs:
            known &= F.avg_pool2d(seen["memory"][:, 2:3].float(), c.factor)[:, 0] < 128.0
        known = known.flatten(1)
        return known | ~known.any(dim=1, keepdim=True)

    def _maps(self, seen: Observations) -> Tensor:
        named = {"floor": seen["map"][:, :2], "scores": seen["map"][:, 2:]}
        if self.config.sees_memory:
            named |= {"uncertainty": seen["memory"][:, :1], "memory": seen["memory"][:, 1:]}
        return torch.cat([_unit(named[name]) for name in self.config.inputs if name in named], dim=1)

    def _embedded(self, heading: Tensor) -> Tensor:
        if heading.ndim == 2 and heading.shape[1] == self.config.heading_bins and self.config.heading_bins > 1:
            return heading.to(self.heading.dtype) @ self.heading
        return self.heading[heading.long().flatten()]


def _unit(values: Tensor) -> Tensor:
    """Uint8 numbers as float32 in [0, 1]."""
    return values.float() / 255.0
