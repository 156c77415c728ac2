# SPDX-License-Identifier: Apache-2.0
"""A network for another list of categories: what it knows of them is taken over exactly, the rest begins anew.

The large forms hold a row of each of COCO's 80 categories whatever their list, so nothing but the choice of rows
changes. The small network has a row of its own categories alone: rows of names that both lists have stay as they are,
the background's too, and new names get random ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from seal_perception.categories import CategorySet
from seal_perception.detector.model import ModelConfig
from seal_perception.detector.weights import NetworkConfig, build_network
from seal_perception.errors import InputError

ROWS_EACH = {
    "roi_heads.box_predictor.cls_score": 1,
    "roi_heads.box_predictor.bbox_pred": 4,
    "roi_heads.mask_predictor.mask_fcn_logits": 1,
}
"""Layers of the small network with rows of its categories, the background first, and how many each has."""


def with_categories(network: Any, shape: NetworkConfig, names: CategorySet, seed: int = 0) -> tuple[Any, NetworkConfig]:
    """The network and its shape for another list; the same objects for the same list.

    Args:
        network: in training mode.
        shape: that it was built with.
        names: the list wanted.
        seed: of new rows.

    Raises:
        InputError: if the form cannot have one of these categories.
    """
    if shape.categories == names.names:
        return network, shape
    try:
        new_shape = replace(shape, categories=names.names)
    except ValueError as error:
        raise InputError(str(error)) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = build_network(new_shape)
    state = dict(network.state_dict())
    if isinstance(shape, ModelConfig):
        fresh = new.state_dict()
        for layer, each in ROWS_EACH.items():
            for part in ("weight", "bias"):
                name = f"{layer}.{part}"
                state[name] = _rows(state[name], fresh[name], each, (shape.categories, names.names))
    new.load_state_dict(state)
    return new, new_shape


def _rows(
    old: torch.Tensor, fresh: torch.Tensor, each: int, lists: tuple[tuple[str, ...], tuple[str, ...]]
) -> torch.Tensor:
    """`fresh` with the rows of the background and of names in both lists (old, new) from `old`."""
    before, now = lists
    out = fresh.clone()
    out[:each] = old[:each]
    for new_place, name in enumerate(now, start=1):
        if name in before:
            place = before.index(name) + 1
            out[new_place * each : (new_place + 1) * each] = old[place * each : (place + 1) * each]
    return out
