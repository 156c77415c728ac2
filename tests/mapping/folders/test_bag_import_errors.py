# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a folder or an option of an import is said in one line, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.mapping.folders.import_folders import write_numbered, write_tum

from seal_mapping.folders.to_bag import ImportOptions, import_folder, plan_import
from seal_perception.errors import InputError


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "room", (3, 4, 7, 8, 10))


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    return write_tum(tmp_path / "desk", 6)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[number] = text
    path.write_text("\n".join(lines))


ROOM_MISTAKES = {
    "no K": (lambda f: (f / "K.txt").unlink(), "put a K.txt there"),
    "K of 4": (lambda f: (f / "K.txt").write_text("1 2 3 4\n"), r"must hold a 3 x 3 camera matrix, got rows of \[4\]"),
    "skew": (lambda f: (f / "K.txt").write_text("50 1 31\n0 50 24\n0 0 1\n"), r"fx, fy > 0 \(no skew\)"),
    "centre": (lambda f: (f / "K.txt").write_text("50 0 310\n0 50 24\n0 0 1\n"), r"centre \(310, 24\) in 64 x 48"),
    "tiny focal length": (
        lambda f: (f / "K.txt").write_text("1e-9 0 31\n0 50 24\n0 0 1\n"),
        "are those of no camera: focal lengths must be at least",
    ),
    "few poses": (lambda f: _line(f / "poses.txt", 4, ""), "has 4 lines and .*color 5 pictures: line i must belong"),
    "short line": (lambda f: _line(f / "poses.txt", 2, "1 2 3"), "poses.txt:3 must hold 16 numbers .* got 3"),
    "word": (lambda f: _line(f / "poses.txt", 2, "a " * 16), "poses.txt:3 must hold numbers, got 'a'"),
    "scaled": (lambda f: _line(f / "poses.txt", 0, "2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1"), "poses.txt:1 is no rigid pose"),
    "mirrored": (lambda f: _line(f / "poses.txt", 0, "-1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"), "determinant -1"),
    "transposed": (
        lambda f: _line(f / "poses.txt", 0, "1 0 0 0 0 1 0 0 0 0 1 0 5 6 7 1"),
        "last row must be 0 0 0 1, got 5 6 7 1",
    ),
    "far": (lambda f: _line(f / "poses.txt", 0, "1 0 0 1e9 0 1 0 0 0 0 1 0 0 0 0 1"), "positions must be metres"),
    "no depth": (lambda f: (f / "depth/00007.png").unlink(), "00007.jpg has no partner in .*depth"),
    "no colour": (lambda f: (f / "color/00007.jpg").unlink(), "00007.png has no partner in .*color"),
    "cut colour": (lambda f: _cut(f / "color/00007.jpg"), "00007.jpg is cut off or no jpeg"),
    "cut depth": (lambda f: _cut(f / "depth/00010.png"), "00010.png is cut off or no png"),
    "no picture": (
        lambda f: (f / "color/00008.jpg").write_bytes(b"text\xff\xd9"),
        "00008.jpg cannot be read as a pict",
    ),
    "8 bits": (
        lambda f: cv2.imwrite(str(f / "depth/00008.png"), np.zeros((48, 64), np.uint8)),
        "00008.png must be a depth picture of one channel with 16 bits, got 1 x uint8",
    ),
    "depth size": (
        lambda f: cv2.imwrite(str(f / "depth/00008.png"), np.zeros((32, 32), np.uint16)),
        "00008.png is 32 x 32, colour 64 x 48: depth must be registered to colour",
    ),
    "colour size": (
        lambda f: cv2.imwrite(str(f / "color/00008.jpg"), np.zeros((24, 32, 3), np.uint8)),
        "00008.jpg is 32 x 24, the first picture 64 x 48",
    ),
    "no number": (lambda f: (f / "color/00003.jpg").rename(f / "color/first.jpg"), "first.jpg has no number"),
    "twice": (lambda f: (f / "color/3.png").write_bytes(b""), "00003.jpg and .*3.png have the same number"),
    "empty": (
        lambda f: [p.unlink() for p in [*f.glob("*/*"), f / "poses.txt"]],
        "has no known layout; expected color/",
    ),
    "all nan": (
        lambda f: (f / "poses.txt").write_text((" ".join(["nan"] * 16) + "\n") * 5),
        "has no frame that can be used: 5 without a finite pose",
    ),
}


