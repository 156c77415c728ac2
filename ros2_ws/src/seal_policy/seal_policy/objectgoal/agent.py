# SPDX-License-Identifier: Apache-2.0
"""The robot's decisions in a search: explore, go and look at a thing, stop in front of it, or give it up.

It knows the map, its pictures, its odometry and the detector, never the simulator's truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from seal_mapping.labels.objects.model import ObjectModel
from seal_perception.grid import Grid2D
from seal_perception.simulator import Action
from seal_perception.types import FloatArray
from seal_policy.explorer import Explorer
from seal_policy.goals.layers import layers_of
from seal_policy.goals.manager import GoalManager
from seal_policy.goals.policy import GlobalPolicy
from seal_policy.objectgoal.beliefs import Belief, believe
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.orders import EXPLORE, Kind, Order, Sight
from seal_policy.objectgoal.standoff import Band, Eye, Standoff, find_standoff, heights, sample_points, seen_in, visible
from seal_policy.planning.local_policy import heading_to
from seal_policy.planning.motion import FORWARD_M, Point, Pose, planar
from seal_policy.planning.planner import Field, Planner

GOES, STOPS, GIVES_UP, LEAVES = "goes", "stops", "gives up", "leaves"
"""Kinds of events: to a thing; in front of it; as it is none; for another one, or as no place to stand is in reach."""
_OFFSET_M = 2.0
"""Added to the way to a thing when things are compared: near ones do not count beyond measure."""
_SHORTLIST = 4
_SLACK_STEPS = 20
_SLACK_M = 0.1
_COVERED = 0.3
"""Share of a thing's voxels in the picture that detections must cover to confirm it."""
_ALL_THE_WAY_M = 0.18
"""Steps of 0.25 m at 12 headings get this near to any place."""


@dataclass(frozen=True)
class Event:
    """A decision about a thing.

    Attributes:
        step: number of actions taken.
        kind: `GOES`, `STOPS`, `GIVES_UP` or `LEAVES`.
        belief: the thing, as the map then held it.
    """

    step: int
    kind: str
    belief: Belief


@dataclass
class _Target:
    """The thing under way.

    Attributes:
        belief: what the map holds of it.
        sure: whether the robot goes there to stop, else to look.
        standoff: where to.
        since: step at which that place was chosen.
        sides: directions from the thing that it has been looked at from, in doubt or in front of it.
        failed: places that could not be reached.
        settled: whether it became sure because there was nothing more to look at.
        looks: pictures from near that showed it.
        found: those of them in which the detector found it.
    """

    belief: Belief
    sure: bool
    standoff: Standoff
    since: int
    sides: list[float] = field(default_factory=list)
    failed: list[Point] = field(default_factory=list)
    settled: bool = False
    looks: int = 0
    found: int = 0


@dataclass(frozen=True)
class _Ground:
    """What the planner and the eye need of the map at a step."""

    cost: Field
    tops: Grid2D
    eye: Eye


