# SPDX-License-Identifier: Apache-2.0
"""Bags with the habits of other robots come out right, or with a line; what is as it should be stays to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.bags import recordings as b
from tests.mapping.geometry.plain_room import CAMERA, bodies, off_surfaces, points_of, seen

from seal_bringup.cli.options import bag_options
from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import BagOptions, BagReader, open_bag
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import R_BODY_OPTICAL, camera_mounting, planar_pose

MOUNTING = camera_mounting(0.88, 0.1)
NAMES = b.Names()
OPTICAL = m.CAMERA_FRAME
Depth = Callable[[np.ndarray], tuple[np.ndarray, str]]


def millimetres(depth: np.ndarray) -> tuple[np.ndarray, str]:
    return np.rint(depth * 1000).astype(np.uint16), "16UC1"


def write(
    path: Path,
    depth: Depth = millimetres,
    frame: str = OPTICAL,
    info: dict[str, Any] | None = None,
    static: list[tuple[float, np.ndarray]] | None = None,
    poses: list[np.ndarray] | None = None,
    T_odom_map: np.ndarray | None = None,
) -> Path:
    """A robot turns in the plain room: pictures, odometry and mounting, with one habit changed.

    `static` holds (seconds before the first picture, mounting) of /tf_static, `poses` true poses of the base, and
    `T_odom_map` another world that the odometry is in.
    """
    poses = bodies(12) if poses is None else poses
    rows = []
    for before, T in static or [(0.0, MOUNTING)]:
        at = b.stamp(0) - round(before * m.NS)
        rows.append(b.row("/tf_static", "tf2_msgs/msg/TFMessage", at, bm.tf_message([("base_link", frame, T)], at)))
    for k, pose in enumerate(poses):
        at = b.stamp(k)
        rgb, metres = seen(pose @ MOUNTING)
        message = bm.camera_info_message(CAMERA, at, frame)
        for name, value in (info or {}).items():
            setattr(message, name, value)
        T_odom_base = pose if T_odom_map is None else T_odom_map @ pose
        rows += [
            b.row(NAMES.info, "sensor_msgs/msg/CameraInfo", at, message),
            b.image(NAMES.colour, rgb, "rgb8", at, frame),
            b.image(NAMES.depth, *depth(metres), at, frame),
            b.row("/odom", "nav_msgs/msg/Odometry", at, bm.odometry_message(T_odom_base, at)),
        ]
    return b.write2(path, sorted(rows, key=lambda r: r.log_ns))


def error_m(reader: BagReader) -> float:
    """Nine tenths of the points that the frames show lie nearer than this to the room's surfaces."""
    points = [points_of(f.frame.depth, f.frame.camera, f.frame.T_map_camera) for f in reader]
    return float(np.percentile(off_surfaces(np.concatenate(points)), 90))


def said(reader: BagReader) -> str:
    return "\n".join(reader.choices)


def test_a_plain_recording_stays_as_it_is(tmp_path: Path) -> None:
    reader = open_bag(write(tmp_path / "bag"))
    for k, item in enumerate(reader):
        np.testing.assert_array_equal(item.frame.T_map_camera, bm_pose(bodies(12)[k]) @ bm_pose(MOUNTING))
        raw = np.rint(seen(bodies(12)[k] @ MOUNTING)[1] * 1000).astype(np.uint16)
        np.testing.assert_array_equal(item.frame.depth, raw.astype(np.float32) * np.float32(1e-3))
    assert not [line for line in reader.choices if line.split(":")[0] in ("warning", "axes", "floor", "up")]
    assert reader.confirmed == (
        "floor: z = 0 (found at -0.000 m: 98% of the level surfaces lie within 5 cm of it, the cameras 0.88 m above)",
    )


def bm_pose(T: np.ndarray) -> np.ndarray:
    """A pose as a message carries it."""
    return m.as_message_pose(T)


def test_pictures_of_a_body_frame(tmp_path: Path) -> None:
    """Gazebo's habit: camera_link, x ahead."""
    body = MOUNTING.copy()
    body[:3, :3] = MOUNTING[:3, :3] @ R_BODY_OPTICAL.T
    path = write(tmp_path / "bag", frame="camera_link", static=[(0.0, body)])
    reader = open_bag(path)
    assert error_m(reader) < 0.01 and "frame 'camera_link' as an optical frame looks at the sky" in said(reader)
    np.testing.assert_allclose(reader.T_base_camera, MOUNTING, atol=1e-9)
    told = open_bag(path, BagOptions(optical=False))
    assert error_m(told) < 0.01 and "'camera_link' is a body frame (as given)" in said(told)
    kept = open_bag(path, BagOptions(optical=True))
    assert error_m(kept) > 0.3
    np.testing.assert_allclose(kept.T_base_camera, body, atol=1e-9)


