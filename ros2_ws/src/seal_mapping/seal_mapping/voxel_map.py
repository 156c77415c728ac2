# SPDX-License-Identifier: Apache-2.0
"""The semantic voxel map: block-sparse, updated frame by frame.

Source: SEAL section 3.1 and Algorithm 3. Departs from the pseudo-code, which pools the score image by average before
it fills voxels: per frame and voxel we take the maximum over the pixels that fall in it, as the text says, then the
maximum over time. Next to that maximum the map keeps the sum over frames and the number of frames that saw the voxel,
so that rules of fusion other than the maximum can be used later (`label_prop`).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping import map_kernels as kernels
from seal_mapping.grid import Grid2D
from seal_mapping.map_config import MapConfig, VoxelCloud
from seal_perception.errors import InputError
from seal_perception.frame import Frame

__all__ = ["MapConfig", "VoxelCloud", "VoxelMap"]

_MAX_DIRECTORY = 1 << 26
_START_BLOCKS = 256


class VoxelMap:
    """Occupancy, colour and scores of what was seen, in voxels of the map frame.

    Memory follows the surfaces that were seen: blocks of 8 x 8 x 8 voxels come into being when a point falls in them.

    Attributes:
        config: the parameters.
        frames: number of frames put in so far.
        confident_count: voxels whose best category score is confident (the reward "Gainful Curiosity"; departs from
            Algorithm 1, which counts the occupancy channel too).
        timings: milliseconds per stage of the last `integrate`: filter, grow, scatter, fuse, explore, total.
    """

    def __init__(self, config: MapConfig | None = None) -> None:
        self.config = config or MapConfig()
        self.frames = 0
        self.confident_count = 0
        self.timings: dict[str, float] = {}
        self._explored_count = 0
        self._blocks = 0
        self._low = np.zeros(3, np.int32)
        self._directory = np.zeros((0, 0, 0), np.int32)
        self._obstacles = np.zeros((0, 0), bool)
        self._explored = np.zeros((0, 0), bool)
        self._allocate(_START_BLOCKS)
        self._scratch(0)

    # ---- storage -------------------------------------------------------------------------------------------------

    def _allocate(self, capacity: int) -> None:
        """Make room for `capacity` blocks; what is there is kept. Fresh pages cost no memory until touched."""
        n, c = capacity * kernels.BLOCK_VOXELS, self.config.num_categories
        kept = self._blocks * kernels.BLOCK_VOXELS
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "_views": ((n,), np.uint16),
            "_best": ((n, c), np.uint8),
            "_total": ((n, c), np.uint32),
            "_rgb": ((n, 3), np.uint8),
            "_slot": ((n,), np.int32),
        }
        for name, (shape, dtype) in shapes.items():
            fresh = np.zeros(shape, dtype)
            if kept:
                fresh[:kept] = getattr(self, name)[:kept]
            setattr(self, name, fresh)
        block_ijk = np.zeros((capacity, 3), np.int32)
        if self._blocks:
            block_ijk[: self._blocks] = self._block_ijk[: self._blocks]
        self._block_ijk = block_ijk

    def _scratch(self, pixels: int) -> None:
        self._touched = np.zeros(pixels, np.int32)
        self._frame_best = np.zeros((pixels, self.config.num_categories), np.uint8)
        self._frame_rgb = np.zeros((pixels, 3), np.uint8)

    def _cover(self, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> None:
        """Let directory and grids cover the blocks low..high (inclusive), with a margin so that they seldom grow."""
        have_low = self._low.astype(np.int64)
        have_high = have_low + self._directory.shape - 1
        empty = self._directory.size == 0
        if not empty and (low >= have_low).all() and (high <= have_high).all():
            return
        margin = np.array([2, 2, 0])
        new_low, new_high = low - margin, high + margin
        if not empty:
            new_low, new_high = np.minimum(new_low, have_low), np.maximum(new_high, have_high)
        shape = new_high - new_low + 1
        if np.prod(shape.astype(np.float64)) > _MAX_DIRECTORY or np.abs(new_low).max() > 1 << 26:
            edge = kernels.BLOCK * self.config.voxel_m
            size = " x ".join(f"{s * edge:.0f}" for s in shape)
            raise InputError(
                f"the map would have to cover {size} m; is a pose wrong? (at most {_MAX_DIRECTORY} blocks)"
            )
        directory = np.full(tuple(shape), -1, np.int32)
        obstacles = np.zeros((shape[0] * kernels.BLOCK, shape[1] * kernels.BLOCK), bool)
        explored = obstacles.copy()
        if not empty:
            x, y, z = (have_low - new_low).tolist()
            nx, ny, nz = self._directory.shape
            directory[x : x + nx, y : y + ny, z : z + nz] = self._directory
            x, y, nx, ny = (kernels.BLOCK * value for value in (x, y, nx, ny))
            obstacles[x : x + nx, y : y + ny] = self._obstacles
            explored[x : x + nx, y : y + ny] = self._explored
        self._directory, self._obstacles, self._explored = directory, obstacles, explored
        self._low = new_low.astype(np.int32)

    def _cover_view(self, frame: Frame) -> None:
        """Cover every point that the frame can put into the map, and the disc around the camera."""
        config, camera, T = self.config, frame.camera, frame.T_map_camera
        u = (np.array([0, camera.width - 1] * 2) - camera.cx) / camera.fx
        v = (np.repeat([0, camera.height - 1], 2) - camera.cy) / camera.fy
        corners = np.stack([u, v, np.ones(4)]) * config.max_depth_m
        points = np.concatenate([T[:3, 3:], T[:3, :3] @ corners + T[:3, 3:]], axis=1)
        slack = config.footprint_m + config.voxel_m
        low, high = points.min(axis=1) - slack, points.max(axis=1) + slack
        low[2], high[2] = config.min_height_m, config.max_height_m
        edge = kernels.BLOCK * config.voxel_m
        if max(np.abs(low).max(), np.abs(high).max()) > edge * (1 << 26):
            raise InputError(f"the camera is at {T[:3, 3].tolist()} m in the map; is a pose wrong?")
        self._cover(
            np.floor((low - config.origin) / edge).astype(np.int64),
            np.floor((high - config.origin) / edge).astype(np.int64),
        )

    # ---- update --------------------------------------------------------------------------------------------------

    def integrate(self, frame: Frame, scores: npt.NDArray[np.uint8] | None) -> int:
        """Put one frame into the map.

        Args:
            frame: colour, depth, camera and pose.
            scores: (H, W, C) uint8 best score per category of 255, or None for geometry and colour alone. A frame
                without scores counts as a view with score 0.

        Returns:
            Increase of `confident_count`.

        Raises:
            InputError: if `scores` has another shape or type, or the pose is absurdly far away.
        """
        scores = self._checked(frame, scores)
        clock = _Clock()
        depth = np.ascontiguousarray(frame.depth)
        if self.config.edge_filter > 0:
            depth = kernels.filter_edges(depth, self.config.edge_filter)
        clock.lap("filter")
        self._cover_view(frame)
        clock.lap("grow")
        count, near, far = self._scatter(frame, depth, scores)
        clock.lap("scatter")
        gained = self._fuse(count)
        clock.lap("fuse")
        self._explore(frame, near, far)
        clock.lap("explore")
        self.timings = clock.laps()
        self.frames += 1
        self.confident_count += gained
        return gained

    def _checked(self, frame: Frame, scores: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8] | None:
        expected = (*frame.depth.shape, self.config.num_categories)
        if scores is not None and (scores.shape != expected or scores.dtype != np.uint8):
            raise InputError(f"scores must be {expected} uint8, got {scores.shape} {scores.dtype}")
        return None if scores is None else np.ascontiguousarray(scores)

    def _scatter(
        self, frame: Frame, depth: npt.NDArray[np.float32], scores: npt.NDArray[np.uint8] | None
    ) -> tuple[int, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        config, camera = self.config, frame.camera
        if len(self._touched) < depth.size:
            self._scratch(depth.size)
        near = np.full((camera.width, 3), np.inf)
        far = np.full((camera.width, 3), -1.0)
        state = np.array([self._blocks, 0], np.int32)
        limits = np.array(
            [
                config.min_depth_m,
                config.max_depth_m,
                config.min_height_m,
                config.max_height_m,
                config.obstacle_min_m,
                config.obstacle_max_m,
            ]
        )
        pixel = 0
        while True:
            pixel = kernels.scatter(
                pixel,
                depth,
                np.ascontiguousarray(frame.rgb),
                scores if scores is not None else np.zeros((1, 1, config.num_categories), np.uint8),
                scores is not None,
                frame.T_map_camera,
                np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
                config.origin,
                limits,
                config.voxel_m,
                self._directory,
                self._low,
                self._block_ijk,
                self._slot,
                state,
                self._touched,
                self._frame_best,
                self._frame_rgb,
                near,
                far,
            )
            self._blocks = int(state[0])
            if pixel == depth.size:
                return int(state[1]), near, far
            self._allocate(2 * len(self._block_ijk))

    def _fuse(self, count: int) -> int:
        gained, cells = kernels.fuse(
            self._touched,
            count,
            self._frame_best,
            self._frame_rgb,
            self.config.confident,
            self._views,
            self._best,
            self._total,
            self._rgb,
            self._block_ijk,
            self._low,
            self.config.obstacle_layers,
            self.config.obstacle_min_views,
            self._obstacles,
            self._explored,
        )
        self._explored_count += cells
        return int(gained)

    def _explore(self, frame: Frame, near: npt.NDArray[np.float64], far: npt.NDArray[np.float64]) -> None:
        camera, origin, size = frame.T_map_camera[:2, 3].copy(), self._grid_origin(), self.config.voxel_m
        stride = max(1, frame.camera.width // 160)
        self._explored_count += kernels.mark_free(camera, near, far, stride, size, origin, self._explored)
        self._explored_count += kernels.mark_disc(camera, self.config.footprint_m, size, origin, self._explored)

    # ---- what is in it -------------------------------------------------------------------------------------------

    def _grid_origin(self) -> npt.NDArray[np.float64]:
        origin: npt.NDArray[np.float64] = (
            self.config.origin[:2] + self._low[:2].astype(np.float64) * kernels.BLOCK * self.config.voxel_m
        )
        return origin

    def obstacles(self) -> Grid2D:
        """Cells with an occupied voxel at obstacle height (a copy); aligned with `explored`; grows with the map."""
        return Grid2D(self._obstacles.copy(), self._grid_origin(), self.config.voxel_m)

    def explored(self) -> Grid2D:
        """Cells in which something was observed or which a ray crossed freely (a copy)."""
        return Grid2D(self._explored.copy(), self._grid_origin(), self.config.voxel_m)

    @property
    def explored_area_m2(self) -> float:
        """Area of the explored cells."""
        return self._explored_count * self.config.voxel_m**2

    @property
    def nbytes(self) -> int:
        """Bytes in use per block, directory and grids (not the reserve)."""
        per_voxel = 2 + 3 + 4 + 5 * self.config.num_categories
        grids = self._obstacles.nbytes + self._explored.nbytes + self._directory.nbytes
        return self._blocks * (kernels.BLOCK_VOXELS * per_voxel + 12) + grids

    def voxels(self) -> VoxelCloud:
        """Every voxel seen so far, blocks sorted by their index, so that the order of frames does not matter."""
        blocks = self._block_ijk[: self._blocks]
        order = np.lexsort((blocks[:, 2], blocks[:, 1], blocks[:, 0]))
        views = self._views[: self._blocks * kernels.BLOCK_VOXELS].reshape(self._blocks, kernels.BLOCK_VOXELS)
        row, inside = np.nonzero(views[order])
        block = order[row]
        voxel = block * kernels.BLOCK_VOXELS + inside
        local = np.stack([inside >> 6, (inside >> 3) & 7, inside & 7], axis=1)
        ijk = (blocks[block] * kernels.BLOCK + local).astype(np.int32).reshape(-1, 3)
        best = self._best[voxel]
        score = best.max(axis=1) if len(best) else np.zeros(0, np.uint8)
        label = np.where(score > 0, best.argmax(axis=1), -1).astype(np.int8) if len(best) else np.zeros(0, np.int8)
        return VoxelCloud(
            ijk=ijk,
            xyz=(ijk * self.config.voxel_m).astype(np.float32),
            rgb=self._rgb[voxel],
            label=label,
            score=score,
            views=self._views[voxel],
            evidence=self._total[voxel],
            best=best,
        )

    # ---- files ---------------------------------------------------------------------------------------------------

    def save(self, path: Path | str) -> None:
        """Write the map as one compressed .npz (`map_io`), whole or not at all."""
        from seal_mapping import map_io

        map_io.save_map(self, path)

    @classmethod
    def load(cls, path: Path | str) -> VoxelMap:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is missing, broken, of another kind or version.
        """
        from seal_mapping import map_io

        return map_io.load_map(path)

    def restore(self, cloud: VoxelCloud, explored: Grid2D, frames: int) -> None:
        """Fill an empty map with voxels, explored cells and the number of frames that made them."""
        if self.frames or self._blocks:
            raise ValueError(f"restore needs an empty map, got one with {self.frames} frames")
        config = self.config
        low = np.floor((explored.origin_xy - config.origin[:2]) / (kernels.BLOCK * config.voxel_m) + 0.5)
        span = np.array(explored.shape) // kernels.BLOCK
        floor = (np.array([config.min_height_m, config.max_height_m]) - config.origin[2]) / config.voxel_m
        layers = np.floor(floor).astype(np.int64) >> 3
        ijk = cloud.ijk.astype(np.int64)
        blocks, block = np.unique(ijk >> 3, axis=0, return_inverse=True)
        low3 = np.array([low[0], low[1], layers[0]], np.int64)
        high3 = np.array([low[0] + span[0] - 1, low[1] + span[1] - 1, layers[1]], np.int64)
        if explored.cells.size == 0:
            return
        if len(blocks) and ((blocks < low3).any() or (blocks > high3).any()):
            raise InputError("voxels lie outside the map's grids or heights")
        self._low = low3.astype(np.int32)
        self._directory = np.full(tuple(high3 - low3 + 1), -1, np.int32)
        self._explored = explored.cells.astype(bool).copy()
        self._obstacles = np.zeros_like(self._explored)
        self._allocate(max(_START_BLOCKS, len(blocks)))
        self._blocks = len(blocks)
        self._block_ijk[: len(blocks)] = blocks
        self._directory[tuple((blocks - low3).T)] = np.arange(len(blocks))
        inside = ijk & 7
        voxel = block.reshape(-1) * kernels.BLOCK_VOXELS + ((inside[:, 0] << 6) | (inside[:, 1] << 3) | inside[:, 2])
        self._views[voxel], self._best[voxel] = cloud.views, cloud.best
        self._total[voxel], self._rgb[voxel] = cloud.evidence, cloud.rgb
        first, last = config.obstacle_layers
        high = (ijk[:, 2] >= first) & (ijk[:, 2] <= last) & (cloud.views >= config.obstacle_min_views)
        self._obstacles[tuple((ijk[high, :2] - low3[:2] * kernels.BLOCK).T)] = True
        self.frames = frames
        self._explored_count = int(self._explored.sum())
        self.confident_count = int((cloud.score >= config.confident).sum())


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps[stage] = 1e3 * (now - self._last)
        self._last = now

    def laps(self) -> dict[str, float]:
        return {**self._laps, "total": 1e3 * (self._last - self._start)}
