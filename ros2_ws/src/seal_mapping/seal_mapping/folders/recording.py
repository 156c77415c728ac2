# SPDX-License-Identifier: Apache-2.0
"""What a folder of RGB-D frames holds, and how pictures, stamps and poses are brought together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_mapping.bags.sync import nearest
from seal_mapping.folders.tables import MAX_NS, Intrinsics, pose_lines, pose_width, tum_lines
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, IntArray

FIRST_NS = m.NS
"""Stamp of file number 0: tf takes a stamp of zero for "the latest"."""
NO_POSE = "without a finite pose"

_POSE_FILES = ("poses.txt", "trajectory.txt", "traj.txt", "groundtruth.txt")
_PAIR_NS = 20_000_000
_POSE_NS = 100_000_000


@dataclass(frozen=True)
class PictureFile:
    """A picture file and its stamp."""

    stamp_ns: int
    path: Path


@dataclass(frozen=True)
class Recording:
    """What a folder holds, before any picture is opened.

    Attributes:
        layout: name of the layout, one of `layouts.LAYOUTS`.
        colour: pictures, stamps rising.
        depth: as many; item i goes with colour item i.
        pose_stamps_ns: (P,) int64, rising.
        T_world_camera: (P, 4, 4) poses of the optical frame.
        intrinsics: fx, fy, cx, cy in pixels, and where they are from; None if the folder does not say.
        depth_units_per_m: usual for the layout.
        skipped: reason -> number of frames left out.
        depth_intrinsics: those of the depth pictures, where the folder has them.
        no_reading: value of depth, beside 0, that means none.
        notes: what else was chosen.
    """

    layout: str
    colour: tuple[PictureFile, ...]
    depth: tuple[PictureFile, ...]
    pose_stamps_ns: IntArray
    T_world_camera: FloatArray
    intrinsics: tuple[Intrinsics, str] | None
    depth_units_per_m: float
    skipped: dict[str, int]
    depth_intrinsics: Intrinsics | None = None
    no_reading: int | None = None
    notes: tuple[str, ...] = ()

    def nearest_poses(self) -> FloatArray:
        """(N, 4, 4) the pose nearest in time to each colour picture."""
        stamps = np.array([picture.stamp_ns for picture in self.colour], np.int64)
        return np.asarray(self.T_world_camera[nearest(stamps, self.pose_stamps_ns)])


def by_number(folder: Path, suffixes: set[str] | frozenset[str]) -> dict[int, Path]:
    """Files of a folder by the number that their names end with, in rising order.

    Args:
        folder: where they lie.
        suffixes: of the files that are wanted, small letters.

    Raises:
        InputError: if a name has no number, or two have the same.
    """
    out: dict[int, Path] = {}
    for path in picture_files(folder, suffixes):
        digits = re.search(r"([0-9]+)$", path.stem)
        if digits is None:
            raise InputError(f"{path} has no number at the end of its name: expected names as 00017{path.suffix}")
        number = int(digits.group(1))
        if number in out:
            raise InputError(f"{out[number]} and {path} have the same number: take one of them out")
        out[number] = path
    return {number: out[number] for number in sorted(out)}


def picture_files(folder: Path, suffixes: set[str] | frozenset[str]) -> list[Path]:
    """The files of these suffixes, by name; hidden ones are left out."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))


def check_partners(colour: Mapping[int, Path], depth: Mapping[int, Path], where: tuple[Path, Path]) -> None:
    """Every number must have both pictures.

    Raises:
        InputError: if one lacks its partner in `where`, the places of colour and depth.
    """
    for number in sorted(colour.keys() ^ depth.keys()):
        have, lack = (colour, where[1]) if number in colour else (depth, where[0])
        raise InputError(f"{have[number]} has no partner in {lack}: every frame needs both pictures")