def test_odometry_of_the_cameras_own_frame_needs_no_transforms(tmp_path: Path) -> None:
    """A visual odometry's child frame is the pictures' frame, and nothing else is recorded."""
    rows = [r for r in b.recording(3) if r.topic not in ("/tf_static", "/odom")]
    for k in range(3):
        message = bm.odometry_message(b.pose(k) @ b.MOUNTING, b.stamp(k))
        message.child_frame_id = OPTICAL
        rows.append(b.row("/odom", "nav_msgs/msg/Odometry", b.stamp(k), message))
    for k, item in enumerate(open_bag(b.write2(tmp_path / "bag", rows))):
        np.testing.assert_allclose(item.frame.T_map_camera, b.pose(k) @ b.MOUNTING, atol=1e-9)


@pytest.mark.parametrize(
    ("depth", "scale"),
    [
        (lambda z: (np.minimum(np.rint(z * 5000), 65535).astype(np.uint16), "16UC1"), 5000),
        (lambda z: (np.minimum(np.rint(z * 10000), 65535).astype(np.uint16), "16UC1"), 10000),
        (lambda z: ((z * 1000).astype(np.float32), "32FC1"), 1000),
        (lambda z: ((z * 100).astype(np.float32), "32FC1"), 100),
    ],
)
def test_depth_in_another_unit(depth: Depth, scale: int, tmp_path: Path) -> None:
    path = write(tmp_path / "bag", depth)
    reader = open_bag(path)
    assert error_m(reader) < 0.01 and f"depth_scale={scale} is this" in said(reader)
    told = open_bag(path, BagOptions(depth_scale=scale, floor=0.0))
    assert error_m(told) < 0.01 and f"{scale} units per metre (as given)" in said(told)
    if scale != 1000:
        assert error_m(open_bag(path, BagOptions(depth_scale=1000))) > 0.3


@pytest.mark.parametrize("step", [2, 3, 0.5])
def test_depth_of_another_size(step: float, tmp_path: Path) -> None:
    """A decimation filter's, or a depth camera with more pixels than colour has."""

    def resized(z: np.ndarray) -> tuple[np.ndarray, str]:
        z = np.repeat(np.repeat(z, 2, axis=0), 2, axis=1) if step < 1 else z[:: int(step), :: int(step)]
        return millimetres(np.ascontiguousarray(z))

    reader = open_bag(write(tmp_path / "bag", resized))
    assert len(reader) == 12 and error_m(reader) < 0.02 * max(step, 1)
    assert "colour 80 x 60: taken for the same view" in said(reader)
    assert next(iter(reader)).frame.depth.shape == (60, 80)


@pytest.mark.parametrize("unsized", [True, False])
def test_a_camera_info_of_another_size(unsized: bool, tmp_path: Path) -> None:
    """Without a size, as some drivers send it; or of the full picture, where the pictures are half of it."""
    K = CAMERA.matrix.ravel()
    double = np.array([140.0, 0, 79.5, 0, 140, 59.5, 0, 0, 1])
    full = {"width": 160, "height": 120, "k": double, "p": np.zeros(12)}
    info = {"width": 0, "height": 0, "k": K} if unsized else full
    reader = open_bag(write(tmp_path / "bag", info=info))
    camera = next(iter(reader)).frame.camera
    assert error_m(reader) < 0.01 and (camera.width, camera.height) == (80, 60)
    assert camera == (CAMERA if unsized else Camera(80, 60, 70.0, 70.0, 39.5, 29.5))
    text = "0 x 0: that of the pictures is taken, 80 x 60" if unsized else "of 160 x 120 pixels, the pictures 80 x 60"
    assert text in said(reader)


def test_a_centre_far_from_the_middle_is_said(tmp_path: Path) -> None:
    """K of the full picture in a camera info of the halved one."""
    reader = open_bag(write(tmp_path / "bag", info={"k": np.array([140.0, 0, 79.5, 0, 140, 59.5, 0, 0, 1])}))
    assert "principal point (79.5, 59.5) is far from the middle of 80 x 60: is K that of another size?" in said(reader)


