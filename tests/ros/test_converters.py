# SPDX-License-Identifier: Apache-2.0
"""Arrays to messages and back, for rclpy's messages, rosbags' messages, and the bytes between the two."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from hypothesis import given, settings
from hypothesis import strategies as st
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from tests.mapping.worlds import box, label_config, map_of
from visualization_msgs.msg import Marker, MarkerArray

from seal_mapping.bags import messages as bm
from seal_mapping.labels.propagate import LabelVolume, propagate
from seal_mapping.nodes import map_messages as map_convert
from seal_mapping.nodes import markers
from seal_mapping.voxels.blocks import Voxels
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.nodes import convert
from seal_perception.nodes.perception_node import draw_overlay
from seal_perception.nodes.stamp_matching import StampMatcher
from seal_perception.pose import planar_pose
from seal_perception.simulator import Action
from sim_bridge.nodes.steps import action_poses, nearest_action

pytestmark = pytest.mark.ros

STAMP = 5 * m.NS + 123_456_789
HEADER = convert.make_header(STAMP, m.CAMERA_FRAME)
RNG = np.random.default_rng(0)


def _as_rosbags(msg: Any, kind: str) -> Any:
    """The same message through its bytes, as a bag's reader sees it."""
    return bm.decode(serialize_message(msg), kind)


@pytest.mark.parametrize("through", [lambda msg: msg, lambda msg: _as_rosbags(msg, "sensor_msgs/msg/Image")])
def test_pictures_round_trip(through: Callable[[Any], Any]) -> None:
    rgb = RNG.integers(0, 256, (6, 5, 3), np.uint8)
    depth = RNG.uniform(0, 9, (6, 5)).astype(np.float32)
    depth[0, 0] = np.nan
    scores = RNG.integers(0, 256, (6, 5, 6), np.uint8)
    np.testing.assert_array_equal(m.image_to_rgb(through(convert.rgb_to_image(rgb, HEADER))), rgb)
    np.testing.assert_array_equal(m.image_to_depth(through(convert.depth_to_image(depth, HEADER))), depth)
    message = through(convert.scores_to_image(scores, HEADER))
    assert message.encoding == "8UC6" and m.header_stamp_ns(message) == STAMP
    np.testing.assert_array_equal(m.image_to_scores(message), scores)


def test_a_bag_written_without_ros_has_the_bytes_that_rclpy_writes() -> None:
    rgb = RNG.integers(0, 256, (6, 5, 3), np.uint8)
    camera = Camera.from_hfov(5, 6, 1.2)
    T = planar_pose(1.25, -0.5, 0.7)
    pairs = [
        (m.COLOUR, convert.rgb_to_image(rgb, HEADER), bm.image_message(rgb, "rgb8", STAMP)),
        (m.CAMERA_INFO, convert.camera_to_info(camera, HEADER), bm.camera_info_message(camera, STAMP)),
        (
            m.ODOM,
            convert.pose_to_odometry(T, convert.make_header(STAMP, m.ODOM_FRAME), m.BASE_FRAME),
            bm.odometry_message(T, STAMP),
        ),
        (
            m.GOAL,
            convert.matrix_to_pose_stamped(T, convert.make_header(STAMP, m.MAP_FRAME)),
            bm.pose_stamped_message(T, STAMP, m.MAP_FRAME),
        ),
    ]
    for topic, ours, rosbags in pairs:
        data = serialize_message(ours)
        assert bm.canonical(topic, data) == bm.encode(topic, rosbags), topic
        assert bm.raw_stamp_ns(data, bm.TOPIC_TYPES[topic]) == STAMP, topic


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-math.pi, math.pi))
@settings(max_examples=50, deadline=None)
def test_poses_round_trip(x: float, y: float, yaw: float) -> None:
    T = planar_pose(x, y, yaw)
    sent = convert.pose_to_odometry(T, HEADER, m.BASE_FRAME)
    received = deserialize_message(serialize_message(sent), Odometry)
    np.testing.assert_allclose(m.odometry_to_pose(received), T, atol=1e-12)
    np.testing.assert_array_equal(m.odometry_to_pose(received), m.as_message_pose(T))


