# SPDX-License-Identifier: Apache-2.0
"""Folders of RGB-D frames as others write them: which files there are, their stamps, poses and intrinsics."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_mapping.bags.sync import nearest
from seal_mapping.folders.pictures import COLOUR_SUFFIXES
from seal_mapping.folders.tables import MAX_NS, Intrinsics, pose_lines, read_intrinsics, rows, stamp_ns, tum_poses
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, IntArray

FIRST_NS = m.NS
"""Stamp of file number 0: tf takes a stamp of zero for "the latest"."""

_TUM_PAIR_NS = 20_000_000
_TUM_POSE_NS = 100_000_000

_TUM_INTRINSICS: dict[str, Intrinsics] = {
    "1": (517.3, 516.5, 318.6, 255.3),
    "2": (520.9, 521.0, 325.1, 249.7),
    "3": (535.4, 539.2, 320.1, 247.6),
}


@dataclass(frozen=True)
class PictureFile:
    """A picture file and its stamp."""

    stamp_ns: int
    path: Path


@dataclass(frozen=True)
class Recording:
    """What a folder holds, before any picture is opened.

    Attributes:
        layout: name of the layout, one of `LAYOUTS`.
        colour: pictures, stamps rising.
        depth: as many; item i goes with colour item i.
        pose_stamps_ns: (P,) int64, rising.
        T_world_camera: (P, 4, 4) poses of the optical frame.
        intrinsics: fx, fy, cx, cy in pixels, and where they are from; None if the folder does not say.
        depth_units_per_m: usual for the layout.
        skipped: reason -> number of frames left out.
    """

    layout: str
    colour: tuple[PictureFile, ...]
    depth: tuple[PictureFile, ...]
    pose_stamps_ns: IntArray
    T_world_camera: FloatArray
    intrinsics: tuple[Intrinsics, str] | None
    depth_units_per_m: float
    skipped: dict[str, int]

    def nearest_poses(self) -> FloatArray:
        """(N, 4, 4) the pose nearest in time to each colour picture."""
        stamps = np.array([picture.stamp_ns for picture in self.colour], np.int64)
        return np.asarray(self.T_world_camera[nearest(stamps, self.pose_stamps_ns)])


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
        found = [name for name, (_, marks) in LAYOUTS.items() if all((folder / mark).exists() for mark in marks)]
        if len(found) != 1:
            what = f"fits the layouts {' and '.join(found)}: choose with --layout" if found else "has no known layout"
            raise InputError(f"{folder} {what}; expected {_EXPECTED}")
        layout = found[0]
    if layout not in LAYOUTS:
        raise InputError(f"--layout must be auto, {', '.join(LAYOUTS)}; got {layout!r}")
    recording = LAYOUTS[layout][0](folder, rate_hz, every)
    if not recording.colour:
        left_out = "; ".join(f"{count} {reason}" for reason, count in recording.skipped.items())
        raise InputError(f"{folder} has no frame that can be used" + (f": {left_out}" if left_out else ""))
    return recording


def _read_numbered(folder: Path, rate_hz: float, every: int) -> Recording:
    """color/NNNNN.jpg, depth/NNNNN.png, K.txt and poses.txt; line i of the poses is that of the i-th file."""
    colour, depth = _numbered(folder / "color", COLOUR_SUFFIXES), _numbered(folder / "depth", {".png"})
    for number in sorted(colour.keys() ^ depth.keys()):
        have, lack = (colour, "depth") if number in colour else (depth, "color")
        raise InputError(f"{have[number]} has no partner in {folder / lack}: every frame needs both pictures")
    poses = pose_lines(folder / "poses.txt")
    if len(poses) != len(colour):
        raise InputError(
            f"{folder / 'poses.txt'} has {len(poses)} lines and {folder / 'color'} {len(colour)} pictures: line i must "
            "belong to the i-th file in sorted order; write one line per picture (nan where a pose is unknown)"
        )
    kept, bad = [], 0
    for index, number in list(enumerate(sorted(colour)))[::every]:
        if np.isfinite(poses[index]).all():
            kept.append((FIRST_NS + round(number * m.NS / rate_hz), number, poses[index]))
        else:
            bad += 1
    if kept and kept[-1][0] > MAX_NS:
        raise InputError(
            f"file number {kept[-1][1]} of {folder} is too large for a time at {rate_hz:g} Hz: give --rate"
        )
    intrinsics = folder / "K.txt"
    return Recording(
        layout="numbered",
        colour=tuple(PictureFile(stamp, colour[number]) for stamp, number, _ in kept),
        depth=tuple(PictureFile(stamp, depth[number]) for stamp, number, _ in kept),
        pose_stamps_ns=np.array([stamp for stamp, _, _ in kept], np.int64),
        T_world_camera=np.array([T for _, _, T in kept]).reshape(-1, 4, 4),
        intrinsics=(read_intrinsics(intrinsics), "K.txt") if intrinsics.exists() else None,
        depth_units_per_m=1000.0,
        skipped={"without a finite pose": bad} if bad else {},
    )


def _numbered(folder: Path, suffixes: set[str] | frozenset[str]) -> dict[int, Path]:
    """Picture files of a folder by the number that their names end with."""
    if not folder.is_dir():
        raise InputError(f"{folder} is missing: expected {_EXPECTED}")
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))
    out: dict[int, Path] = {}
    for path in names:
        digits = re.search(r"([0-9]+)$", path.stem)
        if digits is None:
            raise InputError(f"{path} has no number at the end of its name: expected names as 00017{path.suffix}")
        number = int(digits.group(1))
        if number in out:
            raise InputError(f"{out[number]} and {path} have the same number: take one of them out")
        out[number] = path
    if list(out) != sorted(out):
        raise InputError(
            f"the files of {folder} sort in another order by name than by number, so it is not clear which line of "
            "poses.txt is whose: give all numbers the same count of digits"
        )
    return out


def _read_tum(folder: Path, rate_hz: float, every: int) -> Recording:
    """rgb.txt, depth.txt (stamp, file) and groundtruth.txt (stamp tx ty tz qx qy qz qw), each with its own stamps."""
    colour, depth = _tum_pictures(folder / "rgb.txt")[::every], _tum_pictures(folder / "depth.txt")
    stamps, poses, bad = tum_poses(folder / "groundtruth.txt")
    skipped = {"poses that are not finite": bad} if bad else {}
    if not (colour and depth and len(stamps)):
        return Recording("tum", (), (), stamps, poses, None, 5000.0, skipped)
    times = np.array([picture.stamp_ns for picture in colour], np.int64)
    depth_times = np.array([picture.stamp_ns for picture in depth], np.int64)
    partner = nearest(times, depth_times)
    paired = np.abs(depth_times[partner] - times) <= _TUM_PAIR_NS
    posed = _bracketed(stamps, times)
    for reason, count in (
        ("without depth within 20 ms", int((~paired).sum())),
        ("without poses on both sides within 100 ms", int((paired & ~posed).sum())),
    ):
        if count:
            skipped[reason] = count
    kept = np.flatnonzero(paired & posed)
    if kept.size:
        inside = (stamps >= times[kept[0]] - m.NS) & (stamps <= times[kept[-1]] + m.NS)
        stamps, poses = stamps[inside], poses[inside]
    return Recording(
        layout="tum",
        colour=tuple(colour[i] for i in kept),
        depth=tuple(depth[partner[i]] for i in kept),
        pose_stamps_ns=stamps,
        T_world_camera=poses,
        intrinsics=_tum_intrinsics(folder),
        depth_units_per_m=5000.0,
        skipped=skipped,
    )


def _tum_pictures(path: Path) -> list[PictureFile]:
    """Pictures of a TUM list, in the order of their stamps."""
    out: dict[int, PictureFile] = {}
    for number, words in rows(path):
        if len(words) != 2:
            raise InputError(f"{path}:{number} must hold a stamp and a file name, got {' '.join(words)[:60]!r}")
        stamp, file = stamp_ns(words[0], path, number), path.parent / words[1]
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


def _bracketed(stamps: IntArray, wanted: IntArray) -> BoolArray:
    """Whether there are stamps at or before and at or after each wanted time, both near enough to interpolate."""
    after = np.searchsorted(stamps, wanted)
    before = np.searchsorted(stamps, wanted, side="right") - 1
    inside = (before >= 0) & (after < len(stamps))
    gap_before = wanted - stamps[np.clip(before, 0, None)]
    gap_after = stamps[np.clip(after, None, len(stamps) - 1)] - wanted
    return inside & (gap_before <= _TUM_POSE_NS) & (gap_after <= _TUM_POSE_NS)


LAYOUTS: dict[str, tuple[Callable[[Path, float, int], Recording], tuple[str, ...]]] = {
    "numbered": (_read_numbered, ("color", "depth", "poses.txt")),
    "tum": (_read_tum, ("rgb.txt", "depth.txt", "groundtruth.txt")),
}
"""Layout -> its reader and the names by which it is known."""

_EXPECTED = "color/, depth/, K.txt, poses.txt (numbered) or rgb.txt, depth.txt, groundtruth.txt (tum)"
