# SPDX-License-Identifier: Apache-2.0
"""Depth as an active stereo camera measures it: noise that grows with range, steps, shadows, edges and holes.

Sources: the RMS error z^2 x subpixel / (focal length x baseline) is Intel's ("Tuning depth cameras for best
performance"; A. Grunnet-Jepsen in librealsense issue 3904: steps of 1/32 pixel, "best to use about 0.08" pixels for
the RMS error); depth belongs to the left imager, so what the right one does not see, on the left of what stands in
front, has none (D400 datasheet, "invalid depth band"). How often an edge or a grazing surface fails is nowhere
published as a law: those shares are our own, chosen by eye on pictures of such cameras.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from scipy.special import ndtr

from seal_perception.camera import Camera
from seal_perception.types import Float32Array, FloatArray
from sim_bridge.geometry.pinhole import Pinhole
from sim_bridge.sensors.noise_field import MAX_CORRELATION_PX, SIDE, noise_table, random_corner

Depth = Float32Array
_MASK = SIDE - 1


@dataclass(frozen=True)
class DepthNoise:
    """A stereo depth camera; the defaults are a RealSense D435 at 848 x 480.

    Attributes:
        baseline_m: distance between the two imagers.
        focal_px: focal length of the imagers (848 pixels over 90 degrees).
        subpixel_px: standard deviation of the disparity.
        step_px: smallest step of the disparity.
        correlation_px: edge of the matched block, over which the noise is correlated, in pixels of the imagers.
        unit_m: smallest step of the depth; 0 = none.
        min_m, max_m: range that it measures; no depth outside.
        shadow: no depth where the right imager sees something nearer.
        edge_px: a jump of the disparity of at least this much, over the slope of the surfaces, is an edge.
        edge_reach_px: an edge disturbs pixels up to this far, in pixels of the imagers.
        edge_drop, edge_fly: share of such pixels without depth, and with one somewhere between the two sides.
        grazing_start_deg, grazing_end_deg: angle between ray and surface normal from which depth begins to fail, and
            from which there is none.
        hole_share: share of pixels lost for no other reason at 1 m; it grows with the square of the range.
    """

    baseline_m: float = 0.050
    focal_px: float = 424.0
    subpixel_px: float = 0.08
    step_px: float = 1.0 / 32.0
    correlation_px: int = 5
    unit_m: float = 0.001
    min_m: float = 0.2
    max_m: float = 10.0
    shadow: bool = True
    edge_px: float = 1.0
    edge_reach_px: int = 2
    edge_drop: float = 0.4
    edge_fly: float = 0.2
    grazing_start_deg: float = 80.0
    grazing_end_deg: float = 89.0
    hole_share: float = 0.001

    def __post_init__(self) -> None:
        for name in ("baseline_m", "focal_px", "edge_px"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("subpixel_px", "step_px", "unit_m"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number >= 0, got {getattr(self, name)}")
        if not 0.0 <= self.hole_share <= 1.0:
            raise ValueError(f"hole_share must be a share in [0, 1], got {self.hole_share}")
        if not 0.0 <= self.min_m < self.max_m:
            raise ValueError(f"depth needs 0 <= min_m < max_m, got {self.min_m} and {self.max_m}")
        if not (self.edge_drop >= 0.0 and self.edge_fly >= 0.0 and self.edge_drop + self.edge_fly <= 1.0):
            raise ValueError(f"edge_drop and edge_fly must be shares, got {self.edge_drop} and {self.edge_fly}")
        for name, low, high in (("correlation_px", 1, MAX_CORRELATION_PX), ("edge_reach_px", 0, 16)):
            value = getattr(self, name)
            if not (low <= value <= high and value == int(value)):
                raise ValueError(f"{name} must be a whole number between {low} and {high}, got {value}")
        if not 0.0 <= self.grazing_start_deg < self.grazing_end_deg <= 90.0:
            angles = f"{self.grazing_start_deg} and {self.grazing_end_deg}"
            raise ValueError(f"grazing angles must rise within 0 to 90 degrees, got {angles}")

    def sigma_m(self, depth_m: float) -> float:
        """Standard deviation of the depth of a surface seen straight on (without the steps)."""
        return self.subpixel_px * depth_m**2 / (self.focal_px * self.baseline_m)


D435 = DepthNoise()


class DepthSensor:
    """Turns true depth into a stereo camera's, frame by frame.

    Args:
        noise: the camera.
        camera: intrinsics of the depth pictures.
        seed: of the noise.
    """

    def __init__(self, noise: DepthNoise, camera: Camera, seed: int = 0) -> None:
        self.noise = noise
        self.camera = camera
        rng = np.random.default_rng((seed, 3))
        # The block is as wide in angle as the imagers' own, in whole pixels of the picture.
        ratio = camera.fx / noise.focal_px
        block = min(max(round(noise.correlation_px * ratio), 1), MAX_CORRELATION_PX)
        reach = max(round(noise.edge_reach_px * ratio), 1) if noise.edge_reach_px > 0 else 0
        disparity = noise_table(rng, block)
        # As evenly spread numbers in [0, 1], to be compared with a share.
        holes = ndtr(noise_table(rng, block))
        self._tables = _Tables(disparity, holes, ndtr(noise_table(rng)))
        self._stereo = _Stereo.from_noise(noise, reach)
        self.reset(0, seed)

    def reset(self, seed: int, noise_seed: int = 0) -> None:
        """Begin a run whose noise belongs to both seeds."""
        self._rng = np.random.default_rng((noise_seed, seed, 4))

    def measure(self, depth: Depth) -> Depth:
        """(H, W) float32 metres, 0 = none, of (H, W) true metres; each call draws new noise.

        Raises:
            ValueError: if the picture does not have the camera's size.
        """
        size = (self.camera.height, self.camera.width)
        if depth.shape != size or depth.dtype != np.float32:
            raise ValueError(f"depth must be {size} float32 in metres, got {depth.shape} {depth.dtype}")
        corners = np.array([random_corner(self._rng) for _ in range(3)])
        out = np.empty_like(depth)
        _measure(depth, out, self._tables, corners, self._stereo, Pinhole.from_camera(self.camera))
        return out


class _Tables(NamedTuple):
    """Noise pictures (SIDE, SIDE): of the disparity, normal; of holes and of edges, evenly spread in [0, 1]."""

    disparity: Float32Array
    holes: FloatArray
    edges: FloatArray


class _Stereo(NamedTuple):
    """`DepthNoise` as the kernel takes it.

    Attributes:
        scale: focal length times baseline of the imagers: disparity = scale / depth.
        reach: pixels of the picture that an edge disturbs.
        cos_start, cos_end: cosines of the grazing angles.
    """

    baseline: float
    scale: float
    subpixel: float
    step: float
    unit: float
    low_m: float
    high_m: float
    shadow: bool
    edge_px: float
    reach: int
    edge_drop: float
    edge_fly: float
    cos_start: float
    cos_end: float
    hole_share: float

    @staticmethod
    def from_noise(n: DepthNoise, reach: int) -> _Stereo:
        """The numbers of a camera."""
        cos_start, cos_end = math.cos(math.radians(n.grazing_start_deg)), math.cos(math.radians(n.grazing_end_deg))
        return _Stereo(
            n.baseline_m, n.focal_px * n.baseline_m, n.subpixel_px, n.step_px, n.unit_m, n.min_m, n.max_m, n.shadow,
            n.edge_px, reach, n.edge_drop, n.edge_fly, cos_start, cos_end, n.hole_share,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _shadows(inverse, shift, hidden):  # type: ignore[no-untyped-def]
    """Pixels of a row that another one, further right, covers in the right imager."""
    leftmost = np.float32(np.inf)
    for c in range(len(inverse) - 1, -1, -1):
        there = c - shift * inverse[c]
        hidden[c] = there >= leftmost
        if there < leftmost:
            leftmost = there


@numba.njit(cache=True, nogil=True)
def _excess(slope, one, other):  # type: ignore[no-untyped-def]
    """How far a slope lies outside those of its two sides."""
    return max(slope - max(one, other), min(one, other) - slope)


@numba.njit(cache=True, nogil=True)
def _jumps(line, least, jump):  # type: ignore[no-untyped-def]
    """Between which neighbours of a line of inverse depth lies a jump: `jump[i]` is that between i and i + 1.

    On a plane the inverse depth is linear in the picture, so a continuation at the slope of either side is no jump, nor
    is a crease, whose slope lies between. A slope one further on is looked at too: a surface that is two pixels wide
    between two jumps looks as steep as they are.
    """
    last = len(line) - 1
    for i in range(last):
        slope = line[i + 1] - line[i]
        jump[i] = False
        if abs(slope) < least:
            continue
        left = line[i] - line[i - 1] if i > 0 else np.float32(np.nan)
        right = line[i + 2] - line[i + 1] if i + 2 <= last else left
        left = right if np.isnan(left) else left
        before = line[i - 1] - line[i - 2] if i > 1 else left
        after = line[i + 3] - line[i + 2] if i + 3 <= last else right
        most = max(_excess(slope, left, right), _excess(slope, before, right), _excess(slope, left, after))
        jump[i] = most >= least


@numba.njit(cache=True, nogil=True)
def _at_edges(inverse, least, reach):  # type: ignore[no-untyped-def]
    """(H, W) bool: whether a jump lies within `reach` pixels up, down, left or right."""
    height, width = inverse.shape
    edge = np.zeros((height, width), np.bool_)
    jump = np.empty(max(height, width), np.bool_)
    for r in range(height):
        _jumps(inverse[r], least, jump)
        for c in range(width - 1):
            if jump[c]:
                edge[r, max(c + 1 - reach, 0) : c + 1 + reach] = True
    for c in range(width):
        _jumps(inverse[:, c], least, jump)
        for r in range(height - 1):
            if jump[r]:
                edge[max(r + 1 - reach, 0) : r + 1 + reach, c] = True
    return edge


@numba.njit(cache=True, nogil=True)
def _sides(inverse, r, c, reach):  # type: ignore[no-untyped-def]
    """Smallest and largest inverse depth within `reach` up, down, left and right."""
    low = high = inverse[r, c]
    for k in range(1, reach + 1):
        for value in (
            inverse[max(r - k, 0), c],
            inverse[min(r + k, inverse.shape[0] - 1), c],
            inverse[r, max(c - k, 0)],
            inverse[r, min(c + k, inverse.shape[1] - 1)],
        ):
            low, high = min(low, value), max(high, value)
    return low, high


@numba.njit(cache=True, nogil=True)
def _incidence(inverse, r, c, pinhole):  # type: ignore[no-untyped-def]
    """Cosine between ray and surface normal: the inverse depth of a plane is linear in the picture.

    Of the two neighbours on a line the one on the same surface, which differs less, gives the slope.
    """
    fx, fy, cx, cy = pinhole
    here = inverse[r, c]
    height, width = inverse.shape
    right = inverse[r, c + 1] - here if c + 1 < width else np.float32(np.inf)
    left = here - inverse[r, c - 1] if c > 0 else right
    down = inverse[r + 1, c] - here if r + 1 < height else np.float32(np.inf)
    up = here - inverse[r - 1, c] if r > 0 else down
    a = left if abs(left) < abs(right) else right
    b = up if abs(up) < abs(down) else down
    x, y = c - cx, r - cy
    normal = math.sqrt((a * fx) ** 2 + (b * fy) ** 2 + (here - a * x - b * y) ** 2)
    ray = math.sqrt((x / fx) ** 2 + (y / fy) ** 2 + 1.0)
    return here / (normal * ray)


@numba.njit(cache=True, nogil=True)
def _measure(depth, out, tables, corners, stereo, pinhole):  # type: ignore[no-untyped-def]
    """Measured depth into `out`; `corners` (3, 2): places of disparity, holes and edges in their tables."""
    disparity, holes, edges = tables
    (
        baseline, scale, subpixel, step, unit, low_m, high_m, shadow, edge_px, reach, edge_drop, edge_fly,
        cos_start, cos_end, hole_share,
    ) = stereo  # fmt: skip
    height, width = depth.shape
    inverse = np.empty((height, width), np.float32)
    for r in range(height):
        for c in range(width):
            inverse[r, c] = np.float32(1.0) / depth[r, c] if depth[r, c] > 0 else np.float32(0.0)
    hidden = np.zeros(width, np.bool_)
    edge = _at_edges(inverse, edge_px / scale, reach)
    for r in range(height):
        if shadow:
            _shadows(inverse[r], pinhole.fx * baseline, hidden)
        for c in range(width):
            out[r, c] = np.float32(0.0)
            here = inverse[r, c]
            if here <= 0.0 or hidden[c]:
                continue
            if edge[r, c]:
                far, near = _sides(inverse, r, c, reach)
                chance = edges[(r + corners[2, 0]) & _MASK, (c + corners[2, 1]) & _MASK]
                if chance < edge_drop:
                    continue
                if chance < edge_drop + edge_fly:
                    here = far + (near - far) * (chance - edge_drop) / edge_fly
                    if here <= 0.0:
                        continue
            else:
                cosine = _incidence(inverse, r, c, pinhole)
                lost = hole_share / (here * here)
                if cosine < cos_start:
                    lost += min((cos_start - cosine) / (cos_start - cos_end), 1.0)
                if holes[(r + corners[1, 0]) & _MASK, (c + corners[1, 1]) & _MASK] < lost:
                    continue
            d = here * scale + subpixel * disparity[(r + corners[0, 0]) & _MASK, (c + corners[0, 1]) & _MASK]
            if step > 0.0:
                d = step * np.round(d / step)
            if d <= 0.0:
                continue
            z = scale / d
            if unit > 0.0:
                z = unit * np.round(z / unit)
            if low_m <= z <= high_m:
                out[r, c] = np.float32(z)
