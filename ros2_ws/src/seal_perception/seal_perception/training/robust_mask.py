# SPDX-License-Identifier: Apache-2.0
"""Learn masks from noisy ones: a prediction need not equal the label, only overlap it well enough.

Source: the robust set loss of Pathak et al., "Learning Instance Segmentation by Interaction", 2018. With q the
network's probabilities, M the noisy mask and X a latent mask of the same pixels they minimise

    -sum_i log q_i(x_i) + cost * slack   over the network's weights, X and slack
    subject to   IoU(X, M) >= min_iou - slack,   slack >= 0

in turns: the best X for the network as it is (the discrete step), then a step of the network's weights towards X.

The discrete step. Labelling pixel i object instead of background changes its loss by -v_i, where v_i is its logit. The
IoU of X and M depends on two counts alone, of the pixels t in M and f outside that X holds: t / (|M| + f). So the best
X of given counts holds the t pixels of M with the largest v and the f others with the largest v, and the step is a
search for the two counts. Without the constraint they are t0, f0, the numbers of pixels with v > 0. More than f0 pixels
outside cost twice: f <= f0; fewer than t0 inside as well: t >= t0. For each f the best t follows directly. A pixel more
costs -v and saves cost / (|M| + f) as long as the IoU is too small, and v falls from pixel to pixel: pixels with
v > -cost / (|M| + f) are added until the IoU is large enough. The last of them may save less, as no IoU counts beyond
`min_iou`: the step tries to leave it out too. One f of these is the best: sorting is the dearest part.

Departs from it: the paper finds X approximately, by adding one bias to all logits until the constraint holds; this is
the optimum. And labels of a mask head are soft at their edges (a mask drawn on a grid of 28 x 28): X keeps the soft
value m where it agrees with M (m >= 0.5), so that with `min_iou` 1 the loss is the plain one. v_i is then m_i times the
logit in M and 1 - m_i times the logit outside, which is what the change of label gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seal_perception.detector.model import IgnoringRoIHeads
from seal_perception.errors import InputError

_ROUNDING = 1e-9
"""Of a number of pixels: 0.7 * 10 is more than 7 in floating point."""


@dataclass(frozen=True)
class RobustMaskLoss:
    """Cross-entropy against the latent mask, in the place of a mask head's own loss.

    Attributes:
        min_iou: least IoU of the latent mask with the label, in (0, 1]; 1 is plain cross-entropy.
        slack_cost: what the IoU may lack costs this much per 1 of IoU, in nats summed over a mask's pixels; infinite =
            it may lack nothing.
    """

    min_iou: float
    slack_cost: float = math.inf

    def __post_init__(self) -> None:
        if not 0.0 < self.min_iou <= 1.0:
            raise ValueError(f"the least IoU of robust masks must lie in (0, 1], got {self.min_iou}")
        if not self.slack_cost > 0.0:
            raise ValueError(f"the cost of slack must be above 0, got {self.slack_cost}")

    def __call__(self, logits: Tensor, masks: Tensor, exact: Tensor | None = None) -> Tensor:
        """Mean over all pixels; gradients flow through `logits` alone.

        Args:
            logits: (K, H, W).
            masks: (K, H, W) labels in [0, 1].
            exact: (K,) bool, masks without noise: plain cross-entropy; None = none are.

        Raises:
            ValueError: if shapes disagree, or there is no mask.
        """
        if logits.shape != masks.shape or logits.ndim != 3 or logits.numel() == 0:
            raise ValueError(f"logits and masks must be (K, H, W), K > 0, got {logits.shape} and {masks.shape}")
        targets = latent_masks(logits, masks, self.min_iou, self.slack_cost)
        if exact is not None:
            targets = torch.where(exact[:, None, None], masks, targets)
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)


def set_robust_masks(network: nn.Module, loss: RobustMaskLoss) -> None:
    """Let a network that is trained learn its masks by `loss`; pictures whose target has `EXACT` as before.

    Raises:
        InputError: if the network is detectron2's, whose mask head computes its loss out of reach.
    """
    heads = getattr(network, "roi_heads", None)
    if not isinstance(heads, IgnoringRoIHeads):
        raise InputError("robust masks are for the small network and torchvision's COCO weights, not for detectron2's")
    heads.mask_loss = loss


def latent_masks(logits: Tensor, masks: Tensor, min_iou: float, slack_cost: float = math.inf) -> Tensor:
    """The discrete step: per mask the target with the least loss among those near enough to the label.

    Args:
        logits: (K, H, W) of the network as it is.
        masks: (K, H, W) labels in [0, 1].
        min_iou: see `RobustMaskLoss`.
        slack_cost: see there.

    Returns:
        (K, H, W) targets, without gradient: the label's value where it stays, else 0 or 1. Of equal pixels the first
        are taken. A label without a pixel stays.
    """
    # On the CPU in float64: the same on every device, and torch has no deterministic cumsum for a GPU.
    v = logits.detach().double().cpu().flatten(1)
    soft = masks.detach().double().cpu().flatten(1)
    label = soft >= 0.5
    v = v * torch.where(label, soft, 1.0 - soft)
    inside, in_order = torch.where(label, v, -torch.inf).sort(dim=1, descending=True, stable=True)
    outside, out_order = torch.where(label, -torch.inf, v).sort(dim=1, descending=True, stable=True)
    size = label.sum(dim=1, keepdim=True)
    t, f = _counts(inside, outside, size, min_iou, slack_cost)
    rank = torch.arange(v.shape[1])[None]
    held = torch.zeros_like(label).scatter(1, in_order, rank < t)
    held |= torch.zeros_like(label).scatter(1, out_order, rank < f)
    target = torch.where(held == label, soft, held.double())
    return target.to(masks).reshape(masks.shape)


def _counts(inside: Tensor, outside: Tensor, size: Tensor, min_iou: float, cost: float) -> tuple[Tensor, Tensor]:
    """(K, 1) pixels that the best latent mask holds in the label and outside.

    Args:
        inside: (K, N) v of the label's pixels, largest first, then -inf.
        outside: (K, N) v of the others, alike.
        size: (K, 1) pixels of the label.
        min_iou: see `RobustMaskLoss`.
        cost: see there.
    """
    f = torch.arange(outside.shape[1] + 1)[None].expand(len(size), -1)
    union = (size + f).clamp(min=1)
    needed = (min_iou * union - _ROUNDING).ceil().long()
    worth = (inside.shape[1] - torch.searchsorted(inside.flip(1), -cost / union, right=True)).minimum(size)
    worth = size.expand_as(needed) if math.isinf(cost) else worth
    free = (inside >= 0).sum(dim=1, keepdim=True)  # an undecided pixel stays as the label has it
    most = (outside > 0).sum(dim=1, keepdim=True) * (size > 0)
    last = torch.maximum(free, torch.minimum(needed, worth))
    tried = torch.cat([last, torch.maximum(free, last - 1)], dim=1)
    f, union, needed = (each.repeat(1, 2) for each in (f, union, needed))
    lack = (min_iou - tried / union).clamp(min=0.0)
    penalty = torch.where(tried < needed, torch.inf if math.isinf(cost) else cost * lack, 0.0)
    gain = _sums(inside).gather(1, tried) + _sums(outside).repeat(1, 2) - penalty
    best = gain.masked_fill(f > most, -torch.inf).argmax(dim=1, keepdim=True)
    return tried.gather(1, best), f.gather(1, best)


def _sums(values: Tensor) -> Tensor:
    """(K, N + 1) sums of the first 0, 1, ..., N values; an -inf behind them adds nothing."""
    return nn.functional.pad(values.where(values > -torch.inf, 0.0).cumsum(1), (1, 0))
