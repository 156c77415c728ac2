# SPDX-License-Identifier: Apache-2.0
"""Colour as a small camera takes it: shot and read noise, exposure, white balance and motion blur.

Source of the noise: the linear model of EMVA standard 1288: the variance of a value is its photon noise, which is its
number of electrons, plus a constant of the electronics. All happens in linear light, then converts back to sRGB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import Float32Array, FloatArray, IntArray, UInt8Array
from sim_bridge.drawing.render import srgb_to_linear
from sim_bridge.geometry.pinhole import Pinhole
from sim_bridge.geometry.twist import STILL, Twist
from sim_bridge.sensors.noise_field import SIDE, noise_table, random_corner

Picture = UInt8Array
_MASK = SIDE - 1
_LEVELS = 1 << 14
MAX_BLUR_STEPS = 48


@dataclass(frozen=True)
class ColourNoise:
    """A colour camera indoors.

    Attributes:
        full_well_e: electrons of a white pixel, at the gain used indoors (shot noise = their square root).
        read_noise_e: standard deviation of the electronics in electrons.
        exposure_s: how long a picture is exposed: what moves meanwhile is smeared.
        auto_exposure: share of a picture's darkness or brightness that the camera makes up for; 0 = fixed.
        target: mean linear brightness that it aims at.
        lag_s: time in which it makes up for 63 % of a change.
        max_gain: it brightens and darkens at most by this factor.
        drift: standard deviation of the logarithm of the gain's slow drift.
        white_balance: standard deviation of the logarithm of the drift of red and blue against green.
        drift_s: time in which the drifts forget 63 %.
    """

    full_well_e: float = 1500.0
    read_noise_e: float = 4.0
    exposure_s: float = 0.016
    auto_exposure: float = 0.5
    target: float = 0.18
    lag_s: float = 0.5
    max_gain: float = 2.5
    drift: float = 0.03
    white_balance: float = 0.03
    drift_s: float = 20.0

    def __post_init__(self) -> None:
        for name in ("full_well_e", "target", "lag_s", "drift_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.target < math.inf:
            raise ValueError(f"target must be a mean linear brightness, got {self.target}")
        for name in ("read_noise_e", "exposure_s", "drift", "white_balance"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number >= 0, got {getattr(self, name)}")
        if not 0.0 <= self.auto_exposure <= 1.0:
            raise ValueError(f"auto_exposure must be a share in [0, 1], got {self.auto_exposure}")
        if not 1.0 <= self.max_gain < math.inf:
            raise ValueError(f"max_gain must be at least 1, got {self.max_gain}")


class ColourSensor:
    """Turns drawn pictures into taken ones, frame by frame.

    Args:
        noise: the camera.
        camera: intrinsics.
        T_base_camera: (4, 4) mounting, for motion blur.
        seed: of the noise.
    """

    def __init__(self, noise: ColourNoise, camera: Camera, T_base_camera: FloatArray, seed: int = 0) -> None:
        self.noise = noise
        self.camera = camera
        self._T_base_camera = T_base_camera
        table = noise_table(np.random.default_rng((seed, 5)))
        self._tables = _Tables(srgb_to_linear(), _srgb_table(), table)
        self.reset(0, seed)

    def reset(self, seed: int, noise_seed: int = 0) -> None:
        """Begin a run whose noise belongs to both seeds; the exposure fits the first picture."""
        self._rng = np.random.default_rng((noise_seed, seed, 6))
        self._exposure: float | None = None
        # Drifts of the gain, of red and of blue, in units of their standard deviations.
        self._drifts = self._rng.standard_normal(3)

    def take(self, rgb: Picture, depth: Float32Array, seconds: float = 0.1, twist: Twist = STILL) -> Picture:
        """The picture as the camera takes it.

        Args:
            rgb: (H, W, 3) uint8 as drawn.
            depth: (H, W) float32 true depth in metres; nearer things are smeared more by the robot's motion.
            seconds: since the picture before.
            twist: motion of the robot during the exposure.

        Raises:
            ValueError: if a picture does not have the camera's size.
        """
        size = (self.camera.height, self.camera.width)
        if rgb.shape != (*size, 3) or rgb.dtype != np.uint8 or depth.shape != size:
            raise ValueError(
                f"pictures must be {size} with 3 colours uint8, got {rgb.shape} {rgb.dtype}, {depth.shape}"
            )
        n = self.noise
        gains = self._gains(rgb, seconds).astype(np.float32)
        v, w = camera_motion(self._T_base_camera, twist)
        corners = np.array([random_corner(self._rng) for _ in range(3)])
        per_electron = 1.0 / n.full_well_e if math.isfinite(n.full_well_e) else 0.0
        read = (n.read_noise_e / n.full_well_e) ** 2
        exposure = _Exposure(
            gains, np.float32(per_electron), np.float32(read), v * n.exposure_s, w * n.exposure_s, corners
        )
        out = np.empty_like(rgb)
        _take(rgb, depth, out, self._tables, exposure, Pinhole.from_camera(self.camera))
        return out

    def _gains(self, rgb: Picture, seconds: float) -> FloatArray:
        """(3,) factors on linear red, green and blue of this picture."""
        n = self.noise
        keep = math.exp(-seconds / n.drift_s)
        self._drifts = keep * self._drifts + math.sqrt(1.0 - keep * keep) * self._rng.standard_normal(3)
        brightness = float(self._tables.to_linear[rgb[::8, ::8]].mean())
        wanted = n.auto_exposure * math.log(n.target / max(brightness, 1e-4))
        wanted = min(max(wanted, -math.log(n.max_gain)), math.log(n.max_gain))
        if self._exposure is None:
            self._exposure = wanted
        self._exposure += (wanted - self._exposure) * (1.0 - math.exp(-seconds / n.lag_s))
        gain = self._exposure + n.drift * self._drifts[0]
        red, blue = n.white_balance * self._drifts[1:]
        return np.exp(np.array([gain + red, gain, gain + blue]))


def camera_motion(T_base_camera: FloatArray, twist: Twist) -> tuple[FloatArray, FloatArray]:
    """Velocity (3,) in m/s and rate of turn (3,) in rad/s of the camera, in its optical frame."""
    turn = np.array([0.0, 0.0, twist.turn_radps])
    velocity = np.array([twist.forward_mps, 0.0, 0.0]) + np.cross(turn, T_base_camera[:3, 3])
    R_camera_base = T_base_camera[:3, :3].T
    return R_camera_base @ velocity, R_camera_base @ turn


def _srgb_table() -> Picture:
    """(_LEVELS,) sRGB level of linear brightness 0..1."""
    x = (np.arange(_LEVELS) + 0.5) / _LEVELS
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1.0 / 2.4) - 0.055)
    return np.round(255.0 * y).astype(np.uint8)


class _Tables(NamedTuple):
    """Linear value of each sRGB level, sRGB level of each step of linear brightness, and normal noise (SIDE, SIDE)."""

    to_linear: Float32Array
    to_srgb: UInt8Array
    noise: Float32Array


class _Exposure(NamedTuple):
    """One picture's exposure.

    Attributes:
        gains: (3,) float32 factors on linear red, green and blue.
        per_electron: brightness of one electron, which is the variance of the shot noise at brightness 1.
        read: variance of the electronics.
        shift: (3,) metres that the camera moves meanwhile, in its optical frame.
        turn: (3,) radians that it turns.
        corners: (3, 2) where each colour begins in the noise table.
    """

    gains: Float32Array
    per_electron: np.float32
    read: np.float32
    shift: FloatArray
    turn: FloatArray
    corners: IntArray


@numba.njit(cache=True, nogil=True)
def _flow(x, y, z, v, w):  # type: ignore[no-untyped-def]
    """How far a point (on ray (x, y, 1) at depth z) moves in the picture, in units of the focal length."""
    # dP/dt = -v - w x P, with P = z (x, y, 1).
    dx = -v[0] - z * (w[1] - w[2] * y)
    dy = -v[1] - z * (w[2] * x - w[0])
    dz = -v[2] - z * (w[0] * y - w[1] * x)
    return (dx - x * dz) / z, (dy - y * dz) / z


@numba.njit(cache=True, nogil=True)
def _smear(rgb, to_linear, r, c, du, dv, colour):  # type: ignore[no-untyped-def]
    """Mean linear colour along (du, dv) pixels centred at (r, c)."""
    height, width = rgb.shape[:2]
    # A sample per pixel of the way.
    count = min(max(int(np.ceil(max(abs(du), abs(dv)))), 1), MAX_BLUR_STEPS)
    colour[:] = 0.0
    for i in range(count):
        share = (i + 0.5) / count - 0.5
        x = int(min(max(c + share * du + 0.5, 0.0), width - 1.0))
        y = int(min(max(r + share * dv + 0.5, 0.0), height - 1.0))
        for k in range(3):
            colour[k] += to_linear[rgb[y, x, k]]
    for k in range(3):
        colour[k] /= count


@numba.njit(cache=True, nogil=True)
def _take(rgb, depth, out, tables, exposure, pinhole):  # type: ignore[no-untyped-def]
    """The picture taken into `out`: blurred by the motion, then gain and noise."""
    to_linear, to_srgb, table = tables
    gains, per_electron, read, v, w, corners = exposure
    fx, fy, cx, cy = pinhole
    moving = False
    for k in range(3):
        moving = moving or v[k] != 0.0 or w[k] != 0.0
    colour = np.zeros(3, np.float32)
    last = len(to_srgb) - 1
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            du = dv = 0.0
            if moving:
                z = depth[r, c] if depth[r, c] > 0 else np.float32(1e6)
                du, dv = _flow((c - cx) / fx, (r - cy) / fy, z, v, w)
            _smear(rgb, to_linear, r, c, du * fx, dv * fy, colour)
            for k in range(3):
                value = colour[k]
                noise = table[(r + corners[k, 0]) & _MASK, (c + corners[k, 1]) & _MASK]
                value = gains[k] * (value + noise * np.sqrt(value * per_electron + read))
                out[r, c, k] = to_srgb[min(max(int(value * np.float32(_LEVELS)), 0), last)]
