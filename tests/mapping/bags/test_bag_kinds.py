# SPDX-License-Identifier: Apache-2.0
"""The same recording in every format, coding, naming and with every pose source gives the same frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tests.mapping.bags.recordings import (
    CAMERA,
    LOCOBOT,
    MOUNTING,
    Row,
    depth_m,
    detections,
    in_namespace,
    pose,
    recording,
    rgb,
    stamp,
    write1,
    write2,
)  # fmt: skip

from seal_mapping.bags.entry import ALL
from seal_mapping.bags.reader import BagReader, open_bag
from seal_mapping.bags.store import BagStore
from seal_perception.messages import as_message_pose

COUNT = 6
Write = Callable[[Path, list[Row]], Path]

FORMATS: dict[str, Write] = {
    "mcap": lambda p, r: write2(p / "bag", r),
    "mcap_chunks": lambda p, r: write2(p / "bag", r, mode=CompressionMode.STORAGE),
    "mcap_by_file": lambda p, r: write2(p / "bag", r, mode=CompressionMode.FILE),
    "mcap_by_message": lambda p, r: write2(p / "bag", r, mode=CompressionMode.MESSAGE),
    "mcap_version_9": lambda p, r: write2(p / "bag", r, version=9),
    "sqlite3": lambda p, r: write2(p / "bag", r, StoragePlugin.SQLITE3),
    "sqlite3_by_file": lambda p, r: write2(p / "bag", r, StoragePlugin.SQLITE3, CompressionMode.FILE),
    "sqlite3_by_message": lambda p, r: write2(p / "bag", r, StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    "ros1": lambda p, r: write1(p / "old.bag", r),
    "ros1_bz2": lambda p, r: write1(p / "old.bag", r, "BZ2"),
    "ros1_lz4": lambda p, r: write1(p / "old.bag", r, "LZ4"),
}


def check(reader: BagReader, colour: float = 0, depth: float = 0, found: bool = True) -> None:
    """The recording's frames; tolerances in grey values and metres, 0 is bit for bit."""
    assert reader.stamps_ns == tuple(stamp(k) for k in range(COUNT)), reader.unused
    assert reader.unused == {} and reader.dropped == 0
    frames = list(reader)
    assert [f.index for f in frames] == list(range(COUNT))
    for k, item in enumerate(frames):
        frame = item.frame
        assert np.abs(frame.rgb.astype(int) - rgb(k)).max() <= colour
        seen = depth_m(k) > 0
        assert (np.nan_to_num(frame.depth)[~seen] == 0).all()
        assert np.abs(frame.depth[seen] - depth_m(k)[seen]).max() <= depth
        assert frame.camera == CAMERA
        np.testing.assert_allclose(frame.T_map_camera, pose(k) @ MOUNTING, atol=1e-9)
        assert (item.detections is not None) == found
        if item.detections is not None:
            np.testing.assert_array_equal(item.detections.masks, detections(k).masks)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_frames(tmp_path: Path, kind: str) -> None:
    reader = open_bag(FORMATS[kind](tmp_path, recording(COUNT)))
    check(reader)
    exact = as_message_pose(pose(3)) @ as_message_pose(MOUNTING)
    assert next(reader.frames(3)).frame.T_map_camera.tobytes() == exact.tobytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_messages_are_those_that_rosbags_reads(tmp_path: Path, kind: str) -> None:
    """rosbags is the judge of our own walk: the same messages with the same bytes, also when read by their place."""
    path = FORMATS[kind](tmp_path, recording(COUNT))
    with AnyReader([path]) as reader:
        judge = sorted((c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages())
    store = BagStore(path)
    entries = list(store.scan(lambda topic: ALL))
    assert sorted((e.topic.name, e.topic.msgtype, e.log_ns, e.data) for e in entries) == judge
    with store.access() as access:
        assert all(access.read(e.where) == e.data for e in entries)
    heads = list(store.scan(lambda topic: 100))
    assert [e.data for e in heads] == [e.data[:100] for e in entries]
    assert sum(t.count for t in store.tally.topics.values()) == len(judge)


@pytest.mark.parametrize(
    ("colour", "depth", "grey", "metres"),
    [
        ("bgr8", "16UC1", 0, 0), ("jpeg", "16UC1", 12, 0), ("png", "png", 0, 0),
        ("png", "compressedDepth 16UC1", 0, 0), ("jpeg", "compressedDepth 32FC1", 12, 5e-4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["mcap", "ros1"])
def test_every_coding(tmp_path: Path, kind: str, colour: str, depth: str, grey: float, metres: float) -> None:
    check(open_bag(FORMATS[kind](tmp_path, recording(COUNT, colour, depth))), grey, metres)


@pytest.mark.parametrize("poses", ["odom_fast", "tf"])
@pytest.mark.parametrize("kind", ["mcap", "ros1"])
def test_poses_at_another_rate_are_interpolated(tmp_path: Path, kind: str, poses: str) -> None:
    reader = open_bag(FORMATS[kind](tmp_path, recording(COUNT, poses=poses)))
    check(reader)
    assert any(line.startswith("pose: " + ("odometry" if poses == "odom_fast" else "recorded transforms odom"))
               for line in reader.choices)  # fmt: skip


@pytest.mark.parametrize("poses", ["odom", "tf"])
def test_a_locobot_is_found(tmp_path: Path, poses: str) -> None:
    reader = open_bag(write2(tmp_path / "bag", recording(COUNT, "rgb8", "16UC1", poses, LOCOBOT, found=False)))
    check(reader, found=False)
    text = "\n".join(reader.choices)
    assert "/locobot/camera/aligned_depth_to_color/image_raw" in text
    assert "-> camera_locobot_link -> camera_color_optical_frame" in text


def test_a_namespace_and_several_files(tmp_path: Path) -> None:
    rows = in_namespace(recording(COUNT), "/robot1")
    check(open_bag(write2(tmp_path / "bag", rows)))
    folder = tmp_path / "split"
    folder.mkdir()
    rows = recording(COUNT)
    write1(folder / "walk_0.bag", rows[:11])
    write1(folder / "walk_1.bag", rows[11:])
    check(open_bag(folder))


@pytest.mark.parametrize("kind", ["mcap", "mcap_chunks", "sqlite3", "ros1_lz4"])
def test_log_time_does_not_matter(tmp_path: Path, kind: str) -> None:
    """Written backwards, and shuffled: frames come in the order of their stamps."""
    rows = recording(COUNT)
    turned = [Row(r.topic, r.msgtype, 10**10 + i, r.data) for i, r in enumerate(reversed(rows))]
    check(open_bag(FORMATS[kind](tmp_path, turned)))
    order = np.random.default_rng(0).permutation(len(rows))
    mixed = [Row(rows[j].topic, rows[j].msgtype, 10**10 + i, rows[j].data) for i, j in enumerate(order)]
    (tmp_path / "b").mkdir()
    check(open_bag(FORMATS[kind](tmp_path / "b", mixed)))


def test_frames_begin_where_told(tmp_path: Path) -> None:
    reader = open_bag(write2(tmp_path / "bag", recording(COUNT)))
    whole = list(reader)
    for start in range(COUNT + 1):
        rest = list(reader.frames(start))
        assert [f.index for f in rest] == list(range(start, COUNT))
        assert all(np.array_equal(a.frame.rgb, b.frame.rgb) for a, b in zip(rest, whole[start:], strict=True))
    for a, b in zip(reader, reader.frames(1), strict=False):
        assert b.index == a.index + 1, "two walks at a time do not disturb each other"
