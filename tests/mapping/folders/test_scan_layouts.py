# SPDX-License-Identifier: Apache-2.0
"""Folders as ScanNet, 7-Scenes and SLAM systems write them; each picture goes with its own pose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.mapping.folders.import_folders import CAMERA, TUM_START_US, pose, tum_pose, write_numbered
from tests.mapping.geometry.plain_room import CAMERA as EYE
from tests.mapping.geometry.plain_room import GREY, off_surfaces, points_of, seen, walk

from seal_mapping.bags.reader import open_bag
from seal_mapping.folders.layouts import read_recording
from seal_mapping.folders.to_bag import ImportOptions, import_folder, plan_import
from seal_perception.errors import InputError
from seal_perception.pose import pose_to_xyz_quat

POSES = walk(12)


def _pictures(k: int, colour: Path, depth: Path, step: int = 1, none: int | None = None) -> None:
    """The plain room from pose k; depth of every `step`-th pixel, and a corner with no reading."""
    rgb, metres = seen(POSES[k])
    colour.parent.mkdir(parents=True, exist_ok=True)
    depth.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(colour), rgb[..., ::-1])
    raw = np.rint(metres * 1000).astype(np.uint16)
    if none is not None:
        raw[:4, :4] = none
    cv2.imwrite(str(depth), raw[::step, ::step])


def _matrix(path: Path, T: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(" ".join(f"{v:.9g}" for v in row) for row in T) + "\n")


def scannet(folder: Path, step: int = 1) -> Path:
    """0.png to 11.png: by name, 10 and 11 come before 2."""
    for k, T in enumerate(POSES):
        _pictures(k, folder / f"color/{k}.png", folder / f"depth/{k}.png", step)
        _matrix(folder / f"pose/{k}.txt", np.full((4, 4), -np.inf) if k == 3 else T)
    K = np.eye(4)
    K[:3, :3] = EYE.matrix
    _matrix(folder / "intrinsic/intrinsic_color.txt", K)
    K[:2, :3] = K[:2, :3] / step
    _matrix(folder / "intrinsic/intrinsic_depth.txt", K)
    return folder


def seven_scenes(folder: Path, names: Sequence[str] = ("seq-01",)) -> Path:
    for name in names:
        for k, T in enumerate(POSES):
            stem = str(folder / name / f"frame-{k:06d}")
            _pictures(k, Path(stem + ".color.png"), Path(stem + ".depth.png"), none=65535)
            _matrix(Path(stem + ".pose.txt"), T)
    np.savetxt(folder / "K.txt", EYE.matrix)
    return folder


def check(folder: Path, bag: Path, count: int, most_m: float = 0.01) -> None:
    """The folder gives so many frames, in the room, in their order."""
    import_folder(folder, bag)
    frames = [item.frame for item in open_bag(bag)]
    assert len(frames) == count
    for frame in frames:
        points = points_of(frame.depth, frame.camera, frame.T_map_camera)
        assert np.percentile(off_surfaces(points), 90) < most_m
        assert tuple(frame.rgb[0, 0]) == GREY


@pytest.mark.parametrize("step", [1, 2])
def test_scannet(step: int, tmp_path: Path) -> None:
    """Numbers without zeros, a frame without tracking, depth of half the size."""
    folder = scannet(tmp_path / "scene0000_00", step)
    check(folder, tmp_path / "bag", 11, 0.04 if step == 2 else 0.01)
    plan = plan_import(folder)
    assert (plan.recording.layout, plan.intrinsics_from) == ("scannet", "intrinsic/intrinsic_color.txt")
    assert plan.recording.skipped == {"without a finite pose": 1}
    assert [p.path.name for p in plan.recording.colour[:3]] == ["0.png", "1.png", "2.png"]
    assert ("depth is 40 x 30" in "\n".join(plan.lines())) is (step == 2)


def test_scannets_depth_of_another_lens_is_refused(tmp_path: Path) -> None:
    folder = scannet(tmp_path / "scan", 2)
    K = np.eye(4)
    K[:3, :3] = [[40.0, 0, 19.5], [0, 40.0, 14.5], [0, 0, 1]]
    _matrix(folder / "intrinsic/intrinsic_depth.txt", K)
    with pytest.raises(InputError, match="is 40 x 30, colour 80 x 60: depth must be registered to colour"):
        plan_import(folder)


def test_seven_scenes(tmp_path: Path) -> None:
    folder = seven_scenes(tmp_path / "chess")
    check(folder, tmp_path / "bag", 12)
    first = next(iter(open_bag(tmp_path / "bag"))).frame.depth
    assert not first[:4, :4].any() and first[4:, 4:].all(), "65535 is no reading"
    assert read_recording(folder / "seq-01").layout == "7scenes"
    (folder / "K.txt").unlink()
    with pytest.raises(InputError, match=r"7-Scenes' published .* do not fit the pictures: .* in 80 x 60 pixels"):
        plan_import(folder)
    with pytest.raises(InputError, match="must hold one sequence .*, got seq-01, seq-02: import one at a time"):
        plan_import(seven_scenes(tmp_path / "fire", ("seq-01", "seq-02")))


def test_seven_scenes_with_one_table_of_quaternions(tmp_path: Path) -> None:
    folder = seven_scenes(tmp_path / "chess")
    lines = []
    for k, T in enumerate(POSES):
        (folder / f"seq-01/frame-{k:06d}.pose.txt").unlink()
        xyz, quat = pose_to_xyz_quat(T)
        lines.append(" ".join(f"{v:.12g}" for v in (0.1 * k + 0.05, *xyz, *quat)))
    (folder / "seq-01/trajectory.txt").write_text("\n".join(lines))
    check(folder, tmp_path / "bag", 12)
    (folder / "seq-01/trajectory.txt").write_text("\n".join(lines[:-1]))
    with pytest.raises(InputError, match="trajectory.txt has 11 lines and .*seq-01 12 pictures"):
        plan_import(folder)


def _table(folder: Path, numbers: Sequence[float], form: str, name: str = "poses.txt") -> Path:
    """The numbered folder's poses as lines of another form."""
    lines = []
    for k, number in enumerate(numbers):
        xyz, quat = pose_to_xyz_quat(pose(k))
        values = {"tum": [number, *xyz, *quat], "quaternion": [*xyz, *quat], "kitti": list(pose(k)[:3].ravel())}[form]
        lines.append(" ".join(f"{v:.12g}" for v in values))
    (folder / "poses.txt").unlink()
    (folder / name).write_text("# made by a test\n" + "\n".join(lines) + "\n")
    return folder


