# SPDX-License-Identifier: Apache-2.0
"""The noise of a LoCoBot as Active Neural SLAM publishes it, brought to SI units, REP 103 and the robot's centre.

The numbers are the mixtures of the files noise_models/{actuation,sensor}_noise_{fwd,left,right}.pkl in
github.com/devendrachaplot/Neural-SLAM at 8876e1e, Copyright (c) 2020 Devendra Chaplot, MIT licence, rounded to six
digits; the files themselves are never read here. Three things about them are not written down by their authors and
follow from the numbers (docs/sensors.md shows how):

- x is ahead, y to the right and the heading clockwise (a left turn has y = -0.020 and 348.5 degrees).
- The heading is in degrees for turns and in radians for the step ahead: covariance of y and heading over variance of
  heading is 0.20 and 0.10 m in radians, as it must be for a step of 0.25 m; in degrees it would be 11 and 6 m. (The
  authors' own code takes all of them for degrees, which leaves next to no heading error on the way ahead.)
- What was tracked lies 0.10 m ahead of the centre of rotation: y / sin(turn) is 0.100 m left and 0.101 m right, and
  the odometry's errors hold the same shift with the opposite sign. Both refer to the centre here.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from seal_perception.types import FloatArray
from sim_bridge.robot.motion_noise import Mixture, MotionNoise

TRACKED_AHEAD_M = 0.10
FORWARD_M, TURN_DEG = 0.25, 10.0

# Per component: weight, mean (x, y, heading), upper triangle of the covariance (xx, xy, xh, yy, yh, hh).
Published = tuple[tuple[float, tuple[float, float, float], tuple[float, float, float, float, float, float]], ...]

ACTUATION_FORWARD: Published = (
    (
        0.579551,
        (0.244986, 0.00221222, 0.0124581),
        (1.37677e-05, -1.09013e-06, 3.67215e-07, 6.70795e-06, 6.51491e-06, 3.23026e-05),
    ),
    (
        0.420449,
        (0.246516, 0.00180695, 0.00472327),
        (1.11632e-05, 3.10739e-07, 5.93897e-06, 6.81011e-06, 3.78661e-06, 3.79541e-05),
    ),
)
ACTUATION_LEFT: Published = (
    (
        0.568550,
        (-0.00151640, -0.0200573, 348.484),
        (3.66543e-06, -4.13691e-07, -7.04155e-05, 2.40483e-06, 0.000158774, 0.104876),
    ),
    (
        0.431450,
        (-0.00156179, -0.0190304, 349.071),
        (4.51410e-06, -2.53674e-07, 6.02586e-05, 1.94020e-06, 8.81396e-05, 0.0699790),
    ),
)
ACTUATION_RIGHT: Published = (
    (
        1.0,
        (-0.000781959, 0.0194712, 11.0899),
        (5.22711e-06, -1.70651e-07, -8.55919e-05, 2.33166e-06, 0.000328901, 0.234100),
    ),
)
ODOMETRY_FORWARD: Published = (
    (
        0.844849,
        (0.00100704, -0.00108330, 6.20345e-05),
        (6.07847e-06, -5.11893e-07, 6.85733e-07, 5.22028e-06, -1.78615e-06, 4.83265e-06),
    ),
    (
        0.155151,
        (0.00377739, 4.70461e-05, -0.000570052),
        (8.41869e-06, -2.42635e-06, 6.15786e-07, 4.94136e-06, 5.34259e-07, 5.58759e-06),
    ),
)
ODOMETRY_LEFT: Published = (
    (
        1.0,
        (0.00200410, 0.0195707, 0.198079),
        (2.06871e-06, 5.29918e-08, -8.40789e-06, 2.43100e-06, -1.40803e-05, 0.00699078),
    ),
)
ODOMETRY_RIGHT: Published = (
    (
        0.560519,
        (0.00168811, -0.0192907, -0.0392390),
        (2.04489e-06, -4.02598e-07, -6.45421e-06, 2.65416e-06, 9.57619e-06, 0.00442629),
    ),
    (
        0.439481,
        (0.00228739, -0.0195165, 0.0677258),
        (2.23404e-06, -8.99889e-08, 1.12876e-05, 1.88683e-06, 4.32116e-06, 0.00377827),
    ),
)


def _read(published: Published, heading_unit: float) -> Mixture:
    """The mixture in metres and radians, still x ahead, y right, clockwise, at the tracked point."""
    weights = np.array([row[0] for row in published])
    means = np.array([row[1] for row in published])
    covariances = np.zeros((len(published), 3, 3))
    for covariance, (_, _, upper) in zip(covariances, published, strict=True):
        covariance[np.triu_indices(3)] = upper
        covariance[np.tril_indices(3)] = covariance.T[np.tril_indices(3)]
    unit = np.array([1.0, 1.0, heading_unit])
    means = means * unit
    means[:, 2] = (means[:, 2] + math.pi) % (2.0 * math.pi) - math.pi
    return Mixture(weights / weights.sum(), means, covariances * unit[:, None] * unit[None, :])


def _shift(heading: float) -> FloatArray:
    """How far the tracked point moves when the robot turns on the spot by `heading` (clockwise; x ahead, y right)."""
    return TRACKED_AHEAD_M * np.array([math.cos(heading) - 1.0, math.sin(heading), 0.0])


def _at_centre(motion: Mixture) -> Mixture:
    """The same motions, of the centre of rotation: exact in the means, first order in the covariances."""
    means = motion.means.copy()
    covariances = motion.covariances.copy()
    for k, heading in enumerate(motion.means[:, 2]):
        means[k] -= _shift(heading)
        jacobian = np.eye(3)
        jacobian[0, 2] = TRACKED_AHEAD_M * math.sin(heading)
        jacobian[1, 2] = -TRACKED_AHEAD_M * math.cos(heading)
        covariances[k] = jacobian @ covariances[k] @ jacobian.T
    return Mixture(motion.weights, means, covariances)


def _to_rep_103(mixture: Mixture, minus: FloatArray) -> Mixture:
    """With y to the left and headings counter-clockwise, less the constant `minus` (in REP 103)."""
    flip = np.array([1.0, -1.0, -1.0])
    return Mixture(mixture.weights, mixture.means * flip - minus, mixture.covariances * flip[:, None] * flip[None, :])


@functools.lru_cache(maxsize=8)
def locobot_noise(actuation_scale: float = 1.0, odometry_scale: float = 1.0) -> MotionNoise:
    """Errors of the LoCoBot at its centre, in REP 103."""
    degree = math.pi / 180.0
    commanded = np.array([[FORWARD_M, 0.0, 0.0], [0.0, 0.0, TURN_DEG * degree], [0.0, 0.0, -TURN_DEG * degree]])
    actuation, odometry = [], []
    for motion, error, unit, command in zip(
        (ACTUATION_FORWARD, ACTUATION_LEFT, ACTUATION_RIGHT),
        (ODOMETRY_FORWARD, ODOMETRY_LEFT, ODOMETRY_RIGHT),
        (1.0, degree, degree),
        commanded,
        strict=True,
    ):
        tracked = _read(motion, unit)
        actuation.append(_to_rep_103(_at_centre(tracked), command))
        # Claimed motion of the centre minus true motion of the tracked point: the point's own shift is put back.
        claimed = _read(error, unit)
        centred = Mixture(claimed.weights, claimed.means + _shift(float(tracked.mean[2])), claimed.covariances)
        odometry.append(_to_rep_103(centred, np.zeros(3)))
    return MotionNoise(
        (actuation[0], actuation[1], actuation[2]),
        (odometry[0], odometry[1], odometry[2]),
        FORWARD_M,
        TURN_DEG * degree,
        actuation_scale,
        odometry_scale,
    )