def test_camera_info_round_trips_and_refuses_what_it_cannot_use() -> None:
    camera = Camera(320, 240, 200.5, 201.5, 159.5, 119.25)
    msg = convert.camera_to_info(camera, HEADER)
    assert m.camera_info_to_camera(msg) == camera
    assert m.camera_info_to_camera(_as_rosbags(msg, "sensor_msgs/msg/CameraInfo")) == camera
    with pytest.raises(InputError, match="not calibrated"):
        m.camera_info_to_camera(CameraInfo(width=320, height=240))
    msg.binning_x = 2
    with pytest.raises(InputError, match="binning"):
        m.camera_info_to_camera(msg)


@pytest.mark.parametrize(
    ("encoding", "channels", "order"), [("bgr8", 3, [2, 1, 0]), ("rgba8", 4, [0, 1, 2]), ("bgra8", 4, [2, 1, 0])]
)
def test_other_colour_encodings_and_padded_rows(encoding: str, channels: int, order: list[int]) -> None:
    pixels = RNG.integers(0, 256, (4, 3, channels), np.uint8)
    rows = np.zeros((4, 3 * channels + 5), np.uint8)
    rows[:, : 3 * channels] = pixels.reshape(4, -1)
    msg = Image(height=4, width=3, encoding=encoding, step=rows.shape[1], data=rows.tobytes())
    np.testing.assert_array_equal(m.image_to_rgb(msg), pixels[..., order])


def test_depth_in_millimetres_of_either_byte_order() -> None:
    depth_mm = np.array([[0, 500, 1234]], np.uint16)
    for big, kind in ((0, "<u2"), (1, ">u2")):
        msg = Image(height=1, width=3, encoding="16UC1", is_bigendian=big, step=6, data=depth_mm.astype(kind).tobytes())
        np.testing.assert_allclose(m.image_to_depth(msg), [[0.0, 0.5, 1.234]], atol=1e-6)


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="colour Image must be rgb8.*got 'yuv422'"):
        m.image_to_rgb(Image(height=1, width=1, encoding="yuv422", step=2, data=b"ab"))
    with pytest.raises(InputError, match="depth Image must be 32FC1"):
        m.image_to_depth(Image(height=1, width=1, encoding="rgb8", step=3, data=b"abc"))
    with pytest.raises(InputError, match="scores Image must be 8UC"):
        m.image_to_scores(Image(height=1, width=1, encoding="8UCx", step=3, data=b"abc"))
    with pytest.raises(InputError, match="needs rows of >= 6 bytes"):
        m.image_to_rgb(Image(height=1, width=2, encoding="rgb8", step=3, data=b"abc"))


def test_depth_must_be_registered_to_colour() -> None:
    colour = Image(height=4, width=6, header=convert.make_header(0, "optical"))
    m.check_registered(Image(height=4, width=6, header=convert.make_header(0, "optical")), colour)
    with pytest.raises(InputError, match="depth is 8 x 4, colour 6 x 4; use the camera's aligned depth"):
        m.check_registered(Image(height=4, width=8, header=convert.make_header(0, "optical")), colour)
    with pytest.raises(InputError, match="depth is in frame 'depth_optical', colour in 'optical'"):
        m.check_registered(Image(height=4, width=6, header=convert.make_header(0, "depth_optical")), colour)


