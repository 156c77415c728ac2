# SPDX-License-Identifier: Apache-2.0
"""Folders of RGB-D frames as others write them: which files there are, their stamps, poses and intrinsics."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from seal_mapping.folders.pictures import COLOUR_SUFFIXES
from seal_mapping.folders.recording import (
    PictureFile,
    Recording,
    by_number,
    check_partners,
    numbered_frames,
    picture_files,
    pose_table,
    stamps_of,
    table_poses,
    timed_recording,
)
from seal_mapping.folders.scans import is_scannet, is_seven_scenes, read_scannet, read_seven_scenes
from seal_mapping.folders.tables import Intrinsics, read_intrinsics, rows, stamp_ns, tum_poses
from seal_perception.coco.pictures import inner_path
from seal_perception.errors import InputError

_TUM_INTRINSICS: dict[str, Intrinsics] = {
    "1": (517.3, 516.5, 318.6, 255.3),
    "2": (520.9, 521.0, 325.1, 249.7),
    "3": (535.4, 539.2, 320.1, 247.6),
}
_STAMP_NAME = re.compile(r"[0-9]+\.[0-9]+")


def read_recording(folder: Path | str, layout: str = "auto", rate_hz: float = 30.0, every: int = 1) -> Recording:
    """List the frames of a folder.

    Args:
        folder: the folder.
        layout: auto, or one of `LAYOUTS`.
        rate_hz: frames per second where the files have numbers and no stamps.
        every: take each n-th colour picture.

    Raises:
        InputError: if it is no such folder, or its files do not fit each other; the text has advice.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: expected {_EXPECTED}")
    if layout == "auto":
        found = [name for name, (_, fits) in LAYOUTS.items() if fits(folder)]
        if len(found) != 1:
            what = f"fits the layouts {' and '.join(found)}: choose with --layout" if found else "has no known layout"
            raise InputError(f"{folder} {what}; expected {_EXPECTED}")
        layout = found[0]
    if layout not in LAYOUTS:
        raise InputError(f"--layout must be auto, {', '.join(LAYOUTS)}; got {layout!r}")
    for name in _FOLDERS.get(layout, ()):
        if not (folder / name).is_dir():
            raise InputError(f"{folder / name} is missing: expected {_EXPECTED}")
    recording = LAYOUTS[layout][0](folder, rate_hz, every)
    if not recording.colour:
        left_out = "; ".join(f"{count} {reason}" for reason, count in recording.skipped.items())
        raise InputError(f"{folder} has no frame that can be used" + (f": {left_out}" if left_out else ""))
    return recording


def _is_numbered(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in ("color", "depth")) and pose_table(folder).exists()


def _read_numbered(folder: Path, rate_hz: float, every: int) -> Recording:
    """color/NNNNN.jpg, depth/NNNNN.png, K.txt and poses.txt; line i of the poses is that of the i-th file."""
    K = folder / "K.txt"
    intrinsics = (read_intrinsics(K), "K.txt") if K.exists() else None
    table = pose_table(folder)
    names = [picture_files(folder / name, which) for name, which in (("color", COLOUR_SUFFIXES), ("depth", {".png"}))]
    if names[0] and all(_STAMP_NAME.fullmatch(path.stem) for part in names for path in part):
        colour_files, depth_files = (_by_stamp(part) for part in names)
        return timed_recording("numbered", colour_files[::every], depth_files, tum_poses(table), 1000.0, intrinsics)
    colour, depth = by_number(folder / "color", COLOUR_SUFFIXES), by_number(folder / "depth", {".png"})
    check_partners(colour, depth, (folder / "color", folder / "depth"))
    pictures, depths, T, skipped = numbered_frames(colour, depth, table_poses(table, colour), rate_hz, every)
    notes: tuple[str, ...] = ()
    if [path.name for path in colour.values()] != sorted(path.name for path in colour.values()):
        notes = (f"files are taken in the order of their numbers, and lines of {table.name} likewise",)
    return Recording("numbered", pictures, depths, stamps_of(pictures), T, intrinsics, 1000.0, skipped, notes=notes)


def _by_stamp(paths: list[Path]) -> list[PictureFile]:
    """Pictures whose names are stamps in seconds, in their order."""
    found = [PictureFile(stamp_ns(path.stem, path, 0), path) for path in paths]
    return sorted(found, key=lambda picture: picture.stamp_ns)


def _is_tum(folder: Path) -> bool:
    return all((folder / name).exists() for name in ("rgb.txt", "depth.txt", "groundtruth.txt"))


def _read_tum(folder: Path, rate_hz: float, every: int) -> Recording:
    """rgb.txt, depth.txt (stamp, file) and groundtruth.txt (stamp tx ty tz qx qy qz qw), each with its own stamps."""
    colour, depth = _tum_pictures(folder / "rgb.txt")[::every], _tum_pictures(folder / "depth.txt")
    return timed_recording("tum", colour, depth, tum_poses(folder / "groundtruth.txt"), 5000.0, _tum_intrinsics(folder))


def _tum_pictures(path: Path) -> list[PictureFile]:
    """Pictures of a TUM list, in the order of their stamps."""
    out: dict[int, PictureFile] = {}
    for number, words in rows(path):
        if len(words) != 2:
            raise InputError(f"{path}:{number} must hold a stamp and a file name, got {' '.join(words)[:60]!r}")
        stamp, file = stamp_ns(words[0], path, number), path.parent / inner_path(words[1], f"{path}:{number}")
        if stamp in out:
            raise InputError(f"{path}:{number} has the stamp of another picture: {words[0]}")
        if not file.is_file():
            raise InputError(f"{file} is missing ({path.name}:{number}): copy it again, or take its line out")
        if file.suffix.lower() not in COLOUR_SUFFIXES:
            raise InputError(f"{file} ({path.name}:{number}) must be a .png or .jpg picture")
        out[stamp] = PictureFile(stamp, file)
    return [out[stamp] for stamp in sorted(out)]


def _tum_intrinsics(folder: Path) -> tuple[Intrinsics, str] | None:
    if (folder / "K.txt").exists():
        return read_intrinsics(folder / "K.txt"), "K.txt"
    name = re.search(r"(?:freiburg|fr)([123])(?![0-9])", folder.resolve().name)
    if name is None:
        return None
    return _TUM_INTRINSICS[name.group(1)], f"TUM's freiburg{name.group(1)}, by the folder's name"


LAYOUTS: dict[str, tuple[Callable[[Path, float, int], Recording], Callable[[Path], bool]]] = {
    "numbered": (_read_numbered, _is_numbered),
    "tum": (_read_tum, _is_tum),
    "scannet": (read_scannet, is_scannet),
    "7scenes": (read_seven_scenes, is_seven_scenes),
}
"""Layout -> its reader and how it is known."""

_FOLDERS = {"numbered": ("color", "depth"), "scannet": ("color", "depth", "pose")}
_EXPECTED = (
    "color/, depth/, K.txt, poses.txt (numbered); rgb.txt, depth.txt, groundtruth.txt (tum); color/, depth/, pose/, "
    "intrinsic/ (scannet); or frame-000000.color.png, .depth.png, .pose.txt (7scenes)"
)