NUMBERS = (3, 4, 7, 8, 10)


@pytest.mark.parametrize(
    ("form", "stamps", "name"),
    [
        ("quaternion", NUMBERS, "poses.txt"),
        ("kitti", NUMBERS, "traj.txt"),
        ("tum", NUMBERS, "trajectory.txt"),
        ("tum", [0.033 * k for k in range(5)], "poses.txt"),
        ("tum", [1.3e9 + k for k in range(5)], "groundtruth.txt"),
    ],
)
def test_poses_as_others_write_them(form: str, stamps: Sequence[float], name: str, tmp_path: Path) -> None:
    folder = _table(write_numbered(tmp_path / "room", NUMBERS), stamps, form, name)
    found = read_recording(folder)
    assert len(found.colour) == 5
    np.testing.assert_allclose(found.T_world_camera, [pose(k) for k in range(5)], atol=1e-9)


def test_poses_that_name_their_pictures_may_lack(tmp_path: Path) -> None:
    """Keyframes of a SLAM system: the first column holds the numbers of the files."""
    folder = write_numbered(tmp_path / "room", NUMBERS)
    _table(folder, NUMBERS, "tum")
    lines = (folder / "poses.txt").read_text().splitlines()
    (folder / "poses.txt").write_text("\n".join([lines[5], lines[1], lines[3]]))
    found = read_recording(folder)
    assert [p.path.name for p in found.colour] == ["00003.jpg", "00007.jpg", "00010.jpg"]
    np.testing.assert_allclose(found.T_world_camera, [pose(k) for k in (0, 2, 4)], atol=1e-9)
    assert found.skipped == {"without a finite pose": 2}
    (folder / "poses.txt").write_text("\n".join(line.replace("7 ", "6.5 ", 1) for line in lines[1:4]))
    with pytest.raises(InputError, match="has 3 lines and .*color 5 pictures: line i must belong to the i-th file"):
        read_recording(folder)