def test_detections_round_trip_as_text() -> None:
    mask = np.zeros((1, 4, 6), bool)
    mask[0, 1:3, 2:5] = True
    found = Detections(np.array([[2, 1, 5, 3]], np.float32), np.array([4]), np.array([0.625], np.float32), mask)
    text = m.detections_to_text(found, STAMP)
    assert m.detections_stamp_ns(text) == STAMP
    back = m.detections_from_text(text)
    assert (back.stamp_ns, back.width, back.height) == (STAMP, 6, 4)
    np.testing.assert_array_equal(back.detections.masks, mask)
    np.testing.assert_array_equal(back.detections.boxes, found.boxes)
    for broken, message in (
        ("{", "is not valid JSON"),
        ("[]", "must be an object"),
        ('{"stamp_ns": 1}', "must have a whole number width"),
    ):
        with pytest.raises(InputError, match=message):
            m.detections_from_text(broken)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("resolution", float("inf"), "resolution must be finite metres, got inf"),
        ("resolution", float("nan"), "resolution must be finite metres, got nan"),
        ("width", 99, "of 99 x 4 cells must have as many values, got 28"),
    ],
)
def test_a_grid_that_is_none_is_refused(field: str, value: Any, text: str) -> None:
    grid = Grid2D(np.zeros((7, 4), bool), np.zeros(2), 0.05)
    msg = map_convert.explored_to_occupancy(grid, convert.make_header(STAMP, m.MAP_FRAME))
    setattr(msg.info, field, value)
    with pytest.raises(InputError, match=text):
        map_convert.occupancy_to_explored(msg)


@pytest.mark.parametrize("cell_m", [0.05, 0.1, 0.0254])
def test_grids_arrive_with_the_same_cells(cell_m: float) -> None:
    obstacles = Grid2D(RNG.random((7, 4)) < 0.3, np.array([-3.075, 1.025]), cell_m)
    explored = Grid2D(RNG.random((7, 4)) < 0.6, obstacles.origin_xy, cell_m)
    doubt = explored.with_cells((RNG.integers(0, 101, (7, 4)) * explored.cells).astype(np.uint8))
    header = convert.make_header(STAMP, m.MAP_FRAME)
    for sent, read, original in (
        (
            map_convert.obstacles_to_occupancy(obstacles, explored, header),
            map_convert.occupancy_to_obstacles,
            obstacles,
        ),
        (map_convert.explored_to_occupancy(explored, header), map_convert.occupancy_to_explored, explored),
        (
            map_convert.uncertainty_to_occupancy(doubt, explored, header),
            map_convert.occupancy_to_uncertainty,
            doubt,
        ),
    ):
        assert (sent.info.width, sent.info.height) == (7, 4)
        back = read(deserialize_message(serialize_message(sent), OccupancyGrid))
        np.testing.assert_array_equal(back.cells, original.cells)
        assert back.cells.dtype == original.cells.dtype
        np.testing.assert_array_equal(back.origin_xy, original.origin_xy)
        assert back.cell_m == cell_m
    values = set(np.unique(map_convert.obstacles_to_occupancy(obstacles, explored, header).data))
    assert values <= {100, 0, -1}


def test_the_volume_arrives_as_it_was_sent() -> None:
    volume = RNG.integers(0, 256, (7, 120, 120, 20)).astype(np.uint8)
    sent = map_convert.volume_to_image(volume, HEADER)
    back = map_convert.image_to_volume(deserialize_message(serialize_message(sent), Image))
    np.testing.assert_array_equal(back, volume)
    other = map_convert.volume_to_image(volume[:, :100], HEADER)
    with pytest.raises(InputError, match=r"map/volume must be 120 x 120 pixels of a multiple of 20 channels"):
        map_convert.image_to_volume(other)


def test_the_voxel_cloud_has_the_documented_fields() -> None:
    cloud = VoxelCloud(
        np.array([[1, 2, 3]], np.int32), np.array([[0.05, 0.1, 0.15]], np.float32), np.array([[10, 20, 30]], np.uint8),
        np.array([-1], np.int8), np.array([200], np.uint8), np.array([300], np.uint16), np.array([7], np.uint32),
        np.zeros((1, 6), np.uint32), np.array([300], np.uint32), np.zeros((1, 6), np.uint16),
        np.zeros((1, 6), np.uint8),
    )  # fmt: skip
    msg = map_convert.cloud_to_message(cloud, HEADER)
    assert [f.name for f in msg.fields] == ["x", "y", "z", "rgb", "label", "score", "views"]
    assert [f.offset for f in msg.fields] == [0, 4, 8, 12, 16, 17, 18] and msg.point_step == 20
    (point,) = map_convert.message_to_cloud(msg)
    assert point["rgb"] == 0x0A141E and point["label"] == -1 and point["score"] == 200 and point["views"] == 300


