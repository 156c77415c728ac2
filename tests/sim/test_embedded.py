# SPDX-License-Identifier: Apache-2.0
"""The embedded robot in a room whose answers are known: motion, collisions, start poses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.sim.rooms import FAST, GREY, box_part, room

from seal_perception.categories import COLOURS
from seal_perception.errors import InputError, TruthForbiddenError
from seal_perception.pose import pose_yaw
from seal_perception.simulator import Action, TruthImages
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.geometry.collision import collision_map
from sim_bridge.geometry.mesh import Part, Scene, merge
from sim_bridge.modelling.shapes import box_between
from sim_bridge.pictures.views import robot_views, tint, top_view
from sim_bridge.worlds import open_simulator


def test_it_stops_before_the_wall_and_does_not_slide() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    sim.reset()
    states = [sim.step(Action.FORWARD) for _ in range(9)]
    # 2 m to the wall, radius 0.18 m: seven steps of 0.25 m fit, the eighth would touch.
    assert [s.collided for s in states] == [False] * 7 + [True] * 2
    np.testing.assert_allclose(states[-1].T_odom_base[:3, 3], (1.75, 0.0, 0.0), atol=1e-9)
    sim.step(Action.LEFT)
    blocked = sim.step(Action.FORWARD)
    assert blocked.collided
    np.testing.assert_allclose(blocked.T_odom_base[:3, 3], (1.75, 0.0, 0.0), atol=1e-9)


def test_turns_and_steps_follow_rep_103() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    np.testing.assert_array_equal(sim.reset().T_odom_base, np.eye(4))
    for _ in range(3):
        left = sim.step(Action.LEFT)
    assert pose_yaw(left.T_odom_base) == pytest.approx(math.pi / 2)
    ahead = sim.step(Action.FORWARD)
    np.testing.assert_allclose(ahead.T_odom_base[:3, 3], (0.0, 0.25, 0.0), atol=1e-9)
    back = [sim.step(Action.RIGHT) for _ in range(15)][-1]
    assert pose_yaw(back.T_odom_base) == pytest.approx(0.0, abs=1e-9)
    assert back.step == 19 and sim.step(Action.STOP).T_odom_base.tobytes() == back.T_odom_base.tobytes()


def test_a_low_thing_is_rolled_over_and_a_high_one_passed_under() -> None:
    for low, high, free in ((0.0, 0.03, True), (0.0, 0.3, False), (1.3, 1.6, True), (0.8, 0.9, False)):
        sim = EmbeddedSimulator(room(box_part((0.4, -1.0, low), (0.7, 1.0, high))), FAST)
        sim.reset()
        collided = [sim.step(Action.FORWARD).collided for _ in range(4)]
        assert (not any(collided)) is free, (low, high)


@pytest.mark.parametrize(("gap", "passes"), [(0.9, True), (0.5, True), (0.34, False)])
def test_it_passes_a_door_wider_than_itself(gap: float, passes: bool) -> None:
    walls = [
        box_between((0.9, gap / 2, 0.0), (1.0, 2.0, 2.5), GREY),
        box_between((0.9, -2.0, 0.0), (1.0, -gap / 2, 2.5), GREY),
    ]
    floor = collision_map(room(Part("walls", merge(walls)))).reachable_from((0.0, 0.0))
    beyond = floor.cells[int((1.5 - floor.origin_xy[0]) / floor.cell_m), int((0.0 - floor.origin_xy[1]) / floor.cell_m)]
    assert beyond == passes


def test_the_reachable_floor_is_the_room_less_the_robot() -> None:
    floor = EmbeddedSimulator(room(), FAST).reachable_floor()
    xy = floor.cell_to_world(np.argwhere(floor.cells))
    assert np.abs(xy).max() == pytest.approx(2.0 - 0.18, abs=0.04)
    assert floor.cells.sum() * floor.cell_m**2 == pytest.approx(3.64**2, rel=0.03)


def test_there_is_no_floor_outside() -> None:
    outside = Part("mat", box_between((5.0, 5.0, -0.1), (5.1, 5.1, 0.5), GREY))
    floor = EmbeddedSimulator(room(outside), FAST).reachable_floor()
    assert np.abs(floor.origin_xy + np.argwhere(floor.cells) * floor.cell_m).max() < 2.0


def test_start_poses_belong_to_their_seed() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    poses = []
    for seed in (0, 1, 2, 1):
        np.testing.assert_array_equal(sim.reset(seed).T_odom_base, np.eye(4))
        poses.append(sim.T_world_odom.copy())
    np.testing.assert_array_equal(poses[0], np.eye(4))
    np.testing.assert_array_equal(poses[1], poses[3])
    assert not np.allclose(poses[1], poses[2])
    for T in poses[1:]:
        assert np.abs(T[:2, 3]).max() < 1.83


def test_a_start_inside_furniture_moves_to_the_nearest_floor() -> None:
    scene = room(box_part((-0.3, -0.3, 0.0), (0.3, 0.3, 0.5)))
    sim = EmbeddedSimulator(scene, FAST)
    assert 0.45 < np.abs(sim.T_world_odom[:2, 3]).max() < 0.55


def test_a_room_without_space_is_refused() -> None:
    with pytest.raises(InputError, match="fits nowhere"):
        EmbeddedSimulator(room(half=0.15), FAST)


class _Blind(EmbeddedSimulator):
    def truth_images(self) -> TruthImages:
        raise TruthForbiddenError("truth_images")

    def render_at(self, T_world_base):  # type: ignore[no-untyped-def]
        raise TruthForbiddenError("render_at")

    def reachable_floor(self):  # type: ignore[no-untyped-def]
        raise TruthForbiddenError("reachable_floor")

    def instance_table(self):  # type: ignore[no-untyped-def]
        raise TruthForbiddenError("instance_table")


def test_the_senses_work_with_the_truth_forbidden() -> None:
    sim = _Blind(room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 1.2))), FAST)
    sim.reset(3)
    for action in (Action.FORWARD, Action.LEFT, Action.RIGHT, Action.STOP) * 3:
        seen = sim.step(action)
        assert seen.rgb.any() and seen.depth.any()
        assert sim._last is not None and not {"instance", "category"} & set(sim._last.__dict__)
    with pytest.raises(TruthForbiddenError):
        sim.truth_images()


def test_truth_needs_a_picture_first() -> None:
    with pytest.raises(InputError, match="reset"):
        EmbeddedSimulator(room(), FAST).truth_images()


def test_an_unknown_action_is_refused() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    sim.reset()
    with pytest.raises(ValueError, match="FORWARD"):
        sim.step("forward")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["train_26", "nowhere/at/all", "test_00"])
def test_an_unknown_scene_is_one_line(name: str) -> None:
    with pytest.raises(InputError, match="train_01") as error:
        open_simulator(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"hfov_deg": 200.0}, {"radius_m": 0.0}, {"obstacle_min_m": 2.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        EmbeddedConfig(**wrong)


def test_a_scene_named_by_hand_has_its_name() -> None:
    scene = room()
    assert EmbeddedSimulator(Scene("mine", scene.parts), FAST).name == "mine"


def test_views_to_look_at_show_the_room() -> None:
    sim = EmbeddedSimulator(room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 1.2))), FAST)
    above = top_view(sim.scene, 200)
    # From above, the ceiling taken off: the red box lies right of the middle.
    red = above.category == 0
    assert red.any() and np.argwhere(red)[:, 1].mean() > 120
    assert (above.rgb[red][:, 0] > above.rgb[red][:, 1] + 30).all()
    views = robot_views(sim, 2)
    assert len(views) == 2 and all(rgb.shape == (120, 160, 3) for rgb, _ in views)
    rgb, category = views[0]
    tinted = tint(rgb, np.full_like(category, 5), 1.0)
    assert (tinted == COLOURS[5]).all() and (tint(rgb, np.full_like(category, -1)) == rgb).all()
