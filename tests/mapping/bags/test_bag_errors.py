# SPDX-License-Identifier: Apache-2.0
"""The one line that a user gets where nothing can be made of a bag; what `seal bag info` shows of any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tests.mapping.bags import recordings as b
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_mapping.bags.reader import BagOptions, open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_perception import messages as m
from seal_perception.errors import InputError

REAL = Path(__file__).resolve().parents[4] / "shared/data/bags"
NAMES = b.Names()


def without(rows: list[b.Row], *topics: str) -> list[b.Row]:
    return [r for r in rows if r.topic not in topics]


def _depth_of(pixels: Any, encoding: str, frame: str = NAMES.optical) -> list[b.Row]:
    rows = without(b.recording(3), NAMES.depth)
    return rows + [b.image(NAMES.depth, pixels, encoding, b.stamp(k), frame) for k in range(3)]


def _many_errors() -> dict[str, tuple[list[b.Row], str]]:
    rows = b.recording(3)
    late = [b.depth_row(k, "16UC1", NAMES, b.stamp(k) + 3 * m.NS) for k in range(3)]
    zero = [b.info_row(k, NAMES, k=np.zeros(9)) for k in range(3)]
    wide = [b.info_row(k, NAMES, width=64) for k in range(3)]
    return {
        "no colour": (without(rows, NAMES.colour), "it has no colour pictures; it has /camera/color/camera_info"),
        "no depth": (without(rows, NAMES.depth), "it has no depth pictures"),
        "no info": (without(rows, NAMES.info), "no usable camera info /camera/color/camera_info"),
        "no odometry": (without(rows, "/odom"), "no pose of the camera: no odometry messages"),
        "no mounting": (without(rows, "/tf_static"), "no base_link -> camera_color_optical_frame on /tf_static"),
        "no stamps in common": (without(rows, NAMES.depth) + late, "3 no depth within 20 ms; the nearest depth lies 2"),
        "odd depth": (_depth_of(b.rgb(0), "8UC4"), r"it has no depth pictures \(/camera/depth/image_raw is '8UC4'\)"),
        "small depth": (
            _depth_of(b.depth_mm(0)[:12], "16UC1"),
            "not registered to colour: depth is 32 x 12, colour 32",
        ),
        "depth elsewhere": (
            _depth_of(b.depth_mm(0), "16UC1", "ir"),
            "not registered to colour: depth is in frame 'ir'",
        ),
        "uncalibrated": (without(rows, NAMES.info) + zero, "the camera is not calibrated"),
        "another size": (without(rows, NAMES.info) + wide, "colour is 32 x 24, depth 32 x 24, the camera info 64 x 24"),
        "nothing": ([], "it has no colour and no depth pictures; it has no topics at all"),
    }


@pytest.mark.parametrize("name", _many_errors())
def test_one_line_says_what_lacks(tmp_path: Path, name: str) -> None:
    rows, text = _many_errors()[name]
    path = b.write2(tmp_path / "bag", rows)
    with pytest.raises(InputError, match=text) as error:
        list(open_bag(path))
    assert "\n" not in str(error.value)


def test_depth_of_another_frame_can_be_vouched_for(tmp_path: Path) -> None:
    path = b.write2(tmp_path / "bag", _depth_of(b.depth_mm(0), "16UC1", "ir"))
    assert len(list(open_bag(path, BagOptions(assume_registered=True)))) == 3


def test_one_line_for_folders_and_files_that_are_no_bag(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for name in ("x.bag", "x.mcap", "x.db3"):
        (tmp_path / name).write_text("something else entirely")
        with pytest.raises(InputError, match="is no (ROS 1 bag|mcap file|sqlite3 file)"):
            open_bag(tmp_path / name)
    for path in (text, tmp_path / "absent", tmp_path / "absent.bag"):
        with pytest.raises(InputError, match="is no bag"):
            open_bag(path)
    bag = b.write2(tmp_path / "run" / "bag", b.recording(3), StoragePlugin.SQLITE3)
    for look in (open_bag, bag_info, recover):  # a run's folder in place of its bag
        with pytest.raises(InputError, match=r"is no bag; did you mean .*/bag\?$"):
            look(tmp_path / "run")
    with pytest.raises(InputError, match="expected a folder with one .mcap file, got 0"):
        recover(bag)
    metadata = (bag / "metadata.yaml").read_text()
    for old, new, error in (
        ("sqlite3", "rocksdb", "stored as 'rocksdb'; expected mcap or sqlite3"),
        ("rosbag2_bagfile_information", "other", "lacks rosbag2_bagfile_information"),
        ("relative_file_paths", "files_of", "names no files"),
        ("compression_mode: ''", "compression_mode: MESSAGE", "expected zstd per file or message"),
    ):
        assert old in metadata
        (bag / "metadata.yaml").write_text(metadata.replace(old, new))
        with pytest.raises(InputError, match=error):
            open_bag(bag)
    (bag / "metadata.yaml").write_text(metadata)
    (bag / "bag.db3").rename(bag / "renamed.db3")
    assert "renamed.db3 is read instead" in "\n".join(open_bag(bag).choices)
    (bag / "renamed.db3").unlink()
    with pytest.raises(InputError, match=r"lacks its file bag.db3"):
        open_bag(bag)


@pytest.mark.parametrize("kind", ["mcap", "ros1"])
def test_info_shows_any_bag(tmp_path: Path, kind: str) -> None:
    rows = b.recording(3, "jpeg", "16UC1", "tf", b.LOCOBOT, found=False)
    path = b.write1(tmp_path / "x.bag", rows) if kind == "ros1" else b.write2(
        tmp_path / "x", rows, mode=CompressionMode.FILE
    )  # fmt: skip
    shown = CliRunner().invoke(app, ["bag", "info", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "3 whole frames, 0 dropped" in shown.output and "pose: recorded transforms locobot/odom" in shown.output
    assert f": {kind}, " in shown.output


def test_real_bags_without_a_camera() -> None:
    if not REAL.is_dir():
        pytest.skip("../shared/data/bags is not there")
    for name, topic, count in (("odometry_db3", "/odom_kf", 1284), ("imu_joints_mcap", "/imu/data", 4712)):
        found = bag_info(REAL / name)
        assert {t.topic: t.messages for t in found.topics}[topic] == count
        with pytest.raises(InputError, match=f"no colour and no depth pictures; it has .*{topic} "):
            open_bag(REAL / name)
        shown = CliRunner().invoke(app, ["bag", "info", str(REAL / name)])
        assert shown.exit_code == 0 and "no frames for `seal label`" in shown.output
