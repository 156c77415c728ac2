# SPDX-License-Identifier: Apache-2.0
"""Drives a robot at a speed: map, goal, odometry and what the sensors show now, to the speed to drive at.

The paced counterpart of `StepDriver`, over the same planner. It does not know where its inputs come from: the planner
node feeds it messages, `seal_bringup.paced.run` a world in the same process.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from seal_perception.camera import Camera
from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.pose import camera_mounting
from seal_perception.simulator import LaserScan
from seal_perception.types import FloatArray
from seal_policy.driving.driver import Driver
from seal_policy.driving.rolling_grid import RollingGrid, RollingGridConfig
from seal_policy.driving.velocity import Clearance, Velocity, VelocityConfig, VelocityPolicy
from seal_policy.planning.motion import Point, Pose, planar, wrap
from seal_policy.planning.planner import TIGHT, PlannerConfig, Route
from seal_policy.planning.terrain import Terrain

log = logging.getLogger(__name__)

STOP = Velocity()
_FACED_RAD, _LEAST_RADPS, _TURN_GAIN = 0.08, 0.2, 1.5
"""To face a heading: within this it stands; slowest turn; rad/s per rad that is left."""
_STRAIGHT_RADPS, _SWEPT_RAD = 0.1, math.pi / 4
"""Slower turns count as straight ahead; on an arc, a round robot touches things on its inner side."""


@dataclass(frozen=True)
class VelocityDriverConfig:
    """When to plan anew, and what to do when nothing leads on."""

    planner: PlannerConfig = parameter(TIGHT, "how the map is planned over")
    velocity: VelocityConfig = parameter(VelocityConfig(), "how fast to drive")
    rolling_grid: RollingGridConfig = parameter(RollingGridConfig(), "what counts as an obstacle near the robot")
    replan_s: float = parameter(1.0, "maximum time between plans, in seconds", minimum=0.0)
    look_radps: float = parameter(0.8, "rate of turn while there is no goal, and at the goal, in rad/s", minimum=0.0)
    arrive_m: float = parameter(0.15, "distance to the route's end that counts as arrived, in metres", minimum=0.0)
    stall_s: float = parameter(
        8.0, "back up and replan if the remaining path has not become shorter for this long, in seconds", minimum=0.0
    )
    back_mps: float = parameter(0.12, "speed of backing up, in m/s", minimum=0.0)
    back_m: float = parameter(0.2, "distance of backing up after a contact or a stall, in metres", minimum=0.0)
    back_turn_rad: float = parameter(0.8, "turn after backing up, to the side with more room, in radians", minimum=0.0)
    away_turn_rad: float = parameter(
        1.3, "the same where there is no room to back up, or the base cannot, in radians", minimum=0.0
    )
    bump_ahead_m: float = parameter(
        0.26, "distance ahead at which an unseen obstacle is marked after a contact, in metres", minimum=0.0
    )
    bump_s: float = parameter(60.0, "time for which such a mark is kept, in seconds", minimum=0.0)
    touch_s: float = parameter(
        15.0, "time for which the robot goes no nearer to the place where it touched something, in seconds", minimum=0.0
    )
    blind_s: float = parameter(1.0, "stop if no picture or sweep has come for this long, in seconds", minimum=0.0)

    def __post_init__(self) -> None:
        if not 0 <= self.touch_s < math.inf:
            raise ValueError(f"touch_s must be a number >= 0, got {self.touch_s}")
        for name in ("replan_s", "look_radps", "arrive_m", "stall_s", "back_mps", "bump_s", "blind_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if min(self.back_m, self.back_turn_rad, self.away_turn_rad, self.bump_ahead_m) < 0:
            raise ValueError(f"back_m, back_turn_rad, away_turn_rad and bump_ahead_m must be >= 0, got {self}")


class VelocityDriver(Driver):
    """Follows goals with `steer`; what the other methods take only changes what it knows."""

    def __init__(self, config: VelocityDriverConfig | None = None) -> None:
        self.config = config or VelocityDriverConfig()
        planner = self.config.planner
        super().__init__(replace(planner, narrow_margin_m=planner.margin_m))  # what it sees lately closes such gaps
        self.rolling_grid = RollingGrid(self.config.rolling_grid)
        self.stalls = self.guarded = 0
        self._policy = VelocityPolicy(self.config.velocity)
        self._map: tuple[Grid2D, Grid2D] | None = None
        self._terrain: Terrain | None = None
        self._manoeuvre: deque[tuple[Velocity, float]] = deque()
        self._touched = False
        self._touches: list[tuple[float, Point]] = []
        self._last = STOP
        self._time_s = self._planned_s = 0.0
        self._seen_s = self._stood_s = -math.inf
        self._anchor: tuple[float, Point] = (0.0, (math.inf, math.inf))

    def see_map(self, obstacles: Grid2D, explored: Grid2D) -> None:
        """Take the newest map (aligned grids, map frame)."""
        self._map, self._terrain = (obstacles, explored), None

    def see_depth(
        self, time_s: float, depth: np.ndarray, camera: Camera, T_odom_base: FloatArray, T_base_camera: FloatArray
    ) -> None:
        """Take a depth picture (H, W) float32 metres, and the pose it was taken at; it may come late."""
        self._stand(time_s, planar(T_odom_base))
        self.rolling_grid.see_depth(depth, camera, T_odom_base @ T_base_camera)
        self._seen_s, self._terrain = time_s, None

    def see_scan(self, time_s: float, scan: LaserScan, T_odom_base: FloatArray) -> None:
        """Take a laser's sweep, and the pose it was taken at; it may come late."""
        self._stand(time_s, planar(T_odom_base))
        self.rolling_grid.see_scan(scan, T_odom_base)
        self._seen_s, self._terrain = time_s, None

    def _stand(self, time_s: float, pose: Pose) -> None:
        """Move the rolling grid to the robot; a late picture's pose would count as driving back and forth."""
        if time_s >= self._stood_s:
            self.rolling_grid.stand(pose)
            self._stood_s = time_s

    def see_contact(self) -> None:
        """The bumper says that something was touched."""
        self._touched = True

    def rest(self) -> None:
        """Somebody else has stopped the robot: begin anew from standing, with what is known."""
        self._last, self.route = STOP, None
        self._manoeuvre.clear()
        self._anchor = (self._time_s, (math.inf, math.inf))

    def steer(
        self, time_s: float, T_map_base: FloatArray, goal: Point | None, heading: float | None = None
    ) -> Velocity:
        """The speed to drive at from now on.

        Args:
            time_s: time of the pose; must not go back.
            T_map_base: (4, 4) where odometry says the robot is (the map starts where odometry does).
            goal: x, y in metres, map frame; None = none yet: look around to the left.
            heading: without a goal, turn to this direction on the spot and stand, in rad, map frame; None = look
                around.
        """
        pose = planar(T_map_base)
        passed, self._time_s = max(0.0, time_s - self._time_s), time_s
        self._stand(time_s, pose)
        wanted = self._wanted(pose, goal, heading)
        if wanted != STOP:
            wanted = self._policy.slewed(self._last, wanted, passed)
            wanted = self._guard(pose, wanted)
        self._last = wanted
        return wanted

    def _guard(self, pose: Pose, wanted: Velocity) -> Velocity:
        """Turn only, where what is wanted (after slewing) would soon touch what was seen lately."""
        stop_s = self.config.velocity.stop_s
        if wanted.forward_mps > 0 and self._policy.free_s(pose, wanted, self._near(slack_m=0.01)) < stop_s - 1e-9:
            self.guarded += 1
            return Velocity(0.0, wanted.turn_radps)
        return wanted

    def _near(self, slack_m: float = 1e-3, touches: bool = True) -> Clearance:
        c = self.config
        keep = c.planner.robot_radius_m + c.velocity.touch_margin_m
        self._touches = [touch for touch in self._touches if self._time_s - touch[0] < c.touch_s]
        seen = self.rolling_grid.clearance()
        if touches and self._touches:
            x, y = seen.centres()
            away = [np.hypot(x[:, None] - at[0], y[None, :] - at[1]) for _, at in self._touches]
            seen = seen.with_cells(np.minimum.reduce([seen.cells, *away]).astype(np.float32))
        return Clearance(seen, keep, 10.0, slack_m)

    def _wanted(self, pose: Pose, goal: Point | None, heading: float | None) -> Velocity:
        """Manoeuvre if one is under way, else an arc to the goal, or a turn where there is none."""
        c = self.config
        if self._touched:
            self._note_contact(pose)
        if self._time_s - self._seen_s > c.blind_s:
            return STOP
        if (manoeuvre := self._next_of_manoeuvre()) is not None:
            return manoeuvre
        if goal is None and heading is not None:
            return self._turn_to(pose, heading)
        if self._map is None or goal is None:
            return Velocity(0.0, c.look_radps)
        terrain = self._terrain_for(pose, goal)
        route = self._route_for(terrain, pose, goal)
        self._note_progress(route.field.at(pose[:2]), self._time_s)
        if math.dist(pose[:2], route.target_xy) < c.arrive_m and not route.boxed_in:
            self._progress_at = self._time_s
            return Velocity(0.0, c.look_radps if self._last.turn_radps >= 0 else -c.look_radps)
        if math.dist(pose[:2], self._anchor[1]) > 0.15:
            self._anchor = (self._time_s, pose[:2])
        if self._time_s - self._progress_at > c.stall_s or self._stands_too_long():
            return self._recover(pose)
        mapped = Clearance.of_terrain(terrain, c.planner.grow_m)
        choice = self._policy.choose(route.field, pose, mapped, self._near(), self._last.turn_radps)
        return choice if choice is not None else self._recover(pose)

    def _turn_to(self, pose: Pose, heading: float) -> Velocity:
        """A turn on the spot, slower towards its end; standing there is no stall."""
        self._progress_at = self._time_s
        self._anchor, self.route = (self._time_s, pose[:2]), None
        angle = wrap(heading - pose[2])
        if abs(angle) <= _FACED_RAD:
            return STOP
        rate = min(self.config.look_radps, max(_LEAST_RADPS, _TURN_GAIN * abs(angle)))
        return Velocity(0.0, math.copysign(rate, angle))

    def _terrain_for(self, pose: Pose, goal: Point) -> Terrain:
        """The map's crop, corrected by what was seen lately; the one there is while it holds robot and goal."""
        assert self._map is not None
        known = self._terrain
        if known is None or not (_inside(known, pose[:2]) and _inside(known, goal)):
            self._forget_bumps(self._time_s, self.config.bump_s)
            obstacles, explored = self._map
            keep = [pose[:2], goal]
            bumps = [xy for _, xy in self._bumps]
            self._terrain = self._planner.terrain(self.rolling_grid.correct(obstacles), explored, keep, bumps)
        assert self._terrain is not None
        return self._terrain

    def _route_for(self, terrain: Terrain, pose: Pose, goal: Point) -> Route:
        """The route in force, or a new one: for a new goal, after a while, or off the old one's field."""
        route = self.route
        if route is not None and route.goal_xy == goal:
            fresh = self._time_s - self._planned_s < self.config.replan_s
            if fresh and math.isfinite(route.field.at(pose[:2])):
                return route
        self._plan(terrain, pose, goal, self._time_s)
        self._planned_s = self._time_s
        assert self.route is not None
        return self.route

    def _note_contact(self, pose: Pose) -> None:
        """Mark something unseen on the side the robot drove to, and get away from it."""
        self._touched = False
        back = self._last.forward_mps < 0
        self._mark_bump(pose, -self.config.bump_ahead_m if back else self.config.bump_ahead_m, self._time_s)
        self._touches.append((self._time_s, self._touched_xy(pose)))
        log.debug("%.1f s: contact at (%.2f, %.2f)", self._time_s, *pose[:2])
        self._terrain = self.route = None
        self._manoeuvre.clear()
        if back:
            self._manoeuvre.append(self._turn_for(pose, math.pi / 2))
        else:
            self._go_back(pose, self._swept_side())

    def _swept_side(self) -> float:
        """The side that the arc sweeps over: 1 left, -1 right, 0 = it goes straight."""
        turn = self._last.turn_radps
        return 0.0 if abs(turn) < _STRAIGHT_RADPS else math.copysign(1.0, turn)

    def _touched_xy(self, pose: Pose) -> Point:
        """Where the touched thing is, as far as one bit tells: at the rim, on the side that the arc swept over."""
        side = _SWEPT_RAD * self._swept_side()
        angle = pose[2] + (math.pi - side if self._last.forward_mps < 0 else side)
        rim_m = self.config.planner.robot_radius_m + 0.5 * self.config.rolling_grid.cell_m
        return pose[0] + rim_m * math.cos(angle), pose[1] + rim_m * math.sin(angle)

    def _stands_too_long(self) -> bool:
        """Whether the robot has been at its place for longer than a new goal explains."""
        return self._time_s - self._anchor[0] > 1.5 * self.config.stall_s

    def _recover(self, pose: Pose) -> Velocity:
        """Go back a little on the way it came, turn to the side with more room, and plan anew."""
        self.stalls += 1
        self._progress_at = self._time_s
        self._anchor = (self._time_s, pose[:2])
        self.route = None
        log.debug("%.1f s: no progress at (%.2f, %.2f)", self._time_s, *pose[:2])
        self._go_back(pose)
        return self._next_of_manoeuvre() or STOP

    def _go_back(self, pose: Pose, touched_side: float = 0.0) -> None:
        """Back on what was seen lately to be free, then a turn: away from the side where something was touched."""
        c = self.config
        back = Velocity(-c.back_mps, 0.0)
        seconds = min(c.back_m / c.back_mps, self._policy.free_s(pose, back, self._near()))
        if seconds > 0:
            self._manoeuvre.append((back, self._time_s + seconds))
        turn_rad = c.back_turn_rad if seconds > 0 else c.away_turn_rad
        self._manoeuvre.append(self._turn_for(pose, turn_rad, seconds, touched_side))

    def _turn_for(
        self, pose: Pose, angle_rad: float, after_s: float = 0.0, away_from: float = 0.0
    ) -> tuple[Velocity, float]:
        """A turn on the spot away from a side (1 left, -1 right), else towards that with more room; when it ends."""
        near = self._near(touches=False)  # what was touched straight ahead is as near on either side
        room = [
            self._policy.free_s((pose[0], pose[1], pose[2] + side), Velocity(self.config.back_mps, 0.0), near)
            for side in (1.0, -1.0)
        ]
        rate = self.config.look_radps
        left = away_from < 0 if away_from else room[0] >= room[1]
        return Velocity(0.0, rate if left else -rate), self._time_s + after_s + angle_rad / rate

    def _next_of_manoeuvre(self) -> Velocity | None:
        """The part of the manoeuvre that is due; None when it is over."""
        while self._manoeuvre:
            velocity, until_s = self._manoeuvre[0]
            if self._time_s < until_s - 1e-9:
                return velocity
            self._manoeuvre.popleft()
            self._progress_at = self._time_s
        return None


def warm_up(config: VelocityDriverConfig | None = None) -> None:
    """Steer once in a made-up room, so that all is compiled before time runs."""
    driver = VelocityDriver(config)
    cells = np.zeros((80, 80), bool)
    cells[[0, -1]] = cells[:, [0, -1]] = True
    camera = Camera(8, 6, 4.0, 4.0, 3.5, 2.5)
    depth = np.full((6, 8), 1.5, np.float32)
    obstacles = Grid2D(cells, np.full(2, -2.0), 0.05)
    driver.see_depth(0.0, depth, camera, np.eye(4), camera_mounting(0.88))
    driver.see_map(obstacles, Grid2D(~cells, obstacles.origin_xy, 0.05))
    driver.steer(0.1, np.eye(4), (1.0, 0.5))


def _inside(terrain: Terrain, xy: Point) -> bool:
    """Whether a point lies within the crop, a little away from its border."""
    grid = terrain.clearance
    ij = grid.in_cells(xy)
    return bool((ij >= 2).all() and (ij < np.array(grid.shape) - 2).all())
