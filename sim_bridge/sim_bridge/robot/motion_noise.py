# SPDX-License-Identifier: Apache-2.0
"""Errors of motion and of odometry: Gaussian mixtures measured on a LoCoBot, scaled to any motion.

Source: Chaplot et al., "Learning to Explore using Active Neural SLAM", ICLR 2020, whose authors fitted mixtures to a
LoCoBot's steps of 0.25 m and turns of 10 degrees (numbers: `locobot_noise`). An error of a motion that is
`f` times the published one has `f` times its mean and `f` times its covariance: many short motions add up to one long
one, so that a drive may be cut into any number of commands; at f = 1 it is the published mixture itself.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from seal_perception.types import FloatArray


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture of errors (ahead m, left m, turned left rad) in the robot's frame before the motion.

    Attributes:
        weights: (K,) sum 1.
        means: (K, 3).
        covariances: (K, 3, 3), positive definite.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    def __post_init__(self) -> None:
        k = len(self.weights)
        if self.means.shape != (k, 3) or self.covariances.shape != (k, 3, 3):
            shapes = self.weights.shape, self.means.shape, self.covariances.shape
            raise ValueError(f"a mixture needs (K,), (K, 3) and (K, 3, 3), got {shapes}")
        if not (self.weights > 0).all() or abs(float(self.weights.sum()) - 1.0) > 1e-6:
            raise ValueError(f"weights of a mixture must be positive and sum to 1, got {self.weights.tolist()}")
        if not (np.linalg.eigvalsh(self.covariances) > 0).all():
            raise ValueError(f"covariances of a mixture must be positive definite, got {self.covariances.tolist()}")

    @functools.cached_property
    def mean(self) -> FloatArray:
        """(3,) mean of the whole mixture."""
        return np.asarray(self.weights @ self.means, np.float64)

    @functools.cached_property
    def _shares(self) -> FloatArray:
        """(K,) sums of the weights up to each."""
        return np.cumsum(self.weights)

    @functools.cached_property
    def _roots(self) -> FloatArray:
        """(K, 3, 3) lower triangles whose squares are the covariances."""
        return np.asarray(np.linalg.cholesky(self.covariances), np.float64)

    @property
    def covariance(self) -> FloatArray:
        """(3, 3) covariance of the whole mixture."""
        away = self.means - self.mean
        spread = self.covariances + away[:, :, None] * away[:, None, :]
        return np.asarray(np.einsum("k,kij->ij", self.weights, spread), np.float64)

    def sample(self, rng: np.random.Generator, amount: float = 1.0) -> FloatArray:
        """(3,) error of a motion `amount` times the measured one; a negative amount is the way back."""
        k = int(self._shares.searchsorted(rng.random(), side="right"))
        k = min(k, len(self.weights) - 1)
        drawn = self.means[k] + self._roots[k] @ rng.standard_normal(3)
        return np.asarray(amount * self.mean + math.sqrt(abs(amount)) * (drawn - self.mean), np.float64)


@dataclass(frozen=True)
class MotionNoise:
    """What goes wrong when the robot moves, and what its odometry makes of it.

    Attributes:
        actuation: true motion minus commanded motion, for a step ahead, a turn to the left and one to the right.
        odometry: motion claimed by the odometry minus true motion, for the same three.
        forward_m, turn_rad: length of the step and angle of the turn to which the mixtures belong.
        actuation_scale, odometry_scale: factors on the errors; 0 = none of that kind.
    """

    actuation: tuple[Mixture, Mixture, Mixture]
    odometry: tuple[Mixture, Mixture, Mixture]
    forward_m: float = 0.25
    turn_rad: float = math.radians(10.0)
    actuation_scale: float = 1.0
    odometry_scale: float = 1.0

    def __post_init__(self) -> None:
        if not (self.forward_m > 0 and self.turn_rad > 0):
            raise ValueError(f"motions measured must be positive, got {self.forward_m} m and {self.turn_rad} rad")
        for name in ("actuation_scale", "odometry_scale"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number >= 0, got {getattr(self, name)}")

    def actuation_error(
        self, rng: np.random.Generator, forward_m: float, turn_rad: float, on_arc: bool = False
    ) -> FloatArray:
        """(3,) what to add to a commanded motion: metres ahead and to the left, radians to the left.

        Args:
            rng: draws the error.
            forward_m: commanded metres ahead.
            turn_rad: commanded radians to the left.
            on_arc: whether the way bends by the heading error, which brings the robot to the side by itself: by half
                of it times the length, of the step measured too. That part is then left out of the metres to the left.
        """
        error = self._error(self.actuation, rng, forward_m, 0.0)
        if on_arc:
            error[1] -= 0.5 * math.copysign(self.forward_m, forward_m) * error[2]
        return self.actuation_scale * (error + self._error(self.actuation, rng, 0.0, turn_rad))

    def odometry_error(self, rng: np.random.Generator, forward_m: float, turn_rad: float) -> FloatArray:
        """(3,) what the odometry adds to the true motion; the arguments are the commanded one."""
        return self.odometry_scale * self._error(self.odometry, rng, forward_m, turn_rad)

    def _error(
        self, mixtures: tuple[Mixture, Mixture, Mixture], rng: np.random.Generator, forward_m: float, turn_rad: float
    ) -> FloatArray:
        error = np.zeros(3)
        if forward_m != 0.0:
            error += mixtures[0].sample(rng, forward_m / self.forward_m)
        if turn_rad != 0.0:
            error += mixtures[1 if turn_rad > 0 else 2].sample(rng, abs(turn_rad) / self.turn_rad)
        return error
