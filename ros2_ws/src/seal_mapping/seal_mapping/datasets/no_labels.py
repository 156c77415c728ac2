# SPDX-License-Identifier: Apache-2.0
"""Why a labelling came out without a label: the likely cause in a few words, from what it had to go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.fusion import fuse_labels, voxel_evidence
from seal_mapping.labels.objects.choose import choose_objects, judge_candidates
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CategorySet

MAP, DRAWN, DETECTOR, RULE = "map", "drawn", "detector", "rule"
"""What is at fault: too little in the map, the drawings, the detector, or the rule that drops what there is."""


@dataclass(frozen=True)
class NoLabels:
    """Why there is no label.

    Attributes:
        fault: one of the four above.
        cause: in words.
    """

    fault: str
    cause: str


@dataclass(frozen=True)
class Drawn:
    """What a human drew: on how many frames, how many objects, and the map of these frames alone."""

    frames: int
    objects: int
    human_map: VoxelMap


def found_nothing(best_scores: Mapping[int, float], min_score: float) -> NoLabels | None:
    """Why detections give no label: there are none, or none above a score; None if some are.

    Args:
        best_scores: best score of each frame that a detector looked at, 0 = nothing found.
        min_score: what a score must exceed.
    """
    best = max(best_scores.values(), default=0.0)
    looked = f"{len(best_scores)} frames"
    if best == 0:
        return NoLabels(DETECTOR, f"the detector found nothing in {looked}")
    if best <= min_score:
        some = sum(score > 0 for score in best_scores.values())
        return NoLabels(
            DETECTOR,
            f"nothing is above {min_score:g}: the best score is {best:.2f}, {some} of {looked} have detections",
        )
    return None


def no_map_labels(
    voxel_map: VoxelMap, config: LabelConfig, best_scores: Mapping[int, float], drawn: Drawn | None, objects: int
) -> NoLabels:
    """Why 3DLabelProp gave no label.

    Args:
        voxel_map: the map.
        config: the rule.
        best_scores: see `found_nothing`; may lack frames that an earlier, interrupted call looked at.
        drawn: what a human drew, None if nobody was asked to.
        objects: objects that the map holds.
    """
    cloud, grid = voxel_map.voxels(), voxel_map.config
    range_m = f"{grid.min_depth_m:g} to {grid.max_depth_m:g} m from the camera and {grid.min_height_m:g} to "
    range_m += f"{grid.max_height_m:g} m high"
    if len(cloud) == 0:
        return NoLabels(MAP, f"the map holds nothing: no depth reading lies {range_m}")
    if objects:
        return NoLabels(RULE, f"the map has {objects} objects, and none covers {config.min_area_share:.1%} of a frame")
    if drawn is not None and (drawn.objects or not cloud.score.any()):
        return NoLabels(DRAWN, _of_drawn(drawn, config.min_annotated_m3 / grid.voxel_m**3, range_m))
    if not cloud.score.any():
        lost = NoLabels(MAP, f"no detection has a depth reading that lies {range_m}")
        return found_nothing(best_scores, 0.0) or lost
    why = _below(cloud, config, grid.names, grid.voxel_m)
    some = sum(score > 0 for score in best_scores.values())
    return replace(why, cause=f"{why.cause}; {some} of {len(best_scores)} frames have detections")


def _of_drawn(drawn: Drawn, least: float, range_m: str) -> str:
    """Why drawings gave no object; `least` is the smallest that is kept, in voxels."""
    if drawn.objects == 0:
        return f"nothing is drawn on the {drawn.frames} annotated frames"
    held = int((drawn.human_map.voxels().score > 0).sum())
    if held == 0:
        return f"none of the {drawn.objects} drawn objects has a depth reading that lies {range_m}"
    return f"the {drawn.objects} drawn objects cover {held} voxels, in parts smaller than {least:.0f} voxels each"


def _below(cloud: VoxelCloud, config: LabelConfig, names: CategorySet, voxel_m: float) -> NoLabels:
    """Why scored voxels gave no object."""
    best = f"the best score in the map is {cloud.score.max() / 255:.2f}"
    if config.rule == "objects":
        return _unlikely(cloud, config, names, voxel_m, best)
    labels, _ = fuse_labels(cloud, config)
    if labels.any():
        count, least = np.count_nonzero(labels), config.least_instance_m3 / voxel_m**3
        if count < least:
            return NoLabels(DETECTOR, f"{count} voxels have a category, an object needs {least:.0f}; {best}")
        text = f"{count} voxels have a category, in parts smaller than {least:.0f} voxels or of a "
        return NoLabels(RULE, f"{text}size that no such furniture has; {best}")
    if config.rule == "paper":
        return NoLabels(DETECTOR, f"nothing is above {config.confident / 255:.2f}: {best}")
    evidence = float(voxel_evidence(cloud, config).max())
    need = f"an object needs {config.agreement:g} over {config.agreement_min_views} frames"
    text = f"views do not agree: the best evidence of a voxel is {evidence:.2f}, {need}; {best}"
    return NoLabels(DETECTOR, text)


def _unlikely(cloud: VoxelCloud, config: LabelConfig, names: CategorySet, voxel_m: float, best: str) -> NoLabels:
    """Why the rule "objects" chose none, or none that is left."""
    judged = judge_candidates(cloud, config, names, voxel_m)
    if not judged.candidates:
        return NoLabels(DETECTOR, f"no voxels that lie together were called a thing by enough of their views; {best}")
    chosen = choose_objects(cloud, judged, config.least_overlap)
    if chosen.labels.any():
        count, least = np.count_nonzero(chosen.labels), config.least_instance_m3 / voxel_m**3
        return NoLabels(RULE, f"{count} voxels have a category, in parts smaller than {least:.0f} voxels; {best}")
    first = int(judged.overlaps.argmax())
    name, overlap = names.name(judged.candidates[first].category), float(judged.overlaps[first])
    text = f"the best candidate, a {name}, has an expected overlap of {overlap:.3f}, a label needs"
    return NoLabels(DETECTOR, f"{text} {config.least_overlap:g} (--least-overlap); {best}")
