# SPDX-License-Identifier: Apache-2.0
"""The recorder's core: one order in the bag, whatever order messages came in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recorder import _MOST_WAITING, _ODOM_WAITS_NS, APART, PACED, FrameRecorder
from seal_mapping.bags.writer import BagWriter
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.pose import camera_mounting, planar_pose

MOUNTING = camera_mounting(0.88)
CAMERA = Camera.from_hfov(16, 12, 1.2)


def _stamp(k: int) -> int:
    return m.NS * (1 + k)


def _messages(k: int) -> list[tuple[str, bytes]]:
    """Serialized messages of frame k."""
    rng, stamp = np.random.default_rng(k), _stamp(k)
    values = {
        m.COLOUR: bm.image_message(rng.integers(0, 256, (12, 16, 3), np.uint8), "rgb8", stamp),
        m.DEPTH: bm.image_message(rng.uniform(0, 5, (12, 16)).astype(np.float32), "32FC1", stamp),
        m.CAMERA_INFO: bm.camera_info_message(CAMERA, stamp),
        m.ODOM: bm.odometry_message(planar_pose(k, 0, 0), stamp),
        m.DETECTIONS: bm.text_message(m.detections_to_text(Detections.empty(12, 16), stamp)),
        m.GOAL: bm.pose_stamped_message(planar_pose(3, k, 0), stamp, m.MAP_FRAME),
        m.STEP: bm.pose_stamped_message(planar_pose(0.25, 0, 0), stamp, m.BASE_FRAME),
    }
    return [(topic, bm.encode(topic, value)) for topic, value in values.items()]


def _record(path: Path, order: list[int]) -> bytes:
    """Record three frames whose messages come shuffled among neighbours."""
    messages = [pair for k in range(3) for pair in _messages(k)]
    with BagWriter(path / "bag") as writer:
        recorder = FrameRecorder(writer, MOUNTING)
        for index in order:
            recorder.add(*messages[index])
        assert recorder.whole_frames() == 3
        recorder.flush(everything=True)
        assert recorder.frames == 3
    return (path / "bag" / "bag.mcap").read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_does_not_show(tmp_path: Path, seed: int) -> None:
    count = sum(len(_messages(k)) for k in range(3))
    rng = np.random.default_rng(seed)
    # Frames overlap by less than a frame, as in a lockstep run whose recorder lags.
    shuffled = sorted(range(count), key=lambda i: i + rng.uniform(0, 4))
    assert _record(tmp_path / "a", list(range(count))) == _record(tmp_path / "b", shuffled)


def test_a_whole_frame_is_safe_when_the_next_is_whole_or_after_two_flushes(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    recorder = FrameRecorder(writer, MOUNTING)
    for pair in _messages(0):
        recorder.add(*pair)
    assert recorder.frames == 0
    for pair in _messages(1):
        assert recorder.frames == 0
        recorder.add(*pair)
    assert recorder.frames == 1
    recorder.flush()
    assert recorder.frames == 1, "a late message may still come"
    recorder.flush()
    assert recorder.frames == 2
    writer.close()
    assert len(open_bag(tmp_path / "bag")) == 2


def test_a_late_message_is_kept(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        recorder = FrameRecorder(writer, MOUNTING, PACED)
        late = [pair for pair in _messages(0) if pair[0] == m.GOAL]
        for pair in _messages(0):
            if pair not in late:
                recorder.add(*pair)
        recorder.flush()
        recorder.flush()
        recorder.add(*late[0])
        assert writer.written[m.GOAL] == 1


def _paced(k: int, without: tuple[str, ...] = ()) -> list[tuple[str, bytes]]:
    return [pair for pair in _messages(k) if pair[0] not in (m.STEP, m.GOAL, *without)]


def test_in_paced_mode_a_picture_without_detections_is_kept_and_holds_nothing_up(tmp_path: Path) -> None:
    """The detector leaves frame 1 out; the map's answer to frame 0, a goal, comes late."""
    writer = BagWriter(tmp_path / "bag")
    recorder = FrameRecorder(writer, MOUNTING, PACED)
    for k, without in ((0, ()), (1, (m.DETECTIONS,)), (2, ())):
        for pair in _paced(k, without):
            recorder.add(*pair)
    assert writer.written[m.COLOUR] == 2 and recorder.is_whole(_stamp(2)) and not recorder.is_whole(_stamp(1))
    recorder.add(*next(pair for pair in _messages(0) if pair[0] == m.GOAL))
    recorder.flush(everything=True)
    writer.close()
    assert recorder.frames == 2 and not recorder.is_whole(0)
    bag = open_bag(tmp_path / "bag")
    assert len(bag) == 3 and bag.frames_with_detections == 2 and writer.written[m.GOAL] == 1
    assert [frame.detections is not None for frame in bag] == [True, False, True]


