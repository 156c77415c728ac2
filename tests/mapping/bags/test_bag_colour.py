# SPDX-License-Identifier: Apache-2.0
"""The colour pictures of a bag by themselves: any format, without depth, turned upright where the bag tells how."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from tests.mapping.bags import recordings as r

from seal_mapping.bags import messages as bm
from seal_mapping.bags.colour import BagPictures
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.store import is_bag
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.pictures.source import BadPicture, Picture
from seal_perception.pose import camera_mounting

COLOUR = "/" + m.COLOUR


def read(source: BagPictures) -> list[Picture | BadPicture]:
    return list(source.read(range(len(source))))


def without(rows: list[r.Row], *words: str) -> list[r.Row]:
    return [row for row in rows if not any(word in row.topic for word in words)]


def mounted(rows: list[r.Row], roll_deg: float) -> list[r.Row]:
    """The rows with the camera turned about its axis, in /tf_static."""
    T = camera_mounting(0.88, 0.05, 0.1, math.radians(roll_deg))
    message = bm.tf_message([("base_link", m.CAMERA_FRAME, T)], 0)
    static = r.row("/tf_static", "tf2_msgs/msg/TFMessage", r.stamp(0), message)
    return [static, *without(rows, "tf_static")]


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
@pytest.mark.parametrize("coding", ["rgb8", "png"])
def test_pictures_of_every_kind_of_bag(tmp_path: Path, kind: str, coding: str) -> None:
    rows = r.recording(3, colour=coding)
    if kind == "ros1":
        path = r.write1(tmp_path / "a.bag", rows)
    else:
        path = r.write2(tmp_path / "a", rows, StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3)
    assert is_bag(path)
    found = read(BagPictures(path))
    assert [item.name for item in found] == [f"{r.stamp(k)}.jpg" for k in range(3)]
    for k, item in enumerate(found):
        assert isinstance(item, Picture) and item.extra == {"stamp_ns": r.stamp(k)} and item.id == k + 1
        np.testing.assert_array_equal(item.rgb, r.rgb(k))


@pytest.mark.parametrize("lost", [("depth",), ("depth", "odom"), ("depth", "odom", "tf_static", "camera_info")])
def test_colour_alone_is_enough(tmp_path: Path, lost: tuple[str, ...]) -> None:
    source = BagPictures(r.write2(tmp_path / "a", without(r.recording(3), *lost)))
    assert len(source) == 3 and source.lines[0].startswith(f"colour: {COLOUR} ")
    np.testing.assert_array_equal(read(source)[2].rgb, r.rgb(2))
    assert any("taken as upright" in line for line in source.lines) is ("tf_static" in lost)


@pytest.mark.parametrize("lost", [(), ("depth",), ("depth", "odom")], ids=["frames", "odometry", "tf_static"])
@pytest.mark.parametrize(("roll", "turns"), [(90, 3), (180, 2), (-90, 1)])
def test_a_camera_on_its_side_is_turned_upright(tmp_path: Path, lost: tuple[str, ...], roll: int, turns: int) -> None:
    source = BagPictures(r.write2(tmp_path / "a", without(mounted(r.recording(3), roll), *lost)))
    item = read(source)[1]
    assert isinstance(item, Picture)
    assert item.name == f"{r.stamp(1)}_turned{90 * turns}.jpg" and item.extra["turned_deg"] == 90 * turns
    np.testing.assert_array_equal(item.rgb, np.rot90(r.rgb(1), turns))
    if lost != ("depth",):
        assert any("mounted" in line for line in source.lines)


def test_options_and_a_picture_without_depth_of_its_own(tmp_path: Path) -> None:
    """All colour pictures are looked at, not only those that make frames."""
    rows = [row for row in r.recording(6) if not ("depth" in row.topic and row.log_ns != r.stamp(0))]
    path = r.write2(tmp_path / "a", rows)
    assert len(BagPictures(path)) == 6
    names = [item.name for item in read(BagPictures(path, BagOptions(every=2, start_s=0.1, end_s=0.45)))]
    assert names == [f"{r.stamp(k)}.jpg" for k in (1, 3)]
    with pytest.raises(InputError, match=r"no colour picture between 9 s and its end: they last 0\.5 s"):
        BagPictures(path, BagOptions(start_s=9.0))
    with pytest.raises(InputError, match="has no topic /nowhere"):
        BagPictures(path, BagOptions(colour="/nowhere"))


@pytest.mark.parametrize(
    ("lost", "given"),
    [
        ((), {"depth": "/nowhere"}),
        ((), {"camera_info": "/nowhere"}),
        ((), {"odom": "/nowhere"}),
        (("depth",), {"depth": "/nowhere"}),
        (("depth",), {"up": "z"}),
        (("depth",), {"odom": "/nowhere"}),
        (("depth", "odom"), {"pose": "tf", "fixed_frame": "nowhere"}),
        (("depth", "odom", "tf_static"), {"camera_frame": "nowhere"}),
    ],
)
def test_what_is_named_and_not_there_is_one_line(tmp_path: Path, lost: tuple[str, ...], given: dict[str, str]) -> None:
    path = r.write2(tmp_path / "a", without(r.recording(3), *lost))
    with pytest.raises(InputError, match=rf"--read {', '.join(given)} cannot be used: .*; leave it out for colour"):
        BagPictures(path, BagOptions(**given))  # type: ignore[arg-type]


def test_a_mounting_that_is_given_turns_pictures_without_poses(tmp_path: Path) -> None:
    path = r.write2(tmp_path / "a", without(r.recording(3), "depth", "odom", "tf_static"))
    T = camera_mounting(0.88, 0.05, 0.1, math.radians(90))
    assert read(BagPictures(path, BagOptions(T_base_camera=T)))[1].name == f"{r.stamp(1)}_turned270.jpg"


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    rows = r.recording(3, colour="jpeg")
    at = next(n for n, row in enumerate(rows) if "compressed" in row.topic and row.log_ns == r.stamp(1))
    rows[at] = replace(rows[at], data=r.packed("", b"\xff\xd8\xff cut", "jpeg", r.stamp(1), m.CAMERA_FRAME).data)
    good, bad, last = read(BagPictures(r.write2(tmp_path / "a", rows)))
    assert isinstance(good, Picture) and isinstance(last, Picture)
    assert isinstance(bad, BadPicture) and bad.reason.startswith("broken picture: ")


def test_a_bag_without_colour_is_one_line(tmp_path: Path) -> None:
    path = r.write2(tmp_path / "a", without(r.recording(2), "color"))
    with pytest.raises(InputError, match="has no colour pictures; it has "):
        BagPictures(path)
