# SPDX-License-Identifier: Apache-2.0
"""Global policy: answers each frame with the goal in force."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import Image

from seal_mapping.nodes.mounting import declare_mounting
from seal_mapping.voxels.config import MapConfig
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.explore_topics import DrivePermission
from seal_perception.nodes.live_frames import LiveFrames
from seal_perception.nodes.params import declare, declare_config
from seal_perception.odometry.live import PoseConfig
from seal_policy.goals.manager import GoalManager, StepClock
from seal_policy.goals.rule import GoalConfig
from seal_policy.nodes.inputs import MAP_AND_POSE, declare_mode, goal_to_message, read_layers, read_step
from seal_policy.nodes.object_goals import ObjectGoals, ObjectGoalSettings
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.live import Course, LiveSearch
from seal_policy.planning.planner import PlannerConfig
from seal_policy.registry import NEED_UNCERTAINTY, NEED_VOLUME, make_policy


class PolicyNode(SealNode):
    """Answers each frame with the goal in force on `goal`: a new one when one is due, NaN before the first.

    The frame is a map and the pose at its stamp, and the goal has that stamp too. In lockstep a frame is a step; in
    paced mode `step_s` seconds are one, without the time in which `explore/status` says that the robot stands. Some
    policies also need `map/uncertainty` or `map/volume` of that stamp, which mapping publishes on request
    (`uncertainty`, `volume`).

    With `object_goals` (paced mode) a category on `object_goal` begins a search, which then says where to go.
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
            self._stood_s, self._time_s = 0.0, math.nan
            self._goals = GoalManager(make_policy(name, seed, planner, weights), goals)

        begin()
        self._permitted = DrivePermission(self) if paced else None
        self._goal = self.advertise(PoseStamped, m.GOAL)
        self._searches = self._declare_searches(planner, poses)
        more: dict[str, tuple[type, bool]] = {m.UNCERTAINTY: (OccupancyGrid, True)} if name in NEED_UNCERTAINTY else {}
        more |= {m.VOLUME: (Image, True)} if name in NEED_VOLUME else {}
        frames = self.match({**MAP_AND_POSE, **more}, self._on_frame, poses)
        if isinstance(frames, LiveFrames):  # after a jump the way so far is in another frame
            frames.on_fault = lambda _: begin()

    def _declare_searches(self, planner: PlannerConfig, poses: PoseConfig) -> ObjectGoals | None:
        """What the node's parameters `object_goals`, `search.*`, `map.*` and `mounting.*` ask for."""
        wanted = declare(self, "object_goals", False, "paced: hear object_goal, and search for what it names")
        config = declare_config(self, ObjectGoalConfig, "search")
        max_s = declare(self, "search_s", 600.0, "a search ends after so many seconds; 0 = never", minimum=0.0)
        map_config, mounting = declare_config(self, MapConfig, "map"), declare_mounting(self)
        late_s = declare(self, "max_late_s", 10.0, "searches: wait of pictures for their scores, in s", minimum=0.1)
        if not wanted:
            return None
        if self._step_clock is None:
            raise InputError("object_goals needs mode paced: in lockstep there is nobody to ask; see `seal objectnav`")
        driver = replace(config.explorer.driver, planner=planner)
        config = replace(config, explorer=replace(config.explorer, driver=driver))
        search = LiveSearch(map_config.names, config, lambda: self._goals, self._step_of, max_s)
        settings = ObjectGoalSettings(map_config, mounting, poses, late_s)
        return ObjectGoals(self, search, settings, self._driven_s, self._send)

    def _driven_s(self, time_s: float) -> float:
        """Time of a frame without that in which the robot might not drive: no goal is out of reach because it stood."""
        passed = time_s - self._time_s
        if not passed <= 0.0:
            self._time_s = time_s
            if self._permitted is not None and not self._permitted.given and math.isfinite(passed):
                self._stood_s += passed
        return time_s - self._stood_s

    def _step_of(self, driven_s: float) -> int:
        return self._frames if self._step_clock is None else self._step_clock.step(driven_s)

    def _send(self, course: Course, stamp_ns: int) -> None:
        self._goal.publish(goal_to_message(course.goal, course.heading, stamp_ns, self.frame(m.MAP_FRAME)))

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        step = self._step_of(self._driven_s(stamp_ns / m.NS))
        self._frames += 1
        if self._searches is not None and self._searches.active:
            return  # it answers the pictures itself
        if not (self._step_clock is None and 0 < self._max_steps <= step):  # no action follows a run's last frame
            self._goals.update(step, *read_step(parts), read_layers(parts))
        goal = self._goals.goal
        self._send(Course(goal, None if goal is None else self._goals.heading), stamp_ns)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PolicyNode, "policy"))


if __name__ == "__main__":
    main()
