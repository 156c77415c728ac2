# SPDX-License-Identifier: Apache-2.0
"""Bags: what is written comes back, a cut one is recovered, a failed one never looks whole."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_mapping.bags.writer import BagWriteError, BagWriter, write_frame
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

CAMERA = Camera.from_hfov(32, 24, 1.2)
MOUNTING = camera_mounting(0.88)


def _stamp(k: int) -> int:
    return m.NS + k * 100_000_000


def _pictures(k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    return rng.integers(0, 256, (24, 32, 3), np.uint8), rng.uniform(0, 5, (24, 32)).astype(np.float32)


def _detections() -> Detections:
    mask = np.zeros((1, 24, 32), bool)
    mask[0, 3:9, 4:20] = True
    return Detections(np.array([[4, 3, 20, 9]], np.float32), np.array([2]), np.array([0.75], np.float32), mask)


def _fill(writer: BagWriter, count: int) -> None:
    for k in range(count):
        rgb, depth = _pictures(k)
        found = _detections() if k % 2 else Detections.empty(24, 32)
        write_frame(writer, _stamp(k), rgb, depth, CAMERA, planar_pose(0.25 * k, 0, 0.1 * k), MOUNTING, found)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    with BagWriter(tmp_path / "bag") as writer:
        _fill(writer, 5)
    return tmp_path / "bag"


def test_a_goal_that_is_not_there_yet_is_no_broken_pose(tmp_path: Path) -> None:
    """During the first look around the policy's goal is NaN; `seal label` called these pictures without a pose."""
    none = planar_pose(0.0, 0.0, 0.0)
    none[:2, 3] = np.nan
    with BagWriter(tmp_path / "bag") as writer:
        _fill(writer, 3)
        writer.write(m.GOAL, _stamp(1), bm.encode(m.GOAL, bm.pose_stamped_message(none, _stamp(1), "map")))
        writer.write(m.ODOM, _stamp(9), bm.encode(m.ODOM, bm.odometry_message(none, _stamp(9))))
    reader = open_bag(tmp_path / "bag")
    assert len(reader) == 3
    assert reader.unused == {"broken pose": 1}, "the odometry alone"


def test_frames_come_back_as_they_were_written(bag: Path) -> None:
    reader = open_bag(bag)
    assert len(reader) == 5 and reader.dropped == 0
    for walk in range(2):
        frames = list(reader)
        assert [f.index for f in frames] == [0, 1, 2, 3, 4], f"walk {walk}"
        for k, found in enumerate(frames):
            rgb, depth = _pictures(k)
            np.testing.assert_array_equal(found.frame.rgb, rgb)
            np.testing.assert_array_equal(found.frame.depth, depth)
            np.testing.assert_allclose(
                found.frame.T_map_camera, planar_pose(0.25 * k, 0, 0.1 * k) @ MOUNTING, atol=1e-12
            )
            assert found.frame.camera == CAMERA and found.frame.stamp_ns == _stamp(k)
            assert found.detections is not None and len(found.detections) == k % 2
    np.testing.assert_array_equal(frames[1].detections.masks, _detections().masks)


def test_the_official_mcap_reader_opens_it(bag: Path) -> None:
    with open(bag / "bag.mcap", "rb") as stream:
        rows = [(c.topic, s.name, r.log_time) for s, c, r in make_reader(stream).iter_messages()]
    expected = {("/" + t.lstrip("/"), n) for t, n in bm.TOPIC_TYPES.items() if t not in (m.GOAL, m.STEP)}
    assert {(t, n) for t, n, _ in rows} == expected
    assert sorted(s for t, _, s in rows if t == "/" + m.COLOUR) == [_stamp(k) for k in range(5)]


def test_same_run_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with BagWriter(tmp_path / name / "bag") as writer:
            _fill(writer, 3)
    assert (tmp_path / "a/bag/bag.mcap").read_bytes() == (tmp_path / "b/bag/bag.mcap").read_bytes()


def test_a_namespace_before_the_topics_is_found(tmp_path: Path, bag: Path) -> None:
    with AnyReader([bag]) as reader:
        rows = [(c.topic, c.msgtype, t, bytes(d)) for c, t, d in reader.messages()]
    with BagWriter(tmp_path / "named", {"/robot1/" + t.lstrip("/"): k for t, k in bm.TOPIC_TYPES.items()}) as writer:
        for topic, _, stamp, data in rows:
            writer.write("/robot1/" + topic.lstrip("/"), stamp, data)
    assert len(open_bag(tmp_path / "named")) == 5


