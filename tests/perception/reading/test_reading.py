# SPDX-License-Identifier: Apache-2.0
"""Files of others are bounded before they are unpacked, and what is wrong with them is one line with their name."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seal_perception.errors import InputError
from seal_perception.reading.arrays import read_npz
from seal_perception.reading.limits import LIMITS, given, limit, raise_limits, require
from seal_perception.reading.pictures import picture_size, require_picture
from seal_perception.reading.text import gunzip, load_json, load_yaml, read_json, read_text, read_yaml

ROOT = Path(__file__).resolve().parents[3]
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_the_page_of_limits_is_the_table() -> None:
    page = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {one.default:,} {one.unit} | {one.bounds} |" for name, one in LIMITS.items()]
    assert [row for row in rows if row not in page] == []
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(LIMITS)


def test_a_limit_is_raised_by_the_command_for_what_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "gzip_mb=5,xml_elements=7")
    raise_limits(["json_mb=2000", "xml_elements=9"])
    assert (limit("gzip_mb"), limit("json_mb"), limit("xml_elements"), limit("text_mb")) == (5, 2000, 9, 50)
    with pytest.raises(InputError, match=r"^big\.json asks for 2,345 MB .* more than 2,000; .*--limit json_mb=2400$"):
        require("json_mb", 2345.0, "big.json")


@pytest.mark.parametrize("word", ["json", "json_mb=", "json_mb=0", "json_mb=-1", "json_mb=1.5", "other_mb=3", "x=²"])
def test_a_limit_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="a limit must be NAME=VALUE"):
        given(word)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000, "nested 200,000 deep"),
        ('{"a":' * 101 + "1" + "}" * 101, "nested 101 deep"),
        ("[" + "9" * 400 + "]", "a number of more than 300 digits"),
        ('["\\ud83d"]', "not valid JSON"),
        ("[1,", "not valid JSON: Expecting value: line 1"),
        (b'{"\xce\xff": 1}', r"not UTF-8 text \(0xce at byte 2\)"),
        ("[" + "0," * 2000 + "0]", "asks for 2,001 values"),
    ],
    ids=range(7),
)
def test_json_that_is_none_is_one_line(text: str | bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "," in message:
        monkeypatch.setenv("SEAL_LIMITS", "json_values=" + ("1000000" if "nested" in message else "2000"))
    with pytest.raises(InputError, match=rf"^a\.json .*{message}") as error:
        load_json(text, "a.json")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_brackets_in_texts_are_no_depth() -> None:
    value = {"counts": "[" * 500 + '"\\' + "{" * 500, "deep": json.loads("[" * 90 + "]" * 90)}
    assert load_json(json.dumps(value), "a") == value
    assert load_json("\ufeff" + json.dumps([1.5, None, "ä"]), "a") == [1.5, None, "ä"]
    assert load_json(json.dumps(["\U0001f600"]), "a") == ["\U0001f600"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "asks for .* values"),
        ("[" * 5000, "nested more than 100 deep"),
        ("a: &a [*a]", "holds itself|not valid YAML"),
        ("a: [1", "not valid YAML: line"),
        ("!!timestamp x", "not valid YAML"),
        ("!!bool maybe", "not valid YAML"),
        ("!!python/object:os.system {}", "not valid YAML"),
        ("2001-99-99", "not valid YAML"),
    ],
)
def test_yaml_that_is_none_is_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^a.yaml .*(?:{message})") as error:
        load_yaml(text, "a.yaml")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_yaml_with_names_is_read() -> None:
    assert load_yaml("a: &n {x: 1}\nb: {<<: *n, y: 2}\nc: [*n, *n]", "a") == {
        "a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}, {"x": 1}],
    }  # fmt: skip
    assert load_yaml("", "a") is None


@pytest.mark.parametrize("read", [read_text, read_json, read_yaml, gunzip, read_npz])
def test_what_is_no_regular_file_is_not_opened(read: Callable[[Path], object], tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is a pipe or a device, expected a file"):
        read(tmp_path / "pipe")
    with pytest.raises(InputError, match=" is a folder, expected a file"):
        read(tmp_path)
    with pytest.raises(InputError, match="/dev/zero is a pipe or a device"):
        read(Path("/dev/zero"))


def test_a_file_is_bounded_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "text_mb=1")
    with open(tmp_path / "long.txt", "wb") as stream:
        stream.truncate(1_500_000)
    with pytest.raises(InputError, match=r"long\.txt asks for 2 MB .*--limit text_mb=2$"):
        read_text(tmp_path / "long.txt")


def test_gzip_is_unpacked_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "gzip_mb=2")
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(bytes(30_000_000), 1))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"a\.json\.gz unpacks to more than is read.*gzip_mb"):
        gunzip(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000
    path.write_bytes(gzip.compress(b"[1]")[:-3])
    with pytest.raises(InputError, match=r"a\.json\.gz is not a whole gzip file"):
        gunzip(path)
    path.write_bytes(gzip.compress(b"[1]"))
    assert gunzip(path) == b"[1]"


def _npz(path: Path, header: dict, data: bytes) -> Path:
    """An .npz with one array of a header and data that need not fit."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", stream.getvalue() + data)
    return path


def test_arrays_are_bounded_by_their_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (3, 2)}
    assert read_npz(_npz(tmp_path / "a.npz", header, bytes(48)))["a"].shape == (3, 2)
    lying = _npz(tmp_path / "b.npz", {**header, "shape": (1 << 40, 2)}, bytes(48))
    with pytest.raises(InputError, match=r"b\.npz: the array a\.npy of .* does not fit its 176 bytes"):
        read_npz(lying)
    monkeypatch.setenv("SEAL_LIMITS", "arrays_mb=1")
    with pytest.raises(InputError, match=r"c\.npz asks for .* MB"):
        read_npz(_npz(tmp_path / "c.npz", {**header, "shape": (1000, 250)}, bytes(2_000_000)))


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG of a size; its pixels are not there."""
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + head + zlib.crc32(head).to_bytes(4, "big")


def test_pictures_are_bounded_by_their_headers() -> None:
    import cv2

    with pytest.raises(InputError, match=r"^a\.png asks for 2,500 million pixels"):
        require_picture(png(50_000, 50_000), "a.png")
    for ending in (".png", ".jpg", ".bmp", ".tiff", ".webp"):
        data = cv2.imencode(ending, np.zeros((24, 32, 3), np.uint8))[1].tobytes()
        assert picture_size(data) == (32, 24), ending
        assert require_picture(data, "a")
    large = cv2.imencode(".bmp", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    large = large[:18] + (60_000).to_bytes(4, "little") * 2 + large[26:]
    for data in (large, b"%!PS-Adobe-3.0 EPSF-3.0", b""):
        try:
            assert require_picture(data, "a") is False and data is not large
        except InputError as error:
            assert data is large and "million pixels" in str(error)
