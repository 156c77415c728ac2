# SPDX-License-Identifier: Apache-2.0
"""Files of learned policies: safetensors with the network's shape and origin in the metadata; no pickle.

Matrices are stored as fp16, vectors as fp32. The metadata is one JSON text under `seal`, so that equal content gives
equal bytes. Reading needs neither the engine of training nor anything that runs code of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from seal_perception.detector.facts import opened
from seal_perception.detector.weights import require_finite, require_tensors, save_tensors, shapes_of
from seal_perception.errors import InputError
from seal_perception.reading.text import load_json
from seal_policy.learned.config import LEARNED, SEES, NetworkConfig
from seal_policy.learned.network import GoalNetwork

FORMAT = "seal-policy-1"
SHIPPED = Path(__file__).parents[1] / "weights"
"""Folder of the files that come with the package, NAME.safetensors."""
MOST_BYTES = 5_000_000


def save_policy(path: Path | str, network: GoalNetwork, policy: str, facts: dict[str, Any]) -> None:
    """Write a policy whole or not at all.

    Args:
        path: file to write.
        network: the network.
        policy: its name, of `LEARNED`.
        facts: JSON-ready: command, seed, commit, homes, figures, ...

    Raises:
        InputError: if the file would be larger than `MOST_BYTES`.
    """
    tensors = {
        name: (value.half() if value.ndim > 1 else value.float()).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if size > MOST_BYTES:
        raise InputError(f"a policy file may have {MOST_BYTES} bytes, this network needs {size}: make it smaller")
    stored = {"format": FORMAT, "policy": policy, "network": network.config.shape(), **facts}
    save_tensors(path, tensors, {"seal": json.dumps(stored, sort_keys=True)})


def policy_file(policy: str, weights: str | Path = "") -> Path:
    """The file of a learned policy: the one named, or the one that comes with the package.

    Raises:
        InputError: if there is none.
    """
    path = Path(weights) if str(weights) else SHIPPED / f"{policy}.safetensors"
    if path.is_file():
        return path
    if str(weights):
        raise InputError(f"no policy at {path}; expected a .safetensors file that `seal train-policy` wrote")
    raise InputError(
        f"no weights come with the policy {policy}: `seal train-policy {policy}` makes them, and "
        f"--policy-weights FILE takes them (in tables {policy}=FILE)"
    )


def read_facts(path: Path | str) -> dict[str, Any]:
    """The facts stored in a policy's file.

    Raises:
        InputError: if it is no safetensors file, or not one of a policy.
    """
    path = Path(path)
    with opened(path, "np") as stream:
        stored = (stream.metadata() or {}).get("seal")
    facts = None if stored is None else load_json(stored, f"{path}: its metadata")
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path} holds no policy of format {FORMAT}: expected a file that `seal train-policy` wrote")
    if facts.get("policy") not in LEARNED:
        raise InputError(f"{path} names the policy {str(facts.get('policy'))[:40]!r}; expected {', '.join(LEARNED)}")
    return facts


def load_policy(path: Path | str, policy: str | None = None) -> tuple[GoalNetwork, dict[str, Any]]:
    """A policy's network, ready to be used, and its facts.

    Args:
        path: the file.
        policy: name that it must have; None = any.

    Raises:
        InputError: if the file is missing, damaged, no policy, another policy, or of another shape than it says.
    """
    path = Path(path)
    facts = read_facts(path)
    if policy is not None and facts["policy"] != policy:
        raise InputError(f"{path} is of the policy {facts['policy']}, not of {policy}: name another file or policy")
    try:
        config = NetworkConfig(**facts["network"])
        expected = shapes_of(lambda: GoalNetwork(config))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} describes a network this version cannot build: {str(error)[:200]}") from error
    more = sorted(set(config.inputs) - set(SEES[facts["policy"]]))
    if more:
        raise InputError(f"{path} looks at {', '.join(more)}, which the policy {facts['policy']} is not given")
    with opened(path) as stream:
        require_tensors(stream, expected, path)
        tensors = {name: stream.get_tensor(name) for name in expected}
    require_finite(tensors, path)
    with torch.random.fork_rng(devices=[]):
        network = GoalNetwork(config)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval(), facts
