# SPDX-License-Identifier: Apache-2.0
"""Tiny worlds and plain-loop references for the mapping tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.source import BagFrame
from seal_mapping.voxels.blocks import Voxels
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.store import VoxelStore
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.pose import camera_mounting, planar_pose

CAMERA = Camera.from_hfov(32, 24, math.radians(79))
FINE = Camera.from_hfov(128, 96, math.radians(79))
"""Fine enough that the pixels of a wall 2 m ahead leave no voxel out."""


def frame(depth, T=None, camera=CAMERA, rgb=None, stamp_ns=0):
    """Frame of a depth picture; the robot's camera at the map's origin, looking along +x, unless T is given."""
    depth = np.broadcast_to(np.asarray(depth, np.float32), (camera.height, camera.width)).copy()
    if rgb is None:
        rgb = np.full((camera.height, camera.width, 3), 100, np.uint8)
    return Frame(stamp_ns, rgb, depth, camera, camera_mounting(0.88) if T is None else T)


def scores(camera=CAMERA, categories=6, **values):
    """Score picture with one value per named category channel, such as c0=230."""
    image = np.zeros((camera.height, camera.width, categories), np.uint8)
    for name, value in values.items():
        image[..., int(name[1:])] = value
    return image


def random_pose(rng, reach=3.0):
    T = planar_pose(*rng.uniform(-reach, reach, 2), rng.uniform(-np.pi, np.pi))
    return T @ camera_mounting(0.88, 0.05, rng.uniform(-0.5, 0.5))


def random_depth(rng, camera):
    """Slanted planes with all kinds of missing readings in between."""
    depth = rng.uniform(0.3, 6.0) + rng.uniform(-0.05, 0.05, (camera.height, camera.width)).cumsum(axis=1)
    bad = rng.random(depth.shape)
    depth[bad < 0.05] = 0.0
    depth[(bad > 0.05) & (bad < 0.1)] = np.nan
    depth[(bad > 0.1) & (bad < 0.15)] = np.inf
    depth[(bad > 0.15) & (bad < 0.2)] = -1.0
    return depth.astype(np.float32)


def reference_map(frames, config):
    """The map as a dictionary voxel -> [views, best (C,), total (C,)], in plain loops of the equations."""
    out = {}
    origin = -0.5 * config.voxel_m
    for item, image in frames:
        seen = {}
        T, cam = item.T_map_camera, item.camera
        for r in range(cam.height):
            for u in range(cam.width):
                d = float(item.depth[r, u])
                if not (config.min_depth_m <= d <= config.max_depth_m):
                    continue
                a, b = (u - cam.cx) / cam.fx, (r - cam.cy) / cam.fy
                p = [(T[n, 0] * a + (T[n, 1] * b + T[n, 2])) * d + T[n, 3] for n in range(3)]
                if not config.min_height_m <= p[2] <= config.max_height_m:
                    continue
                voxel = tuple(math.floor((value - origin) / config.voxel_m) for value in p)
                best = seen.setdefault(voxel, np.zeros(config.num_categories, np.int64))
                if image is not None:
                    np.maximum(best, image[r, u], out=best)
        for voxel, best in seen.items():
            entry = out.setdefault(voxel, [0, np.zeros_like(best), np.zeros_like(best)])
            entry[0] += 1
            entry[1] = np.maximum(entry[1], best)
            entry[2] = entry[2] + best
    return out


def map_of(voxels, views=None, config=None):
    """Map that holds exactly these voxels.

    Args:
        voxels: dictionary (i, j, k) -> dictionary category -> best score of 255; the sum is that score in every view.
        views: dictionary voxel -> frames that saw it; 1 where not given.
        config: numbers of the map; by default one that keeps heights of +-5 m.
    """
    config, views = config or MapConfig(min_height_m=-5.0, max_height_m=5.0), views or {}
    ijk = np.array(sorted(voxels), np.int32).reshape(-1, 3)
    best = np.zeros((len(ijk), config.num_categories), np.uint8)
    for row, voxel in enumerate(sorted(voxels)):
        for category, score in voxels[voxel].items():
            best[row, category] = score
    seen = np.array([views.get(voxel, 1) for voxel in sorted(voxels)], np.uint16)
    rows = Voxels(
        views=seen,
        last_frame=np.zeros(len(ijk), np.uint32),
        best_score=best,
        score_sum=(best.astype(np.uint32) * seen[:, None]).astype(np.uint32),
        votes=((best >= config.vote_score) * seen[:, None]).astype(np.uint16),
        rgb=np.zeros((len(ijk), 3), np.uint8),
    )
    cloud = VoxelCloud.from_voxels(ijk, config, rows)
    low = np.floor_divide(ijk.min(axis=0)[:2] if len(ijk) else np.zeros(2), 8).astype(int) * 8
    shape = ((ijk.max(axis=0)[:2] - low) // 8 + 1) * 8 if len(ijk) else np.array([8, 8])
    grid = Grid2D(np.ones(tuple(int(s) for s in shape), bool), config.origin[:2] + low * config.voxel_m, config.voxel_m)
    return VoxelMap(config, VoxelStore.restore(config, cloud, grid), frames=1)


def dense(volume):
    """The whole labelled volume as one dense crop."""
    return volume.crop(*volume.bounds())


def box(low, high, **values):
    """Voxels of a solid box low..high (exclusive) with scores such as c0=255."""
    entry = {int(name[1:]): value for name, value in values.items()}
    ranges = (range(a, b) for a, b in zip(low, high, strict=True))
    i, j, k = (list(r) for r in ranges)
    return {(x, y, z): dict(entry) for x in i for y in j for z in k}


class ListSource:
    """Frames in memory."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)


