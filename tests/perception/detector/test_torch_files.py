# SPDX-License-Identifier: Apache-2.0
"""A .pth that asks for gigabytes is refused before torch reads it."""

from __future__ import annotations

import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import torch

from seal_perception.detector.coco_weights import read_state
from seal_perception.errors import InputError

STATE = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.nn.Parameter(torch.zeros(2).half()), c=torch.tensor(3))


def _with_pickle(path: Path, code: bytes, kind: int = zipfile.ZIP_STORED) -> Path:
    """A file of torch with another pickle in it."""
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in parts.items():
            archive.writestr(name, code if name.endswith("data.pkl") else data)
    return path


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"model": s, "iteration": 9, "scheduler": {"m": Counter([1])}}]
)
def test_tensors_come_back(new: bool, wrap: object, tmp_path: Path) -> None:
    torch.save(wrap(STATE), tmp_path / "a.pth", _use_new_zipfile_serialization=new)  # type: ignore[operator]
    found = read_state(tmp_path / "a.pth")
    assert found.keys() == STATE.keys() and all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\xe4\x0bT\x02\x85R.", "it names builtins.bytearray"),  # 10 GB
        (b"\x80\x02ctorch\nTensor\nM\xff\xffM\xff\xff\x86R.", "it names torch.Tensor"),  # 17 GB
        (b"\x80\x02cposix\nsystem\nU\x04trueR.", "it names posix.system"),
        (b"\x80\x04\x8c\x05torch\x8c\x06Tensor\x93K\x01\x85R.", "it makes objects"),
        (b"\x80\x02}U\x01a\x8a\x05\x00\xe4\x0bT\x02s.", "it asks for 10000000000, and has \\d+ bytes itself"),
        (b"\x80\x02]", "its pickle is broken|pickle exhausted"),
        (b"\x80\x04\x8e\x00\xe4\x0bT\x02\x00\x00\x00.", "not a torch weights file"),
    ],
)
@pytest.mark.parametrize("new", [True, False])
def test_what_asks_for_more_than_its_bytes_is_not_read(
    code: bytes, message: str, new: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pth"
    if new:
        _with_pickle(path, code)
    else:
        path.write_bytes(code)
    monkeypatch.setattr(torch, "load", lambda *given, **options: pytest.fail("torch has read it"))
    with pytest.raises(InputError, match=message) as caught:
        read_state(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_entries_that_unpack_are_refused(tmp_path: Path) -> None:
    path = _with_pickle(tmp_path / "a.pth", b"\x80\x02]." + b"\0" * 10**6, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="its entries are compressed"):
        read_state(path)