def test_the_cloud_is_what_rviz_reads() -> None:
    rgb = np.array([[10, 20, 30], [255, 0, 128]], np.uint8)
    voxels = Voxels.zeros(2, 6)._replace(rgb=rgb, views=np.ones(2, np.uint16))
    cloud = VoxelCloud.from_voxels(np.array([[1, 2, 3], [-4, 0, 5]], np.int32), MapConfig(), voxels)
    header = convert.make_header(STAMP, m.MAP_FRAME)
    msg = deserialize_message(serialize_message(map_convert.cloud_to_message(cloud, header)), PointCloud2)
    assert msg.header.frame_id == "map" and msg.is_dense and not msg.is_bigendian
    assert (msg.height, msg.width, msg.row_step, len(msg.data)) == (1, 2, 40, 40)
    fields = {f.name: f for f in msg.fields}
    assert all(fields[n].datatype == PointField.FLOAT32 and fields[n].count == 1 for n in ("x", "y", "z", "rgb"))
    data = bytes(msg.data)
    at = fields["rgb"].offset
    assert data[at : at + 4] == bytes([30, 20, 10, 0]) and data[20 + at : 24 + at] == bytes([128, 0, 255, 0])
    assert struct.unpack_from("<fff", data, 20) == pytest.approx((-0.2, 0.0, 0.25))


def test_grids_are_row_major_from_the_lower_left() -> None:
    explored = Grid2D(np.array([[True, True, False], [True, False, False]]), np.array([-1.025, 0.475]), 0.05)
    obstacles = Grid2D(np.array([[False, True, False], [False, False, False]]), explored.origin_xy, 0.05)
    header = convert.make_header(STAMP, m.MAP_FRAME)
    msg = map_convert.obstacles_to_occupancy(obstacles, explored, header)
    assert (msg.info.width, msg.info.height) == (2, 3) and msg.header.frame_id == "map"
    assert list(msg.data) == [0, 0, 100, -1, -1, -1]  # x runs first
    origin = msg.info.origin
    assert (origin.position.x, origin.position.y, origin.position.z) == (-1.025, 0.475, 0.0)
    assert (origin.orientation.x, origin.orientation.y, origin.orientation.z, origin.orientation.w) == (0, 0, 0, 1)
    assert list(map_convert.explored_to_occupancy(explored, header).data) == [0, 0, 0, -1, -1, -1]


def test_a_map_of_nothing_is_an_empty_message() -> None:
    header, empty = convert.make_header(STAMP, m.MAP_FRAME), VoxelMap()
    cloud = map_convert.cloud_to_message(empty.voxels(), header)
    assert (cloud.width, len(cloud.data)) == (0, 0) and len(map_convert.message_to_cloud(cloud)) == 0
    grid = map_convert.obstacles_to_occupancy(empty.obstacles(), empty.explored(), header)
    assert (grid.info.width, grid.info.height, len(grid.data)) == (0, 0, 0)


def _objects_volume() -> LabelVolume:
    voxels = {**box((0, 0, 4), (6, 6, 10), c0=255), **box((20, 0, 4), (26, 6, 10), c0=240)}
    voxels |= {**box((40, -4, 2), (46, 2, 8), c11=255), **box((-9, 0, 0), (-8, 9, 9))}
    config = MapConfig(num_categories=16, min_height_m=-5.0, max_height_m=5.0)
    return propagate(map_of(voxels, config=config), label_config())


