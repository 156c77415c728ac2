# SPDX-License-Identifier: Apache-2.0
"""What is chosen in a bag, what the user can say, what is counted by reason."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import CompressionType
from mcap.writer import Writer as McapLibraryWriter
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from tests.mapping.bags import recordings as b

from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import BagOptions, BagReader, open_bag
from seal_mapping.bags.recover import bag_info
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

NAMES = b.Names()


def said(reader: BagReader, begin: str) -> str:
    """The line of `choices` that begins so."""
    return next(line for line in reader.choices if line.startswith(begin))


def without(rows: list[b.Row], *topics: str) -> list[b.Row]:
    return [r for r in rows if r.topic not in topics]


def write(path: Path, rows: list[b.Row]) -> Path:
    return b.write2(path / "bag", sorted(rows, key=lambda r: r.log_ns))


def test_raw_is_preferred_to_compressed_and_said(tmp_path: Path) -> None:
    rows = b.recording(4) + [b.colour_row(k, "jpeg", NAMES) for k in range(4)]
    rows += [b.depth_row(k, "compressedDepth 16UC1", NAMES) for k in range(4)]
    reader = open_bag(write(tmp_path, rows))
    assert said(reader, "colour: ").startswith("colour: /camera/color/image_raw (sensor_msgs/msg/Image, 32 x 24 rgb8")
    assert "also there: /camera/color/image_raw/compressed" in said(reader, "colour: ")
    assert said(reader, "depth: ").startswith("depth: /camera/depth/image_raw (")
    packed = open_bag(
        tmp_path / "bag",
        BagOptions(colour="image_raw/compressed", depth="/camera/depth/image_raw/compressedDepth"),
    )
    assert "jpeg" in said(packed, "colour: ") and "compressedDepth" in said(packed, "depth: ")
    assert len(list(packed)) == 4


def test_other_pictures_do_not_disturb(tmp_path: Path) -> None:
    """Infrared, unregistered depth, masks and overlays beside the ones that are wanted."""
    rows = b.recording(3)
    for k in range(3):
        at, frame = b.stamp(k), NAMES.optical
        rows += [
            b.image("/camera/infra1/image_rect_raw", b.rgb(k)[..., 0], "mono8", at, "camera_infra1_optical_frame"),
            b.image("/camera/depth/image_rect_raw", b.depth_mm(k)[:12], "16UC1", at, "camera_depth_optical_frame"),
            b.image("/semantic/overlay", b.rgb(k), "rgb8", at, frame),
            b.image("/semantic/scores", b.rgb(k), "8UC3", at, frame),
        ]
    reader = open_bag(write(tmp_path, rows))
    assert "/camera/color/image_raw" in said(reader, "colour: ") and "also" not in said(reader, "colour: ")
    assert said(reader, "depth: ").startswith("depth: /camera/depth/image_raw ")


def test_rectified_colour_takes_p_and_raw_colour_warns(tmp_path: Path) -> None:
    bent = {"d": np.array([0.1, 0.0, 0.0, 0.0, 0.0]), "p": np.array([30.0, 0, 15, 0, 0, 31, 11, 0, 0, 0, 1, 0])}
    rows = without(b.recording(3), NAMES.info) + [b.info_row(k, NAMES, **bent) for k in range(3)]
    reader = open_bag(write(tmp_path, rows))
    assert next(iter(reader)).frame.camera == b.CAMERA
    assert "taken as rectified" in said(reader, "warning: ")
    names = b.Names(colour="/camera/color/image_rect_color")
    rows = without(rows, NAMES.colour) + [b.colour_row(k, "rgb8", names) for k in range(3)]
    reader = open_bag(b.write2(tmp_path / "rect", rows))
    assert next(iter(reader)).frame.camera == Camera(32, 24, 30.0, 31.0, 15.0, 11.0)
    assert not [line for line in reader.choices if line.startswith("warning")]


def test_rates_that_differ_are_matched_and_counted(tmp_path: Path) -> None:
    """Colour at 10 Hz, depth 8 ms late and missing for every third picture."""
    rows = without(b.recording(6), NAMES.depth)
    late = b.stamp(0) - b.stamp(0) + 8_000_000
    rows += [b.depth_row(k, "16UC1", NAMES, b.stamp(k) + late) for k in (0, 1, 3, 4)]
    path = write(tmp_path, rows)
    reader = open_bag(path)
    assert reader.stamps_ns == tuple(b.stamp(k) for k in (0, 1, 3, 4))
    assert reader.unused == {"no depth within 20 ms": 2} and reader.dropped == 2
    assert [f.index for f in reader] == [0, 1, 2, 3]
    assert len(open_bag(path, BagOptions(tolerance_s=0.008))) == 4, "the bound itself is within"
    with pytest.raises(InputError, match=r"6 no depth within 7.9 ms; the nearest depth lies 0.008 s away \(median\)"):
        open_bag(path, BagOptions(tolerance_s=0.0079))


def test_part_of_a_bag(tmp_path: Path) -> None:
    path = write(tmp_path, b.recording(10))
    assert open_bag(path, BagOptions(every=4)).stamps_ns == tuple(b.stamp(k) for k in (0, 4, 8))
    part = open_bag(path, BagOptions(start_s=0.2, end_s=0.6))
    assert part.stamps_ns == tuple(b.stamp(k) for k in (2, 3, 4, 5, 6)) and part.dropped == 0
    with pytest.raises(InputError, match=r"no colour picture between 5 s and its end: they last 0.9 s"):
        open_bag(path, BagOptions(start_s=5))


def test_poses_that_lack_are_counted(tmp_path: Path) -> None:
    """Odometry at pictures 1, 2, 8 and 9 of 11: 0 and 10 lie outside, 3 to 7 in a gap of 0.6 s."""
    rows = without(b.recording(11), "/odom") + [b.odom_row(k, NAMES) for k in (1, 2, 8, 9)]
    path = write(tmp_path, rows)
    reader = open_bag(path)
    assert reader.unused == {"no pose": 2, "pose gap": 5}
    assert reader.stamps_ns == tuple(b.stamp(k) for k in (1, 2, 8, 9))
    wide = open_bag(path, BagOptions(max_gap_s=0.6))
    assert len(wide) == 9 and wide.unused == {"no pose": 2}
    np.testing.assert_allclose(wide.odometry()[4], b.pose(5), atol=0.05)


def test_a_mounting_that_moves(tmp_path: Path) -> None:
    """A camera that turns on its mast: base -> camera is on /tf, odometry has no transform of its own."""
    rows = without(b.recording(4), "/tf_static")
    for k in np.arange(-0.5, 4.5, 0.25):
        turned = planar_pose(0, 0, 0.2 * k, 0.1) @ camera_mounting(0.5)
        message = bm.tf_message([("base_link", NAMES.optical, turned)], b.stamp(k))
        rows.append(b.row("/tf", "tf2_msgs/msg/TFMessage", b.stamp(k), message))
    reader = open_bag(write(tmp_path, rows))
    assert "it moves (/tf)" in said(reader, "frames: ")
    for k, item in enumerate(reader):
        expected = b.pose(k) @ planar_pose(0, 0, 0.2 * k, 0.1) @ camera_mounting(0.5)
        np.testing.assert_allclose(item.frame.T_map_camera, expected, atol=1e-9)
    with pytest.raises(InputError, match="no fixed mounting"):
        _ = reader.T_base_camera


def test_pose_sources_by_order(tmp_path: Path) -> None:
    """Localisation on /tf beside odometry: odometry is taken, the other is named, and can be asked for."""
    rows = b.recording(4, poses="odom")
    shift = planar_pose(5, 0, 0)
    for k in np.arange(-0.5, 4.5, 0.5):
        links = [("map", "odom", shift @ planar_pose(0.01 * k, 0, 0)), ("odom", "base_link", b.pose(k))]
        rows.append(b.row("/tf", "tf2_msgs/msg/TFMessage", b.stamp(k), bm.tf_message(links, b.stamp(k))))
    path = write(tmp_path, rows)
    reader = open_bag(path)
    assert said(reader, "pose: ").startswith("pose: odometry on /odom")
    assert "/tf moves map -> odom" in said(reader, "also there: ")
    for options, offset in (
        (BagOptions(pose="tf"), shift @ planar_pose(0.01, 0, 0)),
        (BagOptions(pose="tf", fixed_frame="odom"), np.eye(4)),
    ):
        item = list(open_bag(path, options))[1]
        np.testing.assert_allclose(item.frame.T_map_camera, offset @ b.pose(1) @ b.MOUNTING, atol=1e-9)
    with pytest.raises(InputError, match="do not lead from nowhere to camera_color_optical_frame"):
        open_bag(path, BagOptions(pose="tf", fixed_frame="nowhere"))


def test_odometry_of_another_clock_gives_way(tmp_path: Path) -> None:
    """Odometry that covers no picture is not taken as long as /tf does; alone, the error names the clock."""
    rows = without(b.recording(4, poses="tf"), "/odom") + [b.odom_row(k + 5000, NAMES) for k in range(4)]
    reader = open_bag(write(tmp_path, rows))
    assert said(reader, "pose: ").startswith("pose: recorded transforms odom -> base_link") and len(reader) == 4
    with pytest.raises(InputError, match="4 no pose; the poses do not cover the pictures' time"):
        open_bag(b.write2(tmp_path / "alone", without(rows, "/tf")))


def test_a_pose_stamped_wants_to_know_whose_it_is(tmp_path: Path) -> None:
    rows = without(b.recording(4), "/odom", "/tf_static")
    for k in range(4):
        message = bm.pose_stamped_message(b.pose(k) @ b.MOUNTING, b.stamp(k), "map")
        rows.append(b.row("/slam/camera_pose", "geometry_msgs/msg/PoseStamped", b.stamp(k), message))
    path = write(tmp_path, rows)
    with pytest.raises(InputError, match="/slam/camera_pose .PoseStamped. does not say whose pose it is"):
        open_bag(path)
    for options in (BagOptions(base_frame=NAMES.optical), BagOptions(T_base_camera=np.eye(4), pose="pose_stamped")):
        for k, item in enumerate(open_bag(path, options)):
            np.testing.assert_allclose(item.frame.T_map_camera, b.pose(k) @ b.MOUNTING, atol=1e-9)


def test_the_users_word_counts(tmp_path: Path) -> None:
    rows = [r for r in b.recording(3) if r.topic not in ("/tf_static", NAMES.info)]
    path = write(tmp_path, rows)
    with pytest.raises(InputError, match="no usable camera info /camera/color/camera_info; name the topic, or give"):
        open_bag(path)
    camera = Camera(32, 24, 20.0, 20.0, 15.5, 11.5)
    with pytest.raises(InputError, match="no base_link -> camera_color_optical_frame on /tf_static or /tf"):
        open_bag(path, BagOptions(camera=camera))
    mounting = camera_mounting(0.5)
    for reader in (
        open_bag(path, BagOptions(camera=camera, T_base_camera=mounting)),
        open_bag(path, BagOptions(camera=camera), mounting),
    ):
        item = next(iter(reader))
        assert item.frame.camera == camera
        np.testing.assert_allclose(item.frame.T_map_camera, b.pose(0) @ mounting, atol=1e-9)
    assert len(open_bag(write_named(tmp_path), BagOptions(colour="eye/picture"))) == 3
    with pytest.raises(InputError, match=r"no topic eye/nothing with Image or CompressedImage messages; it has /"):
        open_bag(tmp_path / "named", BagOptions(colour="eye/nothing"))


def write_named(folder: Path) -> Path:
    names = b.Names(colour="/robot/eye/picture")
    rows = b.recording(3) + [b.colour_row(k, "bgr8", names) for k in range(3)]
    return b.write2(folder / "named", rows)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"pose": "guess"}, "pose must be one of auto, odom, tf, pose_stamped"), ({"every": 0}, "every must be 1"),
        ({"tolerance_s": -1.0}, "tolerance_s must be"), ({"max_gap_s": math.nan}, "max_gap_s must be"),
        ({"start_s": 2.0, "end_s": 1.0}, "start_s must lie before"), ({"start_s": math.nan}, "start_s must be"),
        ({"T_base_camera": np.ones((4, 4))}, "T_base_camera must have a rotation"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(bad: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        BagOptions(**bad)


def _broken(rows: list[b.Row], topic: str, number: int, change: Any) -> list[b.Row]:
    """One message of a topic replaced by what `change` makes of it."""
    at = [i for i, r in enumerate(rows) if r.topic == topic][number]
    return [*rows[:at], change(rows[at]), *rows[at + 1 :]]


def _cut_jpeg(r: b.Row) -> b.Row:
    message = bm.decode(r.data, r.msgtype)
    message.data = message.data[: len(message.data) // 2]
    return b.row(r.topic, r.msgtype, r.log_ns, message)


def test_a_broken_picture_in_the_middle_is_counted(tmp_path: Path) -> None:
    rows = _broken(b.recording(5, "jpeg"), NAMES.colour + "/compressed", 2, _cut_jpeg)
    reader = open_bag(write(tmp_path, rows))
    assert len(reader) == 5 and reader.unused == {}
    for _ in range(2):
        assert [f.index for f in reader] == [0, 1, 3, 4]
        assert reader.unused == {"broken picture": 1} and reader.dropped == 1
    assert [f.index for f in reader.frames(2)] == [3, 4]
    for k in range(5):
        rows = _broken(rows, NAMES.colour + "/compressed", k, _cut_jpeg)
    with pytest.raises(InputError, match="has 5 frames, but none of them can be read: .*cut off"):
        list(open_bag(b.write2(tmp_path / "all", rows)))
    with pytest.raises(InputError, match="there is no number 6"):
        reader.frames(6)


def test_what_is_odd_is_counted_by_reason(tmp_path: Path) -> None:
    """One picture of another encoding, one of another size, a doubled one, nonsense among poses and detections."""
    rows = b.recording(7)
    at = b.stamp
    swaps = {
        1: b.image(NAMES.colour, b.rgb(1)[..., 0].astype(np.float32), "32FC1", at(1), NAMES.optical),
        2: b.image(NAMES.colour, b.rgb(2)[:12], "rgb8", at(2), NAMES.optical),
        3: b.image(NAMES.colour, b.rgb(3), "rgb8", at(3), "elsewhere"),
    }
    for k, row in swaps.items():
        rows = _broken(rows, NAMES.colour, k, lambda r, row=row: row)
    rows = _broken(rows, NAMES.depth, 4, lambda r: b.image(NAMES.depth, b.depth_m(4), "64FC1", at(4), NAMES.optical))
    rows = _broken(rows, "/semantic/detections", 5, lambda r: b.row(r.topic, r.msgtype, at(5), bm.text_message("{")))
    rows.append(b.colour_row(6, "rgb8", NAMES))
    rows.append(b.Row("/odom", "nav_msgs/msg/Odometry", at(6), b"\0\1\0\0nonsense"))
    lame = bm.odometry_message(b.pose(1), at(1.5))
    lame.pose.pose.orientation.w = math.nan
    rows.append(b.row("/odom", "nav_msgs/msg/Odometry", at(1.5), lame))
    reader = open_bag(write(tmp_path, rows))
    assert [f.frame.stamp_ns for f in reader] == [at(0), at(5), at(6)]
    assert reader.unused == {
        "wrong encoding": 2, "depth not registered": 2, "duplicate stamp": 1, "broken message": 1, "broken pose": 1,
        "broken detections": 1,
    }  # fmt: skip
    assert reader.dropped == 5
    assert [f.detections is None for f in reader] == [False, True, False]


def test_unknown_types_do_not_disturb(tmp_path: Path) -> None:
    """Messages of a type that nobody here knows, in formats whose definitions rosbags itself checks while opening."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg("uint8[] payload\nrobot_msgs/Odd other", "robot_msgs/msg/Strange"))
    store.register(get_types_from_msg("int32 a", "robot_msgs/msg/Odd"))
    extra = [b.Row("/strange", "robot_msgs/msg/Strange", b.stamp(k), b"\0\1\0\0\7") for k in range(3)]
    for plugin in StoragePlugin:
        path = b.write2(tmp_path / plugin.name, b.recording(3) + extra, plugin, store=store)
        if plugin == StoragePlugin.SQLITE3:
            import sqlite3

            with sqlite3.connect(path / "SQLITE3.db3") as database:
                database.execute("UPDATE message_definitions SET encoding='unknown', encoded_message_definition='?'")
        assert len(list(open_bag(path))) == 3
        assert {t.msgtype: t.messages for t in bag_info(path).topics}["robot_msgs/msg/Strange"] == 3


