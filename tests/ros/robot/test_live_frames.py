# SPDX-License-Identifier: Apache-2.0
"""Outside lockstep: odometry has its own stamps, detectors are slow, and pictures are mapped where they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from tests.ros.robot.graph import Graph, Robot, graph, odometry, picture

from seal_mapping.nodes.mapping_node import MappingNode
from seal_perception import messages as m

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
        assert one.spin_until(lambda: len(taken) == 10), taken
        assert [stamp for stamp, _ in taken] == [m.NS + tick * 20 * MS for tick in range(2, 50, 5)]
        for (_, T), tick in zip(taken, range(2, 50, 5), strict=True):
            np.testing.assert_allclose(T[:3, 3], [0.02 * tick - 0.003, 0.0, 0.5], atol=1e-6)
        assert mapping._frames.dropped == 0


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