def detections(camera, *objects):
    """Detections of (category, score, mask)."""
    if not objects:
        return Detections.empty(camera.height, camera.width)
    return Detections(
        np.zeros((len(objects), 4), np.float32),
        np.array([o[0] for o in objects], np.int64),
        np.array([o[1] for o in objects], np.float32),
        np.stack([o[2] for o in objects]),
    )


def wall_source(count=4, score=0.95, distance=2.0, category=0):
    """A robot that looks at a wall whose middle the detector takes for an object."""
    mask = np.zeros((FINE.height, FINE.width), bool)
    mask[24:72, 32:96] = True
    items = []
    for index in range(count):
        T = planar_pose(-0.03 * index, 0.0, 0.0) @ camera_mounting(0.88)
        item = frame(distance + 0.03 * index, T, FINE, stamp_ns=10**9 + index)
        items.append(BagFrame(index, item, detections(FINE, (category, score, mask))))
    return ListSource(items)


def label_config(**values: Any) -> LabelConfig:
    """The paper's rule by rays, with a plain 0.5 where views must agree: numbers a test can follow by hand."""
    plain = {
        "rule": "paper",
        "evidence": "score",
        "pixels": "ray",
        "agreement": 0.5,
        "min_height_m": 0.0,
        "plausible_size": False,
    }
    return LabelConfig(**{**plain, **values})


def turned_frame(item: Frame, turns: int) -> Frame:
    """The frame as a camera mounted at a roll gives it: everything turned by quarter turns counter-clockwise."""
    camera, T, across = item.camera, item.T_map_camera, np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])
    for _ in range(turns % 4):  # new u = old v, new v = width - 1 - old u
        cx, cy = camera.cy, camera.width - 1 - camera.cx
        camera = Camera(camera.height, camera.width, camera.fy, camera.fx, cx, cy)
        T = T @ np.block([[across.T, np.zeros((3, 1))], [np.zeros((1, 3)), 1.0]])
    rgb, depth = (np.ascontiguousarray(np.rot90(picture, turns)) for picture in (item.rgb, item.depth))
    return Frame(item.stamp_ns, rgb, depth, camera, T)
