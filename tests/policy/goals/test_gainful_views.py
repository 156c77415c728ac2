# SPDX-License-Identifier: Apache-2.0
"""Views of what the map is uncertain of, on flat worlds with an object that the map doubts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from tests.policy.toy import CELL, FlatWorld, room, whole

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.types import BoolArray
from seal_policy.explorer import Explorer
from seal_policy.goals.frontier import FrontierConfig, FrontierPolicy
from seal_policy.goals.gainful_views import GainfulViewsPolicy, ViewsConfig
from seal_policy.goals.manager import GoalManager
from seal_policy.goals.policy import MapLayers, PolicyInput
from seal_policy.goals.rule import GoalConfig
from seal_policy.goals.visibility import doubt_in_view, looks_taken
from seal_policy.planning.motion import Point
from seal_policy.registry import NEED_UNCERTAINTY, POLICIES, make_policy

BOX = (slice(55, 65), slice(35, 45))
"""An object of half a metre in the middle of a room of 6 x 4 m: around (3.0, 2.0)."""


def world_with_box() -> BoolArray:
    blocked = room(6.0, 4.0)
    blocked[BOX] = True
    return blocked


def doubtful(blocked: BoolArray, *parts: tuple[slice, slice], tenths: int = 30) -> Grid2D:
    cells = np.zeros(blocked.shape, np.uint8)
    for part in parts:
        cells[part] = tenths
    return Grid2D(cells, np.zeros(2), CELL)


def spun(*places: Point) -> np.ndarray:
    """Poses of a robot that has looked all around at some places."""
    return np.array([[x, y, k * math.pi / 6] for x, y in places for k in range(12)])


def asked(
    blocked: BoolArray, doubt: Grid2D | None, pose: tuple[float, float, float], poses: np.ndarray, **more: object
) -> PolicyInput:
    obstacles, explored = whole(blocked)
    T = planar_pose(*pose)
    return PolicyInput(obstacles, explored, T, 200, np.concatenate([poses, [pose]]), uncertainty=doubt, **more)  # type: ignore[arg-type]


def in_sight(blocked: BoolArray, a: Point, b: Point) -> bool:
    """Whether the straight line from a to b meets nothing but the box."""
    free = blocked.copy()
    free[BOX] = False
    points = np.linspace(a, b, 200)
    cells = np.floor(points / CELL).astype(int)
    return not free[cells[:, 0], cells[:, 1]].any()


# ---- where to look from ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pose", [(1.0, 2.0, 0.0), (1.2, 1.0, 0.5), (1.0, 3.2, -2.0)])
def test_it_goes_to_the_side_from_which_the_thing_was_not_seen(pose: tuple[float, float, float]) -> None:
    blocked = world_with_box()
    poses = spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2), (1.2, 2.6))
    x, y = GainfulViewsPolicy().goal(asked(blocked, doubtful(blocked, BOX), pose, poses))
    assert x > 2.9, "the other side"
    assert 0.9 <= math.dist((x, y), (3.0, 2.0)) <= 3.3 and in_sight(blocked, (x, y), (3.0, 2.0))
    assert not blocked[int(x / CELL), int(y / CELL)]


def test_a_thing_behind_a_wall_is_looked_at_from_its_own_room() -> None:
    """The robot is in the left room; the wall's other side is nearer than the door, but shows nothing."""
    blocked = room(8.0, 4.0)
    blocked[78:82, :60] = True  # a door at the top
    thing = (slice(86, 92), slice(16, 24))
    blocked[thing] = True
    x, y = GainfulViewsPolicy().goal(asked(blocked, doubtful(blocked, thing), (2.0, 1.0, 0.0), spun((2.0, 1.0))))
    line = np.floor(np.linspace((x, y), (4.45, 1.0), 200) / CELL).astype(int)
    walls = blocked.copy()
    walls[thing] = False
    assert not walls[line[:, 0], line[:, 1]].any() and 0.9 < math.dist((x, y), (4.45, 1.0)) < 3.3


def test_the_more_doubtful_of_two_things_comes_first() -> None:
    blocked = room(6.0, 4.0)
    left, right = (slice(20, 26), slice(8, 14)), (slice(94, 100), slice(8, 14))
    blocked[left] = blocked[right] = True
    robot, poses = (3.0, 3.0, math.pi / 2), spun()  # it has looked at neither
    poses = np.zeros((0, 3))
    for strong, weak, sign in ((left, right, -1), (right, left, 1)):
        doubt = doubtful(blocked, strong, tenths=60)
        doubt.cells[weak] = 5
        x, _ = GainfulViewsPolicy().goal(asked(blocked, doubt, robot, poses))
        assert sign * (x - 3.0) > 0.2


