# SPDX-License-Identifier: Apache-2.0
"""Folders become bags: bytes, stamps, poses and the floor are what a hand works out; mistakes are one line."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from rosbags.highlevel import AnyReader
from tests.mapping.folders import import_folders as folders
from tests.mapping.folders.import_folders import CAMERA, EYE_M, TABLE_M, pose, write_numbered, write_tum
from typer.testing import CliRunner

from seal_bringup.cli import bag as bag_cli
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.writer import BagWriteError
from seal_mapping.folders.to_bag import ImportOptions, import_folder, plan_import
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.pose import R_BODY_OPTICAL, planar_pose

COLOUR = "/camera/color/image_raw/compressed"
DEPTH = "/camera/depth/image_raw"
NUMBERS = (3, 4, 7, 8, 10)


def messages(bag: Path) -> dict[str, list[tuple[int, Any]]]:
    """(stamp of the log, message) of each topic."""
    out: dict[str, list[tuple[int, Any]]] = {}
    with AnyReader([bag]) as reader:
        for connection, stamp, data in reader.messages():
            out.setdefault(connection.topic, []).append((stamp, reader.deserialize(data, connection.msgtype)))
    return out


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "room", NUMBERS)


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    return write_tum(tmp_path / "desk", 6)


def test_files_go_into_the_bag_as_they_are(room: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = import_folder(room, tmp_path / "bag", progress=lambda done, total: seen.append((done, total)))
    assert (summary.frames, summary.poses) == (5, 5) and seen == [(k, 5) for k in range(1, 6)]
    found = messages(tmp_path / "bag")
    assert set(found) == {COLOUR, DEPTH, "/camera/color/camera_info", "/odom", "/tf", "/tf_static"}
    for k, number in enumerate(NUMBERS):
        stamp, picture = found[COLOUR][k]
        assert stamp == m.header_stamp_ns(picture) == m.NS + round(number * m.NS / 30.0)  # gaps stay gaps
        assert picture.data.tobytes() == (room / "color" / f"{number:05d}.jpg").read_bytes()
        assert picture.format == "jpeg" and picture.header.frame_id == m.CAMERA_FRAME
        depth = found[DEPTH][k][1]
        raw = cv2.imread(str(room / "depth" / f"{number:05d}.png"), cv2.IMREAD_UNCHANGED)
        assert depth.encoding == "16UC1" and depth.data.tobytes() == raw.tobytes()
        assert {found[topic][k][0] for topic in (DEPTH, "/odom", "/tf", "/camera/color/camera_info")} == {stamp}
        assert m.camera_info_to_camera(found["/camera/color/camera_info"][k][1]) == CAMERA


def test_poses_are_those_of_the_cameras_body(room: Path, tmp_path: Path) -> None:
    import_folder(room, tmp_path / "bag", ImportOptions(floor_m=0.0))
    found = messages(tmp_path / "bag")
    static = found["/tf_static"][0][1].transforms
    assert [(t.header.frame_id, t.child_frame_id) for t in static] == [
        ("map", "odom"),
        ("base_link", "camera_color_optical_frame"),
    ]
    np.testing.assert_allclose(m.transform_to_matrix(static[0].transform), np.eye(4), atol=1e-12)
    T_base_camera = m.transform_to_matrix(static[1].transform)
    np.testing.assert_allclose(T_base_camera[:3], np.hstack([R_BODY_OPTICAL, np.zeros((3, 1))]), atol=1e-12)
    for k in range(len(NUMBERS)):
        T_odom_base = m.odometry_to_pose(found["/odom"][k][1])
        np.testing.assert_allclose(T_odom_base @ T_base_camera, pose(k), atol=1e-6)
        transform = found["/tf"][k][1].transforms[0]
        assert (transform.header.frame_id, transform.child_frame_id) == ("odom", "base_link")
        np.testing.assert_allclose(m.transform_to_matrix(transform.transform), T_odom_base, atol=1e-12)


@pytest.mark.parametrize("up", ["x", "-x", "y", "-y", "z", "-z"])
def test_any_world_is_turned_upright_and_its_floor_found(up: str, tmp_path: Path) -> None:
    # A world whose floor lies 0.4 below its origin, turned about the vertical so that x and y are no special case.
    axis = np.array([1.0 if up.endswith(name) else 0.0 for name in "xyz"]) * (-1 if up[0] == "-" else 1)
    side = np.roll(axis, 1)
    T_world_map = np.eye(4)
    T_world_map[:3, :3] = np.stack([side, np.cross(axis, side), axis], axis=1)
    T_world_map[:3, 3] = -0.4 * axis
    T_world_map = T_world_map @ planar_pose(0.0, 0.0, 0.5)
    plan = plan_import(write_numbered(tmp_path / "room", range(6), T_world_map))
    # The cameras look down by 30 degrees, so that is the angle of their mean up.
    assert plan.up == up and plan.upright.cameras_deg == pytest.approx(30.0, abs=1e-4) and plan.floor is not None
    assert plan.upright.tilt_deg == 0.0
    assert plan.floor_m == pytest.approx(-0.4, abs=1e-3) and plan.floor.camera_m == pytest.approx(EYE_M, abs=1e-3)
    T_map_world = plan.T_map_world
    assert np.linalg.det(T_map_world[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(T_map_world[:3, :3] @ axis, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(T_map_world[:2, 3], 0.0)
    turned = T_map_world @ T_world_map @ pose(2)
    assert turned[2, 3] == pytest.approx(EYE_M, abs=1e-3) and turned[2, 2] == pytest.approx(-np.sin(np.deg2rad(30)))


def test_a_world_with_y_up_by_hand(tmp_path: Path) -> None:
    room = write_numbered(tmp_path / "room", (0, 1))
    plan = plan_import(room, ImportOptions(up="y", floor_m=-1.5))
    np.testing.assert_allclose(plan.T_map_world @ [1.0, 2.0, 3.0, 1.0], [1.0, -3.0, 3.5, 1.0])
    assert plan.upright.cameras_deg is None and plan.floor is None and "as given" in plan.lines()[-1]


def test_noise_below_the_floor_and_a_large_table_do_not_move_it(room: Path) -> None:
    rng = np.random.default_rng(0)
    for k, path in enumerate(sorted((room / "depth").iterdir())):
        metres = folders.depth_m(pose(k), half=1.2)
        wrong = rng.random(metres.shape) < 0.05
        metres[wrong] *= rng.uniform(1.0, 2.0, int(wrong.sum()))
        cv2.imwrite(str(path), np.rint(metres * 1000).astype(np.uint16))
    floor = plan_import(room).floor
    assert floor is not None and floor.height_m == pytest.approx(0.0, abs=0.02)
    assert floor.share < 0.2  # most of what is level is the table


def test_a_floor_that_was_not_seen_is_asked_for(room: Path, tmp_path: Path) -> None:
    for path in (room / "depth").iterdir():
        cv2.imwrite(str(path), np.zeros((48, 64), np.uint16))
    with pytest.raises(InputError, match="cannot find the floor: 0 points .*--floor METRES"):
        import_folder(room, tmp_path / "bag")
    assert import_folder(room, tmp_path / "bag", ImportOptions(floor_m=0.25)).plan.floor_m == 0.25


def test_a_tilted_world_is_levelled_by_its_surfaces(tmp_path: Path) -> None:
    """The cameras' mean up is 40 degrees from every axis, and said too little before; the floor is 10 off."""
    tilt = np.eye(4)
    tilt[:3, :3] = cv2.Rodrigues(np.array([0.0, np.deg2rad(10.0), 0.0]))[0]
    room = write_numbered(tmp_path / "room", (0, 1), tilt)
    plan = plan_import(room)
    assert plan.up == "z" and plan.upright.tilt_deg == pytest.approx(10.0, abs=0.1)
    np.testing.assert_allclose(plan.T_map_world[:3, :3] @ tilt[:3, :3] @ [0, 0, 1], [0, 0, 1], atol=2e-3)
    assert plan.floor_m == pytest.approx(0.0, abs=2e-3) and "10.0 degrees from z" in plan.lines()[-2]
    told = plan_import(room, ImportOptions(up="0.17364818,0,0.98480775", floor_m=0.0))
    np.testing.assert_allclose(told.T_map_world[:3, :3], plan.T_map_world[:3, :3], atol=2e-3)
    for path in (room / "depth").iterdir():
        cv2.imwrite(str(path), np.zeros((48, 64), np.uint16))
    with pytest.raises(InputError, match=r"40 degrees from .*too few level surfaces were seen; say it: --up"):
        plan_import(room, ImportOptions(floor_m=0.0))