class ObjectGoalAgent:
    """Searches for a thing of one category.

    Args:
        category: its index in the map's list.
        policy: where to go while nothing is believed; or the goal manager of a run under way.
        config: the numbers.
        model: expected overlaps of candidates; None = the shipped one.

    Attributes:
        explorer: goals and driving, the ones that `seal explore` has.
        events: decisions about things so far.
    """

    def __init__(
        self,
        category: int,
        policy: GlobalPolicy | GoalManager,
        config: ObjectGoalConfig | None = None,
        model: ObjectModel | None = None,
    ) -> None:
        self.config = config or ObjectGoalConfig()
        self.category = category
        self.explorer = Explorer(policy, self.config.explorer)
        self.events: list[Event] = []
        self._model = model
        self._planner = Planner(self.config.explorer.driver.planner)
        self._beliefs: list[Belief] = []
        self._target: _Target | None = None
        self._given_up: list[Belief] = []
        self._found = False
        self._judged = -self.config.judge_steps

    @property
    def target(self) -> Belief | None:
        """The thing under way."""
        return None if self._target is None else self._target.belief

    def recall(self) -> None:
        """Judge the map at the next step, whether or not its picture shows the category: it may hold one already."""
        self._found, self._judged = True, -self.config.judge_steps

    def act(self, seen: Sight) -> Action:
        """`decide` as an action in lockstep; `Action.STOP` = the robot takes itself to be there."""
        order = self.decide(seen)
        if order.kind is Kind.STOP:
            return Action.STOP
        obstacles, explored, T = seen.voxel_map.obstacles(), seen.voxel_map.explored(), seen.T_map_base
        if order.kind is Kind.EXPLORE:
            return self.explorer.act(obstacles, explored, T, seen.step, layers_of(seen.voxel_map))
        if order.place is not None:
            return self.explorer.driver.act(obstacles, explored, T, order.place)
        return self.explorer.driver.turn(explored, T, order.turn > 0)

    def decide(self, seen: Sight) -> Order:
        """What to do next. Call once per step."""
        obstacles, explored = seen.voxel_map.obstacles(), seen.voxel_map.explored()
        self.explorer.goals.is_due(seen.step, obstacles, explored, seen.T_map_base)  # notes the pose
        self._found = self._found or bool(seen.found.any())
        if self._target is not None:
            self._look(seen, self._target)
        if self._judges(seen):
            self._judge(seen, obstacles, explored)
        return EXPLORE if self._target is None else self._approach(seen, obstacles, explored)

    def _look(self, seen: Sight, target: _Target) -> None:
        """Count a closer look at the thing under way; give it up where the detector hardly ever finds it from near."""
        c = self.config
        if self._away(seen, target) > c.near_m:
            return
        pixels = seen_in(seen.frame, target.belief, seen.voxel_map.config.voxel_m)
        if len(pixels) < c.seen_voxels:
            return
        target.looks += 1
        target.found += float(seen.found[tuple(pixels.T)].mean()) >= _COVERED
        if target.looks >= c.deny_looks and target.found < c.deny_share * target.looks:
            self._give_up(seen.step)

    def _judges(self, seen: Sight) -> bool:
        """Whether the map is judged at this step: every step near a thing, else now and then when there is news."""
        if self._target is not None and self._away(seen, self._target) <= self.config.near_m:
            return True
        due = seen.step - self._judged >= self.config.judge_steps
        return due and (self._found or self._target is not None)

    def _judge(self, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> None:
        """Look up what the map believes now, and choose what to go to."""
        c = self.config
        self._beliefs = believe(seen.voxel_map, self.category, c.labels, 0.5 * c.look_overlap, self._model)
        self._found, self._judged = False, seen.step
        if self._target is not None:
            self._update(self._target, seen, obstacles, explored)
        if self._target is None or not self._target.sure or self._away(seen, self._target) > c.near_m:
            self._choose(seen, obstacles, explored)

    def _update(self, target: _Target, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> None:
        """What the map now holds of the thing under way: nothing, enough to stop at it, or too little for that."""
        now = [one for one in self._beliefs if one.is_same(target.belief, self.config.same_m)]
        if not now:
            self._give_up(seen.step)
            return
        target.belief = now[0]
        least = self.config.settle_overlap if target.sure else self.config.stop_overlap
        sure = self._accepts(target.belief, least)
        if sure == target.sure:
            return
        if target.settled or not self._begin(target, sure, seen, obstacles, explored):
            self._give_up(seen.step)

    def _away(self, seen: Sight, target: _Target | None) -> float:
        return math.inf if target is None else target.belief.distance_m(planar(seen.T_map_base)[:2])

    def _accepts(self, one: Belief, least: float | None = None) -> bool:
        """Whether a thing is believed in enough to stop at it."""
        least = self.config.stop_overlap if least is None else least
        return one.overlap >= least and one.votes >= self.config.stop_votes

    def _choose(self, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> None:
        """Go to the thing that is worth most, if it is worth clearly more than the one under way."""
        c, here = self.config, planar(seen.T_map_base)[:2]
        current = self._target
        wanted = [one for one in self._beliefs if self._worth_a_look(one)]
        if current is not None:
            wanted = [one for one in wanted if not one.is_same(current.belief, c.same_m)]
        if not wanted:
            return
        wanted.sort(key=lambda one: -one.overlap / (one.distance_m(here) + _OFFSET_M))
        ground = self._ground(seen, obstacles, explored)
        best, worth = None, 0.0
        if current is not None:
            worth = c.switch * current.belief.overlap / (ground.cost.at(current.standoff.place) + _OFFSET_M)
        for one in wanted[:_SHORTLIST]:
            sure = self._accepts(one)
            place = find_standoff(one, ground.cost, ground.tops, ground.eye, self._band(sure))
            if place is not None and one.overlap / (place.way_m + _OFFSET_M) > worth:
                best, worth = _Target(one, sure, place, seen.step), one.overlap / (place.way_m + _OFFSET_M)
        if best is not None:
            if current is not None:
                self._note(seen.step, LEAVES, current.belief)
            self._target = best
            self._note(seen.step, GOES, best.belief)

    def _worth_a_look(self, one: Belief) -> bool:
        c = self.config
        if one.overlap < c.look_overlap or one.votes < c.look_votes:
            return False
        before = [gone.overlap for gone in self._given_up if gone.is_same(one, c.same_m)]
        return not before or (self._accepts(one) and one.overlap >= max(before) + c.again)

    def _band(self, sure: bool) -> Band:
        return Band.to_stop(self.config) if sure else Band.to_look(self.config)

    def _approach(self, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> Order:
        """Go to the thing under way, face it, or stop."""
        target, pose = self._target, planar(seen.T_map_base)
        assert target is not None
        place = target.standoff
        if self._arrived(seen, target, pose) or self._in_front(seen, target, pose):
            angle = heading_to(pose, _aim(target, pose))
            if abs(angle) > math.radians(self.config.face_deg):
                return Order(Kind.FACE, turn=angle)
            if self._stops(seen, target):
                self._note(seen.step, STOPS, target.belief)
                return Order(Kind.STOP, turn=angle)
            target.sides.append(place.bearing(target.belief.centre))
            self._next_side(target, seen, obstacles, explored)
        elif seen.step - target.since > self.config.patience * place.way_m / FORWARD_M + _SLACK_STEPS:
            target.failed.append(place.place)
            self._next_side(target, seen, obstacles, explored)
        return EXPLORE if self._target is None else Order(Kind.GO, self._target.standoff.place)

    def _arrived(self, seen: Sight, target: _Target, pose: Pose) -> bool:
        """Whether the robot is at its place; to stop where that is as near as it gets, it goes nearly all the way."""
        far = target.sure and self._away(seen, target) > self.config.stop_m
        least = min(self.config.arrive_m, _ALL_THE_WAY_M) if far else self.config.arrive_m
        return math.dist(pose[:2], target.standoff.place) <= least

    def _in_front(self, seen: Sight, target: _Target, pose: Pose) -> bool:
        """Whether the robot is near enough to stop, and the thing is in sight from here."""
        if not target.sure or self._away(seen, target) > self.config.stop_m:
            return False
        tops = heights(seen.voxel_map.voxels(), seen.voxel_map.obstacles(), seen.voxel_map.config.voxel_m)
        eye = Eye.of(seen.frame, seen.voxel_map.config.min_depth_m)
        from_here = visible(tops, np.array([pose[:2]]), sample_points(target.belief), eye)
        return float(from_here.mean()) >= 0.5 * target.standoff.share

    def _stops(self, seen: Sight, target: _Target) -> bool:
        """Whether the robot, which faces the thing, takes it for one of the category, is near, and sees it."""
        if not target.sure or self._away(seen, target) > self.config.reach_m + _SLACK_M:
            return False
        return len(seen_in(seen.frame, target.belief, seen.voxel_map.config.voxel_m)) >= self.config.seen_voxels

    def _next_side(self, target: _Target, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> None:
        """Another side of the thing; where it was looked at from enough, decide: go to stop at it, or give it up."""
        tries = len(target.sides) + len(target.failed)
        if tries < self.config.sides and self._place_anew(target, seen, obstacles, explored):
            return
        if not target.sure and self._accepts(target.belief, self.config.settle_overlap):
            target.settled = True
            if self._begin(target, True, seen, obstacles, explored):
                return
        self._give_up(seen.step)

    def _begin(self, target: _Target, sure: bool, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> bool:
        """Go to the thing to stop at it, or to look; False where no place for it is within reach."""
        target.sure, target.sides, target.failed = sure, [], []
        return self._place_anew(target, seen, obstacles, explored)

    def _place_anew(self, target: _Target, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> bool:
        """Choose another place to stop at or to look from; False where none is within reach."""
        ground = self._ground(seen, obstacles, explored)
        sides = [(side, math.radians(self.config.side_deg)) for side in target.sides]
        failed = [(point, self.config.arrive_m) for point in target.failed]
        band = self._band(target.sure)
        found = find_standoff(target.belief, ground.cost, ground.tops, ground.eye, band, sides, failed)
        if found is not None:
            target.standoff, target.since = found, seen.step
        return found is not None

    def _give_up(self, step: int) -> None:
        assert self._target is not None
        self._given_up.append(self._target.belief)
        self._note(step, GIVES_UP, self._target.belief)
        self._target = None
        self.explorer.goals.drop()

    def _note(self, step: int, kind: str, belief: Belief) -> None:
        self.events.append(Event(step, kind, belief))

    def _ground(self, seen: Sight, obstacles: Grid2D, explored: Grid2D) -> _Ground:
        """Travel cost from the robot by the driver's own planner, and the map of heights."""
        x, y, _ = planar(seen.T_map_base)
        terrain = self._planner.terrain(obstacles, explored, [(x, y)])
        i, j = terrain.cell((x, y))
        factor = self._planner.config.factor
        cost = self._planner.march(self._planner.speed(terrain, (x, y)), (i // factor, j // factor))
        voxel_map = seen.voxel_map
        tops = heights(voxel_map.voxels(), obstacles, voxel_map.config.voxel_m)
        return _Ground(cost, tops, Eye.of(seen.frame, voxel_map.config.min_depth_m))


def _aim(target: _Target, pose: Pose) -> FloatArray:
    """(2,) where to look: the middle of what the place shows, or of the thing where the robot stands on that."""
    aim = np.array(target.standoff.aim)
    return aim if math.dist(aim, pose[:2]) > 0.1 else np.array(target.belief.centre)
