# SPDX-License-Identifier: Apache-2.0
"""One step of exploring: goal when due, plan when needed, then an action.

The policy node owns a `GoalKeeper`, the planner node a `Navigator` and a `GoalClock`; `Explorer` is both in one
process. All three run the same objects, so a run over ROS in lockstep and one in a process take the same steps.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.pose import planar_pose
from seal_perception.simulator import Action
from seal_perception.types import FloatArray
from seal_policy.goals.policy import GlobalPolicy, Point
from seal_policy.goals.rule import GoalConfig, GoalKeeper
from seal_policy.planning.local_policy import LocalConfig, LocalPolicy
from seal_policy.planning.motion import FORWARD_M, action_target, moved, planar
from seal_policy.planning.planner import Plan, Planner, PlannerConfig
from seal_policy.planning.terrain import Terrain
from seal_policy.planning.tight_passage import find_manoeuvre

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplorerConfig:
    """Everything that decides the robot's steps but the goal policy itself."""

    goals: GoalConfig = parameter(GoalConfig(), "when goals are renewed")
    planner: PlannerConfig = parameter(PlannerConfig(), "how the map is planned over")
    local: LocalConfig = parameter(LocalConfig(), "how steps are chosen")
    bump_ahead_m: float = parameter(
        0.28, "distance ahead at which an unseen obstacle is marked after a blocked step, in metres"
    )
    bump_steps: int = parameter(60, "steps for which such a mark stays", minimum=1)
    detour_steps: float = parameter(
        4.0, "search for a manoeuvre if the look ahead needs so many steps more than the field asks for"
    )
    long_manoeuvre: int = parameter(
        12, "a manoeuvre of more steps is searched for again with less clearance, and taken if shorter"
    )
    squeeze_margin_m: float = parameter(
        0.03,
        "clearance beyond the robot's radius in that second search, in metres; not for `bump_steps` after a contact",
    )
    stall_steps: int = parameter(
        16, "replan and recover if the way left has not become shorter for so many steps", minimum=7
    )
    back_steps: int = parameter(2, "steps back on the robot's own track when nothing else is left", minimum=1)

    def __post_init__(self) -> None:
        if self.bump_steps < 1 or self.stall_steps < 7 or self.back_steps < 1:
            raise ValueError(
                "need bump_steps >= 1, stall_steps >= 7, back_steps >= 1; got "
                f"{self.bump_steps}, {self.stall_steps}, {self.back_steps}"
            )