@pytest.mark.parametrize("compression", CompressionType)
@pytest.mark.parametrize("chunks", [True, False])
def test_mcap_files_of_the_mcap_library(tmp_path: Path, compression: CompressionType, chunks: bool) -> None:
    """Another writer: chunks by lz4, with checksums, none at all, ROS 1 messages; no metadata.yaml beside."""
    path = tmp_path / "walk.mcap"
    with open(path, "wb") as stream:
        writer = McapLibraryWriter(stream, compression=compression, use_chunking=chunks, chunk_size=20_000)
        writer.start("ros1", "test")
        channels: dict[str, int] = {}
        for r in b.recording(4):
            if r.topic not in channels:
                schema = writer.register_schema(r.msgtype.replace("/msg/", "/"), "ros1msg", b"")
                channels[r.topic] = writer.register_channel(r.topic, "ros1", schema)
            data = bytes(bm.typestore().cdr_to_ros1(r.data, r.msgtype))
            writer.add_message(channels[r.topic], r.log_ns, data, r.log_ns)
        writer.finish()
    reader = open_bag(path)
    assert len(list(reader)) == 4 and reader.unused == {}
    assert said(reader, "no metadata.yaml").startswith("no metadata.yaml: all 1 file(s) are read")
    assert len(open_bag(tmp_path)) == 4
