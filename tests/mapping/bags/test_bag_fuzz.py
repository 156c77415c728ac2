# SPDX-License-Identifier: Apache-2.0
"""Damaged bags end in frames or in one line: cut, with flipped bytes, with zeroed ranges; no crash and no hang."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tests.mapping.bags.recordings import CAMERA, recording, write1, write2

from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_perception.errors import InputError, SealError

KINDS = ("mcap", "mcap_chunks", "mcap_by_message", "mcap_by_file", "sqlite3", "ros1", "ros1_lz4", "jpeg")
WAYS = ("cut", "flip", "flip_much", "zero", "head", "swap")
SEEDS = 4
HANG_S = 30


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good bag of each kind."""
    folder = tmp_path_factory.mktemp("good")
    rows = recording(4)
    packed = recording(4, "jpeg", "compressedDepth 32FC1", "tf")
    return {
        "mcap": write2(folder / "mcap", rows),
        "mcap_chunks": write2(folder / "mcap_chunks", rows, mode=CompressionMode.STORAGE),
        "mcap_by_message": write2(folder / "mcap_by_message", rows, mode=CompressionMode.MESSAGE),
        "mcap_by_file": write2(folder / "mcap_by_file", rows, mode=CompressionMode.FILE),
        "sqlite3": write2(folder / "sqlite3", rows, StoragePlugin.SQLITE3),
        "ros1": write1(folder / "ros1.bag", rows),
        "ros1_lz4": write1(folder / "ros1_lz4.bag", rows, "LZ4"),
        "jpeg": write2(folder / "jpeg", packed),
    }


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """An alarm far beyond what a bag of four tiny pictures takes: tens of milliseconds."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"reading took more than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def damaged(data: bytes, way: str, rng: np.random.Generator) -> bytes:
    """The bytes of a file after an accident."""
    out = bytearray(data)
    if way == "cut":
        return data[: int(rng.integers(0, len(data)))]
    if way in ("flip", "flip_much", "head"):
        reach = 6000 if way == "head" else len(data)
        for at in rng.integers(0, min(reach, len(data)), {"flip": 3, "flip_much": 300, "head": 12}[way]):
            out[at] ^= int(rng.integers(1, 256))
    elif way == "zero":
        begin = int(rng.integers(0, len(data)))
        end = min(len(data), begin + int(rng.integers(1, 4000)))
        out[begin:end] = bytes(end - begin)
    else:
        size = int(rng.integers(8, 2000))
        a, b = (int(v) for v in rng.integers(0, len(data) - size, 2))
        out[a : a + size] = data[b : b + size]
    return bytes(out)


def _copy(good: Path, folder: Path) -> tuple[Path, Path]:
    """A copy of a bag and the file in it that holds the messages."""
    if good.is_file():
        copy = folder / good.name
        shutil.copy(good, copy)
        return copy, copy
    copy = folder / good.name
    shutil.copytree(good, copy)
    return copy, max(copy.iterdir(), key=lambda p: p.stat().st_size)


def _frames_or_line(path: Path) -> int:
    """Number of frames; every one must be whole. An error must be one line that says something."""
    try:
        reader = open_bag(path)
        count = 0
        for item in reader:
            assert item.frame.rgb.shape == (CAMERA.height, CAMERA.width, 3) or item.frame.camera != CAMERA
            assert item.index < len(reader)
            count += 1
        assert count + sum(reader.unused.values()) > 0
        return count
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) > 20, repr(error)
        return -1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_bag_gives_frames_or_one_line(
    tmp_path: Path, bags: dict[str, Path], kind: str, way: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """8 kinds x 6 ways x 4 seeds: 192 bags."""
    for seed in range(SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path, file = _copy(bags[kind], folder)
        rng = np.random.default_rng([seed, KINDS.index(kind), WAYS.index(way)])
        file.write_bytes(damaged(file.read_bytes(), way, rng))
        _frames_or_line(path)
        for look in (bag_info, recover):
            try:
                look(path)
            except SealError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_metadata_give_frames_or_one_line(tmp_path: Path, bags: dict[str, Path], seed: int) -> None:
    path, _ = _copy(bags["sqlite3" if seed % 2 else "mcap"], tmp_path)
    rng = np.random.default_rng(seed)
    file = path / "metadata.yaml"
    file.write_bytes(damaged(file.read_bytes(), WAYS[seed % len(WAYS)], rng))
    _frames_or_line(path)


def test_the_good_ones_are_good(bags: dict[str, Path]) -> None:
    assert {kind: _frames_or_line(path) for kind, path in bags.items()} == dict.fromkeys(KINDS, 4)


@pytest.mark.parametrize("size", [2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1])
def test_absurd_lengths_ask_for_no_memory(tmp_path: Path, bags: dict[str, Path], size: int) -> None:
    """The length of every record in turn is made absurd: in mcap 8 bytes behind each opcode."""
    path, file = _copy(bags["mcap_chunks"], tmp_path)
    data = bytearray(file.read_bytes())
    at = 8
    places = []
    while at + 9 <= len(data) - 8:
        places.append(at + 1)
        at += 9 + int.from_bytes(data[at + 1 : at + 9], "little")
    for place in places[:6]:
        broken = bytearray(data)
        broken[place : place + 8] = size.to_bytes(8, "little")
        file.write_bytes(broken)
        assert _frames_or_line(path) == -1