class Navigator:
    """The planner's side: drives to the goal it is given, one discrete step at a time."""

    def __init__(self, config: ExplorerConfig | None = None) -> None:
        self.config = config or ExplorerConfig()
        self._planner = Planner(self.config.planner)
        self._local = LocalPolicy(self.config.local)
        self.plan: Plan | None = None
        self.replans = 0
        self._T_last: FloatArray | None = None
        self._last_action = Action.STOP
        self._turning = 0
        self._bumps: list[tuple[int, Point]] = []
        self._track: list[Action] = []
        self._recovery: list[Action] = []
        self._manoeuvre: list[Action] = []
        self._manoeuvre_clear_m = self.config.planner.grow_m
        self._squeeze_from = 0
        self._best_left = math.inf
        self._best_step = 0
        self._step = -1

    @property
    def path(self) -> FloatArray:
        """(N, 2) metres, the plan to follow; empty without one."""
        return self.plan.path if self.plan is not None else np.zeros((0, 2))

    def act(
        self,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: FloatArray,
        goal: Point | None,
        collided: bool | None = None,
    ) -> Action:
        """The next action; call once per step.

        Args:
            obstacles: map of the same stamp as the pose.
            explored: aligned with `obstacles`.
            T_map_base: (4, 4) pose of the robot.
            goal: x, y in metres, map frame; None = none yet: look around to the left.
            collided: whether the last action was blocked; None = tell from odometry (forward asked, not moved).
        """
        self._step += 1
        pose = planar(T_map_base)
        if collided is None:
            collided = self._blocked(T_map_base)
        if collided:
            self._note_collision(pose)
        elif self._last_action is not Action.STOP:
            self._track.append(self._last_action)
        action = self._choose(obstacles, explored, pose, goal)
        self._turning = {Action.LEFT: 1, Action.RIGHT: -1}.get(action, 0)
        self._last_action, self._T_last = action, np.array(T_map_base, dtype=np.float64)
        return action

    def _blocked(self, T_map_base: FloatArray) -> bool:
        """Whether a forward step was asked for and odometry has not moved."""
        if self._T_last is None or self._last_action is not Action.FORWARD:
            return False
        return not moved(self._T_last, T_map_base)

    def _note_collision(self, pose: tuple[float, float, float]) -> None:
        """Mark something unseen ahead and drop the plan."""
        x, y, yaw = pose
        ahead = self.config.bump_ahead_m
        self._bumps.append((self._step, (x + ahead * math.cos(yaw), y + ahead * math.sin(yaw))))
        self._recovery, self._manoeuvre = [], []
        self._squeeze_from = self._step + self.config.bump_steps
        self.plan = None
        log.debug("step %d: blocked at (%.2f, %.2f)", self._step, x, y)

    def _choose(
        self, obstacles: Grid2D, explored: Grid2D, pose: tuple[float, float, float], goal: Point | None
    ) -> Action:
        """Recovery if one is under way, else a step down the plan's field."""
        if goal is None:
            return Action.LEFT
        if self._recovery:
            return self._recovery.pop(0)
        self._bumps = [bump for bump in self._bumps if self._holds(bump, pose)]
        terrain = self._planner.terrain(obstacles, explored, [pose[:2], goal], [xy for _, xy in self._bumps])
        plan = self._current_plan(terrain, pose, goal)
        if self._manoeuvre:
            action = self._manoeuvre.pop(0)
            if action is not Action.FORWARD or self._local.is_clear(terrain, pose, self._manoeuvre_clear_m):
                self._best_step = self._step
                return action
            self._manoeuvre = []
        left = plan.field.at(pose[:2])
        if left < self._best_left - 0.1:
            self._best_left, self._best_step = left, self._step
        if self._step - self._best_step >= self.config.stall_steps:
            log.debug("step %d: no progress for %d steps", self._step, self.config.stall_steps)
            return self._recover()
        if math.dist(pose[:2], plan.target_xy) < 0.5 * FORWARD_M:
            if plan.boxed_in:
                self._bumps = []
                return self._recover()
            return Action.LEFT if self._turning >= 0 else Action.RIGHT
        return self._drive(terrain, plan, pose)

    def _drive(self, terrain: Terrain, plan: Plan, pose: tuple[float, float, float]) -> Action:
        """A step down the field; where the look ahead finds none that gets nearer, the first of a manoeuvre."""
        grow, field = self.config.planner.grow_m, plan.field
        choice = self._local.choose(terrain, field, pose, grow, self._turning)
        self._manoeuvre_clear_m = grow
        expected = self._local.steps_left(field, pose) + self.config.detour_steps
        if choice is not None and choice.cost <= expected:
            return choice.action
        found = find_manoeuvre(terrain, field, pose, self._local.needed(terrain, pose, grow))
        if self._step >= self._squeeze_from and (found is None or len(found) > self.config.long_manoeuvre):
            squeezed = self.config.planner.robot_radius_m + self.config.squeeze_margin_m
            tighter = find_manoeuvre(terrain, field, pose, self._local.needed(terrain, pose, squeezed))
            if tighter is not None and (found is None or len(tighter) < len(found) - 4):
                found, self._manoeuvre_clear_m = tighter, squeezed
        log.debug("step %d: tight; %s", self._step, "no way" if found is None else f"{len(found)} steps")
        if found is not None:
            self._manoeuvre = found[1:]
            return found[0]
        if not self._bumps:
            self._close(terrain, plan, pose)
        elif choice is not None or not self._steps_back():
            self._bumps, self.plan = [], None  # perhaps they alone shut the robot in
        return choice.action if choice is not None else self._recover()

    def _leads_on(self, pose: tuple[float, float, float]) -> bool:
        """Whether the manoeuvre under way also ends nearer to the goal of the plan now in force."""
        assert self.plan is not None
        T = planar_pose(*pose)
        for action in self._manoeuvre:
            T = T @ action_target(action)
        return self.plan.field.at(T[:2, 3]) < self.plan.field.at(pose[:2]) - FORWARD_M

    def _holds(self, bump: tuple[int, Point], pose: tuple[float, float, float]) -> bool:
        """Whether a bump is fresh, and not where the robot's body now is: it cannot be there."""
        since, xy = bump
        fresh = self._step - since < self.config.bump_steps
        return fresh and math.dist(xy, pose[:2]) > self.config.planner.robot_radius_m

    def _close(self, terrain: Terrain, plan: Plan, pose: tuple[float, float, float]) -> None:
        """Mark the narrowest place of the way ahead as blocked for a while, and plan anew."""
        path = plan.field.descend(pose[:2])
        away = np.hypot(*(path - np.array(pose[:2])).T)
        ahead = path[(away > 0.2) & (away < 1.5)]
        if len(ahead):
            narrowest = min(ahead.tolist(), key=terrain.clearance_at)
            self._bumps.append((self._step, (narrowest[0], narrowest[1])))
        self.plan = None

    def _current_plan(self, terrain: Terrain, pose: tuple[float, float, float], goal: Point) -> Plan:
        """The plan in force; a new one for a new goal, or where the map changed under the path."""
        plan = self.plan
        if plan is not None and plan.goal_xy == goal:
            path = plan.field.descend(pose[:2])
            if len(path) and not self._changed(terrain, plan, path):
                return plan
        new_goal = plan is None or plan.goal_xy != goal
        self.plan = self._planner.plan_on(terrain, pose[:2], goal)
        self.replans += 1
        left = self.plan.field.at(pose[:2])
        if new_goal:
            self._turning = 0
            if not self._leads_on(pose):
                self._manoeuvre = []
            self._best_left, self._best_step = left, self._step
        else:
            self._best_left = max(self._best_left, left)
        return self.plan

    def _changed(self, terrain: Terrain, plan: Plan, path: FloatArray) -> bool:
        """Whether the rest of the path is now blocked, or leads over floor that was unknown and now is known."""
        cells = np.array([terrain.cell(p) for p in path])
        near = np.hypot(*(path - path[0]).T) < self.config.planner.escape_m
        factor = self.config.planner.factor
        reach = terrain.clearance[cells[:, 0], cells[:, 1]] + terrain.cell_m * (factor - 1)
        if bool((reach[~near] < self.config.planner.grow_m).any()):
            return True
        known = {tuple(p): bool(e) for p, e in zip(plan.path.tolist(), plan.explored_on_path, strict=True)}
        now = terrain.explored[cells[:, 0], cells[:, 1]]
        return any(not known.get(tuple(p), True) and bool(n) for p, n in zip(path.tolist(), now, strict=True))

    def _recover(self) -> Action:
        """Turn round and go back on the own track, which is known to be free; then plan anew."""
        self.plan = None
        self._best_step = self._step
        back = self._steps_back()
        self._recovery = [Action.LEFT] * 6 + [Action.FORWARD] * back if back else [Action.LEFT] * 3
        self._track = []
        log.debug("step %d: recovers, %d steps back", self._step, back)
        return self._recovery.pop(0)

    def _steps_back(self) -> int:
        """Steps that the robot has just driven straight ahead: it can go them back."""
        back = 0
        for action in reversed(self._track):
            if action is not Action.FORWARD or back == self.config.back_steps:
                break
            back += 1
        return back


class Explorer:
    """Goal policy and navigation in one process."""

    def __init__(self, policy: GlobalPolicy, config: ExplorerConfig | None = None) -> None:
        self.config = config or ExplorerConfig()
        self.keeper = GoalKeeper(policy, self.config.goals)
        self.navigator = Navigator(self.config)
        self.goal_given = False
        self._asked = -1

    @property
    def goal(self) -> Point | None:
        """The goal in force."""
        return self.keeper.clock.goal

    def due(self, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray, step: int) -> bool:
        """Whether `act` will ask for a goal at this step; looked up once per step, however often it is asked."""
        if step != self._asked:
            self._asked = step
            self.goal_given = self.keeper.needs_goal(step, T_map_base, obstacles, explored)
        return self.goal_given

    def act(self, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray, step: int) -> Action:
        """The action after `step` actions, on the map that holds the frame of that step; once per step."""
        if self.due(obstacles, explored, T_map_base, step):
            self.keeper.next_goal(obstacles, explored, T_map_base, step)
        return self.navigator.act(obstacles, explored, T_map_base, self.goal)