def test_a_frame_without_a_finite_pose_is_left_out_and_counted(room: Path, tmp_path: Path) -> None:
    lines = (room / "poses.txt").read_text().splitlines()
    lines[1] = " ".join(["-inf"] * 16)
    lines[3] = " ".join(["nan"] * 16)
    (room / "poses.txt").write_text("\n".join(lines))
    summary = import_folder(room, tmp_path / "bag", ImportOptions(floor_m=0.0))
    assert summary.plan.recording.skipped == {"without a finite pose": 2}
    found = messages(tmp_path / "bag")
    wanted = [m.NS + round(number * m.NS / 30.0) for number in (3, 7, 10)]
    assert [stamp for stamp, _ in found[COLOUR]] == [stamp for stamp, _ in found["/odom"]] == wanted
    np.testing.assert_allclose(m.odometry_to_pose(found["/odom"][1][1])[:3, 3], pose(2)[:3, 3], atol=1e-6)


def test_every_rate_scale_frame_and_intrinsics_are_taken(room: Path, tmp_path: Path) -> None:
    options = ImportOptions(
        every=2, rate_hz=10.0, depth_units_per_m=500.0, camera_frame="eye", intrinsics=(40.0, 41.0, 30.0, 20.0)
    )
    import_folder(room, tmp_path / "bag", options)
    found = messages(tmp_path / "bag")
    assert [stamp for stamp, _ in found[COLOUR]] == [1_300_000_000, 1_700_000_000, 2_000_000_000]
    depth = found[DEPTH][0][1]
    raw = cv2.imread(str(room / "depth" / "00003.png"), cv2.IMREAD_UNCHANGED)
    assert depth.encoding == "32FC1" and depth.header.frame_id == "eye"
    np.testing.assert_array_equal(m.image_to_depth(depth), (raw / 500.0).astype(np.float32))
    assert found["/camera/color/camera_info"][0][1].k.tolist() == [40, 0, 30, 0, 41, 20, 0, 0, 1]
    assert found["/tf_static"][0][1].transforms[1].child_frame_id == "eye"


