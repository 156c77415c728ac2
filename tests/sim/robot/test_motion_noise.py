# SPDX-License-Identifier: Apache-2.0
"""Errors of motion and odometry: samples against their parameters, and what they do to a robot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import FAST, room

from seal_perception.pose import invert, pose_yaw
from seal_perception.simulator import Action
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.robot import locobot_noise as published
from sim_bridge.robot.body import Body
from sim_bridge.robot.locobot_noise import TRACKED_AHEAD_M, locobot_noise
from sim_bridge.robot.motion_noise import Mixture, MotionNoise

LOCOBOT = locobot_noise()
MIXTURES = {f"{kind} {way}": mixture for kind in ("actuation", "odometry") for way, mixture in zip(
    ("forward", "left", "right"), getattr(LOCOBOT, kind), strict=True)}  # fmt: skip


def free(x: float, y: float) -> bool:
    return True


def _close(samples: np.ndarray, mean: np.ndarray, covariance: np.ndarray, sigmas: float = 4.0) -> None:
    """Sample mean and covariance within `sigmas` standard errors (of normal numbers, for the covariance)."""
    n, sd = len(samples), np.sqrt(np.diag(covariance))
    assert (np.abs(samples.mean(0) - mean) < sigmas * sd / math.sqrt(n)).all()
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / n)
    assert (np.abs(np.cov(samples.T) - covariance) < sigmas * error).all()


@pytest.mark.parametrize("name", MIXTURES)
def test_samples_have_the_mixtures_moments(name: str) -> None:
    mixture = MIXTURES[name]
    rng = np.random.default_rng(1)
    _close(np.array([mixture.sample(rng) for _ in range(20000)]), mixture.mean, mixture.covariance)


def test_samples_come_from_the_components_by_their_weights() -> None:
    mixture = Mixture(np.array([0.3, 0.7]), np.array([[0, 0, 0], [1, 2, 3.0]]), np.stack([np.eye(3) * 1e-4] * 2))
    rng = np.random.default_rng(2)
    samples = np.array([mixture.sample(rng) for _ in range(4000)])
    second = samples[:, 0] > 0.5
    assert second.mean() == pytest.approx(0.7, abs=0.03)
    np.testing.assert_allclose(samples[second].mean(0), (1, 2, 3), atol=0.01)
    np.testing.assert_allclose(mixture.mean, (0.7, 1.4, 2.1))
    np.testing.assert_allclose(mixture.covariance, 0.21 * np.outer((1, 2, 3), (1, 2, 3)) + 1e-4 * np.eye(3))


@pytest.mark.parametrize("amount", [3.0, 0.1, -2.0])
def test_mean_and_covariance_grow_with_the_amount_of_motion(amount: float) -> None:
    mixture = LOCOBOT.actuation[0]
    rng = np.random.default_rng(3)
    samples = np.array([mixture.sample(rng, amount) for _ in range(20000)])
    _close(samples, amount * mixture.mean, abs(amount) * mixture.covariance)


def test_a_motion_cut_into_parts_has_the_same_errors() -> None:
    rng = np.random.default_rng(4)
    whole = LOCOBOT.actuation[1]
    parts = np.array([sum(whole.sample(rng, 0.1) for _ in range(10)) for _ in range(3000)])
    _close(parts, whole.mean, whole.covariance)


def test_the_locobots_errors_at_its_centre() -> None:
    # Published: 0.2456 m for 0.25 m; 11.26 degrees left and 11.09 right for 10 (means of the mixtures).
    ahead, left, right = (mixture.mean for mixture in LOCOBOT.actuation)
    assert ahead[0] == pytest.approx(0.245629 - 0.25, abs=1e-5)
    assert math.degrees(ahead[2]) == pytest.approx(-math.degrees(0.009206), abs=1e-3)
    assert math.degrees(left[2]) == pytest.approx(360 - 348.737 - 10, abs=1e-3)
    assert math.degrees(right[2]) == pytest.approx(-(11.0899 - 10), abs=1e-3)
    # About its centre the robot turns on the spot, to 1.1 mm: 20 mm were published for a point 0.10 m ahead of it.
    assert np.abs([left[:2], right[:2]]).max() < 1.2e-3
    # And what the odometry claims of a turn agrees with that to a fifth of a millimetre.
    assert np.abs([mixture.mean[:2] for mixture in LOCOBOT.odometry[1:]]).max() < 2e-4


def test_the_units_of_the_heading_are_told_by_the_way_it_goes_with_y() -> None:
    """y = lever x heading, with a lever between that of the tracked point and half a step more."""
    for _, _, (_, _, _, _, y_heading, heading) in published.ACTUATION_FORWARD:
        assert TRACKED_AHEAD_M - 0.01 < y_heading / heading < TRACKED_AHEAD_M + 0.125, "radians"
    for rows in (published.ACTUATION_LEFT, published.ACTUATION_RIGHT):
        for _, _, (_, _, _, _, y_heading, heading) in rows:
            assert y_heading / heading * 180 / math.pi == pytest.approx(TRACKED_AHEAD_M, abs=0.03), "degrees"


def test_back_at_the_tracked_point_the_published_means_return() -> None:
    lever = np.array([TRACKED_AHEAD_M, 0.0])
    commands = (np.array([0.25, 0, 0]), np.radians([0, 0, 10.0]), np.radians([0, 0, -10.0]))
    rows = (published.ACTUATION_FORWARD, published.ACTUATION_LEFT, published.ACTUATION_RIGHT)
    for mixture, command, row, unit in zip(LOCOBOT.actuation, commands, rows, (1.0, *[math.pi / 180] * 2), strict=True):
        for mean, (_, (x, y, heading), _) in zip(mixture.means, row, strict=True):
            moved = mean + command
            c, s = math.cos(moved[2]), math.sin(moved[2])
            point = moved[:2] + np.array([[c, -s], [s, c]]) @ lever - lever
            np.testing.assert_allclose(point, (x, -y), atol=1e-7)
            assert math.remainder(moved[2] + heading * unit, 2 * math.pi) == pytest.approx(0.0, abs=1e-6)


def test_a_noisy_step_moves_by_the_command_and_its_error() -> None:
    body = Body(0.25, math.radians(10), free, 0.01, locobot_noise(1.0, 0.0))
    found: dict[str, list[np.ndarray]] = {"forward": [], "left": []}
    for seed in range(3000):
        body.reset(seed)
        assert not body.forward()
        T = body.T_start_base
        np.testing.assert_array_equal(body.T_odom_base, T)
        found["forward"].append(np.array([T[0, 3] - 0.25, T[1, 3], pose_yaw(T)]))
        body.reset(seed)
        body.turn(1)
        T = body.T_start_base
        found["left"].append(np.array([T[0, 3], T[1, 3], pose_yaw(T) - math.radians(10)]))
    for k, name in enumerate(found):
        _close(np.array(found[name]), LOCOBOT.actuation[k].mean, LOCOBOT.actuation[k].covariance)


def test_noisy_odometry_claims_the_true_motion_and_its_error() -> None:
    body = Body(0.25, math.radians(10), free, 0.01, locobot_noise(0.0, 1.0))
    errors = []
    for seed in range(3000):
        body.reset(seed)
        body.turn(-1)
        np.testing.assert_allclose(pose_yaw(body.T_start_base), -math.radians(10))
        T = body.T_odom_base
        errors.append([T[0, 3], T[1, 3], pose_yaw(T) + math.radians(10)])
    _close(np.array(errors), LOCOBOT.odometry[2].mean, LOCOBOT.odometry[2].covariance)


@pytest.mark.parametrize("parts", [1, 20])
def test_a_drive_has_the_same_drift_however_it_is_commanded(parts: int) -> None:
    body = Body(0.25, 0.5, free, 0.01, locobot_noise(1.0, 0.0))
    ends = []
    for seed in range(600):
        body.reset(seed)
        for _ in range(parts):
            body.drive(1.0 / parts, 0.0, 1.0)
        ends.append([body.T_start_base[0, 3] - 1.0, body.yaw])
    # Four steps of 0.25 m; the heading drifts on the way, which shortens it by under a millimetre.
    mixture = LOCOBOT.actuation[0]
    assert np.mean(ends, 0)[1] == pytest.approx(
        4 * mixture.mean[2], abs=4 * math.sqrt(4 * mixture.covariance[2, 2] / 600)
    )
    assert np.std(ends, 0)[1] == pytest.approx(math.sqrt(4 * mixture.covariance[2, 2]), rel=0.12)
    assert np.std(ends, 0)[0] == pytest.approx(math.sqrt(4 * mixture.covariance[0, 0]), rel=0.12)
    assert np.mean(ends, 0)[0] == pytest.approx(4 * mixture.mean[0], abs=2e-3)


@pytest.mark.parametrize("way", [0.25, -0.25])
@pytest.mark.parametrize("parts", [1, 5, 25])
def test_a_drive_goes_aside_as_the_step_measured_does(parts: int, way: float) -> None:
    body = Body(0.25, 0.5, free, 0.01, locobot_noise(1.0, 0.0))
    ends = []
    for seed in range(600 if parts > 5 else 1500):
        body.reset(seed)
        for _ in range(parts):
            body.drive(way / parts, 0.0, 0.1)
        ends.append([body.T_start_base[1, 3], body.yaw])
    mixture = LOCOBOT.actuation[0]
    mean, covariance = math.copysign(1.0, way) * mixture.mean[1:], mixture.covariance[1:, 1:]
    found, n = np.array(ends), len(ends)
    # -1.1 mm; four standard errors. In parts the heading errs on the way: L^2 var(heading) / 48 more, 2 % of sigma.
    assert (np.abs(found.mean(0) - mean) < 4 * np.sqrt(np.diag(covariance) / n)).all()
    assert found[:, 0].std() == pytest.approx(math.sqrt(covariance[0, 0]), rel=4.4 / math.sqrt(2 * n))
    expected = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(expected, abs=4 / math.sqrt(n))


def test_only_the_way_ahead_bends() -> None:
    straight, bent = (LOCOBOT.actuation_error(np.random.default_rng(6), 0.25, 0.0, on) for on in (False, True))
    np.testing.assert_allclose(straight - bent, (0.0, 0.125 * straight[2], 0.0), atol=1e-15)
    # A turn on the spot has no way that could bend.
    turns = [LOCOBOT.actuation_error(np.random.default_rng(7), 0.0, 0.2, on) for on in (False, True)]
    np.testing.assert_array_equal(*turns)


def _walk(sim: EmbeddedSimulator, seed: int) -> list[np.ndarray]:
    poses = [sim.reset(seed).T_odom_base]
    for k in range(24):
        poses.append(sim.step((Action.FORWARD, Action.LEFT, Action.FORWARD, Action.RIGHT)[k % 4]).T_odom_base)
    return poses


def test_odometry_drifts_from_the_truth_and_repeats_by_its_seed() -> None:
    sim = EmbeddedSimulator(room(), replace(FAST, motion_noise="locobot"))
    first = _walk(sim, 0)
    claimed = sim.T_world_odom @ first[-1]
    truth = sim.T_world_base
    drift = np.linalg.norm(claimed[:3, 3] - truth[:3, 3])
    assert 1e-3 < drift < 0.5
    turned = pose_yaw(invert(claimed) @ truth)
    assert 1e-3 < abs(turned) < 0.3
    again = _walk(sim, 0)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, again, strict=True))
    other = _walk(EmbeddedSimulator(room(), replace(FAST, motion_noise="locobot", noise_seed=1)), 0)
    assert first[1].tobytes() != other[1].tobytes()


def test_only_one_kind_may_be_on() -> None:
    sims = {name: EmbeddedSimulator(room(), replace(FAST, motion_noise=name)) for name in ("actuation", "odometry")}
    for name, sim in sims.items():
        claimed = _walk(sim, 0)[-1]
        truth = invert(sim.T_world_odom) @ sim.T_world_base
        assert np.allclose(claimed, truth, atol=1e-12) is (name == "actuation")
    clean = EmbeddedSimulator(room(), FAST)
    _walk(clean, 0)
    np.testing.assert_array_equal(sims["odometry"].T_world_base, clean.T_world_base)
    assert not np.allclose(sims["actuation"].T_world_base, clean.T_world_base, atol=1e-3)


def test_a_scale_of_zero_is_no_noise_to_the_bit() -> None:
    silent = EmbeddedSimulator(room(), replace(FAST, motion_noise="locobot", motion_noise_scale=0.0))
    clean = EmbeddedSimulator(room(), FAST)
    for a, b in zip(_walk(silent, 3), _walk(clean, 3), strict=True):
        assert a.tobytes() == b.tobytes()


def test_standing_still_there_is_no_error_and_noise_never_enters_a_wall() -> None:
    sim = EmbeddedSimulator(room(), replace(FAST, motion_noise="locobot", motion_noise_scale=3.0))
    sim.reset(1)
    before = sim.T_odom_base
    sim.drive(0.0, 0.0, 1.0)
    sim.step(Action.STOP)
    np.testing.assert_array_equal(sim.T_odom_base, before)
    floor = sim.reachable_floor()
    rng = np.random.default_rng(2)
    for k in range(300):
        if k % 3:
            sim.drive(float(rng.uniform(-0.5, 1.0)), float(rng.normal()), 0.3)
        elif rng.random() < 0.5:
            sim._body.forward()
        else:
            sim._body.turn(1)
        i, j = floor.world_to_cell(sim.T_world_base[:2, 3])
        assert floor.cells[i, j]


def test_a_blocked_robot_claims_no_motion() -> None:
    sim = EmbeddedSimulator(room(), replace(FAST, motion_noise="odometry"))
    sim.reset()
    while not sim.step(Action.FORWARD).collided:
        pass
    before = sim.T_odom_base
    assert sim.step(Action.FORWARD).collided
    np.testing.assert_array_equal(sim.T_odom_base, before)
    for _ in range(6):
        touched = sim.drive(0.3, 0.0, 0.1)
    before = sim.T_odom_base
    assert touched and sim.drive(0.3, 0.0, 0.1)
    np.testing.assert_array_equal(sim.T_odom_base, before)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ((np.array([0.5]), np.zeros((1, 3)), np.eye(3)[None]), "sum to 1"),
        ((np.array([1.0]), np.zeros((2, 3)), np.eye(3)[None]), r"\(K, 3\)"),
        ((np.array([1.0]), np.zeros((1, 3)), -np.eye(3)[None]), "positive definite"),
    ],
)
def test_wrong_mixtures_are_refused(wrong: tuple[np.ndarray, np.ndarray, np.ndarray], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Mixture(*wrong)


def test_wrong_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="actuation_scale"):
        locobot_noise(-1.0)
    with pytest.raises(ValueError, match="motions measured"):
        MotionNoise(LOCOBOT.actuation, LOCOBOT.odometry, 0.0)
