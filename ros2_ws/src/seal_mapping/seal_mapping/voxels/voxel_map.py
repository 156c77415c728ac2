# SPDX-License-Identifier: Apache-2.0
"""The semantic voxel map: block-sparse, updated frame by frame.

Source: SEAL (its 3D semantic mapping) and Algorithm 3. Departs from the pseudo-code, which pools the score image by
average before it fills voxels: per frame and voxel we take the maximum over the pixels that fall in it, as the text
says, then the maximum over time. Next to that maximum the map keeps, per voxel, the frames that saw it and the last of
them, and per category the sum over frames and the votes of frames: what rules of fusion other than the maximum need
(`label_prop`).
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seal_mapping.voxels import kernels
from seal_mapping.voxels.clearing import clear_free
from seal_mapping.voxels.config import WEIGHT_ONE, MapConfig, VoxelCloud
from seal_mapping.voxels.store import VoxelStore
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.pose import invert
from seal_perception.types import BoolArray, Float32Array, FloatArray, IntArray, UInt8Array, UInt16Array, UInt32Array

__all__ = ["MapConfig", "VoxelCloud", "VoxelMap"]

_FREE_RAYS = 160
"""About this many rays of a picture mark free floor."""


class VoxelMap:
    """Occupancy, colour and scores of what was seen, in voxels of the map frame.

    Memory follows the surfaces that were seen: blocks of 8 x 8 x 8 places come into being when a point falls in them,
    voxels when one falls in theirs. No extent is named beforehand.

    Attributes:
        config: the parameters.
        frames: number of frames put in so far.
        confident_count: voxels whose best category score is confident (the reward "Gainful Curiosity"; departs from
            Algorithm 1, which counts the occupancy channel too).
        timings: milliseconds per stage of the last `integrate`: filter, grow, scatter, fuse, clear, explore, total.
    """

    def __init__(self, config: MapConfig | None = None) -> None:
        self.config = config or MapConfig()
        self.frames = 0
        self.confident_count = 0
        self.timings: dict[str, float] = {}
        self._explored_count = 0
        self._store = VoxelStore(self.config)
        self._scratch(0)

    def _scratch(self, pixels: int) -> None:
        self._touched = np.zeros(pixels, np.int32)
        self._frame_best = np.zeros((pixels, self.config.num_categories), np.uint8)
        self._frame_rgb = np.zeros((pixels, 3), np.uint8)
        self._frame_depth = np.zeros(pixels, np.float32)

    def integrate(self, frame: Frame, scores: UInt8Array | None) -> int:
        """Put one frame into the map.

        Args:
            frame: colour, depth, camera and pose.
            scores: (H, W, C) uint8 best score per category of 255, or None for geometry and colour alone. A frame
                without scores counts as a view with score 0.

        Returns:
            Increase of `confident_count` (negative where clearing forgot more than the frame brought).

        Raises:
            InputError: if `scores` has another shape or type, or the pose is absurdly far away.
        """
        expected = (*frame.depth.shape, self.config.num_categories)
        if scores is not None and (scores.shape != expected or scores.dtype != np.uint8):
            raise InputError(f"scores must be {expected} uint8, got {scores.shape} {scores.dtype}")
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
        gained -= self._clear(frame, depth)
        clock.lap("clear")
        self._explore(frame, near, far)
        clock.lap("explore")
        self.timings = clock.laps()
        self.frames += 1
        self.confident_count += gained
        return gained

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
        self._store.cover(low, high)

    def _scatter(
        self, frame: Frame, depth: Float32Array, scores: UInt8Array | None
    ) -> tuple[int, FloatArray, FloatArray]:
        """List the voxels that the frame touches; number of them, and per column the nearest and farthest point."""
        config, camera, store = self.config, frame.camera, self._store
        if len(self._touched) < depth.size:
            self._scratch(depth.size)
        near = np.full((camera.width, 3), np.inf)
        far = np.full((camera.width, 3), -1.0)
        state = np.array([store.blocks, 0, store.rows], np.int32)
        ranges = (config.min_depth_m, config.max_depth_m, config.min_height_m, config.max_height_m)
        limits = np.array([*ranges, config.obstacle_min_m, config.obstacle_max_m])
        empty = np.zeros((1, 1, config.num_categories), np.uint8)
        pixel = 0
        while True:
            pixel = kernels.scatter(
                pixel,
                depth,
                np.ascontiguousarray(frame.rgb),
                empty if scores is None else np.ascontiguousarray(scores),
                scores is not None,
                frame.T_map_camera,
                np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
                config.origin,
                limits,
                config.voxel_m,
                store.directory,
                store.low,
                store.block_ijk,
                store.row_of,
                store.place,
                store.slot,
                state,
                self._touched,
                self._frame_best,
                self._frame_rgb,
                self._frame_depth,
                near,
                far,
            )
            store.blocks, store.rows = int(state[0]), int(state[2])
            if pixel == depth.size:
                return int(state[1]), near, far
            store.grow()

    def _fuse(self, count: int) -> int:
        store = self._store
        gained, cells = kernels.fuse(
            self._touched,
            count,
            self.frames,
            self._frame_best,
            self._frame_rgb,
            self._frame_depth,
            self.config.confident,
            self.config.vote_score,
            self.config.range_weight_m,
            store.views,
            store.last_frame,
            store.best_score,
            store.score_sum,
            store.votes,
            store.weight,
            store.miss_count,
            store.rgb,
            store.place,
            store.block_ijk,
            store.low,
            self.config.obstacle_layers,
            self.config.obstacle_min_views,
            store.obstacles,
            store.explored,
        )
        self._explored_count += cells
        return int(gained)

    def _clear(self, frame: Frame, depth: Float32Array) -> int:
        """Forget what the frame looked through once too often; number of confident voxels among it."""
        config, store, camera = self.config, self._store, frame.camera
        if config.clear_views == 0:
            return 0
        removed = np.empty(store.rows, np.int32)
        count, lost = clear_free(
            depth,
            invert(frame.T_map_camera),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
            config.origin,
            config.voxel_m,
            config.min_depth_m,
            config.max_depth_m,
            config.clear_margin_m,
            config.clear_views,
            config.confident,
            self.frames,
            store.blocks,
            store.block_ijk,
            store.row_of,
            store.views,
            store.last_frame,
            store.miss_count,
            store.best_score,
            removed,
        )
        if count:
            store.remove(removed[:count], config.obstacle_layers, config.obstacle_min_views)
        return int(lost)

    def _explore(self, frame: Frame, near: FloatArray, far: FloatArray) -> None:
        camera, origin = frame.T_map_camera[:2, 3].copy(), self._store.grid_origin()
        explored, size = self._store.explored, self.config.voxel_m
        stride = max(1, frame.camera.width // _FREE_RAYS)
        self._explored_count += kernels.mark_free(camera, near, far, stride, size, origin, explored)
        self._explored_count += kernels.mark_disc(camera, self.config.footprint_m, size, origin, explored)

    def obstacles(self) -> Grid2D:
        """Cells with an occupied voxel at obstacle height (a copy); aligned with `explored`; grows with the map."""
        return Grid2D(self._store.obstacles.copy(), self._store.grid_origin(), self.config.voxel_m)

    def explored(self) -> Grid2D:
        """Cells in which something was observed or which a ray crossed freely (a copy)."""
        return Grid2D(self._store.explored.copy(), self._store.grid_origin(), self.config.voxel_m)

    @property
    def explored_area_m2(self) -> float:
        """Area of the explored cells."""
        return self._explored_count * self.config.voxel_m**2

    @property
    def nbytes(self) -> int:
        """Bytes in use by voxels, directory and grids."""
        return self._store.nbytes

    def voxels(self) -> VoxelCloud:
        """Every voxel seen so far, in the order x, y, z, so that the order of frames does not matter."""
        return self._cloud(*self._store.seen())

    def at(self, ijk: npt.ArrayLike) -> tuple[BoolArray, VoxelCloud]:
        """(N,) which of the voxels (N, 3) were seen, and those that were, in the order asked for."""
        wanted = np.asarray(ijk, np.int64).reshape(-1, 3)
        rows = self._store.rows_at(wanted)
        return rows >= 0, self._cloud(rows[rows >= 0], wanted[rows >= 0])

    def within(self, low: npt.ArrayLike, high: npt.ArrayLike) -> VoxelCloud:
        """The voxels seen with indices low..high (3,) (inclusive), in the order x, y, z."""
        return self._cloud(*self._store.within(np.asarray(low, np.int64), np.asarray(high, np.int64)))

    @property
    def store(self) -> VoxelStore:
        """Where the voxels lie, for kernels that walk through them (`query`, `local_map`); to be read only."""
        return self._store

    def view_weights(self) -> tuple[UInt16Array | UInt32Array, int]:
        """Per row of `store` what counts against `min_views`, and how much one view is (`VoxelCloud.occupied`)."""
        if self.config.range_weight_m > 0:
            return self._store.weight, WEIGHT_ONE
        return self._store.views, 1

    def _cloud(self, rows: IntArray, ijk: IntArray) -> VoxelCloud:
        store = self._store
        return VoxelCloud.from_voxels(
            ijk.astype(np.int32),
            self.config.voxel_m,
            rgb=store.rgb[rows],
            views=store.views[rows],
            last_frame=store.last_frame[rows],
            score_sum=store.score_sum[rows],
            votes=store.votes[rows],
            best_score=store.best_score[rows],
            weight=store.weight[rows] if len(store.weight) else None,
        )

    def save(self, path: Path | str) -> None:
        """Write the map as one compressed .npz (`map_io`), whole or not at all."""
        from seal_mapping.voxels import io as map_io

        map_io.save_map(self, path)

    @classmethod
    def load(cls, path: Path | str) -> VoxelMap:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is missing, broken, of another kind or version.
        """
        from seal_mapping.voxels import io as map_io

        return map_io.load_map(path)

    @classmethod
    def restore(cls, config: MapConfig, cloud: VoxelCloud, explored: Grid2D, frames: int) -> VoxelMap:
        """A map that holds these voxels and explored cells, as if it had seen the frames that made them.

        Raises:
            InputError: if a voxel lies outside the grid or the heights of the map.
        """
        out = cls(config)
        store, ijk = out._store, cloud.ijk.astype(np.int64)
        out.frames = frames
        if explored.cells.size == 0 and len(cloud) == 0:
            return out
        edge = kernels.BLOCK * config.voxel_m
        low_xy = np.floor((explored.origin_xy - config.origin[:2]) / edge + 0.5).astype(np.int64)
        heights = np.array([config.min_height_m, config.max_height_m])
        layers = np.floor((heights - config.origin[2]) / edge).astype(np.int64)
        low = np.array([*low_xy, layers[0]])
        shape = np.array([explored.shape[0] // kernels.BLOCK, explored.shape[1] // kernels.BLOCK, 0])
        shape[2] = layers[1] - layers[0] + 1
        blocks = np.unique(ijk >> 3, axis=0)
        if len(blocks) and ((blocks < low).any() or (blocks >= low + shape).any()):
            raise InputError("a voxel lies outside the map's grids or heights")
        if len(np.unique(voxel_keys(ijk))) < len(ijk) or (cloud.views == 0).any():
            raise InputError("a voxel occurs twice, or was never seen")
        store.relay(low, shape, empty=True)
        store.fill(ijk)
        rows = slice(0, len(cloud))
        store.views[rows], store.last_frame[rows], store.rgb[rows] = cloud.views, cloud.last_frame, cloud.rgb
        store.best_score[rows], store.score_sum[rows], store.votes[rows] = (
            cloud.best_score,
            cloud.score_sum,
            cloud.votes,
        )
        if config.range_weight_m > 0:
            store.weight[rows] = cloud.weight
        first, last = config.obstacle_layers
        high = (ijk[:, 2] >= first) & (ijk[:, 2] <= last) & (cloud.views >= config.obstacle_min_views)
        store.obstacles[tuple((ijk[high, :2] - low[:2] * kernels.BLOCK).T)] = True
        store.explored[:] = explored.cells
        out._explored_count = int(store.explored.sum())
        out.confident_count = int((cloud.score >= config.confident).sum())
        return out


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