def test_a_camera_info_that_fits_no_size(tmp_path: Path) -> None:
    info = {"width": 0, "height": 0, "k": np.array([70.0, 0, 139.5, 0, 70, 29.5, 0, 0, 1])}
    with pytest.raises(InputError, match=r"a size of 0 x 0 and a centre \(139.5, 29.5\) that does not fit .* 80 x 60"):
        open_bag(write(tmp_path / "bag", info=info))


@pytest.mark.parametrize("swapped", [False, True])
def test_the_later_static_transform_counts_and_is_said(swapped: bool, tmp_path: Path) -> None:
    wrong = camera_mounting(0.0)
    static = [(1.0, wrong), (0.0, MOUNTING)]
    reader = open_bag(write(tmp_path / "bag", static=static[:: -1 if swapped else 1]))
    np.testing.assert_allclose(reader.T_base_camera, MOUNTING, atol=1e-9)
    assert f"base_link -> {OPTICAL} twice, 0.89 m and 0 degrees apart: the later is taken" in said(reader)
    again = open_bag(write(tmp_path / "same", static=[(1.0, MOUNTING), (0.0, MOUNTING)]))
    assert "twice" not in said(again)


@pytest.mark.parametrize("height", [-0.88, -0.6, 0.45])
def test_odometry_whose_floor_is_not_at_zero(height: float, tmp_path: Path) -> None:
    path = write(tmp_path / "bag", T_odom_map=planar_pose(0, 0, 0, height))
    reader = open_bag(path)
    assert error_m(reader) < 0.01 and f"floor: at z = {height:+.2f} m, the map is moved" in said(reader)
    np.testing.assert_allclose(reader.odometry()[0], bodies(12)[0], atol=0.011)
    told = open_bag(path, bag_options([f"floor={height}"]))
    assert error_m(told) < 0.002 and "(as given)" in said(told)
    assert error_m(open_bag(path, bag_options(["floor=0"]))) > 0.1


def test_odometry_in_a_tilted_world(tmp_path: Path) -> None:
    """A visual odometry that knows no gravity: its body is the camera's."""
    a = np.deg2rad(20.0)
    T = np.eye(4)
    T[1:3, 1:3] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    poses = bodies(12)
    path = write(tmp_path / "bag", T_odom_map=T, poses=poses)
    reader = open_bag(path)
    assert "up: (0.000, -0.342, 0.940), 20.0 degrees from z" in said(reader)
    assert error_m(reader) < 0.02
    kept = open_bag(path, bag_options(["up=z", "floor=0"]))
    np.testing.assert_allclose(next(iter(kept)).frame.T_map_camera, T @ poses[0] @ MOUNTING, atol=1e-9)


def test_two_storeys_are_said(tmp_path: Path) -> None:
    """Half of the frames are recorded 3 m higher."""
    true = bodies(6)
    up = [planar_pose(0, 0, 0, 3.0) @ pose for pose in true]
    rows_of = write(tmp_path / "low", poses=true * 2)
    assert "show next to nothing" not in said(open_bag(rows_of))
    both = _with_odometry(tmp_path / "both", true * 2, true + up)
    reader = open_bag(both)
    assert "6 of 12 frames that were looked at show next to nothing between -0.1 and 2 m of height" in said(reader)
    assert "moved" not in said(reader)


def _with_odometry(path: Path, true: list[np.ndarray], told: list[np.ndarray]) -> Path:
    """A recording whose odometry says other poses than those that the pictures were taken from."""
    plain = write(path.with_name(path.name + "_plain"), poses=true)
    from rosbags.rosbag2 import Reader

    rows = []
    with Reader(plain) as source:
        for connection, at, data in source.messages():
            k = round((at - b.stamp(0)) / b.PERIOD_NS)
            if connection.topic == "/odom":
                data = bytes(bm.typestore().serialize_cdr(bm.odometry_message(told[k], at), connection.msgtype))
            rows.append(b.Row(connection.topic, connection.msgtype, at, bytes(data)))
    return b.write2(path, rows)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["optical=perhaps"], "expected true or false"),
        (["depth_scale=0"], "depth_scale must be units per metre"),
        (["depth_scale=many"], "depth_scale=many"),
        (["floor=nan"], "floor must be auto or metres"),
        (["up=north"], "up must be auto, x, -x"),
    ],
)
def test_words_that_make_no_sense(given: list[str], text: str) -> None:
    with pytest.raises(InputError, match=text):
        bag_options(given)
    assert bag_options(["optical=auto", "depth_scale=auto", "up=auto", "floor=auto"]) == BagOptions()