def test_at_the_viewpoint_the_next_goal_makes_the_robot_face_the_thing() -> None:
    blocked = world_with_box()
    doubt, poses = doubtful(blocked, BOX), spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2))
    policy = GainfulViewsPolicy()
    x, y = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))
    away = math.atan2(y - 2.0, x - 3.0)  # it arrives with its back to the thing
    way = np.concatenate([poses, [[x, y, away]]])
    look = policy.goal(asked(blocked, doubt, (x, y, away), way))
    assert math.dist(look, (x, y)) == pytest.approx(0.5)
    towards = np.array([3.0 - x, 2.0 - y]) / math.dist((3.0, 2.0), (x, y))
    assert (np.array(look) - (x, y)) @ towards > 0.45


def test_one_that_arrives_facing_the_thing_goes_on_at_once() -> None:
    blocked = world_with_box()
    doubt, poses = doubtful(blocked, BOX), spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2))
    policy = GainfulViewsPolicy()
    x, y = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))
    facing = math.atan2(2.0 - y, 3.0 - x)
    after = policy.goal(asked(blocked, doubt, (x, y, facing), np.concatenate([poses, [[x, y, facing]] * 3])))
    assert math.dist(after, (x, y)) > 0.55


def test_it_keeps_to_a_look_while_another_is_a_little_better() -> None:
    blocked = room(6.0, 4.0)
    things = ((slice(89, 99), slice(35, 46)), (slice(97, 108), slice(14, 25)))
    for thing in things:
        blocked[thing] = True
    doubt, before, now = doubtful(blocked, *things, tenths=29), (2.36, 2.97, 0.0), (2.1, 3.27, 0.26)
    second = asked(blocked, doubt, now, np.array([before]))
    turns_back = {}
    for stay in (1.0, FrontierConfig().stay):
        policy = GainfulViewsPolicy(FrontierConfig(stay=stay))
        first = policy.goal(asked(blocked, doubt, before, np.zeros((0, 3))))
        turns_back[stay] = policy.goal(second) != first
    assert turns_back == {1.0: True, FrontierConfig().stay: False}


def test_a_viewpoint_is_farther_away_than_where_the_robot_counts_as_arrived() -> None:
    blocked = room(6.0, 4.0)
    things = ((slice(82, 92), slice(33, 39)), (slice(35, 44), slice(58, 67)), (slice(44, 50), slice(38, 45)))
    for thing in things:
        blocked[thing] = True
    doubt, way = doubtful(blocked, *things, tenths=27), [(0.64, 0.56, 3.0), (0.884, 0.806, 0.092)]
    policy = GainfulViewsPolicy()
    for k, pose in enumerate(way):
        goal = policy.goal(asked(blocked, doubt, pose, np.array(way[:k]).reshape(-1, 3)))
    assert math.dist(goal, way[-1][:2]) > policy.views.arrive_m


def test_it_does_not_look_from_where_it_cannot_drive_ahead() -> None:
    """The robot stands behind a low thing that it sees over; half a metre ahead it would be inside."""
    blocked = room(6.0, 4.0)
    things = ((slice(61, 70), slice(33, 40)), (slice(10, 19), slice(27, 37)), (slice(97, 106), slice(54, 61)))
    for thing in things:
        blocked[thing] = True
    pose = (5.32, 3.27, -0.16)
    x, y = GainfulViewsPolicy().goal(asked(blocked, doubtful(blocked, *things, tenths=26), pose, np.zeros((0, 3))))
    assert not blocked[int(x / CELL), int(y / CELL)]


def test_looks_from_before_the_remembered_poses_are_forgotten() -> None:
    blocked = world_with_box()
    doubt, pose = doubtful(blocked, BOX), (1.0, 2.0, 0.0)
    old, late = spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2), (1.2, 2.6)), np.array([[0.5, 0.5, -2.4]] * 5)
    poses = np.concatenate([old, late])
    short = GainfulViewsPolicy(views=ViewsConfig(remembered_poses=len(late) + 1))
    assert short.goal(asked(blocked, doubt, pose, poses)) == GainfulViewsPolicy().goal(
        asked(blocked, doubt, pose, late)
    )
    assert GainfulViewsPolicy().goal(asked(blocked, doubt, pose, poses))[0] > 2.9


# ---- when not to ----------------------------------------------------------------------------------------------------


