# SPDX-License-Identifier: Apache-2.0
"""Random scenes for the equality tests."""

from __future__ import annotations

import itertools
import os

import numpy as np
from hypothesis import HealthCheck, Phase, reject, settings
from hypothesis import strategies as st
from tests.mapping.equality.reference import TooClose, Voxel

from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.blocks import Voxels
from seal_mapping.voxels.config import WEIGHT_ONE, VoxelCloud
from seal_mapping.voxels.store import VoxelStore
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.camera import Camera
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.pose import camera_mounting, planar_pose, pose_from_xyz_quat

MUTANT = os.environ.get("SEAL_MUTANT")
"""Folder of the changed copy that is under test (`mutations`): few examples then, the same every time."""

NO_READING = (0.0, np.nan, np.inf, -np.inf, -1.0, -0.0)
FACTOR = float(os.environ.get("SEAL_EXAMPLES", "1"))
"""So many times the usual number of examples."""

BELOW, ABOVE = np.nextafter(np.float32(0.5), np.float32(0)), np.nextafter(np.float32(5), np.float32(9))
LIMITS = (0.5, 5.0, BELOW, ABOVE, 1e30, 1e-6)
SCORES = (0, 0, 0, 1, 127, 128, 228, 229, 230, 231, 254, 255)


def examples(count):
    """Settings of a property test with about so many examples."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    if not MUTANT:
        return settings(max_examples=int(count * FACTOR), deadline=None, suppress_health_check=checks)
    return settings(
        max_examples=max(count // 2, 5),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=checks,
    )


def or_reject(function, *args, **kwargs):
    """What a reference gives; the example is left out where rounding decides (`TooClose`)."""
    try:
        return function(*args, **kwargs)
    except TooClose:
        reject()


def rngs():
    """A seeded generator; all of a scene is drawn from it, as hypothesis' own draws tend to repeat a scene nearly."""
    return st.integers(0, 2**63 - 1).map(np.random.default_rng)


def pick(rng, *values):
    return values[rng.integers(len(values))]


def random_camera(rng, smallest=1):
    """Any size from 1 x 1, focal lengths that differ, a principal point also outside the picture or at a corner."""
    width, height = (int(rng.integers(smallest, most + 1)) for most in (7, 6))
    focal = [pick(rng, rng.uniform(1.5, 12.0), rng.uniform(1.5, 12.0), rng.uniform(60.0, 400.0)) for _ in range(2)]
    u, v = (pick(rng, rng.uniform(-3.0, 9.0), rng.uniform(0.0, n - 1), 0.5 * (n - 1), 0.0) for n in (width, height))
    return Camera(width, height, *focal, u, v)


def random_pose(rng, upright, reach=3.0):
    """A robot's camera somewhere, or any rotation at all."""
    x, y, z = *rng.uniform(-reach, reach, 2), rng.uniform(0.1, 2.0)
    if upright:
        return planar_pose(x, y, rng.uniform(-4, 4)) @ camera_mounting(z, 0.05, rng.uniform(-0.6, 0.6))
    quaternion = rng.normal(size=4)
    return pose_from_xyz_quat((x, y, z), quaternion / np.linalg.norm(quaternion))


def looking_at(rng, place, target):
    """A pose with its optical axis towards a target, rolled at will."""
    z = np.subtract(target, place) / np.linalg.norm(np.subtract(target, place))
    x = np.cross(rng.normal(size=3), z)
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.stack([x, np.cross(z, x), z], axis=1), place
    return T


def random_depth(rng, camera, bad):
    """A slanted surface with noise, missing readings and readings at and beyond every limit."""
    shape = (camera.height, camera.width)
    depth = rng.uniform(0.4, 5.2) + rng.uniform(-0.1, 0.1, shape).cumsum(axis=1)
    depth += (rng.random(shape) < 0.2) * rng.uniform(-1, 1, shape)
    wrong = rng.random(shape) < bad
    depth[wrong] = rng.choice([*NO_READING, *LIMITS], wrong.sum())
    return depth.astype(np.float32)


def random_scores(rng, camera, categories):
    """Score picture, in part nothing; or nothing at all, or no picture."""
    kind = rng.choice(["some", "some", "some", "nothing", "none"])
    if kind == "none":
        return None
    image = rng.choice(np.array(SCORES, np.uint8), (camera.height, camera.width, categories))
    return image * np.uint8(kind == "some")


def random_map_config(rng):
    low, high = pick(rng, (-0.1, 2.0), (-8.0, 8.0), (0.3, 0.9))
    near, far = pick(rng, (0.5, 5.0), (0.5, 5.0), (0.0, 1.3), (1.1, 9.0))
    return MapConfig(
        voxel_m=pick(rng, 0.05, 0.05, 0.03, 0.1, 0.17, 0.4),
        num_categories=pick(rng, 1, 2, 6, 16),
        min_depth_m=near,
        max_depth_m=far,
        min_height_m=low,
        max_height_m=high,
        obstacle_min_views=pick(rng, 1, 1, 2),
        confident=pick(rng, 230, 230, 128, 255, 1),
        footprint_m=pick(rng, 0.2, 0.0, 0.53),
        edge_filter=pick(rng, 0.0, 0.0, 0.02, 0.1, 0.4),
        vote_score=pick(rng, 128, 1, 230, 255),
        range_weight_m=pick(rng, 0.0, 0.0, 0.7, 2.0),
        clear_views=pick(rng, 0, 0, 1, 2),
        clear_margin_m=pick(rng, 0.15, 0.02),
    )