def test_tum_keeps_every_stamp(tum: Path, tmp_path: Path) -> None:
    summary = import_folder(tum, tmp_path / "bag")
    plan = summary.plan
    assert (plan.recording.layout, plan.up, plan.recording.skipped) == ("tum", "z", {}) and summary.frames == 6
    assert plan.floor_m == pytest.approx(0.0, abs=0.02)
    found = messages(tmp_path / "bag")
    start = folders.TUM_START_US * 1000
    assert [stamp for stamp, _ in found[COLOUR]] == [start + 33_333_000 * k for k in range(6)]
    assert [stamp for stamp, _ in found[DEPTH]] == [start + 33_333_000 * k + 7_000_000 for k in range(6)]
    assert [stamp for stamp, _ in found["/odom"]] == [start - 3_000_000 + 10_000_000 * k for k in range(23)]
    assert found[COLOUR][0][1].format == "png"
    file = tum / "depth" / f"{folders.tum_stamp(7_000)}.png"
    raw = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    depth = found[DEPTH][0][1]
    assert depth.encoding == "32FC1"
    np.testing.assert_array_equal(m.image_to_depth(depth), (raw / 5000.0).astype(np.float32))
    T = m.odometry_to_pose(found["/odom"][4][1])
    np.testing.assert_allclose(T[:3, 3], [0.1 * 37 / 33.333, 0.3, EYE_M - plan.floor_m], atol=1e-6)
    stamps = [stamp for rows in found.values() for stamp, _ in rows]
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [stamp for _, stamp, _ in reader.messages()] == sorted(stamps)


