# SPDX-License-Identifier: Apache-2.0
"""True labels of the frames that a robot recorded: evaluation only, and the `oracle` row, which says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from seal_mapping.source import FrameSource
from seal_perception.dataset import DatasetWriter
from seal_perception.pose import invert
from seal_perception.simulator import Simulator, TruthSource
from sim_bridge.evaluation.frames import truth_annotations


class TrueWorld(Simulator, TruthSource, Protocol):
    """A simulator that also tells the truth."""


def write_true_labels(
    source: FrameSource,
    world: TrueWorld,
    out: Path,
    info: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the recorded pictures with the simulator's labels as a dataset.

    Args:
        source: the recorded frames.
        world: the simulator, reset to the run's seed, so that its odometry frame is the recording's map frame.
        out: dataset folder.
        info: JSON-ready facts kept in the dataset.
        progress: called with (frames done, frames in all).
    """
    T_camera_base = invert(world.T_base_camera)
    with DatasetWriter(out, {**info, "labels": "oracle: the simulator's truth"}) as writer:
        for item in source:
            T_world_base = world.T_world_odom @ item.frame.T_map_camera @ T_camera_base
            _, truth = world.render_at(T_world_base)
            writer.add(item.frame.rgb, truth_annotations(truth), {"index": item.index, "stamp_ns": item.frame.stamp_ns})
            if progress is not None:
                progress(item.index + 1, len(source))
