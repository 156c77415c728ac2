# SPDX-License-Identifier: Apache-2.0
"""All frames of a recording into one voxel map, with checkpoints: the first pass of 3DLabelProp."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.datasets.detected_frames import NO_DETECTIONS, DetectedFrames
from seal_mapping.labels.human_labels import complete_depth
from seal_mapping.source import BagFrame, FrameSource
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.errors import InputError

_LOG = logging.getLogger(__name__)
_CHECKPOINT_S = 20.0
_MAP, _HUMAN = "map_", "annotated_"

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Report nothing."""


def build_map(source: FrameSource, config: MapConfig | None = None) -> VoxelMap:
    """Map of all frames of a source with their detections.

    Raises:
        InputError: if no frame has detections and there is no detector.
    """
    frames = DetectedFrames(source)
    return MapBuilder(frames, VoxelMap((config or MapConfig()).for_names(frames.names))).run(silent)


class MapBuilder:
    """Puts the frames of a recording into a map; with a folder for checkpoints it resumes an interrupted pass.

    Args:
        frames: the recording.
        voxel_map: the map to put them in: empty, or one to be continued.
        annotations: frames that a human annotated; there they take the place of the detections.
        checkpoints: folder for checkpoints; None = none. A map that clears (`MapConfig.clear_views`) is not
            checkpointed: its misses in a row are not part of its file.

    Attributes:
        voxel_map: the map so far.
        human_map: the map of the annotated frames alone; None without annotations.
    """

    def __init__(
        self,
        frames: DetectedFrames,
        voxel_map: VoxelMap,
        annotations: FrameAnnotations | None = None,
        checkpoints: Path | None = None,
    ) -> None:
        self._frames, self._annotations = frames, annotations
        self._folder = checkpoints if voxel_map.config.clear_views == 0 else None
        self.voxel_map = voxel_map
        self.human_map = VoxelMap(voxel_map.config) if annotations is not None else None
        self._next = 0

    def run(self, progress: Progress) -> VoxelMap:
        """The map of all frames.

        Args:
            progress: called with (frames done, frames to do).

        Raises:
            InputError: if no frame has detections, there is no detector, and nothing was annotated.
        """
        self._resume()
        total, last = len(self._frames), time.monotonic()
        progress(self._next, total)
        for item in self._frames.frames(self._next):
            self._add(item)
            self._next = item.index + 1
            progress(self._next, total)
            if self._folder is not None and time.monotonic() - last > _CHECKPOINT_S:
                self._checkpoint()
                last = time.monotonic()
        self._next = total
        self._checkpoint()
        return self.voxel_map

    def _add(self, item: BagFrame) -> None:
        human = None if self._annotations is None else self._annotations.for_frame(item)
        found = self._frames.detections_for(item) if human is None else human
        if found is None and (self._annotations is None or self._frames.with_recorded):
            if self._frames.with_recorded == 0:
                raise InputError(NO_DETECTIONS)
            return  # a view that no detector looked at must not vote "nothing"
        frame = item.frame
        if human is not None and self.human_map is not None:
            frame = replace(frame, depth=complete_depth(frame.depth, human.masks))
            self.human_map.integrate(frame, found)
        self.voxel_map.integrate(frame, found)

    def _checkpoint(self) -> None:
        """Keep the maps as they are, under the number of the next frame; older checkpoints go."""
        if self._folder is None:
            return
        old = [*self._folder.glob(f"{_MAP}*.npz"), *self._folder.glob(f"{_HUMAN}*.npz")]
        if self.human_map is not None:
            save_map(self.human_map, self._folder / f"{_HUMAN}{self._next:09d}.npz")
        save_map(self.voxel_map, self._folder / f"{_MAP}{self._next:09d}.npz")
        for path in old:
            if not path.name.endswith(f"_{self._next:09d}.npz"):
                path.unlink(missing_ok=True)

    def _resume(self) -> None:
        if self._folder is None:
            return
        for path in sorted(self._folder.glob(f"{_MAP}*.npz"), reverse=True):
            beside = self._folder / path.name.replace(_MAP, _HUMAN)
            try:
                voxel_map = load_map(path)
                human_map = load_map(beside) if self.human_map is not None else None
            except InputError as error:
                _LOG.warning("checkpoint %s cannot be used: %s", path.name, error)
                continue
            self.voxel_map, self.human_map = voxel_map, human_map
            self._next = int(path.stem.split("_")[1])
            return


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a finished pass."""
    for path in [*folder.glob(f"{_MAP}*.npz"), *folder.glob(f"{_HUMAN}*.npz")]:
        path.unlink(missing_ok=True)
