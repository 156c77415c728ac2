# SPDX-License-Identifier: Apache-2.0
"""Searches one after the other while a robot explores: what is asked for, how far it is, how it ended. Without ROS."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.types import FloatArray, UInt8Array
from seal_policy.goals.layers import layers_of
from seal_policy.goals.manager import GoalManager
from seal_policy.objectgoal.agent import Event, ObjectGoalAgent
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.orders import Kind, Order, Sight
from seal_policy.planning.local_policy import heading_to
from seal_policy.planning.motion import Point, planar

IDLE, SEARCHES, GOES, FOUND, OVER, ENDED, REPLACED, REFUSED = (
    "idle", "searches", "goes", "found", "time is over", "ended", "replaced", "refused"
)  # fmt: skip
"""States of a search: none, it explores, on the way to a thing, standing in front of it, it took too long, the user
ended it, the user asked for something else; what was asked for is no category."""


@dataclass(frozen=True)
class SearchState:
    """How a search is going.

    Attributes:
        category: looked for; empty without a search.
        state: one of the above.
        seconds: since it was asked for, by the stamps of the pictures; without the time in which it might not drive.
        way_m: driven meanwhile.
        thing: x, y in metres of the thing under way or found, map frame.
        away_m: from the robot to its nearest voxel, on the floor.
        overlap: expected of it with a thing of the category, 0..1.
        votes: pictures that voted for it.
    """

    category: str = ""
    state: str = IDLE
    seconds: float = 0.0
    way_m: float = 0.0
    thing: Point | None = None
    away_m: float = math.nan
    overlap: float = 0.0
    votes: float = 0.0

    @property
    def active(self) -> bool:
        """Whether it says where the robot goes: a search is under way, or the robot stands at what it found."""
        return self.state in (SEARCHES, GOES, FOUND)

    @property
    def text(self) -> str:
        """The same in a line."""
        if self.state == IDLE:
            return "no search; publish a category on object_goal"
        line = f"{self.category}: {self.state} ({self.seconds:.0f} s, {self.way_m:.1f} m)"
        if self.thing is None:
            return line
        x, y = self.thing
        return (
            f"{line}; {self.away_m:.2f} m from ({x:.2f}, {y:.2f}), overlap {self.overlap:.2f}, {self.votes:.0f} votes"
        )


@dataclass(frozen=True)
class Course:
    """Where a robot in a search is to go, as the topic `goal` tells it.

    Attributes:
        goal: x, y in metres, map frame; None = it stays on the spot.
        heading: direction in rad, map frame, to turn to where there is no goal; None = look around.
    """

    goal: Point | None
    heading: float | None


class LiveSearch:
    """Searches for what is asked for, in a map that holds what was seen before too.

    Args:
        names: what can be asked for: the list of map and detector.
        config: of the agent.
        goals: gives the goal manager of the run, which says where to go while nothing is believed; called at each step,
            as a run may begin anew.
        step_of: step that a time of `see` belongs to.
        max_s: a search ends after so many seconds; 0 = never.
    """

    def __init__(
        self,
        names: CategorySet,
        config: ObjectGoalConfig,
        goals: Callable[[], GoalManager],
        step_of: Callable[[float], int],
        max_s: float,
    ) -> None:
        self._names, self._config = names, config
        self._goals, self._step_of, self._max_s = goals, step_of, max_s
        self._agent: ObjectGoalAgent | None = None
        self._course = Course(None, None)
        self._step, self._begun_s, self._last = -1, math.nan, (math.nan, math.nan)
        self.state = SearchState()
        self.ended: list[SearchState] = []

    @property
    def active(self) -> bool:
        """As `SearchState.active`."""
        return self.state.active

    @property
    def events(self) -> tuple[Event, ...]:
        """Decisions about things in the search that began last."""
        return () if self._agent is None else tuple(self._agent.events)

    def ask(self, words: str) -> None:
        """Begin a search; an empty text ends the one under way, and the robot explores.

        Args:
            words: a category of the map's list, or a usual other name of one (sofa).

        Raises:
            InputError: if it is none of them; what is under way goes on.
        """
        wanted = words.strip()
        found = CategoryNames(known=self._names).find(wanted) if wanted else None
        if wanted and (found is None or found[1] is not None):  # "chair_2" is one chair: which one nobody knows
            raise InputError(f"object_goal must be one of {self._names}, or empty to end a search; got {wanted[:60]!r}")
        if self.state.state in (SEARCHES, GOES):
            self._end(REPLACED if wanted else ENDED)
        elif self.state.state == FOUND:  # where it stood meanwhile is no place that it was stuck at
            self._goals().drop()
        if found is None:
            self.state = SearchState()
            return
        self._begin(found[0])

    def begin_anew(self) -> None:
        """The map is another one: odometry has jumped. A search begins anew, one that has found its thing too."""
        self._last = (math.nan, math.nan)
        if self.active and self._agent is not None:
            self._begin(self._agent.category)

    def _begin(self, category: int) -> None:
        self._agent = ObjectGoalAgent(category, self._goals(), self._config)
        self._agent.recall()
        self._step, self._begun_s, self._course = -1, math.nan, Course(None, None)
        self.state = SearchState(self._names.name(category), SEARCHES)

    def see(
        self, time_s: float, frame: Frame, scores: UInt8Array | None, T_map_base: FloatArray, voxel_map: VoxelMap
    ) -> Course | None:
        """Look at a picture; where to go, or None where no search is under way.

        Args:
            time_s: of the picture, without the time in which the robot might not drive.
            frame: the picture, which the map holds.
            scores: (H, W, C) of the detector, 0 where it found nothing; None without one.
            T_map_base: (4, 4) pose of the robot.
            voxel_map: the map, of the list of categories that can be asked for.
        """
        here = planar(T_map_base)
        went = math.dist(here[:2], self._last)
        self._last = here[:2]
        if not self.active or self._agent is None:
            return None
        if math.isnan(self._begun_s):
            self._begun_s, went = time_s, 0.0
        self.state = replace(
            self.state,
            seconds=time_s - self._begun_s,
            way_m=self.state.way_m + (went if self.state.state != FOUND and math.isfinite(went) else 0.0),
        )
        step = self._step_of(time_s)
        if self.state.state != FOUND and step > self._step:
            self._step = step
            found = np.zeros(frame.depth.shape, bool) if scores is None else scores[..., self._agent.category] > 0
            self._take(self._agent, Sight(step, frame, T_map_base, voxel_map, found))
        return self._course if self.active else None

    def _take(self, agent: ObjectGoalAgent, seen: Sight) -> None:
        """Decide at a step."""
        agent.explorer.goals = self._goals()
        order = agent.decide(seen)
        self._course = self._course_of(order, agent, seen)
        thing = agent.target
        if thing is None:
            self.state = replace(self.state, state=SEARCHES, thing=None, away_m=math.nan, overlap=0.0, votes=0.0)
        else:
            away = thing.distance_m(planar(seen.T_map_base)[:2])
            state = FOUND if order.kind is Kind.STOP else GOES
            self.state = replace(
                self.state, state=state, thing=thing.centre, away_m=away, overlap=thing.overlap, votes=thing.votes
            )
        if self.state.state == FOUND:
            self.ended.append(self.state)
        elif 0 < self._max_s <= self.state.seconds:
            self._end(OVER)
            self.state = replace(self.state, state=OVER)

    def _course_of(self, order: Order, agent: ObjectGoalAgent, seen: Sight) -> Course:
        here = planar(seen.T_map_base)
        if order.kind is Kind.EXPLORE:
            goals, world = agent.explorer.goals, seen.voxel_map
            goals.update(seen.step, world.obstacles(), world.explored(), seen.T_map_base, layers_of(world))
            return Course(goals.goal, None if goals.goal is None else goals.heading)
        if order.place is not None:
            return Course(order.place, here[2] + heading_to(here, order.place))
        return Course(None, here[2] + order.turn)

    def _end(self, state: str) -> None:
        """The search under way is over without a thing."""
        self.ended.append(replace(self.state, state=state))
        self._goals().drop()
