# SPDX-License-Identifier: Apache-2.0
"""Outside lockstep: odometry has its own stamps, detectors are slow, and pictures are mapped where they belong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tests.ros.robot.graph import Graph, Robot, graph, odometry, picture
from tests.ros.test_nodes import OTHERS, found_nothing

from seal_mapping.nodes import objects_topic
from seal_mapping.nodes.mapping_node import MappingNode
from seal_perception import messages as m
from seal_perception.categories import SIX, CategorySet
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.perception_node import PerceptionNode

pytestmark = pytest.mark.ros

MS = 1_000_000


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield lambda **parameters: graph(run_config(tmp_path).domain_id, lockstep="false", **parameters)


def _mapping_and_robot(one: Graph) -> tuple[Any, Robot]:
    mapping, robot = one.make(MappingNode), one.make(Robot)
    assert one.spin_until(robot.heard)
    return mapping, robot


def test_odometry_beside_the_camera_maps_every_picture_at_its_interpolated_pose(start: Callable[..., Any]) -> None:
    """Odometry at 50 Hz, 3 ms beside a camera of 10 Hz: no stamp is equal, and nothing was ever mapped."""
    with start(mounting__height_m=0.5) as one:
        mapping, robot = _mapping_and_robot(one)
        taken: list[tuple[int, np.ndarray]] = []
        mapping._map.integrate_scores = lambda frame, scores: taken.append((frame.stamp_ns, frame.T_map_camera))
        for tick in range(50):
            stamp = m.NS + tick * 20 * MS
            if tick % 5 == 2:
                robot.send(picture(stamp))
            robot.send({m.ODOM: odometry(stamp + 3 * MS, x=0.02 * tick)})
            one.spin_for(0.02)
        assert one.spin_until(lambda: len(taken) == 10), taken
        assert [stamp for stamp, _ in taken] == [m.NS + tick * 20 * MS for tick in range(2, 50, 5)]
        for (_, T), tick in zip(taken, range(2, 50, 5), strict=True):
            np.testing.assert_allclose(T[:3, 3], [0.02 * tick - 0.003, 0.0, 0.5], atol=1e-6)
        assert mapping._frames.dropped == 0


def test_a_slow_search_for_objects_leaves_the_time_to_the_frames(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a large map it took so long, every 50 frames, that the planner said "no map" and the robot stood."""
    real, called = objects_topic.propagate, []

    def slow(*given: Any, **more: Any) -> Any:
        called.append(time.monotonic())
        time.sleep(0.3)
        return real(*given, **more)

    monkeypatch.setattr(objects_topic, "propagate", slow)
    with start(mounting__height_m=0.5, objects_every=1) as one:
        mapping, robot = _mapping_and_robot(one)
        for tick in range(50):
            stamp = m.NS + tick * 20 * MS
            robot.send({m.ODOM: odometry(stamp, x=0.02 * tick)})
            if tick % 5 == 2:
                robot.send(picture(stamp))
            one.spin_for(0.02)
        assert one.spin_until(lambda: mapping._map.frames == 10), mapping._map.frames
        assert len(called) == 1 and mapping._found.from_s >= called[0] + 9.0
        mapping._found.from_s = 0.0
        robot.send({m.ODOM: odometry(2 * m.NS, x=1.0)})
        robot.send(picture(2 * m.NS))
        assert one.spin_until(lambda: len(called) == 2), "its time has come"


def test_scores_of_six_other_categories_are_not_mapped(start: Callable[..., Any]) -> None:
    """Their channels are as many as the map's: without the names a lamp would be mapped as a chair."""
    with start() as one:
        mapping, robot = _mapping_and_robot(one)
        teller = one.make(lambda: SealNode("teller"))
        told = teller.advertise(String, m.DETECTIONS)
        assert one.spin_until(told.get_subscription_count)

        def send(names: CategorySet, stamp: int) -> None:
            told.publish(found_nothing(names, stamp))
            assert one.spin_until(lambda: bool(mapping._list._refusal) == (names != SIX))
            robot.send({m.ODOM: odometry(stamp - 3 * MS), **picture(stamp)})
            robot.send({m.ODOM: odometry(stamp + 3 * MS)})

        send(OTHERS, m.NS)
        assert one.spin_until(lambda: mapping.dropped["frames"] == 1) and mapping._map.frames == 0
        assert mapping.dropped["messages on semantic/detections"] == 1
        send(SIX, m.NS + 100 * MS)  # perception was started anew
        assert one.spin_until(lambda: mapping._map.frames == 1) and mapping.dropped["frames"] == 1


