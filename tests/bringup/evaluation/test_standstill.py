# SPDX-License-Identifier: Apache-2.0
"""Being stuck, by trajectories made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seal_bringup.evaluation.standstill import DITHERS, SPINS, longest_standstill, stuck_steps, without_progress


def line(steps: int, pace: float = 0.25) -> np.ndarray:
    """Straight ahead."""
    return np.stack([np.arange(steps + 1) * pace, np.zeros(steps + 1)], axis=1)


def same(count: int) -> np.ndarray:
    """Nothing new seen in `count` steps."""
    return np.full(count + 1, 7.0)


def test_a_robot_that_drives_is_not_stuck() -> None:
    assert stuck_steps(line(100), same(100)) == 0
    assert longest_standstill(line(100), same(100)) == 1  # one step is no farther than 0.25 m


@pytest.mark.parametrize(("spin", "stuck"), [(18, 0), (19, 0), (20, 21), (30, 31)])
def test_turning_on_the_spot_counts_from_twenty_steps_on(spin: int, stuck: int) -> None:
    """Ten steps ahead, turns, ten steps ahead. A step into or out of the circle of 0.25 m belongs to the standstill."""
    xy = np.concatenate([line(10), np.repeat([[2.5, 0.0]], spin - 1, axis=0), line(10) + np.array([2.75, 0.0])])
    assert stuck_steps(xy, same(len(xy) - 1)) == stuck
    assert longest_standstill(xy, same(len(xy) - 1)) == spin


def test_looking_around_counts_only_if_nothing_new_comes_into_view() -> None:
    xy = np.zeros((41, 2))
    assert stuck_steps(xy, np.linspace(5.0, 9.0, 41)) == 0
    assert stuck_steps(xy, same(40)) == 40
    stray = same(40)
    stray[15:] += 0.0475  # 19 cells of 5 cm
    assert stuck_steps(xy, stray) == 40
    stray[15:] += 0.0025  # one more: steps 0 to 15 see something, the 25 after it nothing
    assert without_progress(xy, stray, *SPINS).tolist() == [False] * 15 + [True] * 25


def test_swinging_within_a_step_is_stuck_and_so_is_pacing_up_and_down() -> None:
    swing = np.zeros((31, 2))
    swing[1::2, 0] = 0.25
    assert stuck_steps(swing, same(30)) == 30
    pace = np.zeros((81, 2))
    pace[:, 0] = 0.25 * np.abs((np.arange(81) + 4) % 8 - 4)  # to and fro over 1 m
    assert not without_progress(pace, same(80), *SPINS).any()
    assert without_progress(pace, same(80), *DITHERS).all()
    assert stuck_steps(pace, same(80)) == 80
    assert stuck_steps(pace[:60], same(59)) == 0


def test_a_round_through_known_rooms_is_not_stuck() -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 81)
    round_trip = 2.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert stuck_steps(round_trip, same(80)) == 0


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"positions \(N \+ 1, 2\).*\(5, 2\) and \(4,\)"):
        stuck_steps(np.zeros((5, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        without_progress(np.zeros((5, 2)), np.zeros(5), 0, 0.25)
