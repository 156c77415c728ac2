# SPDX-License-Identifier: Apache-2.0
"""The semantic voxel map: block-sparse, updated frame by frame.

Source: SEAL (its 3D semantic mapping) and Algorithm 3. Departs from the pseudo-code, which pools the score image by
average before it fills voxels: per frame and voxel we take the maximum over the pixels that fall in it, as the text
says, then the maximum over time. Next to that maximum the map keeps, per voxel, the frames that saw it and the last of
them, and per category the sum over frames and the votes of frames: what rules of fusion other than the maximum need
(`labels.fusion`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from seal_mapping.voxels import kernels
from seal_mapping.voxels.blocks import Occupied
from seal_mapping.voxels.category_cells import category_cells
from seal_mapping.voxels.clearing import clear_free
from seal_mapping.voxels.config import WEIGHT_ONE, MapConfig, VoxelCloud
from seal_mapping.voxels.kernels import Columns, Picture, Rules, Touched, View
from seal_mapping.voxels.store import VoxelStore
from seal_mapping.voxels.uncertainty import uncertain_cells
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.pose import invert
from seal_perception.types import BoolArray, IntArray, UInt8Array

__all__ = ["MapConfig", "VoxelCloud", "VoxelMap"]

_FREE_RAYS = 160
"""About this many rays of a picture mark free floor."""

Params = ParamSpec("Params")
Result = TypeVar("Result")


def _timed(
    stage: str,
) -> Callable[[Callable[Concatenate[VoxelMap, Params], Result]], Callable[Concatenate[VoxelMap, Params], Result]]:
    """A method of `VoxelMap` that notes its milliseconds in `timings`."""

    def decorate(
        method: Callable[Concatenate[VoxelMap, Params], Result],
    ) -> Callable[Concatenate[VoxelMap, Params], Result]:
        @functools.wraps(method)
        def timed(self: VoxelMap, *args: Params.args, **kwargs: Params.kwargs) -> Result:
            start = time.perf_counter()
            result = method(self, *args, **kwargs)
            self.timings[stage] = 1e3 * (time.perf_counter() - start)
            return result

        return timed

    return decorate


class VoxelMap:
    """Occupancy, colour and scores of what was seen, in voxels of the map frame.

    Memory follows the surfaces that were seen: blocks of 8 x 8 x 8 places are made when a point falls in them, voxels
    when one falls in theirs. No extent is named beforehand. `voxels.io` writes and reads maps.

    Args:
        config: the parameters.
        store: voxels to start from (`VoxelStore.restore`), with the same parameters; None = none.
        frames: number of frames that made them.

    Attributes:
        config: the parameters.
        store: where the voxels lie, for kernels that walk through them (`query`, `local_map`); to be read only.
        frames: number of frames put in so far.
        confident_count: voxels whose best category score is confident (the reward "Gainful Curiosity"; departs from
            Algorithm 1, which counts the occupancy channel too).
        timings: milliseconds per stage of the last update: filter, grow, scatter, fuse, clear, explore, total.
    """

    def __init__(self, config: MapConfig | None = None, store: VoxelStore | None = None, frames: int = 0) -> None:
        self.config = config or MapConfig()
        self.store = VoxelStore(self.config) if store is None else store
        self.frames = frames
        self.confident_count = self.store.count_confident()
        self.timings: dict[str, float] = {}
        self._explored_count = int(self.store.grids.explored.sum())
        self._touched = Touched.room(0, self.config.num_categories)
        self._rules = _rules_of(self.config)

    def integrate(self, frame: Frame, detections: Detections | None) -> int:
        """Put one frame into the map.

        Args:
            frame: colour, depth, camera and pose.
            detections: what was detected in it, or None for geometry and colour alone. A frame without detections
                counts as a view with score 0.

        Returns:
            Increase of `confident_count` (negative where clearing forgot more than the frame brought).

        Raises:
            InputError: if the detections are of another picture size or list of categories, or the pose is absurdly far
                away.
        """
        if detections is not None and len(detections):
            self._require_names(detections.names)
        scores = None if detections is None else detections.score_image(self.config.num_categories)
        return self.integrate_scores(frame, scores)

    def _require_names(self, names: CategorySet) -> None:
        """The map may have more categories than a detector knows, after those."""
        known = self.config.categories
        if names.names is not known and names.names != known[: len(names)]:
            raise InputError(f"the detections are of {names}; the map is for {', '.join(known)}")

    @_timed("total")
    def integrate_scores(self, frame: Frame, scores: UInt8Array | None) -> int:
        """Put one frame into the map, with its score image in place of its detections (Algorithm 3).

        Args:
            frame: colour, depth, camera and pose.
            scores: (H, W, C) uint8 best score per category of 255 (`Detections.score_image`), or None.

        Returns:
            Increase of `confident_count`.

        Raises:
            InputError: if `scores` has another shape or type, or the pose is absurdly far away.
        """
        picture = self._filter(frame, scores)
        self._grow(frame)
        touched, columns = self._scatter(frame, picture)
        gained = self._fuse(touched)
        lost = self._clear(frame, picture)
        self._explore(frame, columns)
        self.frames += 1
        self.confident_count += gained - lost
        return gained - lost

    @_timed("filter")
    def _filter(self, frame: Frame, scores: UInt8Array | None) -> Picture:
        """The frame's pixels, without flying ones."""
        expected = (*frame.depth.shape, self.config.num_categories)
        if scores is not None and (scores.shape != expected or scores.dtype != np.uint8):
            known = ", ".join(self.config.categories)
            got = f"got {scores.shape} {scores.dtype}"
            raise InputError(f"scores must be {expected} uint8, {got}; the map's categories are {known}")
        depth = np.ascontiguousarray(frame.depth)
        if self.config.edge_filter > 0:
            depth = kernels.filter_edges(depth, self.config.edge_filter)
        image = np.zeros((0, 0, expected[2]), np.uint8) if scores is None else np.ascontiguousarray(scores)
        return Picture(depth, np.ascontiguousarray(frame.rgb), image, with_scores=scores is not None)

    @_timed("grow")
    def _grow(self, frame: Frame) -> None:
        """Let the store cover every point that the frame can put into the map, and the disc around the camera."""
        config, camera, T = self.config, frame.camera, frame.T_map_camera
        u = (np.array([0, camera.width - 1] * 2) - camera.cx) / camera.fx
        v = (np.repeat([0, camera.height - 1], 2) - camera.cy) / camera.fy
        corners = np.stack([u, v, np.ones(4)]) * config.max_depth_m
        points = np.concatenate([T[:3, 3:], T[:3, :3] @ corners + T[:3, 3:]], axis=1)
        slack = config.footprint_m + config.voxel_m
        low, high = points.min(axis=1) - slack, points.max(axis=1) + slack
        low[2], high[2] = config.min_height_m, config.max_height_m
        self.store.cover(low, high)

    @_timed("scatter")
    def _scatter(self, frame: Frame, picture: Picture) -> tuple[Touched, Columns]:
        """The voxels that the frame touches, and what each column of the picture sees on the floor plan."""
        store, pixels, width = self.store, picture.depth.size, frame.camera.width
        if len(self._touched.row) < pixels:
            self._touched = Touched.room(pixels, self.config.num_categories)
        columns = Columns(near=np.full((width, 3), np.inf), far=np.full((width, 3), -1.0))
        counts: npt.NDArray[np.int32] = np.array([store.num_blocks, 0, store.num_rows], np.int32)
        view, pixel = self._view(frame), 0
        while True:
            pixel = kernels.scatter(pixel, picture, view, store.blocks, counts, self._touched, columns)
            store.num_blocks, store.num_rows = int(counts[0]), int(counts[2])
            if pixel == pixels:
                return self._touched.first(int(counts[1])), columns
            store.grow()

    @_timed("fuse")
    def _fuse(self, touched: Touched) -> int:
        """Fold the touched voxels into the map; number of voxels that became confident."""
        store = self.store
        gained, cells = kernels.fuse(touched, self.frames, self._rules, store.blocks, store.voxels, store.grids)
        self._explored_count += cells
        return int(gained)

    @_timed("clear")
    def _clear(self, frame: Frame, picture: Picture) -> int:
        """Forget what the frame looked through once too often; number of confident voxels among it."""
        config, store = self.config, self.store
        if config.clear_views == 0:
            return 0
        blocks = store.blocks._replace(block_ijk=store.blocks.block_ijk[: store.num_blocks])
        removed, lost = clear_free(
            picture.depth,
            invert(frame.T_map_camera),
            self._view(frame),
            self._rules,
            self.frames,
            blocks,
            store.voxels,
        )
        if len(removed):
            store.remove(removed, config.obstacle_layers, config.obstacle_min_views)
        return int(lost)

    @_timed("explore")
    def _explore(self, frame: Frame, columns: Columns) -> None:
        """Mark the floor that the frame saw to be free, and the disc around the camera."""
        camera, origin = frame.T_map_camera[:2, 3].copy(), self.store.grid_origin()
        explored, size = self.store.grids.explored, self.config.voxel_m
        stride = max(1, frame.camera.width // _FREE_RAYS)
        self._explored_count += kernels.mark_free(camera, columns, stride, size, origin, explored)
        self._explored_count += kernels.mark_disc(camera, self.config.footprint_m, size, origin, explored)

    def _view(self, frame: Frame) -> View:
        config, camera = self.config, frame.camera
        return View(
            T_map_camera=frame.T_map_camera,
            intrinsics=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
            origin=config.origin,
            voxel_m=float(config.voxel_m),
            min_depth_m=float(config.min_depth_m),
            max_depth_m=float(config.max_depth_m),
            min_height_m=float(config.min_height_m),
            max_height_m=float(config.max_height_m),
            obstacle_min_m=float(config.obstacle_min_m),
            obstacle_max_m=float(config.obstacle_max_m),
        )

    def obstacles(self) -> Grid2D:
        """Cells with an occupied voxel at obstacle height (a copy); aligned with `explored`; grows with the map."""
        return Grid2D(self.store.grids.obstacles.copy(), self.store.grid_origin(), self.config.voxel_m)

    def explored(self) -> Grid2D:
        """Cells in which something was observed or which a ray crossed freely (a copy)."""
        return Grid2D(self.store.grids.explored.copy(), self.store.grid_origin(), self.config.voxel_m)

    def uncertainty(self) -> Grid2D:
        """How uncertain the map is about the objects over each cell (uint8, `uncertainty.MOST` at most), aligned."""
        one = WEIGHT_ONE if self.config.range_weight_m > 0 else 1
        cells = uncertain_cells(self.store.blocks, self.store.voxels, self.store.num_rows, one)
        return Grid2D(cells, self.store.grid_origin(), self.config.voxel_m)

    def category_cells(self, least: float = 0.5) -> int:
        """Pairs of a floor cell and a category that was found over it with a score of `least` or more in a picture."""
        return category_cells(self.store.blocks, self.store.voxels, self.store.num_rows, round(255 * least))

    @property
    def explored_area_m2(self) -> float:
        """Area of the explored cells."""
        return self._explored_count * self.config.voxel_m**2

    @property
    def nbytes(self) -> int:
        """Bytes in use by voxels, directory and grids."""
        return self.store.nbytes

    def voxels(self) -> VoxelCloud:
        """Every voxel seen so far, in the order x, y, z, so that the order of frames does not matter."""
        return self.cloud(*self.store.seen())

    def at(self, ijk: npt.ArrayLike) -> tuple[BoolArray, VoxelCloud]:
        """(N,) which of the voxels (N, 3) were seen, and those that were, in the order asked for."""
        wanted = np.asarray(ijk, np.int64).reshape(-1, 3)
        rows = self.store.rows_at(wanted)
        return rows >= 0, self.cloud(rows[rows >= 0], wanted[rows >= 0])

    def within(self, low: npt.ArrayLike, high: npt.ArrayLike) -> VoxelCloud:
        """The voxels seen with indices low..high (3,) (inclusive), in the order x, y, z."""
        return self.cloud(*self.store.within(np.asarray(low, np.int64), np.asarray(high, np.int64)))

    def occupied(self, min_views: float) -> Occupied:
        """What kernels need to find the voxels that at least so many views saw (`VoxelCloud.occupied`)."""
        blocks, voxels = self.store.blocks, self.store.voxels
        weighted = self.config.range_weight_m > 0
        weight, one = (voxels.weight, WEIGHT_ONE) if weighted else (voxels.views, 1)
        return Occupied(blocks.directory, blocks.low, blocks.row_of, voxels.views, weight, float(min_views * one))

    def cloud(self, rows: IntArray, ijk: IntArray) -> VoxelCloud:
        """The voxels (N, 3) at these rows (N,) of `store`."""
        return VoxelCloud.from_voxels(ijk.astype(np.int32), self.config, self.store.voxels.take(rows))


def _rules_of(config: MapConfig) -> Rules:
    return Rules(
        confident=config.confident,
        vote_score=config.vote_score,
        range_weight_m=float(config.range_weight_m),
        obstacle_layers=config.obstacle_layers,
        obstacle_min_views=config.obstacle_min_views,
        clear_views=config.clear_views,
        clear_margin_m=float(config.clear_margin_m),
    )
