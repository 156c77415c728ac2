# SPDX-License-Identifier: Apache-2.0
"""The checkpoint of a training: network, optimiser, counters and generators in one safetensors file, without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seal_perception.detector.facts import opened
from seal_perception.detector.weights import require_finite, require_tensors, save_tensors
from seal_perception.errors import InputError
from seal_perception.reading.text import load_json

FORMAT = "seal-training-1"


def save_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: file to write.
        network: its weights are kept exactly.
        optimiser: an Adam over the network's parameters, in their order.
        state: JSON-ready: counters, episodes.
    """
    tensors = {f"network.{name}": value.detach().clone() for name, value in network.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value).detach().clone()
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    generators = {"torch": torch.get_rng_state().numpy().tobytes().hex()}
    generators["numpy"] = [str(kind), np.asarray(keys).tolist(), int(position), int(has_gauss), float(gauss)]
    text = json.dumps({"format": FORMAT, "state": state, "generators": generators}, sort_keys=True)
    save_tensors(path, {name: value.contiguous() for name, value in tensors.items()}, {"seal": text})


def load_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Bring network, optimiser and generators to where they were; returns the state.

    Raises:
        InputError: if the file is damaged, or of another network.
    """
    with opened(path) as stream:
        stored = (stream.metadata() or {}).get("seal")
        facts = None if stored is None else load_json(stored, f"{path}: its metadata")
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise InputError(f"{path} is no checkpoint of a training: move it away to begin anew")
        names = set(stream.keys())
        expected = {f"network.{name}": tuple(value.shape) for name, value in network.state_dict().items()}
        parameters = [tuple(p.shape) for group in optimiser.param_groups for p in group["params"]]
        for index, shape in enumerate(parameters):
            if f"optimiser.{index}.step" in names:
                expected |= {f"optimiser.{index}.{kind}": shape for kind in ("exp_avg", "exp_avg_sq")}
                expected[f"optimiser.{index}.step"] = ()
        require_tensors(stream, expected, path)
        tensors = {name: stream.get_tensor(name) for name in expected}
    require_finite(tensors, path)
    network.load_state_dict(
        {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
    )
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, number, moment = name.split(".")
            moments.setdefault(int(number), {})[moment] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    try:
        stored = facts["generators"]
        torch.set_rng_state(torch.frombuffer(bytearray.fromhex(stored["torch"]), dtype=torch.uint8))
        kind, keys, position, has_gauss, gauss = stored["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, gauss))
        return dict(facts["state"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({str(error)[:100]}): move it away to begin anew") from error
