# SPDX-License-Identifier: Apache-2.0
"""How far a few hand-drawn frames go on a real recording: labels propagated from them against other hand-drawn frames.

seal bag import ../shared/data/hololens_room room
python -m seal_bringup.experiments.polygons room --annotated tests/fixtures/hololens_polygons/annotated.json \
    --check tests/fixtures/hololens_polygons/check.json --out results/polygons.json --picture docs/images/polygons.jpg

No detector is asked. `mask_iou`: per frame and category the masks' intersection over union, mean over those.
`object_iou`: per drawn object the best propagated object of its category. A frame sees an annotated surface if at least
0.1 % of its pixels have their own depth within 10 cm of a point that an annotated pixel with depth saw: `seen`;
`labelled` of those got a label of that category.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from seal_bringup.provenance import provenance
from seal_mapping.annotation.annotations import FrameAnnotations, read_annotations
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import frame_annotations
from seal_mapping.datasets.map_builder import MapBuilder, silent
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.preview import draw_labels
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.source import BagFrame
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import Annotation
from seal_perception.detections import mask_iou
from seal_perception.files import replacing, write_json
from seal_perception.pose import invert
from seal_perception.types import BoolArray, FloatArray

MAP = MapConfig(max_depth_m=7.0, max_height_m=2.6, edge_filter=0.05)
LABELS = LabelConfig(min_views=3, max_range_m=8.0)
"""For a real sensor; the reach is raised because the walk sees the room from 7 m off."""
SEES = 0.001
NEAR_M = 0.1
_STRIDE = 4


@dataclass
class Recording:
    """Frames in memory, to be walked through often."""

    items: list[BagFrame]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Any:
        return iter(self.items)


def labelled(source: Recording, drawn: FrameAnnotations, map_config: MapConfig, config: LabelConfig) -> LabelVolume:
    """Objects of the annotated frames alone."""
    builder = MapBuilder(DetectedFrames(source), VoxelMap(map_config), drawn)
    return propagate(builder.run(silent), config, human_map=builder.human_map)


def check_frames(
    source: Recording, volume: LabelVolume, check: FrameAnnotations, config: LabelConfig
) -> dict[str, Any]:
    """Mean mask IoU of the propagated labels on hand-drawn frames."""
    by_category: dict[str, list[float]] = {}
    by_object: dict[str, list[float]] = {}
    frames = []
    for item in source.items:
        picture = check.picture(item.frame.stamp_ns, item.index)
        if picture is None:
            continue
        found = frame_annotations(item.frame, volume, config)
        drawn = picture.masks(*item.frame.depth.shape)
        here = []
        for index in sorted({shape.category for shape, _ in drawn}):
            true = np.any([mask for shape, mask in drawn if shape.category == index], axis=0)
            guesses = [a.mask for a in found if a.category == index]
            value = mask_iou(true, np.any(guesses, axis=0) if guesses else np.zeros_like(true))
            by_category.setdefault(CATEGORIES[index], []).append(value)
            here.append(value)
            for name in sorted({str(shape.object) for shape, _ in drawn if shape.category == index}):
                one = np.any([mask for shape, mask in drawn if str(shape.object) == name], axis=0)
                best = max((mask_iou(one, guess) for guess in guesses), default=0.0)
                by_object.setdefault(CATEGORIES[index], []).append(best)
        frames.append({"picture": picture.name, "mask_iou": round(float(np.mean(here)), 4)})
    return {"mask_iou": _means(by_category), "object_iou": _means(by_object), "frames": frames}


def _means(values: dict[str, list[float]]) -> dict[str, Any]:
    everything = [v for some in values.values() for v in some]
    rows = {name: {"mean": round(float(np.mean(some)), 4), "n": len(some)} for name, some in sorted(values.items())}
    spread = {"mean": round(float(np.mean(everything)), 4), "sd": round(float(np.std(everything)), 4)}
    return {"all": {**spread, "n": len(everything)}, **rows}


def reach(source: Recording, volume: LabelVolume, drawn: FrameAnnotations, config: LabelConfig) -> dict[str, Any]:
    """In how many of the frames that see an annotated surface it has a label."""
    points: dict[int, list[FloatArray]] = {}
    for item in source.items:
        found = drawn.for_frame(item)
        if found is None:
            continue
        cloud, valid = _points(item)
        for index, mask in zip(found.categories.tolist(), found.masks, strict=True):
            points.setdefault(int(index), []).append(cloud[mask & valid])
    surface = {index: np.concatenate(some) for index, some in points.items()}
    out = {}
    labels = [{a.category for a in frame_annotations(item.frame, volume, config)} for item in source.items]
    for index, cloud in sorted(surface.items()):
        sees = [_sees(item, cloud) for item in source.items]
        got = [yes and index in have for yes, have in zip(sees, labels, strict=True)]
        out[CATEGORIES[index]] = {"seen": sum(sees), "labelled": sum(got)}
    seen, got_all = (sum(row[key] for row in out.values()) for key in ("seen", "labelled"))
    return {"share": round(got_all / max(seen, 1), 4), "seen": seen, "labelled": got_all, "by_category": out}


def _points(item: BagFrame) -> tuple[FloatArray, BoolArray]:
    frame = item.frame
    valid = np.isfinite(frame.depth) & (frame.depth > MAP.min_depth_m) & (frame.depth < MAP.max_depth_m)
    camera = frame.camera.rays() * np.where(valid, frame.depth, 0.0)[..., None]
    return camera @ frame.T_map_camera[:3, :3].T + frame.T_map_camera[:3, 3], valid


def _sees(item: BagFrame, cloud: FloatArray) -> bool:
    """Whether enough pixels' own depth agrees with points of a surface that fall on them."""
    frame, T = item.frame, invert(item.frame.T_map_camera)
    local = cloud @ T[:3, :3].T + T[:3, 3]
    local = local[local[:, 2] > MAP.min_depth_m]
    u = np.rint(local[:, 0] / local[:, 2] * frame.camera.fx + frame.camera.cx).astype(int)
    v = np.rint(local[:, 1] / local[:, 2] * frame.camera.fy + frame.camera.cy).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < frame.camera.width) & (v < frame.camera.height)
    u, v, z = u[inside], v[inside], local[inside, 2]
    same = np.abs(frame.depth[v, u] - z) < NEAR_M
    return len(np.unique(v[same] * frame.camera.width + u[same])) >= SEES * frame.depth.size


