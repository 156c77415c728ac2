# SPDX-License-Identifier: Apache-2.0
"""Local planner: one step per frame towards the goal, or in paced mode speeds at their rate."""

from __future__ import annotations

import sys
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path

from seal_mapping.nodes.mounting import declare_mounting
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, matrix_to_pose_stamped, points_to_path
from seal_perception.nodes.params import declare, declare_config
from seal_perception.odometry.live import PoseConfig
from seal_perception.simulator import Action
from seal_policy.driving.guard import GuardConfig
from seal_policy.driving.step_driver import StepDriver, StepDriverConfig
from seal_policy.nodes.inputs import (
    MAP_AND_POSE,
    declare_laser,
    declare_mode,
    declare_step_driver,
    declare_velocity_driver,
    message_to_goal,
    read_step,
)
from seal_policy.nodes.paced_planner import PacedPlanner, PacedSettings
from seal_policy.planning.motion import action_target


class PlannerNode(SealNode):
    """Lockstep: map, odometry and goal of one stamp to `step` and `plan`.

    In paced mode a `PacedPlanner` publishes `cmd_vel` instead.
    """

    def __init__(self) -> None:
        super().__init__("planner")
        paced = declare_mode(self)
        config = declare_step_driver(self)
        self._max_steps = declare(self, "max_steps", 0, "lockstep: actions in the run; 0 = unknown", minimum=0)
        velocity_driver = declare_velocity_driver(self, config.planner)
        mounting = declare_mounting(self)
        command_hz = declare(self, "command_hz", 10.0, "paced: commands per second", minimum=0.0)
        use_scan = declare(self, "use_scan", False, "paced: also subscribe to a laser on scan")
        laser = declare_laser(self)
        poses, guard = declare_config(self, PoseConfig, "odometry"), declare_config(self, GuardConfig, "guard")
        enable = declare(self, "enable", False, "paced: may drive at once; false = when explore/enable is called")
        serve = declare(self, "serve_enable", True, "paced: serve explore/enable; false = another node does")
        stamped = declare(self, "cmd_vel_stamped", False, "paced: cmd_vel is TwistStamped instead of Twist")
        if not command_hz > 0:
            raise InputError(f"command_hz must be positive, got {command_hz}")
        self._paced: PacedPlanner | None = None
        if paced:
            laser_or_none = laser if use_scan else None
            settings = PacedSettings(
                velocity_driver, mounting, laser_or_none, command_hz, poses, guard, enable, serve, stamped
            )
            self._paced = PacedPlanner(self, settings)
        else:
            self._begin_lockstep(config)

    def on_dropped(self, what: str, error: ValueError) -> None:
        """Stand: what came cannot be used, so it is not known what is around."""
        if self._paced is not None:
            self._paced.refuse(f"{what} cannot be used: {error}")

    def halt(self) -> None:
        """Leave no command behind."""
        if self._paced is not None:
            self._paced.halt()

    def _begin_lockstep(self, config: StepDriverConfig) -> None:
        self._driver = StepDriver(config)
        self._step = 0
        self._step_topic = self.advertise(PoseStamped, m.STEP)
        self._plan = self.advertise(Path, m.PLAN)
        self.match({**MAP_AND_POSE, m.GOAL: (PoseStamped, False)}, self._on_frame)

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        if self._max_steps and self._step >= self._max_steps:
            self._answer(stamp_ns, Action.STOP)
            return
        obstacles, explored, T_map_base = read_step(parts)
        self._answer(stamp_ns, self._driver.act(obstacles, explored, T_map_base, message_to_goal(parts[m.GOAL])))
        if self._plan.get_subscription_count():
            self._plan.publish(points_to_path(self._driver.path, make_header(stamp_ns, self.frame(m.MAP_FRAME))))

    def _answer(self, stamp_ns: int, action: Action) -> None:
        self._step += 1
        header = make_header(stamp_ns, self.frame(m.BASE_FRAME))
        self._step_topic.publish(matrix_to_pose_stamped(action_target(action), header))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PlannerNode, "planner"))


if __name__ == "__main__":
    main()
