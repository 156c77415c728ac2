# SPDX-License-Identifier: Apache-2.0
"""Model-zoo files of detectron2 are read as arrays of numbers, and nothing in them is run. No detectron2 is needed."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seal_perception.detector import detectron2_zoo as zoo
from seal_perception.detector.coco_form import COCO_NAMES
from seal_perception.detector.detector import load_detector
from seal_perception.detector.detectron2_form import ROW_NAMES, Detectron2Config, is_detectron2, network_state
from seal_perception.errors import InputError

ARRAYS = {
    "backbone.bottom_up.stem.conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "roi_heads.box_predictor.cls_score.bias": np.array([0.5, -1.5], np.float16),
    "of_fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "one": np.array(3, np.int64),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
@pytest.mark.parametrize("wrap", [lambda m: {"model": m, "__author__": "Detectron2 Model Zoo"}, OrderedDict])
def test_arrays_come_back(protocol: int, wrap: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(wrap(ARRAYS), protocol))
    found = zoo.read_zoo(path)
    assert found.keys() == ARRAYS.keys() and is_detectron2(found)
    for name, array in ARRAYS.items():
        assert found[name].dtype == torch.from_numpy(array.reshape(-1)).dtype
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_files_of_python_2(tmp_path: Path) -> None:
    """As Python 2 wrote them: the bytes of an array are a string, read as latin1."""
    array = np.array([1.5, -2.0], np.float32)
    text = pickle.dumps({"model": {"a": array}}, 2)
    raw = array.tobytes()
    old = (
        b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U"
        + bytes([len(raw)]) + raw + b"tbs."
    )  # fmt: skip
    for data in (text, old):
        (tmp_path / "old.pkl").write_bytes(data)
        np.testing.assert_array_equal(zoo.read_zoo(tmp_path / "old.pkl")["a"].numpy(), array)


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def _hostile(made: Path) -> list[tuple[bytes, str]]:
    """Files and what the line says of each."""
    command = f"touch {made}"
    return [
        (pickle.dumps(_Runs(os.system, command)), "it names (posix|nt).system, which is no array"),
        (f"cos\nsystem\n(S'{command}'\ntR.".encode(), "it names os.system"),
        (pickle.dumps(_Runs(eval, "1")), "it names builtins.eval"),
        (pickle.dumps({"model": {"a": _Runs(getattr, 1, "x")}}), "it names builtins.getattr"),
        (pickle.dumps(_Runs(np.load, "x")), "it names numpy.load"),
        (pickle.dumps(np.float32(1.0)), "it names numpy.*scalar"),
        (b"cnumpy\nndarray\n(I100000000000\ntR.", "not callable"),
        (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(I99999999999\ntS'b'\n\x87R.", "must begin empty"),
        (pickle.dumps(np.array([None], object)), "'O8' is no type of numbers"),
        (pickle.dumps(np.zeros(2, [("x", "f4")])), "no type of numbers"),
        (pickle.dumps({"a": np.zeros(2, ">f4")}), "little-endian"),
        (pickle.dumps(np.zeros(4, np.float32)).replace(b"K\x04\x85", b"K\x05\x85"), "other bytes than its shape"),
        (b"\x80\x05\x96" + struct.pack("<Q", 10**10) + b".", "model-zoo file"),  # BYTEARRAY8 of 10 GB
        (b"\x80\x04\x8e" + struct.pack("<Q", 10**10) + b".", "model-zoo file"),  # BINBYTES8 of 10 GB
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "dict of arrays"),  # a memo of 2^31 places
        (b"cnumpy.core.multiarray\n_reconstruct\n}b.", "function cannot be given a state"),
        (b"ccollections\nOrderedDict\n)\x81.", "model-zoo file"),  # NEWOBJ
        (b"P1\n.", "model-zoo file"),
        (pickle.dumps([1]), "dict of arrays"),
        (pickle.dumps({"model": {"a": "text"}}), "a is no array of numbers"),
        (pickle.dumps({"model": {3: ARRAYS["one"]}}), "3 is no array of numbers"),
        (pickle.dumps(ARRAYS)[:-40], "model-zoo file"),
        (b"", "model-zoo file"),
        (b"<html>", "model-zoo file"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(24))
def test_nothing_is_run_and_nothing_large_is_made(number: int, tmp_path: Path) -> None:
    made, path = tmp_path / "made", tmp_path / "model.pkl"
    data, message = _hostile(made)[number]
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        load_detector(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert not made.exists()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "MOST_MB", 0.001)
    (tmp_path / "a.pkl").write_bytes(b"x" * 2000)
    with pytest.raises(InputError, match="at most 0.001 MB of weights"):
        zoo.read_zoo(tmp_path / "a.pkl")
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(InputError):
        zoo.read_zoo(tmp_path / "pipe.pkl")


def test_rows_and_names() -> None:
    assert len(ROW_NAMES) == 81 and ROW_NAMES[0] == "person" and ROW_NAMES[79:] == ("toothbrush", "__background__")
    assert Detectron2Config().rows() == [56, 57, 58, 59, 61, 62]  # chair, couch, plant, bed, toilet, tv: COCO's order
    assert set(ROW_NAMES) == set(COCO_NAMES) - {"N/A"}
    state = {
        "backbone.bottom_up.x": torch.zeros(1),
        "pixel_mean": torch.zeros(3),
        "a.anchor_generator.b.0": torch.ones(1),
    }
    assert network_state(state).keys() == {"model.backbone.bottom_up.x"}