@pytest.mark.parametrize("kept", [0.35, 0.6, 0.95, 0.999])
def test_a_cut_bag_is_recovered(bag: Path, kept: float) -> None:
    mcap = bag / "bag.mcap"
    whole = mcap.read_bytes()
    mcap.write_bytes(whole[: int(len(whole) * kept)])
    (bag / "metadata.yaml").unlink()
    with pytest.raises(InputError, match="seal bag recover"):
        open_bag(bag)
    info = recover(bag)
    assert info.whole and info.topics[1].messages >= int(5 * kept) - 1
    frames = list(open_bag(bag))
    for k, found in enumerate(frames):
        np.testing.assert_array_equal(found.frame.rgb, _pictures(k)[0])
    assert frames and sorted(p.name for p in bag.iterdir()) == ["bag.mcap", "bag.mcap.orig", "metadata.yaml"]
    with open(mcap, "rb") as stream:
        assert sum(1 for _ in make_reader(stream).iter_messages(["/" + m.COLOUR])) == info.topics[2].messages


def test_the_command_says_whether_there_was_something_to_mend(bag: Path) -> None:
    mcap = bag / "bag.mcap"
    mcap.write_bytes(mcap.read_bytes()[:-200])
    (bag / "metadata.yaml").unlink()
    said = [CliRunner().invoke(app, ["bag", "recover", str(bag)]).output for _ in range(2)]
    kept = sum(topic.messages for topic in bag_info(bag).topics)
    assert f"{bag} is recovered: {kept} messages kept" in said[0]
    assert f"{bag} is whole: nothing to do" in said[1]


def test_recovering_a_whole_bag_changes_nothing(bag: Path) -> None:
    before = (bag / "bag.mcap").read_bytes()
    assert recover(bag).whole
    assert (bag / "bag.mcap").read_bytes() == before


_KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_bag import BagWriter, _fill
writer = BagWriter({bag!r})
_fill(writer, 4)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_loses_no_flushed_frame(tmp_path: Path) -> None:
    code = _KILLED.format(tests=str(Path(__file__).parent), bag=str(tmp_path / "bag"))
    done = subprocess.run([sys.executable, "-c", code], timeout=300, check=False)
    assert done.returncode == -9
    assert not bag_info(tmp_path / "bag").whole
    recover(tmp_path / "bag")
    assert len(open_bag(tmp_path / "bag")) == 4


def _limited(work: Callable[[], None], limit: int) -> None:
    """Run `work` in a child whose files may not grow past `limit` bytes, as on a full disk."""
    child = os.fork()
    if child == 0:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            work()
        except BagWriteError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_full_disk_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def work() -> None:
        with BagWriter(tmp_path / "bag") as writer:
            _fill(writer, 200)

    _limited(work, 60_000)
    assert not (tmp_path / "bag" / "metadata.yaml").exists()
    recover(tmp_path / "bag")
    assert len(open_bag(tmp_path / "bag")) > 0


def test_a_disk_that_fills_at_the_index_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "whole") as writer:
        _fill(writer, 5)
    size = (tmp_path / "whole" / "whole.mcap").stat().st_size

    def work() -> None:
        with BagWriter(tmp_path / "bag") as writer:
            _fill(writer, 5)

    _limited(work, size - 200)
    assert sorted(p.name for p in (tmp_path / "bag").iterdir()) == ["bag.mcap"]


def test_one_line_for_folders_that_cannot_be_written(tmp_path: Path, bag: Path) -> None:
    with pytest.raises(BagWriteError, match="exists already"):
        BagWriter(bag)
    (tmp_path / "file").touch()
    with pytest.raises(BagWriteError, match="cannot write the bag"):
        BagWriter(tmp_path / "file" / "bag")


def test_one_line_for_what_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no bag"):
        open_bag(tmp_path)
    with BagWriter(tmp_path / "empty"):
        pass
    with pytest.raises(InputError, match="no frame with colour, depth"):
        open_bag(tmp_path / "empty")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "x.mcap").write_bytes(b"something else entirely")
    with pytest.raises(InputError, match="no mcap"):
        bag_info(tmp_path / "x")


def test_depth_that_is_not_registered_is_refused(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        rgb, depth = _pictures(0)
        write_frame(writer, _stamp(0), rgb, depth[:12], CAMERA, np.eye(4), MOUNTING)
    with pytest.raises(InputError, match="not registered to colour: depth is 32 x 12"):
        list(open_bag(tmp_path / "bag"))