def test_markers_are_what_rviz_reads() -> None:
    header = convert.make_header(STAMP, m.MAP_FRAME)
    sent = markers.objects_to_markers(_objects_volume(), header)
    received = deserialize_message(serialize_message(sent), MarkerArray).markers
    assert received[0].action == Marker.DELETEALL and received[0].ns == ""
    rest = received[1:]
    assert [(k.ns, k.type, k.id) for k in rest] == [
        ("boxes", Marker.CUBE, 1), ("names", Marker.TEXT_VIEW_FACING, 1), ("boxes", Marker.CUBE, 2),
        ("names", Marker.TEXT_VIEW_FACING, 2), ("boxes", Marker.CUBE, 3), ("names", Marker.TEXT_VIEW_FACING, 3),
        ("voxels", Marker.CUBE_LIST, 0), ("voxels", Marker.CUBE_LIST, 11),
    ]  # fmt: skip
    for marker in rest:
        assert marker.header == header and marker.action == Marker.ADD
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 0)
        q = marker.pose.orientation
        assert (q.x, q.y, q.z, q.w) == (0, 0, 0, 1)
        c = marker.color
        assert all(0 <= v <= 1 for v in (c.r, c.g, c.b)) and 0 < c.a <= 1
        assert marker.scale.z > 0 and (marker.type == Marker.TEXT_VIEW_FACING or marker.scale.x > 0)


def test_markers_of_an_object_known_by_hand() -> None:
    items = markers.objects_to_markers(_objects_volume(), convert.make_header(STAMP, m.MAP_FRAME)).markers
    first, name = items[1:3]
    assert [first.pose.position.x, first.pose.position.y, first.pose.position.z] == pytest.approx([0.125, 0.125, 0.325])
    assert [first.scale.x, first.scale.y, first.scale.z] == pytest.approx([0.3] * 3)
    assert [first.color.r, first.color.g, first.color.b] == pytest.approx([230 / 255, 97 / 255, 1 / 255])
    assert 0 < first.color.a < 0.5
    assert name.text == "chair 1, 1.00" and name.scale.z == 0.15 and name.pose.position.z == pytest.approx(0.625)
    assert items[4].text == "chair 2, 0.94" and items[6].text == "category_11 3, 1.00"
    chairs, other = items[7:]
    assert (len(chairs.points), len(other.points)) == (432, 216) and not chairs.colors
    assert chairs.scale.x == chairs.scale.y == chairs.scale.z == pytest.approx(0.052)
    xyz = np.array([[p.x, p.y, p.z] for p in chairs.points])
    np.testing.assert_allclose(xyz.min(axis=0), [0.0, 0.0, 0.2], atol=1e-12)
    np.testing.assert_allclose(xyz.max(axis=0), [1.25, 0.25, 0.45], atol=1e-12)


def test_no_objects_delete_what_was_shown() -> None:
    volume = propagate(VoxelMap(), label_config())
    (only,) = markers.objects_to_markers(volume, convert.make_header(STAMP, m.MAP_FRAME)).markers
    assert only.action == Marker.DELETEALL


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/maps/a b.npz", "/maps/a b.npz"),
        ("maps/home.npz", "maps/home.npz"),
        ("file:///maps/a%20b.npz", "/maps/a b.npz"),
        ("file://localhost/maps/home.npz", "/maps/home.npz"),
    ],
)
def test_urls_of_maps_name_files(url: str, path: str) -> None:
    assert map_convert.url_to_path(url) == Path(path)


def test_steps_become_the_nearest_action() -> None:
    turn = math.radians(30)
    for action, T in action_poses(0.25, turn).items():
        assert nearest_action(T, 0.25, turn) is action
    assert nearest_action(planar_pose(0.2, 0.02, 0.1), 0.25, turn) is Action.FORWARD
    assert nearest_action(planar_pose(0.05, 0.0, -0.4), 0.25, turn) is Action.RIGHT
    assert nearest_action(planar_pose(0.02, 0.0, 0.01), 0.25, turn) is Action.STOP


def test_messages_are_matched_by_stamp_in_any_order() -> None:
    seen: list[tuple[int, dict[str, Any]]] = []
    matcher = StampMatcher(("a", "b"), lambda stamp, parts: seen.append((stamp, parts)), keep=3)
    matcher.add("a", 1, "a1")
    assert matcher.missing() == ("b",)
    matcher.add("b", 2, "b2")
    matcher.add("a", 2, "a2")
    assert seen == [(2, {"b": "b2", "a": "a2"})] and matcher.dropped == 1 and matcher.missing() == ()
    for stamp in range(10, 20):
        matcher.add("b", stamp, "b")
    assert matcher.dropped == 1 + 7 and matcher.matched == 1
    with pytest.raises(ValueError, match="part must be one of"):
        matcher.add("c", 3, "c3")


