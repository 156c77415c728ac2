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
from seal_policy.global_policy import make_policy
from seal_policy.goals import GoalConfig, GoalKeeper
from seal_policy.nodes.inputs import MAP_AND_POSE, read_step


class PolicyNode(SealNode):
    """Map and odometry of one stamp to `goal`, stamped like the frame it answers.

    Parameters: `policy` ("frontier", "random"), `seed`, `max_steps` (no goal from then on; 0 = no end), `goals.*`.
    """

    def __init__(self) -> None:
        super().__init__("policy")
        name = declare(self, "policy", "frontier", "goal policy")
        seed = declare(self, "seed", 0, "seed of the policy")
        self._max_steps = declare(self, "max_steps", 0, "actions in the run; 0 = unknown")
        self._keeper = GoalKeeper(make_policy(name, seed), declare_config(self, GoalConfig, "goals"))
        self._step = 0
        self._goal = self.advertise(PoseStamped, m.GOAL)
        self.match(MAP_AND_POSE, self._on_map)

    def _on_map(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        step, self._step = self._step, self._step + 1
        if self._max_steps and step >= self._max_steps:
            return
        obstacles, explored, T_map_base = read_step(parts)
        if not self._keeper.needs_goal(step, T_map_base, obstacles, explored):
            return
        x, y = self._keeper.next_goal(obstacles, explored, T_map_base, step)
        self._goal.publish(matrix_to_pose_stamped(planar_pose(x, y, 0.0), make_header(stamp_ns, m.MAP_FRAME)))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PolicyNode, "policy"))


if __name__ == "__main__":
    main()