def random_journey(rng):
    """A `MapConfig` and frames: each from anywhere, or all from one place, so that voxels are met again."""
    config, camera = random_map_config(rng), random_camera(rng, pick(rng, 1, 3))
    upright, again, bad = pick(rng, True, False), pick(rng, True, False), pick(rng, 0.0, 0.02, 0.3)
    T, frames = random_pose(rng, upright), []
    for number in range(rng.integers(1, 6)):
        if not again:
            T = random_pose(rng, upright)
        rgb = rng.integers(0, 256, (camera.height, camera.width, 3)).astype(np.uint8)
        item = Frame(number, rgb, random_depth(rng, camera, bad), camera, T)
        frames.append((item, random_scores(rng, camera, config.num_categories)))
    return config, frames


def random_voxels(rng, config):
    """A small world of solid, hollow and cracked boxes and of dust: voxel -> `Voxel` with counts of any kind."""
    one = WEIGHT_ONE if config.range_weight_m > 0 else 1
    out, most = {}, int(rng.choice([2, 4, 6]))

    def put(voxel, *likely):
        out[tuple(int(v) for v in voxel)] = random_voxel(rng, config, one, most, *likely)

    for voxel in rng.integers(-7, 10, (rng.integers(0, 12), 3)):
        put(voxel)
    for _ in range(rng.integers(1, 6)):
        hollow, crack, sure = rng.random() < 0.7, rng.random() < 0.3, rng.random() < 0.7
        low, size = rng.integers(-8, 7, 3), rng.integers(3 if hollow else 1, 6, 3)
        likely = rng.integers(config.num_categories)
        for offset in itertools.product(*(range(n) for n in size)):
            inner = all(0 < v < n - 1 for v, n in zip(offset, size, strict=True))
            if hollow and inner:
                if rng.random() < 0.3:  # something else inside
                    put(low + offset, rng.integers(config.num_categories), True)
            elif not (crack and rng.random() < 0.05):
                put(low + offset, likely, sure)
    return dict(sorted(out.items()))


def random_voxel(rng, config, one, most, likely=None, sure=False):
    """Seen by up to `most` views of weight up to `one`; some or all of them say that it is of category `likely`."""
    views, categories = most if sure else int(rng.integers(1, most + 1)), config.num_categories
    weight = views if one == 1 else int(rng.integers(views, views * one + 1))
    best = rng.choice(SCORES[:6], categories).tolist()
    votes = rng.integers(0, views // 2 + 1, categories).tolist()
    share = rng.uniform(0, 0.4, categories)
    if likely is not None:
        best[likely] = 255 if sure else int(rng.choice([229, 230, 230, 231, 255]))
        votes[likely] = views if sure else int(rng.integers(views // 2, views + 1))
        share[likely] = 0.9 if sure else rng.uniform(0.2, 1.0)
        if rng.random() < 0.1:  # another category ties with it
            other = int(rng.integers(categories))
            best[other], votes[other], share[other] = best[likely], votes[likely], share[likely]
    score_sum = [int(s * b * weight) for s, b in zip(share, best, strict=True)]
    return Voxel(best, score_sum, votes, views, weight, rgb=[1, 2, 3])


def map_from(voxels, config):
    """The map that holds exactly these voxels, of heights -5..5 m."""
    ijk = np.array(sorted(voxels), np.int32).reshape(-1, 3)
    rows = [voxels[voxel] for voxel in sorted(voxels)]

    def column(name, dtype, width=config.num_categories):
        values = np.array([getattr(row, name) for row in rows], dtype)
        return values.reshape((len(rows), width) if width else len(rows))

    weighted = {"weight": column("weight", np.uint32, 0)} if config.range_weight_m > 0 else {}
    stored = Voxels(
        views=column("views", np.uint16, 0),
        last_frame=column("last_frame", np.uint32, 0),
        best_score=column("best_score", np.uint8),
        score_sum=column("score_sum", np.uint32),
        votes=column("votes", np.uint16),
        rgb=column("rgb", np.uint8, 3),
        **weighted,
    )
    cloud = VoxelCloud.from_voxels(ijk, config, stored)
    grid = Grid2D(np.ones((32, 32), bool), config.origin[:2] - 16 * config.voxel_m, config.voxel_m)
    return VoxelMap(config, VoxelStore.restore(config, cloud, grid), frames=1)


def volume_of(stops, voxel_m, kinds=(0, 1, 5, 2)):
    """Volume of voxel -> id, its table with some category for each id."""
    ijk = np.array(sorted(stops), np.int32).reshape(-1, 3)
    ids = np.array([stops[voxel] for voxel in sorted(stops)], np.int32)
    row = [Instance(n, int(kinds[abs(n) % 4]), int((ids == n).sum()), *[1.0] * 4, (0,) * 3, (0,) * 3) for n in set(ids)]
    objects, ignored = [r for r in row if r.id > 0], sorted((r for r in row if r.id < 0), key=lambda r: -r.id)
    return LabelVolume(ijk, ids, np.full(3, -voxel_m / 2), voxel_m, tuple(objects), tuple(ignored))