@pytest.mark.parametrize("name", ROOM_MISTAKES)
def test_mistakes_in_a_numbered_folder_are_one_line(name: str, room: Path, tmp_path: Path) -> None:
    spoil, text = ROOM_MISTAKES[name]
    spoil(room)
    with pytest.raises(InputError, match=text) as caught:
        import_folder(room, tmp_path / "bag")
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["room"]


TUM_MISTAKES = {
    "no list": (lambda f: (f / "depth.txt").unlink(), "has no known layout"),
    "no file": (lambda f: next((f / "rgb").iterdir()).unlink(), r"is missing \(rgb.txt:[0-9]+\)"),
    "stamp": (lambda f: _line(f / "rgb.txt", 1, "noon rgb/a.png"), "rgb.txt:2 must begin with a stamp .* got 'noon'"),
    "huge": (lambda f: _line(f / "rgb.txt", 1, "1e999999 rgb/a.png"), "rgb.txt:2 must begin with a stamp"),
    "words": (lambda f: _line(f / "rgb.txt", 1, "1.5"), "rgb.txt:2 must hold a stamp and a file name"),
    "twice": (
        lambda f: (f / "rgb.txt").write_text("\n".join((f / "rgb.txt").read_text().splitlines()[1:2] * 2)),
        "rgb.txt:2 has the stamp of another picture",
    ),
    "seven": (
        lambda f: _line(f / "groundtruth.txt", 1, "1 0 0 0 0 0 0"),
        "must hold stamp tx ty tz qx qy qz qw, got 7",
    ),
    "norm": (lambda f: _line(f / "groundtruth.txt", 1, "1 0 0 0 0 0 0 2"), "groundtruth.txt:2: pose needs .*unit quat"),
    "other day": (
        lambda f: (f / "groundtruth.txt").write_text("5.0 0 0 0 0 0 0 1\n"),
        "no frame that can be used: 6 without poses on both sides",
    ),
    "no pose": (lambda f: (f / "groundtruth.txt").write_text("# none\n"), "no frame that can be used"),
}


@pytest.mark.parametrize("name", TUM_MISTAKES)
def test_mistakes_in_a_tum_folder_are_one_line(name: str, tum: Path, tmp_path: Path) -> None:
    spoil, text = TUM_MISTAKES[name]
    spoil(tum)
    with pytest.raises(InputError, match=text) as caught:
        import_folder(tum, tmp_path / "bag")
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["desk"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"up": "north"}, r"--up must be auto, x, -x, y, -y, z, -z, or a direction .*; got 'north'"),
        ({"floor_m": float("nan")}, "--floor must be auto or metres"),
        ({"rate_hz": 0.0}, "--rate must be above 0, got 0"),
        ({"depth_units_per_m": -1.0}, "--depth-scale must be above 0"),
        ({"every": 0}, "--every must be at least 1"),
        ({"camera_frame": "odom"}, "--frame must be a name other than map, odom"),
        ({"intrinsics": (0.0, 1.0, 1.0, 1.0)}, "--fx and --fy must be above 0"),
        ({"layout": "kitti"}, "--layout must be auto, numbered, tum, scannet, 7scenes; got 'kitti'"),
        ({"rate_hz": 1e-12}, "file number 10 of .* is too large"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, Any], text: str, room: Path) -> None:
    with pytest.raises(InputError, match=text):
        plan_import(room, ImportOptions(**options))
