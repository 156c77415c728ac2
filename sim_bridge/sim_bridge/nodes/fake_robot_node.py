# SPDX-License-Identifier: Apache-2.0
"""A LoCoBot without hardware: the embedded simulator behind the topics, stamps and habits of the real one."""

from __future__ import annotations

import heapq
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_time
from seal_perception.nodes.params import declare, declare_config
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.fake_robot.faces import camera_topics
from sim_bridge.fake_robot.robot import FakeRobot, FakeRobotConfig, Sent
from sim_bridge.fake_robot.truth import TruthLog
from sim_bridge.nodes.fake_topics import BaseTopics, CameraTopicsOut
from sim_bridge.worlds import open_simulator

_PERIOD_S = 0.005
_CLOCK_NS = 20_000_000
"""Between two messages on /clock."""
_STEP_NS = 50_000_000
"""Simulated time takes no longer step: on a machine that is too slow it runs more slowly instead."""


class FakeRobotNode(SealNode):
    """A LoCoBot's base and camera in a home, in real time or by a clock of its own; it stands until told a speed.

    Odometry and pictures have stamps of their own and arrive late, some pictures are lost, the base stops by itself
    only after its watchdog's time. Services `fake/cliff`, `fake/wheel_drop` and `fake/silence` (std_srvs/SetBool) make
    sensors tell of these, and end all messages.
    """

    def __init__(self) -> None:
        super().__init__("fake_robot")
        self.lockstep = False  # a robot does not wait
        scene = declare(self, "scene", "test_01", "name of a home, or a scene folder")
        seed = declare(self, "seed", 0, "start pose; 0 = the scene's own", minimum=0)
        robot_name = declare(self, "robot_name", "locobot", "stands before the robot's topics and frames")
        driver = declare(self, "camera_driver", "4.54", "realsense2_camera: 4.54 = up to 4.54.1, 4.55 = from 4.55.1")
        best_effort = declare(self, "camera_best_effort", False, "the camera offers best effort instead of reliable")
        frame = declare(self, "camera_frame", "camera_color_optical_frame", "frame of the pictures")
        self._truth_path = declare(self, "truth_path", "", "file for the true poses, for evaluation; empty = none")
        self._truth = TruthLog()
        self._factor = declare(
            self,
            "real_time_factor",
            0.0,
            "simulated seconds per second, told on /clock; 0 = the system's clock, as a robot",
            minimum=0.0,
        )
        config = declare_config(self, FakeRobotConfig, "fake")
        sim = declare_config(self, EmbeddedConfig, "sim")
        self._world = open_simulator(scene, sim)
        self._world.reset(seed)
        self._time = self.advertise(Clock, "/clock", depth=1) if self._factor else None
        self._looked_ns = self.steady.now().nanoseconds
        self._simulated_ns, self._clock_due_ns = self.get_clock().now().nanoseconds, 0
        self.robot = FakeRobot(self._world, config, self.get_clock().now().nanoseconds)
        topics = camera_topics(driver, robot_name, frame)
        mounting = self._world.T_base_camera
        self._base = BaseTopics(self, config.base, robot_name, self.robot.command, mounting, topics.frame)
        self._camera = CameraTopicsOut(self, topics, self._world.camera, best_effort)
        self._order = itertools.count()
        self._on_their_way: list[tuple[int, int, Sent]] = []
        self._silent = False
        self._serve("fake/cliff", lambda on: setattr(self.robot.base, "cliff", on))
        self._serve("fake/wheel_drop", lambda on: setattr(self.robot.base, "wheel_drop", on))
        self._serve("fake/silence", lambda on: setattr(self, "_silent", on))
        self.create_timer(_PERIOD_S, self._tick, clock=self.steady)

    def _serve(self, name: str, use: Callable[[bool], None]) -> None:
        def answer(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
            use(bool(request.data))
            response.success = True
            return response

        self.create_service(SetBool, name, answer)

    def _now_ns(self) -> int:
        """The system's time, or that of the simulation, which is told from here."""
        if self._time is None:
            return int(self.get_clock().now().nanoseconds)
        steady_ns = self.steady.now().nanoseconds
        self._simulated_ns += min(_STEP_NS, round((steady_ns - self._looked_ns) * self._factor))
        self._looked_ns = steady_ns
        if self._simulated_ns >= self._clock_due_ns:
            self._clock_due_ns = self._simulated_ns + _CLOCK_NS
            self._time.publish(Clock(clock=make_time(self._simulated_ns)))
        return self._simulated_ns

    def _tick(self) -> None:
        """Let time run until now, and send what arrives now."""
        for sent in self.robot.advance(self._now_ns()):
            heapq.heappush(self._on_their_way, (sent.due_ns, next(self._order), sent))
            if self._truth_path and sent.picture is not None:  # the world still stands where the picture was taken
                T, claimed = self._world.T_world_base, sent.picture.T_odom_base
                self._truth.add(sent.stamp_ns, sent.depth, T, claimed, self.robot.contacts)
        now_ns = self._now_ns()  # a picture takes its time
        while self._on_their_way and self._on_their_way[0][0] <= now_ns:
            sent = heapq.heappop(self._on_their_way)[2]
            if self._silent:
                continue
            if sent.picture is None:
                self._base.publish(sent)
            else:
                self._camera.publish(sent)

    def close(self) -> None:
        """Say how it went, and free the simulator."""
        moved, left_out = self.robot.base.moved_m, self.robot.left_out_s
        slow = f"; this machine was too slow for {left_out:.1f} s of it" if left_out else ""
        self.get_logger().info(f"{moved:.2f} m driven, {self.robot.contacts} contacts{slow}")
        self._world.close()
        if self._truth_path:
            self._truth.write(Path(self._truth_path), left_out)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(FakeRobotNode, "fake_robot"))


if __name__ == "__main__":
    main()
