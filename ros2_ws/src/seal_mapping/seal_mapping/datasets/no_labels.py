# SPDX-License-Identifier: Apache-2.0
"""Why a labelling came out without a label: the likely cause in a few words, from what it had to go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.fusion import fuse_labels, voxel_evidence
from seal_mapping.labels.objects.choose import Judged, choose_objects
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CategorySet
from seal_perception.types import UInt8Array

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


def none_covers_enough(objects: int, config: LabelConfig) -> NoLabels:
    """Why a map with objects labels no frame: each is too small in every picture."""
    return NoLabels(RULE, f"the map has {objects} objects, and none covers {config.min_area_share:.1%} of a frame")


def none_confirmed(best: Mapping[int, float], config: LabelConfig) -> NoLabels:
    """Why a map with objects has no label: no frame shows one of them as a whole.

    Args:
        best: by id the best score of a detection that shows the object, 0 = none does.
        config: `confirm_score`.
    """
    shown = max(best.values(), default=0.0)
    text = f"the map has {len(best)} objects, and no frame's own detection shows one as a whole with a score of"
    return NoLabels(DETECTOR, f"{text} {config.confirm_score:g} (--confirm); the best of them has {shown:.2f}")


def no_map_labels(
    judged: Judged, grid: MapConfig, config: LabelConfig, best_scores: Mapping[int, float], drawn: Drawn | None
) -> NoLabels:
    """Why 3DLabelProp found no object.

    Args:
        judged: the map's voxels and candidates.
        grid: numbers of the map.
        config: the rule.
        best_scores: see `found_nothing`; may lack frames that an earlier, interrupted call looked at.
        drawn: what a human drew, None if nobody was asked to.
    """
    cloud = judged.cloud
    range_m = f"{grid.min_depth_m:g} to {grid.max_depth_m:g} m from the camera and {grid.min_height_m:g} to "
    range_m += f"{grid.max_height_m:g} m high"
    if len(cloud) == 0:
        return NoLabels(MAP, f"the map holds nothing: no depth reading lies {range_m}")
    if drawn is not None and (drawn.objects or not cloud.score.any()):
        return NoLabels(DRAWN, _of_drawn(drawn, config.min_annotated_m3 / grid.voxel_m**3, range_m))
    if not cloud.score.any():
        lost = NoLabels(MAP, f"no detection has a depth reading that lies {range_m}")
        return found_nothing(best_scores, 0.0) or lost
    why = _below(judged, config, grid, drawn is not None)
    some = sum(score > 0 for score in best_scores.values())
    best = f"the best score in the map is {cloud.score.max() / 255:.2f}"
    seen = f"{some} of {len(best_scores)} frames have detections"
    return replace(why, cause=f"{why.cause}; {best}; {seen}")


def _of_drawn(drawn: Drawn, least: float, range_m: str) -> str:
    """Why drawings gave no object; `least` is the smallest that is kept, in voxels."""
    if drawn.objects == 0:
        return f"nothing is drawn on the {drawn.frames} annotated frames"
    held = int((drawn.human_map.voxels().score > 0).sum())
    if held == 0:
        return f"none of the {drawn.objects} drawn objects has a depth reading that lies {range_m}"
    return f"the {drawn.objects} drawn objects cover {held} voxels, in parts smaller than {least:.0f} voxels each"


def _below(judged: Judged, config: LabelConfig, grid: MapConfig, is_drawn: bool) -> NoLabels:
    """Why scored voxels gave no object."""
    by_candidates = config.rule == "objects"
    cloud = judged.cloud
    labels = choose_objects(judged, config.least_overlap).labels if by_candidates else fuse_labels(cloud, config)[0]
    if labels.any():
        return _too_small(labels, config, grid.voxel_m, is_drawn)
    if by_candidates:
        return _unlikely(judged, config, grid.names)
    if config.rule == "paper":
        return NoLabels(DETECTOR, f"nothing is above {config.confident / 255:.2f}")
    evidence = float(voxel_evidence(cloud, config).max())
    need = f"an object needs {config.agreement:g} over {config.agreement_min_views} frames"
    return NoLabels(DETECTOR, f"views do not agree: the best evidence of a voxel is {evidence:.2f}, {need}")


def _too_small(labels: UInt8Array, config: LabelConfig, voxel_m: float, is_drawn: bool) -> NoLabels:
    """Why voxels with a category, (N,) category + 1 or 0, are no object."""
    count = np.count_nonzero(labels)
    least = min(config.min_instance(int(label) - 1) for label in np.unique(labels) if label) / voxel_m**3
    if count < least:
        return NoLabels(DETECTOR, f"{count} voxels have a category, an object needs {least:.0f}")
    why = [f"in parts smaller than {least:.0f} voxels"]
    if config.plausible_size and config.rule != "objects":
        why.append("of a size that no such furniture has")
    if is_drawn:
        why.append("where a human drew nothing")
    return NoLabels(RULE, f"{count} voxels have a category, {' or '.join(why)}")


def _unlikely(judged: Judged, config: LabelConfig, names: CategorySet) -> NoLabels:
    """Why the rule "objects" chose none."""
    if not judged.candidates:
        return NoLabels(DETECTOR, "no voxels that lie together were called a thing by enough of their views")
    first = int(judged.overlaps.argmax())
    name, overlap = names.name(judged.candidates[first].category), float(judged.overlaps[first])
    text = f"the best candidate, a {name}, has an expected overlap of {overlap:.3f}, a label needs"
    return NoLabels(DETECTOR, f"{text} {config.least_overlap:g} (--least-overlap)")