def test_a_picture_without_odometry_is_dropped_and_it_is_said(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with start(odometry__wait_s=0.3) as one:
        mapping, robot = _mapping_and_robot(one)
        robot.send({m.ODOM: odometry(m.NS)})
        robot.send(picture(m.NS + 40 * MS))
        said: list[str] = []

        def heard() -> bool:
            said.append(capfd.readouterr().err)
            return "without a pose were dropped, by /odom: 1 with no odometry after it came in time" in "".join(said)

        assert one.spin_until(heard), "".join(said)
        assert mapping._frames.dropped == 1 and mapping._map.frames == 0


def test_a_slow_detector_takes_the_newest_picture(start: Callable[..., Any]) -> None:
    """60 pictures come while it looks at the first one: it goes on with the last, and nothing queues up."""
    with start(weights="none") as one:
        perception, robot, listener = one.make(PerceptionNode), one.make(Robot), one.make(lambda: SealNode("listener"))
        answered: list[int] = []
        listener.subscribe(Image, m.SCORES, lambda msg: answered.append(m.header_stamp_ns(msg)))
        assert one.spin_until(lambda: robot.heard(m.COLOUR) and perception._scores.get_subscription_count() > 0)
        for k in range(60):
            robot.send({m.COLOUR: picture((k + 1) * m.NS // 30)[m.COLOUR]})
        assert one.spin_until(lambda: 60 * m.NS // 30 in answered)
        one.spin_for(0.5)
        assert len(answered) <= 2 and answered[-1] == 2 * m.NS


def test_late_scores_are_told_of_and_the_next_in_time_are_mapped(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with start(max_late_s=0.5) as one:
        mapping, robot = _mapping_and_robot(one)
        robot.send({m.ODOM: odometry(m.NS // 2)})
        shown = [picture(m.NS + k * m.NS // 10) for k in range(20)]
        for messages in shown:
            robot.send({topic: msg for topic, msg in messages.items() if topic != m.SCORES})
        robot.send({m.ODOM: odometry(3 * m.NS)})
        one.spin_until(lambda: mapping._frames.dropped >= 14)
        robot.send({m.SCORES: shown[1][m.SCORES]})
        said: list[str] = []

        def heard() -> bool:
            said.append(capfd.readouterr().err)
            return "scores are 1.8 s late: 1 came when their pictures had been dropped" in "".join(said)

        assert one.spin_until(heard), "".join(said)
        robot.send({m.SCORES: shown[18][m.SCORES]})
        one.spin_for(0.3)
        assert mapping._map.frames == 0, "between 0.5 s and 3 s is a gap of odometry"
        assert mapping._frames.dropped == 20 - 1


def test_after_a_jump_of_odometry_nothing_is_mapped_until_the_map_is_reset(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """The map was doubled: 1 m beside itself."""
    with start() as one:
        mapping, robot = _mapping_and_robot(one)

        def show(begin: int, x: float) -> None:
            for k in range(begin, begin + 5):
                robot.send(picture(m.NS + k * 100 * MS))
                robot.send({m.ODOM: odometry(m.NS + k * 100 * MS, x=x)})
                one.spin_for(0.05)

        show(0, 0.0)
        assert mapping._map.frames == 5
        show(5, 1.0)
        one.spin_for(0.3)
        assert mapping._map.frames == 5 and mapping.void.startswith("odometry jumped by 1.00 m")
        assert "the map is void, no more frames are mapped; call map/reset" in capfd.readouterr().err
        client = robot.create_client(Trigger, "map/reset")
        assert one.spin_until(client.service_is_ready)
        answer = client.call_async(Trigger.Request())
        assert one.spin_until(answer.done) and "forgotten: 5 frames" in answer.result().message
        show(10, 1.0)
        assert mapping._map.frames == 5 and not mapping.void, "of the new map"


def test_stamps_that_go_back_are_told_and_mapping_goes_on(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with start() as one:
        mapping, robot = _mapping_and_robot(one)
        for begin_s in (100, 40):
            for k in range(5):
                stamp = begin_s * m.NS + k * 100 * MS
                robot.send(picture(stamp))
                robot.send({m.ODOM: odometry(stamp)})
                one.spin_for(0.05)
        assert one.spin_until(lambda: mapping._map.frames >= 9)
        assert "/odom: stamps went back by 60.40 s; what waited is dropped" in capfd.readouterr().err


def test_another_robots_frames_and_a_second_camera_are_told(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """`locobot/odom` was mapped as `odom`, and two cameras into one map, without a word."""
    with start(odometry__odom_frame="odom", odometry__base_frame="base_link") as one:
        _, robot = _mapping_and_robot(one)
        other = odometry(m.NS)
        other.header.frame_id = "locobot/odom"
        robot.send({m.ODOM: other})
        for k, frame_id in enumerate(("left_optical", "right_optical")):
            message = picture(m.NS + k * 100 * MS)[m.DEPTH]
            message.header.frame_id = frame_id
            robot.send({m.DEPTH: message})
            one.spin_for(0.1)
        one.spin_for(0.2)
        said = capfd.readouterr().err
        assert "odometry's frame_id is 'locobot/odom', expected is 'odom': is this the robot that is meant?" in said
        assert "camera/depth/image_raw dropped: it is in the frame 'right_optical', before in 'left_optical'" in said


@pytest.mark.parametrize("what", ["empty", "encoding", "cut"])
def test_an_odd_picture_does_not_end_perception(start: Callable[..., Any], what: str) -> None:
    with start(weights="none", qos__camera_color_image_raw__depth=10) as one:
        perception, robot, listener = one.make(PerceptionNode), one.make(Robot), one.make(lambda: SealNode("listener"))
        answered: list[int] = []
        listener.subscribe(Image, m.SCORES, lambda msg: answered.append(m.header_stamp_ns(msg)))
        assert one.spin_until(lambda: robot.heard(m.COLOUR) and perception._scores.get_subscription_count() > 0)
        odd, good = picture(m.NS)[m.COLOUR], picture(2 * m.NS)[m.COLOUR]
        if what == "empty":
            odd.width, odd.height, odd.step, odd.data = 0, 0, 0, []
        elif what == "encoding":
            odd.encoding = "32FC1"
        else:
            odd.data = odd.data[:50]
        robot.send({m.COLOUR: odd})
        robot.send({m.COLOUR: good})
        assert one.spin_until(lambda: answered == [2 * m.NS])
        assert sum(perception.dropped.values()) == 1