def numbered_frames(
    colour: Mapping[int, Path], depth: Mapping[int, Path], poses: Mapping[int, FloatArray], rate_hz: float, every: int
) -> tuple[tuple[PictureFile, ...], tuple[PictureFile, ...], FloatArray, dict[str, int]]:
    """Colour, depth, poses (N, 4, 4) and what was left out, of files with numbers for stamps.

    Args:
        colour: files by number, rising.
        depth: likewise.
        poses: by number; not finite, or absent, where they are unknown.
        rate_hz: frames per second.
        every: take each n-th colour picture.

    Raises:
        InputError: if a number is too large for a time.
    """
    kept, bad = [], 0
    for number in list(colour)[::every]:
        pose = poses.get(number)
        if pose is not None and np.isfinite(pose).all():
            kept.append((FIRST_NS + round(number * m.NS / rate_hz), number, pose))
        else:
            bad += 1
    if kept and kept[-1][0] > MAX_NS:
        folder = colour[kept[-1][1]].parent
        raise InputError(
            f"file number {kept[-1][1]} of {folder} is too large for a time at {rate_hz:g} Hz: give --rate"
        )
    pictures = [tuple(PictureFile(stamp, files[number]) for stamp, number, _ in kept) for files in (colour, depth)]
    T = np.array([pose for _, _, pose in kept]).reshape(-1, 4, 4)
    return pictures[0], pictures[1], T, {NO_POSE: bad} if bad else {}


def pose_table(folder: Path) -> Path:
    """The file with a pose per line."""
    return next((folder / name for name in _POSE_FILES if (folder / name).exists()), folder / _POSE_FILES[0])


def table_poses(table: Path, colour: Mapping[int, Path]) -> dict[int, FloatArray]:
    """Poses by the number of their pictures: by their first column where it holds the numbers, else line by line.

    Args:
        table: a pose per line.
        colour: colour files by number, rising.

    Raises:
        InputError: if there are as many lines as pictures neither by number nor in all.
    """
    if pose_width(table) == 8:
        stamps, poses = tum_lines(table)
        whole = [stamp == int(stamp) for stamp in stamps]
        if all(whole) and {int(stamp) for stamp in stamps} <= colour.keys():
            return {int(stamp): T for stamp, T in zip(stamps, poses, strict=True)}
    else:
        poses = pose_lines(table)
    if len(poses) != len(colour):
        where = next(iter(colour.values()), table).parent
        raise InputError(
            f"{table} has {len(poses)} lines and {where} {len(colour)} pictures: line i must belong to the i-th file "
            "in the order of their numbers; write one line per picture (nan where a pose is unknown)"
        )
    return dict(zip(colour, poses, strict=True))


def stamps_of(pictures: tuple[PictureFile, ...]) -> IntArray:
    """(N,) int64."""
    return np.array([picture.stamp_ns for picture in pictures], np.int64)


def timed_recording(
    layout: str,
    colour: list[PictureFile],
    depth: list[PictureFile],
    poses: tuple[IntArray, FloatArray, int],
    units_per_m: float,
    intrinsics: tuple[Intrinsics, str] | None,
) -> Recording:
    """A recording of pictures and poses that each have stamps of their own.

    A colour picture takes the nearest depth within 20 ms, and needs poses on both sides within 100 ms.

    Args:
        layout: its name.
        colour: pictures in the order of their stamps.
        depth: likewise.
        poses: stamps (P,), poses (P, 4, 4), and how many were left out as not finite.
        units_per_m: of depth.
        intrinsics: as `Recording.intrinsics`.
    """
    stamps, T, bad = poses
    skipped = {"poses that are not finite": bad} if bad else {}
    if not (colour and depth and len(stamps)):
        return Recording(layout, (), (), stamps, T, None, units_per_m, skipped)
    times, depth_times = stamps_of(tuple(colour)), stamps_of(tuple(depth))
    partner = nearest(times, depth_times)
    paired = np.abs(depth_times[partner] - times) <= _PAIR_NS
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
        stamps, T = stamps[inside], T[inside]
    pictures = tuple(colour[i] for i in kept), tuple(depth[partner[i]] for i in kept)
    return Recording(layout, *pictures, stamps, T, intrinsics, units_per_m, skipped)


def _bracketed(stamps: IntArray, wanted: IntArray) -> BoolArray:
    """Whether there are stamps at or before and at or after each wanted time, both near enough to interpolate."""
    after = np.searchsorted(stamps, wanted)
    before = np.searchsorted(stamps, wanted, side="right") - 1
    inside = (before >= 0) & (after < len(stamps))
    gap_before = wanted - stamps[np.clip(before, 0, None)]
    gap_after = stamps[np.clip(after, None, len(stamps) - 1)] - wanted
    return inside & (gap_before <= _POSE_NS) & (gap_after <= _POSE_NS)
