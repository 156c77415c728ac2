# SPDX-License-Identifier: Apache-2.0
"""A folder with the map of any bag: map, PLY, pictures, figures and a page; written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.evaluation.map_check import check_maps, filter_rows, held, stops
from seal_bringup.provenance import provenance
from seal_bringup.report.cubes import CubeView, draw_voxels_png
from seal_bringup.report.depth_pictures import frame_panels, frame_picture
from seal_bringup.report.label_folder import object_voxels
from seal_bringup.report.map_report import write_map_report
from seal_bringup.report.topdown import draw_topdown
from seal_bringup.report.voxels import Voxels
from seal_mapping.bags.reader import BagReader
from seal_mapping.datasets.detected_frames import frames_from
from seal_mapping.datasets.parallel import prefetch
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.export import collect, write_ply
from seal_mapping.labels.instance_ids import save_objects
from seal_mapping.labels.preview import write_png
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.files import put_back, take_place, write_json
from seal_perception.types import FloatArray

TABLE = "map.json"
FORMAT, VERSION = "seal_map_build", 2
VIEW = CubeView(colour="rgb")
_SHOWN_FRAMES = 4
_SAMPLED = 20
"""Every n-th frame is checked for how many of its readings the map holds."""

Report = Callable[[int, int], None]
Bar = Callable[[str], AbstractContextManager[Report]]


@dataclass(frozen=True)
class MapJob:
    """What to make of a bag.

    Attributes:
        out: folder to write.
        config: the map's numbers.
        min_views: frames that must have seen a voxel that is shown, exported and stops a ray.
        check: trace odd frames in a map of the even ones.
        filter_table: the same with and without each filter.
        overwrite: replace a folder that an earlier call wrote.
    """

    out: Path
    config: MapConfig
    min_views: int = 3
    check: bool = False
    filter_table: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class _Pass:
    """What one walk over the bag gave: the map, (P, 3) x, y, yaw of the camera, frames with detections, share held."""

    voxel_map: VoxelMap
    poses: FloatArray
    detected: int
    held: float


def build_map_folder(source: BagReader, job: MapJob, bar: Bar = lambda name: nullcontext(_silent)) -> dict[str, Any]:
    """Map a bag; with the detections it holds, or shape and colour alone.

    Args:
        source: the opened bag.
        job: what to make of it.
        bar: gives a progress function for a stage.

    Returns:
        What map.json holds.

    Raises:
        InputError: if the folder is taken, or no depth reading falls in the map.
    """
    _check_free(job)
    with _appearing(job.out) as folder:
        with bar("map") as report:
            done = _integrate(source, job.config, report)
        voxel_map, cloud = done.voxel_map, done.voxel_map.voxels()
        if not cloud.occupied(job.min_views).any():
            raise InputError(
                f"no voxel was seen by {job.min_views} frames: {done.held:.0%} of the readings lie in the map's range "
                f"and heights ({job.config.min_height_m:g} to {job.config.max_height_m:g} m); see --min-height"
            )
        volume = propagate(voxel_map, LabelConfig(min_views=job.min_views)) if done.detected else None
        objects = _write_map(folder, voxel_map, volume, job.min_views)
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "bag": str(source.path),
            "choices": list(source.choices),
            "frames": voxel_map.frames,
            "frames_with_detections": done.detected,
            "held": round(done.held, 4),
            "map_config": voxel_map.config.as_dict(),
            "min_views": job.min_views,
            "voxels": len(cloud),
            "occupied": int(cloud.occupied(job.min_views).sum()),
            "explored_area_m2": round(voxel_map.explored_area_m2, 4),
            "memory_mb": round(voxel_map.nbytes / 1e6, 2),
            "instances": objects,
            "pictures": _pictures(folder / "pictures", source, done, volume, job),
            "check": _check(source, job, bar),
            "filter_table": _filter_table(source, job, bar),
            "unused": source.unused,
            "provenance": provenance(),
        }
        write_json(folder / TABLE, facts)
        write_map_report(folder, done.poses)
    return facts


def _silent(done: int, total: int) -> None:
    """Report nothing."""


def _integrate(source: BagReader, config: MapConfig, report: Report) -> _Pass:
    voxel_map, poses, detected = VoxelMap(config.for_names(source.names)), list[list[float]](), 0
    inside = readings = 0
    report(0, len(source))
    for item in prefetch(source):
        frame, found = item.frame, item.detections
        voxel_map.integrate(frame, found)
        detected += found is not None
        T = frame.T_map_camera
        poses.append([T[0, 3], T[1, 3], float(np.arctan2(T[1, 2], T[0, 2]))])
        if item.index % _SAMPLED == 0:
            inside += int(held(frame, config).sum())
            readings += int((np.isfinite(frame.depth) & (frame.depth > 0)).sum())
        report(item.index + 1, len(source))
    return _Pass(voxel_map, np.array(poses).reshape(-1, 3), detected, inside / max(1, readings))


def _write_map(folder: Path, voxel_map: VoxelMap, volume: LabelVolume | None, min_views: int) -> list[dict[str, Any]]:
    """map.npz, map.ply and, with detections, objects.npz; the table of objects."""
    save_map(voxel_map, folder / "map.npz")
    write_ply(folder / "map.ply", collect(voxel_map, volume or stops(voxel_map, min_views), min_views=min_views), "rgb")
    if volume is None:
        return []
    save_objects(volume, folder / "objects.npz")
    return volume.table()


def shown_voxels(voxel_map: VoxelMap, volume: LabelVolume | None, min_views: float) -> Voxels:
    """What pictures show: voxels of enough views, with the categories of the objects where there are any."""
    if volume is not None:
        return object_voxels(voxel_map, volume, min_views)
    cloud = voxel_map.voxels()
    return Voxels.from_cloud(cloud.take(cloud.occupied(min_views)), voxel_map.config.voxel_m, voxel_map.config.names)


def _pictures(
    folder: Path, source: BagReader, done: _Pass, volume: LabelVolume | None, job: MapJob
) -> list[dict[str, Any]]:
    """Write the pictures; their names and what they show, as map.json has them."""
    voxels, out = shown_voxels(done.voxel_map, volume, job.min_views), list[dict[str, Any]]()
    cut = min(2.0, job.config.max_height_m)
    folder.mkdir()
    for name, azimuth in (("slanted", -60.0), ("slanted_back", 120.0)):
        view = replace(VIEW, azimuth_deg=azimuth, cut_m=cut)
        draw_voxels_png(folder / f"{name}.png", voxels, view)
        out.append({"file": f"{name}.png", "shows": f"the map as seen, cut at {cut:g} m, azimuth {azimuth:g} degrees"})
    below = voxels.keep(voxels.centre_z_m <= cut)
    if len(below):
        painted = np.zeros(len(below), np.int8)  # all of them painted, in the colours seen
        flat = replace(below, label=painted, score=painted.astype(np.uint8))
        way = {"poses": done.poses.tolist()}
        draw_topdown(folder / "above.png", flat, way, named_rgb=flat.rgb)
        out.append({"file": "above.png", "shows": "the map from above, as seen, and the camera's way"})
    stop = volume or stops(done.voxel_map, job.min_views)
    for n in range(_SHOWN_FRAMES):
        item = next(frames_from(source, len(source) * (2 * n + 1) // (2 * _SHOWN_FRAMES)), None)
        name = "" if item is None else f"frame_{item.index:06d}.png"
        if item is None or any(row["file"] == name for row in out):
            continue
        panels, precise = frame_panels(done.voxel_map, stop, item.frame)
        title = f"frame {item.index}: the map predicts {100 * precise:.0f} % of its readings within 10 cm"
        write_png(folder / name, frame_picture(panels, title, job.config.max_depth_m))
        out.append({"file": name, "shows": title, "precise": round(precise, 4)})
    return out


def _check(source: BagReader, job: MapJob, bar: Bar) -> dict[str, float] | None:
    if not job.check:
        return None
    with bar("check") as report:
        return check_maps(source, {"this map": (job.config, job.min_views)}, job.config, report)["this map"]


def _filter_table(source: BagReader, job: MapJob, bar: Bar) -> dict[str, dict[str, float]]:
    if not job.filter_table:
        return {}
    rows = filter_rows()
    with bar("filter table") as report:
        return check_maps(source, rows, rows["no filter"][0], report)


def _check_free(job: MapJob) -> None:
    if job.out.exists() and not job.out.is_dir():
        raise InputError(f"{job.out} is a file; choose a folder for the map")
    if not job.out.is_dir() or not any(job.out.iterdir()):
        return
    if not (job.out / TABLE).is_file():
        raise InputError(f"{job.out} holds something that is no map of `seal map build`; choose another folder")
    if not job.overwrite:
        raise InputError(f"{job.out} already holds a map; add --overwrite to replace it")


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends without an error, and goes otherwise."""
    beside = out.with_name(f".{out.name}.part")
    put_back(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        take_place(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
