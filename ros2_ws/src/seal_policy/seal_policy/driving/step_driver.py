# SPDX-License-Identifier: Apache-2.0
"""Drives to a goal in discrete steps: route when needed, then the next step, with recovery where nothing leads on.

The lockstep counterpart of `VelocityDriver`. The planner node feeds it messages, `Explorer` a world in the same
process; both take the same steps.
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
from seal_policy.driving.driver import Driver
from seal_policy.planning import tight_passage
from seal_policy.planning.local_policy import LocalConfig, LocalPolicy
from seal_policy.planning.motion import FORWARD_M, Point, Pose, action_target, moved, planar
from seal_policy.planning.planner import PlannerConfig, Route
from seal_policy.planning.terrain import Terrain

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepDriverConfig:
    """How steps are chosen, and what happens where none leads on."""

    planner: PlannerConfig = parameter(PlannerConfig(), "how the map is planned over")
    local: LocalConfig = parameter(LocalConfig(), "how steps are chosen")
    bump_ahead_m: float = parameter(
        0.28, "distance ahead at which an unseen obstacle is marked after a blocked step, in metres"
    )
    bump_steps: int = parameter(60, "steps for which such a mark is kept", minimum=1)
    detour_steps: float = parameter(
        4.0, "search for a manoeuvre if the local plan needs this many steps more than the field predicts"
    )
    long_manoeuvre: int = parameter(
        12, "search again with less clearance for a manoeuvre of more steps than this; the shorter one is taken"
    )
    squeeze_margin_m: float = parameter(
        0.03,
        "clearance beyond the robot's radius in that second search, in metres; not for `bump_steps` after a contact",
    )
    stall_steps: int = parameter(
        16, "replan and recover if the remaining path has not become shorter for this many steps", minimum=7
    )
    back_steps: int = parameter(2, "steps back on the robot's own track, as the last recovery behaviour", minimum=1)

    def __post_init__(self) -> None:
        if self.bump_steps < 1 or self.stall_steps < 7 or self.back_steps < 1:
            raise ValueError(
                "need bump_steps >= 1, stall_steps >= 7, back_steps >= 1; got "
                f"{self.bump_steps}, {self.stall_steps}, {self.back_steps}"
            )


class StepDriver(Driver):
    """Drives to the goal it is given, one discrete step at a time."""

    def __init__(self, config: StepDriverConfig | None = None) -> None:
        self.config = config or StepDriverConfig()
        super().__init__(self.config.planner)
        self._local = LocalPolicy(self.config.local)
        self._T_last: FloatArray | None = None
        self._last_action = Action.STOP
        self._turning = 0
        self._track: list[Action] = []
        self._recovery: list[Action] = []
        self._manoeuvre: list[Action] = []
        self._manoeuvre_clear_m = self.config.planner.grow_m
        self._squeeze_from = 0
        self._step = -1

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
        pose = self._note_step(explored, T_map_base, collided)
        return self._end_step(self._choose(obstacles, explored, pose, goal), T_map_base)

    def turn(self, explored: Grid2D, T_map_base: FloatArray, left: bool) -> Action:
        """A turn on the spot that the caller wants, in place of `act`; a recovery or manoeuvre under way ends."""
        self._note_step(explored, T_map_base, None)
        self._recovery, self._manoeuvre = [], []
        return self._end_step(Action.LEFT if left else Action.RIGHT, T_map_base)

    def _note_step(self, explored: Grid2D, T_map_base: FloatArray, collided: bool | None) -> Pose:
        """What became of the last action; returns where the robot now is."""
        self._step += 1
        self._new_floor.note(self._step, explored)
        pose = planar(T_map_base)
        if self._blocked(T_map_base) if collided is None else collided:
            self._note_collision(pose)
        elif self._last_action is not Action.STOP:
            self._track.append(self._last_action)
        return pose

    def _end_step(self, action: Action, T_map_base: FloatArray) -> Action:
        """Remember an action and the pose before it."""
        self._turning = {Action.LEFT: 1, Action.RIGHT: -1}.get(action, 0)
        self._last_action, self._T_last = action, np.array(T_map_base, dtype=np.float64)
        return action

    def _blocked(self, T_map_base: FloatArray) -> bool:
        """Whether a forward step was asked for and odometry has not moved."""
        if self._T_last is None or self._last_action is not Action.FORWARD:
            return False
        return not moved(self._T_last, T_map_base)

    def _note_collision(self, pose: Pose) -> None:
        """Mark something unseen ahead and drop the route."""
        self._mark_bump(pose, self.config.bump_ahead_m, self._step)
        self._recovery, self._manoeuvre = [], []
        self._squeeze_from = self._step + self.config.bump_steps
        self.route = None
        log.debug("step %d: blocked at (%.2f, %.2f)", self._step, *pose[:2])

    def _choose(self, obstacles: Grid2D, explored: Grid2D, pose: Pose, goal: Point | None) -> Action:
        """Recovery if one is under way, else a step down the route's field."""
        if goal is None:
            return Action.LEFT
        if self._recovery:
            return self._recovery.pop(0)
        self._forget_bumps(self._step, self.config.bump_steps)
        self._bumps = [bump for bump in self._bumps if not self._stands_in(bump[1], pose)]
        terrain = self._planner.terrain(obstacles, explored, [pose[:2], goal], [xy for _, xy in self._bumps])
        route = self._current_route(terrain, pose, goal)
        terrain = self._fitting(terrain)
        if self._manoeuvre:
            action = self._manoeuvre.pop(0)
            if action is not Action.FORWARD or self._local.is_clear(terrain, pose, self._manoeuvre_clear_m):
                self._progress_at = self._step
                return action
            self._manoeuvre = []
        self._note_progress(route.field.at(pose[:2]), self._step)
        if self._step - self._progress_at >= self.config.stall_steps:
            log.debug("step %d: no progress for %d steps", self._step, self.config.stall_steps)
            return self._recover()
        if math.dist(pose[:2], route.target_xy) < 0.5 * FORWARD_M:
            if route.boxed_in:
                self._bumps = []
                return self._recover()
            return Action.LEFT if self._turning >= 0 else Action.RIGHT
        return self._drive(terrain, route, pose)

    def _drive(self, terrain: Terrain, route: Route, pose: Pose) -> Action:
        """A step down the field; where the look ahead finds none that gets nearer, the first of a manoeuvre."""
        grow, field = self._kept_m(terrain, pose), route.field
        choice = self._local.choose(terrain, field, pose, grow, self._turning)
        self._manoeuvre_clear_m = grow
        expected = self._local.steps_left(field, pose) + self.config.detour_steps
        if choice is not None and choice.cost <= expected:
            return choice.action
        found = tight_passage.search(terrain, field, pose, self._local.needed(terrain, pose, grow))
        if self._step >= self._squeeze_from and (found is None or len(found) > self.config.long_manoeuvre):
            squeezed = self.config.planner.robot_radius_m + self.config.squeeze_margin_m
            tighter = tight_passage.search(terrain, field, pose, self._local.needed(terrain, pose, squeezed))
            if tighter is not None and (found is None or len(tighter) < len(found) - 4):
                found, self._manoeuvre_clear_m = tighter, squeezed
        log.debug("step %d: tight; %s", self._step, "no way" if found is None else f"{len(found)} steps")
        if found is not None:
            self._manoeuvre = found[1:]
            return found[0]
        if not self._bumps:
            self._close(terrain, route, pose)
        elif choice is not None or not self._steps_back():
            self._bumps, self.route = [], None  # perhaps they alone shut the robot in
        return choice.action if choice is not None else self._recover()

    def _leads_on(self, pose: Pose) -> bool:
        """Whether the manoeuvre under way also ends nearer to the goal of the route now in force."""
        assert self.route is not None
        T = planar_pose(*pose)
        for action in self._manoeuvre:
            T = T @ action_target(action)
        return self.route.field.at(T[:2, 3]) < self.route.field.at(pose[:2]) - FORWARD_M

    def _stands_in(self, bump: Point, pose: Pose) -> bool:
        """Whether a bump is where the robot's body now is: then nothing can be there."""
        return math.dist(bump, pose[:2]) <= self.config.planner.robot_radius_m

    def _close(self, terrain: Terrain, route: Route, pose: Pose) -> None:
        """Mark the narrowest place of the way ahead as blocked for a while, and plan anew."""
        path = route.field.descend(pose[:2])
        away = np.hypot(*(path - np.array(pose[:2])).T)
        ahead = path[(away > 0.2) & (away < 1.5)]
        if len(ahead):
            narrowest = min(ahead.tolist(), key=terrain.clearance_at)
            self._bumps.append((self._step, (narrowest[0], narrowest[1])))
        self.route = None

    def _current_route(self, terrain: Terrain, pose: Pose, goal: Point) -> Route:
        """The route in force; a new one for a new goal, or where the map changed under the path."""
        route = self.route
        if route is not None and route.goal_xy == goal:
            path = route.field.descend(pose[:2])
            if len(path) and not self._changed(self._fitting(terrain), route, path):
                return route
        if self._plan(terrain, pose, goal, self._step):
            self._turning = 0
            if not self._leads_on(pose):
                self._manoeuvre = []
        assert self.route is not None
        return self.route

    def _changed(self, terrain: Terrain, route: Route, path: FloatArray) -> bool:
        """Whether the rest of the path is now blocked, or leads over floor that was unknown and now is known."""
        clearance, cells = terrain.clearance, terrain.clearance.clipped_cells(path)
        near = np.hypot(*(path - path[0]).T) < self.config.planner.escape_m
        config = self._narrow.config if self.squeezes and self._narrow is not None else self.config.planner
        reach = clearance.cells[cells[:, 0], cells[:, 1]] + clearance.cell_m * (config.factor - 1)
        if bool((reach[~near] < config.grow_m).any()):
            return True
        known = {tuple(p): bool(e) for p, e in zip(route.path.tolist(), route.explored_on_path, strict=True)}
        now = terrain.explored[cells[:, 0], cells[:, 1]]
        return any(not known.get(tuple(p), True) and bool(n) for p, n in zip(path.tolist(), now, strict=True))

    def _recover(self) -> Action:
        """Turn round and go back on the own track, which is known to be free; then plan anew."""
        self.route = None
        self._progress_at = self._step
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
