# SPDX-License-Identifier: Apache-2.0
"""The verdict on a search, by hand: success, SPL, and the cause of each failure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from seal_bringup.evaluation.object_search_truth import CAUSES, SearchTruth
from seal_mapping.voxels.config import MapConfig
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.simulator import ReachableFloor, TruthImages
from seal_policy.objectgoal.agent import GIVES_UP, GOES, STOPS, Event
from seal_policy.objectgoal.beliefs import Belief
from seal_policy.objectgoal.search import Search
from sim_bridge.evaluation.episode_goals import GoalObject
from sim_bridge.evaluation.episodes import Episode, HomeEpisodes

CHAIR, NUMBER = 0, 7
SHAPE = (48, 64)
FLOOR = ReachableFloor(np.ones((300, 300), bool), np.array([-3.0, -3.0]), 0.02)
VIEWPOINTS = np.array([[2.01, 0.01], [2.11, 0.01]])
HOME = HomeEpisodes(
    "room", "0", 0.1, (GoalObject(NUMBER, "box", CHAIR, (2.7, 0.0, 0.4), VIEWPOINTS),),
    (Episode("room:0", 1, (0.0, 0.0, 0.0), CHAIR, 2.0, 2.0, NUMBER),),
)  # fmt: skip
CAMERA = Camera.from_hfov(SHAPE[1], SHAPE[0], 1.38)
BLOCK = np.zeros(SHAPE, bool)
BLOCK[20:30, 20:40] = True


@dataclass
class World:
    """Says where the robot is and what its picture shows."""

    xy: tuple[float, float] = (0.0, 0.0)
    shows: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, bool))

    @property
    def T_world_base(self) -> np.ndarray:
        return planar_pose(*self.xy, 0.0)

    def truth_images(self) -> TruthImages:
        instance = np.where(self.shows, NUMBER, 1).astype(np.int32)
        return TruthImages(instance, np.where(self.shows, CHAIR, -1).astype(np.int8))


def found_at(mask: np.ndarray, category: int = CHAIR) -> Detections:
    return Detections(np.zeros((1, 4), np.float32), np.array([category]), np.ones(1, np.float32), mask[None])


def frame_at(xy: tuple[float, float]) -> Frame:
    T = planar_pose(*xy, 0.0) @ camera_mounting(0.88)
    return Frame(0, np.zeros((*SHAPE, 3), np.uint8), np.full(SHAPE, 1.0, np.float32), CAMERA, T)


def belief(x: float) -> Belief:
    """Voxels of 0.1 x 0.45 m about the height of the camera; half are what a robot at (x - 1, 0) sees at 1 m."""
    i, j, k = np.meshgrid(np.arange(0, 2), np.arange(-5, 4), np.arange(16, 20), indexing="ij")
    ijk = np.stack([i + round(x / 0.05), j, k], -1).reshape(-1, 3).astype(np.int32)
    return Belief(0.6, 5.0, ijk, ijk * 0.05)


def judge(path: list[tuple[float, float]], stopped: Belief | None = None, **seen: object) -> dict[str, object]:
    """A search along a path; `shown` pictures show the chair, of these the detector finds `found`."""
    shown, found = seen.get("shown", ()), seen.get("found", ())
    world = World()
    truth = SearchTruth(world, HOME, HOME.episodes[0], MapConfig())  # type: ignore[arg-type]
    for n, xy in enumerate(path):
        world.xy, world.shows = xy, BLOCK if n in shown else np.zeros(SHAPE, bool)  # type: ignore[operator]
        truth.add(frame_at(xy), found_at(BLOCK) if n in found else None)  # type: ignore[operator]
    events = tuple(seen.get("events", ()))  # type: ignore[call-overload]
    if stopped is not None:
        events += (Event(len(path) - 1, STOPS, stopped),)
    area = np.linspace(0.0, float(seen.get("area", 10.0)), len(path))  # type: ignore[arg-type]
    search = Search(stopped is not None, np.stack([planar_pose(*xy, 0.0) for xy in path]), area, 0, events)
    return truth.verdict(search, FLOOR)


def line(*corners: tuple[float, float], step: float = 0.25) -> list[tuple[float, float]]:
    out = [corners[0]]
    for a, b in zip(corners[:-1], corners[1:], strict=True):
        n = max(1, round(np.hypot(b[0] - a[0], b[1] - a[1]) / step))
        out += [(a[0] + (b[0] - a[0]) * k / n, a[1] + (b[1] - a[1]) * k / n) for k in range(1, n + 1)]
    return out


def test_the_straight_way_has_an_spl_of_one_and_a_detour_its_share() -> None:
    straight = line((0.0, 0.0), (2.0, 0.0))
    verdict = judge(straight, belief(3.0), shown=[8], found=[8])
    assert (verdict["success"], verdict["spl"], verdict["cause"]) == (True, 1.0, "success")
    detour = line((0.0, 0.0), (0.0, 1.5), (2.0, 1.5), (2.0, 0.0))
    verdict = judge(detour, belief(3.0), shown=[len(detour) - 1])
    assert verdict["path_m"] == pytest.approx(5.0) and verdict["spl"] == pytest.approx(2.0 / 5.0)


def test_within_a_tenth_of_a_metre_of_a_viewpoint_is_there() -> None:
    for end, there in ((1.92, True), (1.88, False)):
        verdict = judge(line((0.0, 0.0), (end, 0.0)), belief(end + 1.0), shown=[8])
        assert verdict["near"] is there and verdict["success"] is there
    assert verdict["cause"] == "stopped_short" and verdict["spl"] == 0.0


def test_an_object_that_the_last_picture_does_not_show_is_not_found() -> None:
    verdict = judge(line((0.0, 0.0), (2.0, 0.0)), belief(2.75), shown=[7])
    assert verdict["near"] and not verdict["success"] and verdict["cause"] == "stopped_short"


def test_a_stop_at_something_else_is_the_wrong_thing() -> None:
    verdict = judge(line((0.0, 0.0), (2.0, 2.0)), belief(-2.0), shown=[3], found=[3])
    assert verdict["cause"] == "wrong_thing" and verdict["distance_m"] == pytest.approx(2.0, abs=0.05)


def test_without_a_stop_even_a_robot_that_is_there_has_failed() -> None:
    verdict = judge(line((0.0, 0.0), (2.0, 0.0)), shown=[8], found=[8])
    assert not verdict["success"] and not verdict["near"] and verdict["cause"] == "not_believed"


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ({}, "never_seen"),
        ({"shown": [2, 3]}, "not_detected"),
        ({"shown": [2, 3], "found": [3]}, "not_believed"),
        ({"shown": [8], "found": [8], "events": [Event(5, GOES, belief(3.0))]}, "time"),
        (
            {"shown": [8], "found": [8], "events": [Event(5, GOES, belief(3.0)), Event(7, GIVES_UP, belief(3.0))]},
            "not_believed",
        ),
    ],
)
def test_why_time_was_over(seen: dict[str, object], cause: str) -> None:
    verdict = judge(line((0.0, 0.0), (2.0, 0.0)), **seen)
    assert verdict["cause"] == cause and cause in CAUSES
    assert verdict["right_things_given_up"] == sum(e.kind == GIVES_UP for e in seen.get("events", ()))  # type: ignore


def test_a_robot_that_does_not_get_on_is_stuck() -> None:
    to_and_fro = [(0.25 * (k % 2), 0.0) for k in range(80)]
    assert judge(to_and_fro, area=0.0)["cause"] == "stuck"
    assert judge(to_and_fro, area=30.0)["cause"] == "never_seen"  # it sees new floor
