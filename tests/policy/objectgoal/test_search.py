# SPDX-License-Identifier: Apache-2.0
"""Searches in small rooms whose answers are known: in sight, behind a wall, a decoy, out of reach."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.policy.objectgoal.worlds import CHAIR, ByColour, chair_at, decoy_at, wall, world

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.detections import Detections
from seal_perception.pose import pose_yaw
from seal_perception.types import UInt8Array
from seal_policy.objectgoal.agent import GIVES_UP, GOES, STOPS, ObjectGoalAgent
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.search import Search, search
from seal_policy.planning.motion import Point
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedSimulator


def run(
    room: EmbeddedSimulator,
    detector: ByColour | None = None,
    steps: int = 150,
    policy: str = "frontier",
    config: ObjectGoalConfig | None = None,
) -> tuple[Search, ObjectGoalAgent]:
    agent = ObjectGoalAgent(CHAIR, make_policy(policy), config)
    return search(room, detector or ByColour(), VoxelMap(), agent, 0, steps), agent


def stands_before(found: Search, box: Point, reach_m: float = 1.0) -> bool:
    """Whether the last pose is within reach of a box of half a metre, and faces it (map frame = world frame here)."""
    x, y = found.poses[-1][:2, 3]
    away = math.hypot(max(abs(x - box[0]) - 0.25, 0.0), max(abs(y - box[1]) - 0.25, 0.0))
    angle = math.atan2(box[1] - y, box[0] - x) - pose_yaw(found.poses[-1])
    return away <= reach_m and math.cos(angle) > math.cos(math.radians(35.0))


def test_a_chair_in_sight_is_gone_to_and_stopped_at_by_several_views() -> None:
    found, agent = run(world(chair_at(2.0, 0.5)))
    assert found.stopped and stands_before(found, (2.0, 0.5))
    assert found.steps <= 25  # the look around alone takes 12
    assert [event.kind for event in found.events] == [GOES, STOPS]
    assert found.events[0].belief.votes >= agent.config.look_votes  # one view is no belief
    assert found.events[-1].belief.votes >= agent.config.stop_votes
    assert found.events[-1].belief.centre == pytest.approx((2.0, 0.5), abs=0.25)


class Once(ByColour):
    """Finds the chair in the first picture alone."""

    def detect(self, rgb: UInt8Array) -> Detections:
        found = super().detect(rgb)
        return found if self.calls == 1 else Detections.empty(*rgb.shape[:2])


def test_one_view_is_no_belief() -> None:
    places, easy = world(chair_at(2.0, 0.5)), ObjectGoalConfig(look_overlap=0.05)
    assert run(places, Once(), steps=6, config=easy)[0].events == ()
    first = run(places, Once(), steps=6, config=replace(easy, look_votes=1))[0].events[0]
    assert (first.kind, first.step) == (GOES, 0)


@pytest.mark.parametrize("policy", ["frontier", "gainful_views"])
def test_a_chair_behind_a_wall_is_found_by_exploring(policy: str) -> None:
    hidden = world(wall((0.9, -3.0), (1.0, 1.6)), chair_at(2.2, -1.5))
    found, _ = run(hidden, policy=policy)
    first = next(event for event in found.events if event.kind == GOES)
    assert first.step > 12  # nothing of it is seen from the start
    assert found.stopped and stands_before(found, (2.2, -1.5))


def test_what_proves_wrong_on_a_closer_look_is_given_up_and_the_search_goes_on() -> None:
    # From afar the blue box passes for a chair; from near, where it fills 4 % of the picture, it does not.
    parts = (decoy_at(2.8, 2.4), wall((-1.0, -4.5), (-0.9, 2.5)), chair_at(-2.2, -1.5))
    found, _ = run(world(*parts, half=4.5), ByColour(doubt_below=0.04), steps=300)
    given_up = [event for event in found.events if event.kind == GIVES_UP]
    assert found.events[0].kind == GOES and given_up
    assert all(event.belief.centre == pytest.approx((2.8, 2.4), abs=0.4) for event in given_up)
    assert found.stopped and stands_before(found, (-2.2, -1.5))


def test_without_the_closer_look_the_decoy_would_be_taken() -> None:
    """The decoy of the test before is a chair for whoever believes the views from afar."""
    found, _ = run(world(decoy_at(2.8, 2.4), half=4.5), ByColour(doubt_below=1.0))
    assert found.stopped and stands_before(found, (2.8, 2.4))


def test_a_chair_out_of_reach_is_never_stopped_at() -> None:
    # A wall as high as a table across the room: seen over, not passed.
    found, agent = run(world(wall((1.0, -3.0), (1.3, 3.0), top=0.6), chair_at(2.6, 0.0)), steps=80)
    assert not found.stopped and found.steps == 80
    assert len(found.poses) == 81 and STOPS not in [event.kind for event in found.events]
    assert agent.target is None or not stands_before(found, (2.6, 0.0))


def test_nothing_to_find_ends_after_the_last_step() -> None:
    found, _ = run(world(), steps=30)
    assert not found.stopped and found.steps == 30 and found.events == ()
    with pytest.raises(ValueError, match="max_steps must be >= 0"):
        run(world(), steps=-1)


def test_the_same_search_takes_the_same_steps() -> None:
    one, other = (run(world(chair_at(2.0, 0.5)))[0] for _ in range(2))
    np.testing.assert_array_equal(one.poses, other.poses)
    assert [e.belief.overlap for e in one.events] == [e.belief.overlap for e in other.events]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"look_overlap": 0.5}, "need 0 < look_overlap <= settle_overlap <= stop_overlap <= 1, got 0.5"),
        ({"settle_overlap": 0.1}, "need 0 < look_overlap <= settle_overlap"),
        ({"look_votes": 5}, "need 1 <= look_votes <= stop_votes, got 5 and 3"),
        ({"stop_m": 0.4}, "need 0 < prefer_m <= stop_m <= reach_m <= near_m"),
        ({"look_near_m": 2.0}, "need 0 < look_near_m < look_far_m <= near_m"),
        ({"face_deg": 10.0}, "face_deg must lie in"),
        ({"deny_share": 2.0}, "need deny_looks >= 1 and deny_share in"),
        ({"sides": 0}, "need judge_steps, seen_voxels, sides >= 1"),
        ({"switch": 0.5}, "need again >= 0, switch >= 1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        ObjectGoalConfig(**changes)  # type: ignore[arg-type]