def same_as_frontier(inputs: Callable[[], list[PolicyInput]]) -> bool:
    one, other = GainfulViewsPolicy(), FrontierPolicy()
    return all(one.goal(inp) == other.goal(inp) for inp in inputs())


def test_while_floor_is_left_to_see_it_is_the_frontier_policy() -> None:
    """A whole run: the same goals, however doubtful things are, until no frontier shows enough per step."""
    blocked = room(8.0, 6.0)
    blocked[80:82, :] = True
    blocked[80:82, 50:70] = False
    blocked[40:50, 90:100] = True
    world, policy = FlatWorld(blocked, 1.0, 1.0), GainfulViewsPolicy()
    doubt = doubtful(blocked, (slice(40, 50), slice(90, 100)), tenths=100)
    explorer, other, goals = Explorer(policy), GoalManager(FrontierPolicy()), []
    for step in range(120):
        world.look()
        obstacles, explored = world.grids()
        action = explorer.act(obstacles, explored, world.T, step, MapLayers(lambda: doubt))
        if policy._going is not None or policy._done:
            break
        other.update(step, obstacles, explored, world.T)
        assert explorer.goal == other.goal
        goals.append(other.goal)
        world.step(action)
    else:
        pytest.fail("no view was taken")
    assert len(set(goals)) >= 3 and len(goals) > 20
    frontier, inp = FrontierPolicy(), other.policy_input(step, obstacles, explored, world.T)
    pose = (world.T[0, 3], world.T[1, 3], pose_yaw(world.T))
    found = frontier._best_frontier(frontier._view(inp, frontier._planner), pose, inp)
    assert found is None or found[1] < policy.views.floor_m2_per_step


def corner_unseen(blocked: BoolArray, size: int) -> tuple[Grid2D, Grid2D]:
    """All is known but a corner of the room."""
    known = np.ones_like(blocked)
    known[-size:, -size:] = False
    return Grid2D(blocked & known, np.zeros(2), CELL), Grid2D(known, np.zeros(2), CELL)


@pytest.mark.parametrize(("size", "floor_first"), [(14, False), (50, True)])
def test_a_little_floor_far_away_waits_for_a_view_nearby(size: int, floor_first: bool) -> None:
    blocked = room(10.0, 5.0)
    thing = (slice(36, 44), slice(46, 54))
    blocked[thing] = True
    grids = corner_unseen(blocked, size)
    inp = PolicyInput(
        *grids, planar_pose(1.0, 1.0, 0.0), 50, np.array([[1.0, 1.0, 0.0]]), uncertainty=doubtful(blocked, thing)
    )
    goal, frontier = GainfulViewsPolicy().goal(inp), FrontierPolicy().goal(inp)
    assert frontier[0] > 5.5, "the corner is worth going to for the frontier policy"
    assert (goal == frontier) == floor_first
    only_floor = GainfulViewsPolicy(views=ViewsConfig(floor_m2_per_step=0.0))
    assert only_floor.goal(inp) == frontier


def test_one_that_has_come_for_a_look_takes_it_before_new_floor() -> None:
    blocked = world_with_box()
    doubt, poses = doubtful(blocked, BOX), spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2))
    policy = GainfulViewsPolicy()
    x, y = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))
    away = math.atan2(y - 2.0, x - 3.0)
    obstacles, explored = corner_unseen(blocked, 40)
    inp = PolicyInput(obstacles, explored, planar_pose(x, y, away), 60, np.array([[x, y, away]]), uncertainty=doubt)
    assert math.dist(policy.goal(inp), (x, y)) == pytest.approx(0.5)
    after = policy.goal(inp)
    assert after == FrontierPolicy().goal(inp)


@pytest.mark.parametrize("tenths", [None, 0])
def test_without_doubt_it_goes_where_the_frontier_policy_goes(tenths: int | None) -> None:
    blocked = world_with_box()
    doubt = None if tenths is None else doubtful(blocked, BOX, tenths=tenths)
    places = [(1.0, 2.0), (1.2, 1.0), (4.5, 1.0), (4.5, 3.0)]
    inputs = [asked(blocked, doubt, (*place, 0.3), spun(*places[: k + 1])) for k, place in enumerate(places)]
    assert same_as_frontier(lambda: inputs)


