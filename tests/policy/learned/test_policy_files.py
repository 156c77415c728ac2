# SPDX-License-Identifier: Apache-2.0
"""Files of learned policies: what is written is read, and what is from elsewhere is refused in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.policy.training.worlds import NETWORK

from seal_perception.detector.facts import SHIPPED as DETECTOR
from seal_perception.errors import InputError
from seal_policy.learned.config import LEARNED, SEES, NetworkConfig
from seal_policy.learned.network import GoalNetwork
from seal_policy.learned.weights import MOST_BYTES, load_policy, policy_file, save_policy
from seal_policy.registry import POLICIES, make_policy


@pytest.fixture
def network() -> GoalNetwork:
    torch.manual_seed(0)
    return GoalNetwork(NETWORK)


@pytest.fixture
def good(tmp_path: Path, network: GoalNetwork) -> Path:
    path = tmp_path / "good.safetensors"
    save_policy(path, network, "gainful_curiosity", {"command": "a test", "seed": 3})
    return path


def test_a_policy_comes_back(good: Path, network: GoalNetwork) -> None:
    again, facts = load_policy(good)
    assert again.config == NETWORK and not again.training
    assert (facts["policy"], facts["command"], facts["seed"]) == ("gainful_curiosity", "a test", 3)
    for name, value in network.state_dict().items():
        expected = value.half().float() if value.ndim > 1 else value
        assert torch.equal(again.state_dict()[name], expected), name
    first = good.read_bytes()
    save_policy(good, network, "gainful_curiosity", {"command": "a test", "seed": 3})
    assert good.read_bytes() == first


def _tensors(
    path: Path, change: Callable[[dict[str, torch.Tensor]], None], facts: dict[str, object] | None = None
) -> None:
    tensors = load_file(path)
    with safe_open(path, "pt") as stream:
        stored = json.loads(stream.metadata()["seal"])
    change(tensors)
    save_file(tensors, path, {"seal": json.dumps({**stored, **(facts or {})})})


def _nothing(tensors: dict[str, torch.Tensor]) -> None:
    pass


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["conv1.weight"][0, 0, 0, 0] = float("nan")


def _shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["value.weight"] = torch.zeros(1, 7)


def _kind(tensors: dict[str, torch.Tensor]) -> None:
    tensors["value.bias"] = torch.zeros(1, dtype=torch.int64)


def _missing(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["full1.bias"]


SHAPE = NETWORK.shape()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda p: p.write_bytes(pickle.dumps({"conv1.weight": [1.0]})), "is not a safetensors file"),
        (lambda p: torch.save({"a": torch.zeros(2)}, p), "is not a safetensors file"),
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "is not a safetensors file"),
        (lambda p: p.write_bytes(b""), "is not a safetensors file"),
        (lambda p: p.write_bytes(DETECTOR.read_bytes()), "holds no policy of format seal-policy-1"),
        (lambda p: save_file({"a": torch.zeros(2)}, p), "holds no policy of format seal-policy-1"),
        (lambda p: _tensors(p, _nan), "is damaged: conv1.weight has values that are not finite"),
        (lambda p: _tensors(p, _shape), r"holds another network: value.weight must be \(1, 16\), got \(1, 7\)"),
        (lambda p: _tensors(p, _kind), "value.bias must be of F16, BF16, F32, F64, got I64"),
        (lambda p: _tensors(p, _missing), "holds another network: 1 tensors too many or missing, such as full1.bias"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "grid": 7}}), "a network this version cannot build"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "more": 1}}), "a network this version cannot build"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "hidden": [10**9, 4]}}), "widths must be 1..4096"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "size_m": "a"}}), "a network this version cannot build"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "categories": 5}}), "a network this version cannot"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "categories": None}}), "a network this version cannot"),
        (lambda p: _tensors(p, _nothing, {"network": {**SHAPE, "grid": 30.0}}), "a network this version cannot build"),
        (lambda p: _tensors(p, _nothing, {"network": None}), "a network this version cannot build"),
        (lambda p: _tensors(p, _nothing, {"policy": "frontier"}), "names the policy 'frontier'; expected gainful_curi"),
        (lambda p: _tensors(p, _nothing, {"policy": "ans"}), "is of the policy ans, not of gainful_curiosity"),
    ],
)
def test_a_file_from_elsewhere_is_refused_in_one_line(good: Path, damage: Callable[[Path], None], text: str) -> None:
    damage(good)
    with pytest.raises(InputError, match=text) as refused:
        make_policy("gainful_curiosity", weights=good)
    assert "\n" not in str(refused.value)


def test_a_policy_looks_at_no_more_than_mapping_publishes_for_it(good: Path) -> None:
    _tensors(good, _nothing, {"policy": "ans"})
    with pytest.raises(InputError, match="looks at scores, uncertainty, volume, which the policy ans is not given"):
        make_policy("ans", weights=good)


def test_a_pickle_is_not_run(good: Path, tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "it_ran",)  # type: ignore[return-value]

    good.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match="is not a safetensors file"):
        load_policy(good)
    assert not (tmp_path / "it_ran").exists()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no policy at .*none\.safetensors; expected a \.safetensors file"):
        policy_file("ans", tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="policy weights are for gainful_curiosity.*frontier is not learned"):
        make_policy("frontier", weights=tmp_path / "none.safetensors")
    assert set(LEARNED) < set(POLICIES)


def test_a_network_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    network = GoalNetwork(NetworkConfig(hidden=(4096, 128)))
    with pytest.raises(InputError, match=f"may have {MOST_BYTES} bytes, this network needs"):
        save_policy(tmp_path / "big.safetensors", network, "ans", {})
    assert not list(tmp_path.iterdir())
    for name, inputs in SEES.items():
        save_policy(tmp_path / "usual.safetensors", GoalNetwork(NetworkConfig(inputs)), name, {})
