# SPDX-License-Identifier: Apache-2.0
"""Global policy: says where to go next whenever a new goal is due."""

from __future__ import annotations

import sys
from typing import Any

from geometry_msgs.msg import PoseStamped

from seal_perception import messages as m
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, matrix_to_pose_stamped
from seal_perception.nodes.params import declare, declare_config
from seal_perception.pose import planar_pose
from seal_policy.goals.policy import make_policy
from seal_policy.goals.rule import GoalConfig, GoalKeeper
from seal_policy.goals.ticks import GoalTicks
from seal_policy.nodes.inputs import MAP_AND_POSE, declare_mode, read_step
from seal_policy.planning.planner import PlannerConfig


class PolicyNode(SealNode):
    """Map and odometry of one stamp to `goal`, stamped like the frame it answers; paced: steps of `step_s` seconds."""

    def __init__(self) -> None:
        super().__init__("policy")
        name = declare(self, "policy", "frontier", "goal policy")
        seed = declare(self, "seed", 0, "seed of the policy", minimum=0)
        self._max_steps = declare(self, "max_steps", 0, "actions in the run; 0 = unknown", minimum=0)
        goals = declare_config(self, GoalConfig, "goals")
        planner = declare_config(self, PlannerConfig, "planner")
        step_s = declare(self, "step_s", 0.7, "paced: seconds that count as one step of the goals' rule")
        self._step = 0
        self._goal = self.advertise(PoseStamped, m.GOAL)
        if declare_mode(self):
            self._ticks = GoalTicks(make_policy(name, seed, planner), goals, step_s)
            self.match(MAP_AND_POSE, self._on_map_paced)
        else:
            self._keeper = GoalKeeper(make_policy(name, seed, planner), goals)
            self.match(MAP_AND_POSE, self._on_map)

    def _on_map_paced(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        obstacles, explored, T_map_base = read_step(parts)
        goal = self._ticks.update(stamp_ns / m.NS, obstacles, explored, T_map_base)
        if goal is not None:
            self._publish(stamp_ns, *goal)

    def _on_map(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        step, self._step = self._step, self._step + 1
        if self._max_steps and step >= self._max_steps:
            return
        obstacles, explored, T_map_base = read_step(parts)
        if not self._keeper.needs_goal(step, T_map_base, obstacles, explored):
            return
        self._publish(stamp_ns, *self._keeper.next_goal(obstacles, explored, T_map_base, step))

    def _publish(self, stamp_ns: int, x: float, y: float) -> None:
        self._goal.publish(matrix_to_pose_stamped(planar_pose(x, y, 0.0), make_header(stamp_ns, m.MAP_FRAME)))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PolicyNode, "policy"))


if __name__ == "__main__":
    main()