def test_names_without_leading_zeros_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = write_numbered(tmp_path / "room", (0, 2, 9, 10, 11))
    for part in ("color", "depth"):
        for path in list((folder / part).iterdir()):
            path.rename(path.with_name(f"frame{int(path.stem)}{path.suffix}"))
    found = read_recording(folder)
    names = [p.path.stem for p in found.colour]
    assert names == ["frame0", "frame2", "frame9", "frame10", "frame11"]
    np.testing.assert_allclose(found.T_world_camera, [pose(k) for k in range(5)], atol=1e-6)
    assert "in the order of their numbers" in found.notes[0]


def test_names_that_are_stamps(tmp_path: Path) -> None:
    """Colour, depth and poses with clocks of their own, as in tum, without its lists."""
    folder = write_numbered(tmp_path / "room", range(4))
    for part, late in (("color", 0), ("depth", 7_000)):
        for k, path in enumerate(sorted((folder / part).iterdir())):
            text = str(TUM_START_US + 33_333 * k + late)
            path.rename(path.with_name(f"{text[:-6]}.{text[-6:]}{path.suffix}"))
    rows = []
    for us in range(-10_000, 120_000, 10_000):
        xyz, quat = pose_to_xyz_quat(tum_pose(us))
        text = str(TUM_START_US + us)
        rows.append(f"{text[:-6]}.{text[-6:]} " + " ".join(f"{v:.9f}" for v in (*xyz, *quat)))
    (folder / "poses.txt").write_text("\n".join(rows))
    import_folder(folder, tmp_path / "bag", ImportOptions(floor_m=0.0, up="z"))
    frames = [item.frame for item in open_bag(tmp_path / "bag")]
    assert [f.stamp_ns // 1000 - TUM_START_US for f in frames] == [0, 33_333, 66_666, 99_999]
    for k, frame in enumerate(frames):
        np.testing.assert_allclose(frame.T_map_camera, tum_pose(33_333 * k), atol=1e-6)
    assert frames[0].camera == CAMERA


def test_an_exif_orientation_is_not_applied_and_said(tmp_path: Path) -> None:
    folder = write_numbered(tmp_path / "room", NUMBERS)
    plain = plan_import(folder).notes
    for path in (folder / "color").iterdir():
        with Image.open(path) as picture:
            tags = picture.getexif()
            tags[0x0112] = 6
            picture.save(path, exif=tags, quality=95)
    notes = plan_import(folder).notes
    assert plain == () and "EXIF orientation 6: the stored pixels are taken" in notes[0]


def test_poses_and_depth_in_other_conventions(tmp_path: Path) -> None:
    """ARKit's camera, and TUM's unit in a folder that is not TUM's."""
    folder = scannet(tmp_path / "scan")
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    for k, T in enumerate(POSES):
        _matrix(folder / f"pose/{k}.txt", np.linalg.inv(T @ flip) if k != 3 else np.full((4, 4), np.nan))
        raw = np.rint(seen(T)[1] * 5000).astype(np.uint16)
        cv2.imwrite(str(folder / f"depth/{k}.png"), raw)
    check(folder, tmp_path / "bag", 11)
    text = "\n".join(plan_import(folder).lines())
    assert "poses are taken as opengl-world-to-camera: depth of neighbouring frames agrees within" in text
    assert "taken as 1/5000 m" in text and "5000 units per metre, written as 32FC1" in text
    told = plan_import(folder, ImportOptions(poses="opengl-world-to-camera", depth_units_per_m=5000.0))
    assert told.notes == () and told.upright.axis == "z"
    np.testing.assert_allclose(told.recording.T_world_camera[0], POSES[0], atol=1e-6)
    with pytest.raises(InputError, match="--poses must be auto, camera-to-world, .*; got 'blender'"):
        ImportOptions(poses="blender")