def test_a_part_that_comes_between_is_no_dropped_set() -> None:
    matcher = StampMatcher(("a", "odom"), lambda *_: None, keep=3, between="odom")
    for stamp in range(10):
        matcher.add("odom", stamp, "o")
    matcher.add("a", 8, "a")
    assert matcher.dropped == 0 and matcher.matched == 1
    matcher.add("a", 9, "a")
    matcher.add("a", 10, "a")
    matcher.add("a", 11, "a")
    matcher.add("odom", 11, "o")
    assert matcher.dropped == 1 and matcher.matched == 3


def test_odometry_in_between_does_not_push_out_a_picture_that_waits_for_its_scores() -> None:
    """60 s at 50 Hz and 5 pictures a second, whose scores come 10 s late: as many are mapped as have scores."""
    seen: list[int] = []
    matcher = StampMatcher(("depth", "odom", "scores"), lambda stamp, _: seen.append(stamp), between="odom")
    for tick in range(3000):
        matcher.add("odom", tick, "o")
        if tick % 10 == 0:
            matcher.add("depth", tick, "d")
        if tick >= 500 and tick % 10 == 0:
            matcher.add("scores", tick - 500, "s")
    assert seen == list(range(0, 2500, 10)) and matcher.dropped == 0
    assert matcher.missing() == ("scores",)


def test_a_map_that_lags_still_finds_its_odometry() -> None:
    seen: list[int] = []
    matcher = StampMatcher(("map", "odom"), lambda stamp, _: seen.append(stamp), between="odom", keep_between=200)
    for tick in range(1000):
        matcher.add("odom", tick, "o")
    assert matcher.missing() == ("map",)
    matcher.add("map", 799, "too old")
    matcher.add("map", 800, "m")
    assert seen == [800] and matcher.dropped == 1
    matcher.add("map", 999, "m")
    assert seen == [800, 999] and matcher.missing() == ()


def test_scores_that_come_too_late_are_dropped_and_told_of() -> None:
    """30 pictures a second and a detector that falls behind: what waits is bounded, the newest still match."""
    second = 1_000_000_000
    seen: list[int] = []
    matcher = StampMatcher(
        ("depth", "scores"), lambda stamp, _: seen.append(stamp), computed="scores", max_late_ns=2 * second
    )
    for k in range(300):
        matcher.add("depth", k * second // 30, "d")
    assert len(matcher._waiting) == 61 and matcher.dropped == 300 - 61
    matcher.add("scores", 100 * second // 30, "s")
    assert (matcher.late, seen) == (1, []) and matcher.late_s == pytest.approx(199 / 30)
    matcher.add("scores", 245 * second // 30, "s")
    assert seen == [245 * second // 30] and matcher.late_s == pytest.approx(54 / 30) and matcher.late == 1
    matcher.clear()
    matcher.add("depth", 5, "d")
    matcher.add("scores", 5, "s")
    assert seen[-1] == 5, "after stamps went back, what is old by the former ones is new"


def test_the_overlay_colours_confident_masks_only() -> None:
    masks = np.zeros((2, 2, 2), bool)
    masks[0, 0, 0] = masks[1, 1, 1] = True
    found = Detections(np.zeros((2, 4), np.float32), np.array([0, 1]), np.array([0.9, 0.2], np.float32), masks)
    picture = draw_overlay(np.zeros((2, 2, 3), np.uint8), found, 0.5)
    assert picture[0, 0].any() and not picture[1, 1].any()


def test_one_picture_from_the_future_does_not_end_the_matching() -> None:
    """A clock that was set wrong for a moment made every later picture too old, without a word."""
    got: list[int] = []
    matcher = StampMatcher(("depth", "scores"), lambda stamp, _: got.append(stamp), computed="scores", max_late_ns=10)
    for stamp in (1, 2, 1_000_000, 3, 4, 5):
        matcher.add("depth", stamp, "d")
        matcher.add("scores", stamp, "s") if stamp != 1_000_000 else None
    assert got == [1, 2, 3, 4, 5]