def test_our_reader_takes_imported_bags(room: Path, tum: Path, tmp_path: Path) -> None:
    import_folder(room, tmp_path / "bag", ImportOptions(floor_m=0.0))
    frames = [item.frame for item in open_bag(tmp_path / "bag")]
    assert len(frames) == 5 and frames[1].camera == CAMERA
    np.testing.assert_allclose(frames[3].T_map_camera, pose(3), atol=1e-6)
    np.testing.assert_allclose(frames[3].depth, folders.depth_m(pose(3)), atol=0.5e-3 + 1e-6)
    import_folder(tum, tmp_path / "desk_bag", ImportOptions(floor_m=0.0))
    frames = [item.frame for item in open_bag(tmp_path / "desk_bag")]
    assert len(frames) == 6
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.rgb, folders.colour(k)[..., ::-1])
        np.testing.assert_allclose(frame.T_map_camera, folders.tum_pose(33_333 * k), atol=1e-6)  # between two poses
        np.testing.assert_allclose(frame.depth, folders.depth_m(folders.tum_pose(33_333 * k + 7_000)), atol=1e-4 + 1e-6)


def test_tum_frames_without_depth_or_pose_are_counted(tum: Path, tmp_path: Path) -> None:
    depth = (tum / "depth.txt").read_text().splitlines()
    (tum / "depth.txt").write_text("\n".join(depth[:2] + depth[3:]))  # the second picture's
    poses = (tum / "groundtruth.txt").read_text().splitlines()
    poses[1] = poses[1].rsplit(" ", 4)[0] + " nan nan nan nan"  # the one before the first picture
    (tum / "groundtruth.txt").write_text("\n".join(poses))
    summary = import_folder(tum, tmp_path / "bag")
    assert summary.frames == 4 and summary.plan.recording.skipped == {
        "poses that are not finite": 1,
        "without depth within 20 ms": 1,
        "without poses on both sides within 100 ms": 1,
    }
    assert any("left out    1 without depth within 20 ms" in line for line in summary.plan.lines())


def _resize(tum: Path, width: int, height: int) -> None:
    for path in [*(tum / "rgb").iterdir(), *(tum / "depth").iterdir()]:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST))


def test_tums_cameras_are_known_by_the_folders_name(tum: Path, tmp_path: Path) -> None:
    (tum / "K.txt").unlink()
    with pytest.raises(InputError, match="does not say the camera's intrinsics: put a K.txt there"):
        plan_import(tum)
    named = tum.rename(tmp_path / "rgbd_dataset_freiburg3_long_office")
    # They are known for 640 x 480 only: these pictures are smaller, which is noticed.
    with pytest.raises(
        InputError, match=r"TUM's freiburg3.* do not fit the pictures: centre \(320.1, 247.6\) in 64 x 48"
    ):
        plan_import(named)
    _resize(named, 1280, 960)
    with pytest.raises(InputError, match="in 1280 x 960 pixels"):
        plan_import(named)
    _resize(named, 640, 480)
    plan = plan_import(named, ImportOptions(floor_m=0.0))
    assert (plan.camera.fx, plan.camera.fy, plan.camera.cx, plan.camera.cy) == (535.4, 539.2, 320.1, 247.6)
    assert "freiburg3, by the folder's name" in plan.intrinsics_from


