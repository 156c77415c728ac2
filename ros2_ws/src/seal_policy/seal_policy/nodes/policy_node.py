# SPDX-License-Identifier: Apache-2.0
"""Global policy: answers each frame with the goal in force."""

from __future__ import annotations

import sys
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import Image

from seal_perception import messages as m
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.live_frames import LiveFrames
from seal_perception.nodes.params import declare, declare_config
from seal_perception.odometry.live import PoseConfig
from seal_policy.goals.manager import GoalManager, StepClock
from seal_policy.goals.rule import GoalConfig
from seal_policy.nodes.inputs import MAP_AND_POSE, declare_mode, goal_to_message, read_layers, read_step
from seal_policy.planning.planner import PlannerConfig
from seal_policy.registry import NEED_UNCERTAINTY, NEED_VOLUME, make_policy


class PolicyNode(SealNode):
    """Answers each frame with the goal in force on `goal`: a new one when one is due, NaN before the first.

    The frame is a map and the pose at its stamp, and the goal has that stamp too. In lockstep a frame is a step; in
    paced mode `step_s` seconds are one. Some policies also need `map/uncertainty` or `map/volume` of that stamp, which
    mapping publishes on request (`uncertainty`, `volume`).
    """

    def __init__(self) -> None:
        super().__init__("policy")
        name = declare(self, "policy", "frontier", "goal policy: frontier, random, gainful_views or a learned one")
        weights = declare(self, "policy_weights", "", "file of a learned policy, which needs one (`seal train-policy`)")
        seed = declare(self, "seed", 0, "seed of the policy", minimum=0)
        self._max_steps = declare(self, "max_steps", 0, "lockstep: actions in the run; 0 = unknown", minimum=0)
        goals = declare_config(self, GoalConfig, "goals")
        planner = declare_config(self, PlannerConfig, "planner")
        step_s = declare(self, "step_s", 0.7, "paced: seconds that count as one step for the goal manager")
        paced = declare_mode(self)
        poses = declare_config(self, PoseConfig, "odometry")

        def begin() -> None:
            self._step_clock = StepClock(step_s) if paced else None
            self._frames = 0
            self._goals = GoalManager(make_policy(name, seed, planner, weights), goals)

        begin()
        self._goal = self.advertise(PoseStamped, m.GOAL)
        more: dict[str, tuple[type, bool]] = {m.UNCERTAINTY: (OccupancyGrid, True)} if name in NEED_UNCERTAINTY else {}
        more |= {m.VOLUME: (Image, True)} if name in NEED_VOLUME else {}
        frames = self.match({**MAP_AND_POSE, **more}, self._on_frame, poses)
        if isinstance(frames, LiveFrames):  # after a jump the way so far is in another frame
            frames.on_fault = lambda _: begin()

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        step = self._step_clock.step(stamp_ns / m.NS) if self._step_clock is not None else self._frames
        self._frames += 1
        if not (self._step_clock is None and 0 < self._max_steps <= step):  # no action follows a run's last frame
            self._goals.update(step, *read_step(parts), read_layers(parts))
        frame = self.frame(m.MAP_FRAME)
        self._goal.publish(goal_to_message(self._goals.goal, self._goals.heading, stamp_ns, frame))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PolicyNode, "policy"))


if __name__ == "__main__":
    main()
