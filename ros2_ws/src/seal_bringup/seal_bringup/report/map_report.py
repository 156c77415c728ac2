# SPDX-License-Identifier: Apache-2.0
"""The page of a folder that `seal map build` writes: the map to turn, pictures, the check against other frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from seal_bringup.report.figures import category_colour, fixed
from seal_bringup.report.label_folder import object_voxels
from seal_bringup.report.page import config_groups, write_page
from seal_bringup.report.pictures import drawing_uri, photo_uri, rendering_uri
from seal_bringup.report.run_folder import as_dict
from seal_bringup.report.viewer import pack_voxels
from seal_bringup.report.voxels import Voxels
from seal_mapping.labels.instance_ids import load_objects
from seal_mapping.voxels.io import load_map
from seal_perception.categories import CategorySet
from seal_perception.reading.text import read_json

SHARES = ("precise", "early", "late", "no_hit")


def write_map_report(folder: Path, poses: npt.ArrayLike) -> Path:
    """Write `folder`/report.html from map.json, map.npz and pictures/.

    Args:
        folder: as `seal_bringup.jobs.map_folder` fills it.
        poses: (P, >= 2) x, y of the camera's way in metres, map frame.

    Returns:
        The page's path.
    """
    facts = as_dict(read_json(folder / "map.json"))
    voxel_map = load_map(folder / "map.npz")
    objects = folder / "objects.npz"
    if objects.is_file():
        voxels = object_voxels(voxel_map, load_objects(objects), facts["min_views"])
    else:
        cloud = voxel_map.voxels()
        voxels = Voxels.from_cloud(
            cloud.take(cloud.occupied(facts["min_views"])), voxel_map.config.voxel_m, voxel_map.config.names
        )
    pack = pack_voxels(voxels, poses=poses, confident=0)
    pack.update(mode="rgb", cut=min(2.0, voxel_map.config.max_height_m))
    pictures = {row["file"]: row for row in facts["pictures"]}
    frames = [name for name in pictures if name.startswith("frame_")]
    values = {
        "headline": f"{facts['occupied']} voxels and {fixed(facts['explored_area_m2'])} m² of {facts['frames']} frames",
        "bag": Path(facts["bag"]).name,
        "cards": _cards(facts),
        "named": objects.is_file(),
        "viewer": pack,
        "slanted": [_rendering(folder / "pictures" / f"{name}.png") for name in ("slanted", "slanted_back")],
        "above": drawing_uri(folder / "pictures" / "above.png") if "above.png" in pictures else None,
        "frames": [(photo_uri(folder / "pictures" / name, 1100, 88), pictures[name]["shows"]) for name in frames],
        "objects": [_object(item, voxel_map.config.names) for item in facts["instances"]],
        "check": _line("this map", facts["check"]) if facts["check"] else None,
        "table": [_line(name, row) for name, row in as_dict(facts["filter_table"]).items()],
        "choices": facts["choices"],
        "unused": list(as_dict(facts["unused"]).items()),
        "config": config_groups({key: facts[key] for key in ("map_config", "provenance")}),
    }
    return write_page(folder / "report.html", "map_report.html.j2", values, voxel_map.config.names)


def _rendering(path: Path) -> str:
    with Image.open(path) as picture:
        return rendering_uri(np.asarray(picture.convert("RGBA")))


def _cards(facts: dict[str, Any]) -> list[dict[str, str]]:
    def card(title: str, value: str, note: str, unit: str = "") -> dict[str, str]:
        return {"title": title, "value": value, "unit": unit, "note": note}

    cards = [
        card("Frames", str(facts["frames"]), f"{facts['frames_with_detections']} with detections"),
        card("Voxels", str(facts["occupied"]), f"seen by {facts['min_views']} frames or more, of {facts['voxels']}"),
        card("Explored", fixed(facts["explored_area_m2"]), "floor seen or crossed by a ray", "m²"),
        card("Readings in the map", fixed(facts["held"], 1, 100.0), "the rest is out of range or height", "%"),
        card("Memory", fixed(facts["memory_mb"]), "of the map", "MB"),
    ]
    if facts["check"]:
        cards.append(
            card("Within 10 cm", fixed(facts["check"]["precise"], 1, 100.0), "odd frames, map of even ones", "%")
        )
    return cards


def _line(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "shares": [fixed(row[key], 1, 100.0) for key in SHARES],
        "median": fixed(row["median_error_m"], 1, 100.0),
        "kept": fixed(row["kept"], 1, 100.0),
        "voxels": str(row["voxels"]),
        "memory": fixed(row["memory_mb"]),
    }


def _object(item: dict[str, Any], names: CategorySet) -> dict[str, str]:
    return {
        "name": f"{item['category']} {item['id']}",
        "colour": category_colour(item["category"], names),
        "score": fixed(item["score"], 2),
        "support": f"{fixed(item['support'], 0)} of {fixed(item['views'], 0)}",
        "voxels": str(item["voxels"]),
        "size": " × ".join(fixed(side, 2) for side in item["size_xyz"]),
    }