def draw(
    source: Recording, volume: LabelVolume, check: FrameAnnotations, config: LabelConfig, names: Sequence[str]
) -> Image.Image:
    """Hand-drawn beside propagated, one row per named picture."""
    rows = []
    for item in source.items:
        picture = check.picture(item.frame.stamp_ns, item.index)
        if picture is None or Path(picture.name).stem not in names:
            continue
        hand = [Annotation(shape.category, mask) for shape, mask in picture.masks(*item.frame.depth.shape)]
        pair = [draw_labels(item.frame.rgb, some) for some in (hand, frame_annotations(item.frame, volume, config))]
        rows.append(np.concatenate(pair, axis=1))
    sheet = np.concatenate(rows)
    width = 1000
    return Image.fromarray(cv2.resize(sheet, (width, round(width * sheet.shape[0] / sheet.shape[1]))))


def main() -> None:
    """Propagate, compare, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--annotated", type=Path, required=True)
    parser.add_argument("--check", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("results/polygons.json"))
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--frames", default="00034,00231,00255,00301,00319,00354", help="rows of the picture")
    options = parser.parse_args()
    source = Recording(list(open_bag(options.bag)))
    drawn, check = read_annotations(options.annotated), read_annotations(options.check)
    rows = {}
    for name, config in {"default": LABELS, "nothing grown": replace(LABELS, grow_annotated=0)}.items():
        volume = labelled(source, drawn, MAP, config)
        rows[name] = {**check_frames(source, volume, check, config), "reach": reach(source, volume, drawn, config)}
        summary = {key: rows[name][key] for key in ("mask_iou", "object_iou", "reach")}
        print(name, summary, flush=True)
        if name == "default" and options.picture:
            picture = draw(source, volume, check, config, options.frames.split(","))
            with replacing(options.picture) as beside:
                picture.save(beside, format="JPEG", quality=80)
    write_json(options.out, {"provenance": provenance(), "annotated_frames": len(drawn), "rows": rows})


if __name__ == "__main__":
    main()