def test_an_interrupted_import_leaves_nothing(room: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(room, tmp_path / "bag", progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["room"]


def test_a_killed_import_leaves_nothing_that_looks_whole_and_can_be_repeated(room: Path, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        import_folder(room, tmp_path / "bag", progress=lambda done, _: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not (tmp_path / "bag").exists() and not list(tmp_path.rglob("metadata.yaml"))
    assert import_folder(room, tmp_path / "bag").frames == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bag", "room"]


def test_a_full_disk_is_one_line_and_leaves_nothing(room: Path, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            import_folder(room, tmp_path / "bag")
        except BagWriteError as error:
            fits = f"cannot write the bag {tmp_path / 'bag'}: " in str(error) and "nothing was left" in str(error)
            os._exit(7 if fits and "recover" not in str(error) else 8)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert sorted(p.name for p in tmp_path.iterdir()) == ["room"]


def test_a_bag_that_is_there_is_left_alone(room: Path, tmp_path: Path) -> None:
    import_folder(room, tmp_path / "bag")
    before = (tmp_path / "bag" / "bag.mcap").read_bytes()
    with pytest.raises(BagWriteError, match="exists already; choose another folder"):
        import_folder(room, tmp_path / "bag")
    assert (tmp_path / "bag" / "bag.mcap").read_bytes() == before
    with pytest.raises(InputError, match="a bag is a folder, in which the .mcap file lies"):
        import_folder(room, tmp_path / "new.mcap")
    import_folder(room, tmp_path / "again" / "bag")
    assert (tmp_path / "again" / "bag" / "bag.mcap").read_bytes() == before  # the same folder, the same bytes


@pytest.fixture
def command() -> Any:
    app = typer.Typer()
    bag_cli.register(app)
    app.command("other")(lambda: None)  # two commands, so that `bag` keeps its name
    return lambda *words: CliRunner().invoke(app, ["bag", "import", *map(str, words)])


def test_the_command_says_what_it_chose(command: Any, room: Path, tmp_path: Path) -> None:
    result = command(room, tmp_path / "bag")
    assert result.exit_code == 0, result.output
    assert "numbered, 5 frames over 0.2 s" in result.output and "z (30 degrees" in result.output
    assert "fx 50.0 fy 51.0 cx 31.0 cy 24.5 (K.txt)" in result.output and "1.50 m above" in result.output
    assert "5 frames, 5 poses" in result.output
    again = command(room, tmp_path / "bag")
    assert isinstance(again.exception, InputError) and "exists already" in str(again.exception)
    result = command(room, tmp_path / "told", "--up", "-y", "--floor", "-1.25", "--every", 2)
    assert result.exit_code == 0 and "-y (as given)" in result.output and "-1.250 m along -y" in result.output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--floor", "low"), "--floor must be auto or metres, got 'low'"),
        (("--fx", 5.0, "--cx", 3.0), "--fx, --fy, --cx and --cy go together: 2 of 4 are given"),
    ],
)
def test_the_commands_mistakes_are_one_line(command: Any, words: Any, text: str, room: Path, tmp_path: Path) -> None:
    result = command(room, tmp_path / "bag", *words)
    assert isinstance(result.exception, InputError) and text in str(result.exception)


def test_the_real_room(shared_data: Path, tmp_path: Path) -> None:
    summary = import_folder(shared_data / "hololens_room", tmp_path / "room", ImportOptions(every=10))
    assert summary.frames == summary.poses == 38 and summary.plan.up == "y"
    assert summary.plan.floor is not None and summary.plan.floor.camera_m == pytest.approx(1.63, abs=0.05)
    assert summary.plan.floor_m == pytest.approx(-1.53, abs=0.02)  # the floor's peak in a histogram of all points
    first = messages(tmp_path / "room")[COLOUR][0]
    assert first[0] == 1_100_000_000  # file number 3 at 30 Hz, after one second


def test_the_folders_tables_top_is_at_its_height() -> None:
    """The world of these tests itself: the picture's centre hits the floor or the table where a hand says."""
    T = pose(0)
    depth = folders.depth_m(T)
    points = (CAMERA.rays() * depth[..., None])[depth > 0] @ T[:3, :3].T + T[:3, 3]
    heights = np.unique(points[:, 2].round(6))
    np.testing.assert_allclose(heights, [0.0, TABLE_M], atol=1e-6)