@pytest.mark.parametrize("left", [0, 1])
def test_a_look_at_what_has_become_clear_on_the_way_is_not_taken(left: int) -> None:
    """No doubt at all is left, or too little for any look: arrived with its back to the thing, the robot goes on."""
    blocked = world_with_box()
    doubt, poses = doubtful(blocked, BOX), spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2))
    policy = GainfulViewsPolicy()
    x, y = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))
    little = doubtful(blocked, (slice(55, 57), slice(35, 37)), tenths=left)
    if left:
        policy.goal(asked(blocked, little, (1.2, 2.0, 0.0), poses))
    after = policy.goal(asked(blocked, little, (x, y, math.atan2(y - 2.0, x - 3.0)), poses))
    assert math.dist(after, (x, y)) > 0.55 and not policy._done


def test_what_cannot_be_reached_or_seen_is_left() -> None:
    blocked = room(8.0, 4.0)
    blocked[80:84, :] = True  # no door
    doubt = doubtful(blocked, (slice(100, 110), slice(30, 40)))
    inputs = [asked(blocked, doubt, (2.0, 2.0, 0.0), spun((2.0, 2.0)))]
    assert same_as_frontier(lambda: inputs)


def test_a_viewpoint_that_was_not_reached_is_not_tried_again() -> None:
    blocked = world_with_box()
    doubt, poses = doubtful(blocked, BOX), spun((1.0, 2.0), (1.2, 1.0), (1.0, 3.2))
    policy = GainfulViewsPolicy()
    first = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))
    failed = np.array([first])
    again = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses, failed=failed))
    assert math.dist(again, first) > 0.4
    later = policy.goal(asked(blocked, doubt, (1.0, 2.0, 0.0), poses))  # the failure is long ago
    assert math.dist(later, first) >= 0.4


def test_an_empty_map_does_no_harm() -> None:
    for shape in ((0, 0), (8, 8)):
        nothing = Grid2D(np.zeros(shape, bool), np.zeros(2), CELL)
        doubt = nothing.with_cells(nothing.cells.astype(np.uint8))
        inp = PolicyInput(nothing, nothing, planar_pose(0.2, 0.2, 0.0), 0, uncertainty=doubt)
        assert GainfulViewsPolicy().goal(inp) == FrontierPolicy().goal(inp)


@pytest.mark.parametrize(
    ("shape", "origin", "cell_m"), [((120, 79), 0.0, CELL), ((120, 80), 0.1, CELL), ((120, 80), 0.0, 2 * CELL)]
)
def test_uncertainty_of_another_map_is_refused(shape: tuple[int, int], origin: float, cell_m: float) -> None:
    doubt = Grid2D(np.ones(shape, np.uint8), np.full(2, origin), cell_m)
    with pytest.raises(InputError, match="uncertainty must be aligned with obstacles"):
        GainfulViewsPolicy().goal(asked(world_with_box(), doubt, (1.0, 2.0, 0.0), spun((1.0, 2.0))))


# ---- whole runs -----------------------------------------------------------------------------------------------------


