# SPDX-License-Identifier: Apache-2.0
"""Driving at a speed: arcs against the closed form and against many small straight steps, and contacts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_perception.pose import pose_yaw
from seal_perception.simulator import Action, Drivable
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.geometry.twist import STILL
from sim_bridge.robot.body import Body, arc
from sim_bridge.sensors.colour_noise import ColourNoise


def _euler(forward_m: float, turn_rad: float, steps: int = 20000) -> tuple[float, float]:
    x = y = 0.0
    for k in range(steps):
        angle = turn_rad * (k + 0.5) / steps
        x += forward_m / steps * math.cos(angle)
        y += forward_m / steps * math.sin(angle)
    return x, y


@pytest.mark.parametrize("turn", [0.0, 1e-9, -0.3, math.pi / 2, math.pi, -5.0])
@pytest.mark.parametrize("forward", [0.25, -1.0])
def test_an_arc_is_the_sum_of_small_steps(forward: float, turn: float) -> None:
    assert arc(forward, turn) == pytest.approx(_euler(forward, turn), abs=1e-7)


def test_half_a_circle_ends_a_diameter_to_the_left() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    sim.reset()
    assert not sim.drive(0.5 * math.pi, math.pi, 1.0)  # radius 0.5 m
    np.testing.assert_allclose(sim.T_world_base[:3, 3], (0.0, 1.0, 0.0), atol=1e-9)
    assert abs(pose_yaw(sim.T_world_base)) == pytest.approx(math.pi)
    # Backwards along the same arc leads home.
    assert not sim.drive(-0.5 * math.pi, -math.pi, 1.0)
    np.testing.assert_allclose(sim.T_world_base, np.eye(4), atol=1e-9)


def test_many_short_commands_are_one_long_one() -> None:
    ends = []
    for parts in (1, 7, 200):
        body = Body(0.25, 0.5, lambda x, y: True, 0.01)
        for _ in range(parts):
            body.drive(1.3 / parts, 2.1 / parts)
        ends.append(body.T_start_base)
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-9)
    np.testing.assert_allclose(ends[2], ends[0], atol=1e-9)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 20.0])
@pytest.mark.parametrize("speed", [0.3, -0.3])
def test_it_stops_within_a_cell_of_the_wall(speed: float, seconds: float) -> None:
    sim = EmbeddedSimulator(room(), FAST)
    sim.reset()
    touched = [sim.drive(speed, 0.0, seconds) for _ in range(math.ceil(8.0 / seconds))]
    assert touched[-1] and touched == sorted(touched)
    # The wall is 2 m off and the radius 0.18 m; the plan keeps half a cell more and knows places by the cell.
    gap = 2.0 - 0.18 - abs(sim.T_world_base[0, 3])
    assert 0.0 <= gap <= 2 * FAST.cell_m
    before = sim.T_world_base
    assert sim.drive(speed, 0.0, seconds) and not sim.drive(0.0, 1.0, 0.1)
    np.testing.assert_array_equal(sim.T_world_base[:3, 3], before[:3, 3])
    assert not sim.drive(-speed, 0.0, 0.1), "it can always go back"


def test_it_never_enters_anything() -> None:
    sim = EmbeddedSimulator(room(box_part((0.6, -0.5, 0.0), (1.0, 0.5, 0.4))), FAST)
    sim.reset(3)
    floor = sim.reachable_floor()
    rng = np.random.default_rng(1)
    touches = 0
    for _ in range(600):
        touches += sim.drive(float(rng.uniform(-0.4, 0.8)), float(rng.normal(0.0, 1.0)), float(rng.uniform(0.0, 0.4)))
        i, j = floor.world_to_cell(sim.T_world_base[:2, 3])
        assert floor.cells[i, j]
    assert 10 < touches < 500


def test_observations_are_counted_and_tell_of_contacts() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    assert isinstance(sim, Drivable)
    assert sim.reset().step == 0 and sim.time_s == 0.0
    assert sim.drive(1.0, 0.0, 5.0) and not sim.drive(0.0, 1.0, 0.5)
    claimed = sim.T_odom_base
    first, second = sim.observe(), sim.observe()
    np.testing.assert_array_equal(first.T_odom_base, claimed)
    assert (first.step, first.collided, second.step, second.collided) == (1, True, 2, False)
    assert second.rgb.tobytes() == first.rgb.tobytes()
    np.testing.assert_allclose(sim.T_world_odom @ second.T_odom_base, sim.T_world_base)
    third = sim.step(Action.LEFT)
    assert third.step == 3 and not third.collided
    assert pose_yaw(third.T_odom_base) == pytest.approx(0.5 + math.radians(30))
    assert sim.time_s == 5.5
    assert sim.reset().step == 0 and sim.time_s == 0.0


def test_a_contact_while_driving_is_told_by_the_next_step_too() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    for action in (Action.LEFT, Action.STOP):
        sim.reset()
        assert sim.drive(1.0, 0.0, 5.0)
        assert sim.step(action).collided
        assert not sim.step(action).collided


def test_stop_stands_still_for_the_camera() -> None:
    body = Body(0.25, 0.5, lambda x, y: True, 0.01)
    body.drive(0.02, 0.1, 0.1)
    assert body.twist != STILL
    before = body.T_start_base
    body.stop()
    assert body.twist == STILL
    np.testing.assert_array_equal(body.T_start_base, before)
    # So the picture of a STOP is not smeared: it is that of a drive without any way.
    noise = ColourNoise(exposure_s=0.5)
    pictures = []
    for still in (lambda sim: sim.step(Action.STOP), lambda sim: (sim.drive(0.0, 0.0, 0.0), sim.observe())[1]):
        sim = EmbeddedSimulator(room(), replace(FAST, colour_noise=noise))
        sim.reset()
        sim.drive(0.2, 0.8, 0.1)
        pictures.append(still(sim).rgb.tobytes())
    assert pictures[0] == pictures[1]


def test_discrete_steps_go_on_from_where_the_drive_ended() -> None:
    sim = EmbeddedSimulator(room(), FAST)
    sim.reset()
    sim.drive(0.4, 0.4, 1.0)
    before = sim.T_world_base
    for action in (Action.LEFT, Action.FORWARD, Action.RIGHT):
        seen = sim.step(action)
    ahead = before @ [math.cos(math.radians(30)) * 0.25, math.sin(math.radians(30)) * 0.25, 0.0, 1.0]
    np.testing.assert_allclose(seen.T_odom_base[:3, 3], ahead[:3], atol=1e-9)
    for _ in range(12):
        last = sim.step(Action.RIGHT)
    np.testing.assert_allclose(last.T_odom_base, seen.T_odom_base, atol=1e-9)


@pytest.mark.parametrize("wrong", [(math.nan, 0.0, 1.0), (0.1, math.inf, 1.0), (0.1, 0.0, -1.0), (0.1, 0.0, math.inf)])
def test_wrong_speeds_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="finite speeds"):
        EmbeddedSimulator(room(), FAST).drive(*wrong)
