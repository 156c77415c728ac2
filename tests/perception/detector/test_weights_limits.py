# SPDX-License-Identifier: Apache-2.0
"""A weights file does not decide what is built: sizes have limits, and the tensors must be in the file."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.perception.toy_pictures import TINY

from seal_perception.detector import weights as w
from seal_perception.detector.coco_form import CocoConfig, build_coco
from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.errors import InputError


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Devices of the networks that are built."""
    devices: list[str] = []

    def build(config: ModelConfig) -> Any:
        model = build_model(config)
        devices.append(next(model.parameters()).device.type)
        return model

    def build_large(config: CocoConfig) -> Any:
        network = build_coco(config)
        devices.append(next(network.parameters()).device.type)
        return network

    monkeypatch.setattr(w, "build_model", build)
    monkeypatch.setattr(w, "build_coco", build_large)
    return devices


def _changed(path: Path, change: Callable[[dict, dict], object]) -> Path:
    """A tiny network's file whose header and facts are changed."""
    w.save_weights(path, build_model(TINY), TINY, {})
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["seal"])
    change(header, facts)
    header["__metadata__"].setdefault("other", "")
    header["__metadata__"]["seal"] = header["__metadata__"].pop("raw", None) or json.dumps(facts)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return path


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fpn_channels", 10**7, "channels and units must be whole numbers from 1 to 8192"),
        ("box_units", 0, "channels and units must be whole numbers"),
        ("mask_channels", 8.0, "channels and units must be whole numbers"),
        ("blocks", [1, 1, 1, 65], "blocks must be whole numbers from 1 to 64"),
        ("proposals", 10**6, "samples and proposals must be whole numbers from 1 to 4000"),
        ("samples", True, "samples and proposals must be whole numbers"),
        ("input_height", 1025, "input_height must be whole numbers from 1 to 1024"),
        ("channels", "8888", "channels and units must be whole numbers"),
    ],
)
def test_sizes_have_limits(tmp_path: Path, name: str, value: object, message: str, built: list[str]) -> None:
    path = _changed(tmp_path / "a.safetensors", lambda header, facts: facts["model"].update({name: value}))
    with pytest.raises(InputError, match=rf"a\.safetensors describes a network .*: {message}"):
        w.load_weights(path)
    assert built == []


@pytest.mark.parametrize("change", [{"channels": [4096] * 4}, {"blocks": [1, 9, 1, 1]}, {"fpn_channels": 8192}])
def test_a_network_larger_than_its_file_is_not_built(tmp_path: Path, change: dict, built: list[str]) -> None:
    """Within the limits, but not what the file holds: only its shapes are worked out, without memory."""
    path = _changed(tmp_path / "a.safetensors", lambda header, facts: facts["model"].update(change))
    with pytest.raises(InputError, match=r"a\.safetensors holds another network"):
        w.load_weights(path)
    assert built == ["meta"]


def test_what_is_in_the_file_is_built(tmp_path: Path, built: list[str]) -> None:
    model, config, _ = w.load_weights(_changed(tmp_path / "a.safetensors", lambda header, facts: None))
    assert built == ["meta", "cpu"] and config == TINY
    assert not any(parameter.is_meta for parameter in model.parameters())


def test_tensors_of_another_type_are_refused(tmp_path: Path) -> None:
    def change(header: dict, facts: dict) -> None:
        name = next(key for key in header if key.endswith("bn1.weight"))
        header[name]["dtype"] = "I32"

    with pytest.raises(InputError, match=r"bn1\.weight must be of F16, BF16, F32, F64, got I32"):
        w.load_weights(_changed(tmp_path / "a.safetensors", change))


@pytest.mark.parametrize(("raw", "message"), [("{" * 500, "nested 500 deep"), ("[]", "must be of format")])
def test_facts_that_are_none_are_one_line(tmp_path: Path, raw: str, message: str) -> None:
    path = _changed(tmp_path / "a.safetensors", lambda header, facts: header["__metadata__"].update(raw=raw))
    with pytest.raises(InputError, match=message) as error:
        w.read_metadata(path)
    assert "a.safetensors" in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_size": 10**6}, "min_size must be a whole number from 1 to 2000"),
        ({"max_size": 0}, "max_size must be a whole number"),
        ({"samples": 8.0}, "samples must be a whole number"),
        ({"fold_others": 1}, "fold_others must be true or false"),
        ({"channels": [8192] * 4}, "unexpected keyword argument 'channels'"),
    ],
)
def test_the_coco_form_has_one_size(tmp_path: Path, change: dict, message: str, built: list[str]) -> None:
    def alter(header: dict, facts: dict) -> None:
        facts.update(form="coco", model=change)

    with pytest.raises(InputError, match=rf"a\.safetensors describes a network this version cannot build: .*{message}"):
        w.load_weights(_changed(tmp_path / "a.safetensors", alter))
    assert built == []


def test_a_small_file_of_the_coco_form_is_not_built(tmp_path: Path, built: list[str]) -> None:
    path = _changed(tmp_path / "a.safetensors", lambda header, facts: facts.update(form="coco", model={}))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"a\.safetensors holds another network: \d+ tensors too many or missing"):
        w.load_weights(path)
    assert built == ["meta"]


@pytest.mark.parametrize("form", ["yolo", ["coco"], None, 3])
def test_another_form_is_refused(tmp_path: Path, form: object, built: list[str]) -> None:
    path = _changed(tmp_path / "a.safetensors", lambda header, facts: facts.update(form=form))
    with pytest.raises(InputError, match="form must be one of seal, coco, detectron2, got"):
        w.load_weights(path)
    assert built == []