class Judge:
    """A detector in words: the thing gets clearer with pictures of it, unless it is hopeless."""

    def __init__(self, world: FlatWorld, hopeless: bool) -> None:
        self.world, self.hopeless = world, hopeless
        self.octants: set[int] = set()
        self.pictures = 0

    def look(self) -> None:
        x, y, yaw = self.world.T[0, 3], self.world.T[1, 3], pose_yaw(self.world.T)
        bearing = math.atan2(2.0 - y, 3.0 - x)
        off = math.atan2(math.sin(bearing - yaw), math.cos(bearing - yaw))
        if abs(off) < math.radians(35.0) and 0.5 < math.dist((x, y), (3.0, 2.0)) < 3.0:
            self.octants.add(int((bearing + math.pi) // (math.pi / 4)) % 8)
            self.pictures += 1

    def doubt(self) -> Grid2D:
        left = 40 if self.hopeless else max(0, 40 - self.pictures)
        return doubtful(self.world.blocked, BOX, tenths=left)


def drive(policy: FrontierPolicy, steps: int, hopeless: bool, config: GoalConfig | None = None) -> tuple[list, Judge]:
    world = FlatWorld(world_with_box(), 1.0, 2.0)
    world.known[:] = True
    explorer, judge, goals = Explorer(policy), Judge(world, hopeless), []
    for step in range(steps):
        judge.look()
        action = explorer.act(*world.grids(), world.T, step, MapLayers(judge.doubt))
        if explorer.goal_given:
            goals.append((step, explorer.goal))
        world.step(action)
        assert not world.collided
    return goals, judge


def test_it_sees_the_thing_from_more_sides_than_the_frontier_policy() -> None:
    _, ours = drive(GainfulViewsPolicy(), 110, hopeless=True)
    _, other = drive(FrontierPolicy(), 110, hopeless=True)
    assert len(ours.octants) >= 6
    assert ours.pictures > 1.3 * other.pictures and len(ours.octants) >= len(other.octants)


def test_what_stays_doubtful_from_all_sides_is_given_up() -> None:
    """Each look is given once; afterwards the goals are those of the frontier policy, which goes on its rounds."""
    policy = GainfulViewsPolicy()
    goals, judge = drive(policy, 400, hopeless=True)
    assert len(judge.octants) >= 6
    looks = len(policy._done)
    assert 4 <= looks <= 40 and policy._going is None
    for a in range(looks):
        for b in range(a):
            one, other = policy._done[a], policy._done[b]
            turned = abs(math.remainder(one.facing - other.facing, 2 * math.pi))
            assert math.dist(one.place, other.place) > 0.35 or turned > math.radians(30)
    assert goals[-1][0] > 350, "and it does not stand"


def test_same_run_twice_gives_the_same_goals_whatever_the_seed() -> None:
    runs = [drive(make_policy("gainful_views", seed), 80, hopeless=False)[0] for seed in (0, 0, 5)]  # type: ignore[arg-type]
    assert runs[0] == runs[1] == runs[2] and len(runs[0]) > 5


def test_the_policy_is_known_by_name_and_says_what_it_needs() -> None:
    assert isinstance(make_policy("gainful_views"), GainfulViewsPolicy)
    assert set(NEED_UNCERTAINTY) < set(POLICIES)


def test_the_map_is_asked_for_its_doubt_only_when_a_goal_is_due() -> None:
    asked_at: list[int] = []
    manager, grids = GoalManager(GainfulViewsPolicy(), GoalConfig(spin_steps=3)), whole(world_with_box())
    for step in range(8):

        def doubt(step: int = step) -> Grid2D:
            asked_at.append(step)
            return doubtful(world_with_box(), BOX)

        manager.update(step, *grids, planar_pose(1.0, 2.0, 0.0), MapLayers(doubt))
    assert asked_at == [3]


# ---- kernels --------------------------------------------------------------------------------------------------------


def test_rays_pass_over_a_doubtful_thing_and_stop_at_any_other() -> None:
    blocked, doubt = np.zeros((30, 5), bool), np.zeros((30, 5))
    blocked[10:14] = True
    doubt[10:14] = 1.0
    doubt[20] = 2.0  # lies open behind it
    place, ones = np.array([[2, 2]]), np.ones((30, 5, 8))
    gain, moment = doubt_in_view(blocked, doubt, ones, place, (1, 25), 4, 10)
    assert gain[0].tolist() == [6.0, 0.0, 0.0, 0.0]
    assert moment[0, 0] == 8 + 9 + 10 + 11 + 2 * 18
    assert doubt_in_view(blocked, doubt, ones, place, (1, 25), 4, 2)[0][0, 0] == 2.0
    assert doubt_in_view(blocked, doubt, ones, place, (9, 12), 4, 10)[0][0, 0] == 3.0
    blocked[8] = True
    assert not doubt_in_view(blocked, doubt, ones, place, (1, 25), 4, 10)[0].any()


def test_looks_are_counted_by_picture_and_side() -> None:
    blocked, doubt = np.zeros((40, 40), bool), np.zeros((40, 40))
    blocked[20, 20], doubt[20, 20] = True, 1.0
    poses = np.array([[10.5, 20.5, 0.0]] * 3 + [[30.5, 20.5, 0.0], [30.5, 20.5, math.pi], [20.5, 5.5, 1.57]])
    looks = looks_taken(blocked, doubt, poses, (5, 12), 60, 1.0, 10)
    assert looks.sum() == looks[20, 20].sum() == 4  # one faced away, one was too far
    assert sorted(looks[20, 20].tolist()) == [0] * 6 + [1, 3]
    many = looks_taken(blocked, doubt, np.repeat(poses[:1], 300, axis=0), (5, 12), 60, 1.0, 10)
    assert many.max() == 255


@pytest.mark.parametrize(
    "bad",
    [
        {"near_m": 3.5},
        {"counts_from_m": 0.0},
        {"enough_looks": 0},
        {"ahead_m": 0.0},
        {"min_voxels": -1.0},
        {"floor_m2_per_step": -0.1},
    ],
)
def test_impossible_numbers_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need"):
        ViewsConfig(**bad)  # type: ignore[arg-type]