def test_in_paced_mode_pictures_do_not_wait_for_detections_without_end(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        recorder = FrameRecorder(writer, MOUNTING, PACED)
        late = []
        for k in range(_MOST_WAITING + 5):
            late.append(_paced(k)[-1])
            for pair in _paced(k, (m.DETECTIONS,)):
                recorder.add(*pair)
        assert writer.written[m.COLOUR] == 5
        for pair in late:
            assert pair[0] == m.DETECTIONS
            recorder.add(*pair)
    assert writer.written[m.COLOUR] == _MOST_WAITING + 4, "the last one waits for its goal"


def test_bytes_between_fields_are_cleared() -> None:
    topic, data = _messages(0)[2]
    assert topic == m.CAMERA_INFO
    dirty = bytearray(data)
    padding = 4 + 8 + 4 + len(m.CAMERA_FRAME) + 1
    assert dirty[padding] == 0 and padding % 4
    dirty[padding] = 0xA9
    assert bytes(dirty) != data and bm.canonical(topic, bytes(dirty)) == data


@pytest.mark.parametrize("heard", [False, True])
def test_a_robots_bag_leads_from_its_base_to_its_camera(tmp_path: Path, heard: bool) -> None:
    """With frames of its own, and /tf made from odometry and mounting, or recorded as it came."""
    frames = "locobot/odom", "locobot/base_footprint", m.CAMERA_FRAME
    mounting = camera_mounting(0.5, 0.1, left_m=0.03)
    with BagWriter(tmp_path / "bag") as writer:
        recorder = FrameRecorder(writer, None if heard else mounting, PACED, frames)
        if heard:
            writer.write(m.TF_STATIC, 1, bm.encode(m.TF_STATIC, bm.tf_message([(*frames[1:], mounting)], 0)))
        for k in range(3):
            for topic, data in _paced(k):
                if topic == m.ODOM:
                    odometry = bm.decode(data, bm.TOPIC_TYPES[topic])
                    odometry.header.frame_id, odometry.child_frame_id = frames[:2]
                    data = bm.encode(topic, odometry)
                recorder.add(topic, data)
        recorder.flush(everything=True)
        assert (writer.written[m.TF], writer.written[m.TF_STATIC]) == (0 if heard else 3, 1)
    for k, item in enumerate(open_bag(tmp_path / "bag")):
        np.testing.assert_allclose(item.frame.T_map_camera, planar_pose(k, 0, 0) @ mounting, atol=1e-9)


def test_frames_are_whole_where_odometry_has_stamps_of_its_own(tmp_path: Path) -> None:
    """On a robot no picture shares odometry's stamp: all of a run waited in memory, and was lost with the recorder."""
    writer = BagWriter(tmp_path / "bag")
    recorder = FrameRecorder(writer, MOUNTING, APART)
    for k in range(4):
        for beside_ns in (-7, 13):
            odometry = bm.odometry_message(planar_pose(k, 0, 0), _stamp(k) + beside_ns * 1_000_000)
            recorder.add(m.ODOM, bm.encode(m.ODOM, odometry))
        for pair in _paced(k, (m.ODOM,)):
            recorder.add(*pair)
    assert recorder.frames == 3 and writer.written[m.COLOUR] == 3, "written while the run goes on"
    late = bm.encode(m.ODOM, bm.odometry_message(planar_pose(1, 0, 0), _stamp(1)))
    recorder.add(m.ODOM, late)
    recorder.flush(everything=True)
    writer.close()
    assert recorder.frames == 4 and writer.written[m.ODOM] == writer.written[m.TF] == 9
    np.testing.assert_allclose(
        [item.frame.T_map_camera[0, 3] for item in open_bag(tmp_path / "bag")], range(4), atol=1e-9
    )


@pytest.mark.parametrize(("whole", "lacks"), [(APART, m.DEPTH), (PACED, m.DEPTH), (PACED, m.COLOUR), (PACED, None)])
def test_memory_stays_bounded_where_no_frame_becomes_whole(
    tmp_path: Path, whole: tuple[str, ...], lacks: str | None
) -> None:
    """Odometry at 50 Hz beside pictures at 5 Hz that lack a topic, or that never share a stamp with odometry."""
    seconds = 30
    least_ns, held = 20_000_000, 0
    given = dict(_messages(0))
    with BagWriter(tmp_path / "bag") as writer:
        recorder = FrameRecorder(writer, MOUNTING, whole)

        def add(topic: str, stamp: int) -> None:
            value = bm.decode(given[topic], bm.TOPIC_TYPES[topic])
            value.header.stamp.sec, value.header.stamp.nanosec = divmod(stamp, m.NS)
            recorder.add(topic, bm.encode(topic, value))

        for tick in range(seconds * 50):
            stamp = m.NS + tick * least_ns
            add(m.ODOM, stamp)
            if tick % 10 == 0:
                for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO):
                    if topic != lacks:
                        add(topic, stamp - 7_000_000)
            waiting = recorder._waiting.values()
            assert sum(not found.keys() <= {m.ODOM} for found in waiting) <= _MOST_WAITING
            held = max(held, sum(m.ODOM in found for found in waiting))
        assert held <= (0 if whole == APART else _ODOM_WAITS_NS // least_ns + 1)
        assert recorder.frames == 0
        recorder.flush(everything=True)
        assert writer.written[m.ODOM] == writer.written[m.TF] == seconds * 50 and writer.written[m.TF_STATIC] == 1
        for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO):
            assert writer.written[topic] == (0 if topic == lacks else seconds * 5)
