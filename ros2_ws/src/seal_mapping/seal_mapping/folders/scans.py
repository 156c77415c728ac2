# SPDX-License-Identifier: Apache-2.0
"""The folders of ScanNet and of 7-Scenes: a pose file of its own beside every pair of pictures."""

from __future__ import annotations

import re
from pathlib import Path

from seal_mapping.folders.pictures import COLOUR_SUFFIXES
from seal_mapping.folders.recording import (
    Recording,
    by_number,
    check_partners,
    numbered_frames,
    picture_files,
    pose_table,
    stamps_of,
    table_poses,
)
from seal_mapping.folders.tables import Intrinsics, pose_file, read_intrinsics
from seal_perception.errors import InputError

SEVEN_SCENES: tuple[Intrinsics, str] = ((585.0, 585.0, 320.0, 240.0), "7-Scenes' published values for 640 x 480")

_SCANNET_K = ("intrinsic/intrinsic_{0}.txt", "intrinsics_{0}.txt", "intrinsic_{0}.txt")


def is_scannet(folder: Path) -> bool:
    """Whether a folder is laid out as ScanNet's exporter does: color/, depth/, pose/."""
    return all((folder / name).is_dir() for name in ("color", "depth", "pose"))


def read_scannet(folder: Path, rate_hz: float, every: int) -> Recording:
    """color/N.jpg, depth/N.png, pose/N.txt (4 x 4 camera-to-world, -inf where tracking was lost), intrinsic/.

    Depth may be smaller than colour: the reader of the bag takes the nearest depth pixel.
    """
    colour, depth = by_number(folder / "color", COLOUR_SUFFIXES), by_number(folder / "depth", {".png"})
    check_partners(colour, depth, (folder / "color", folder / "depth"))
    files = by_number(folder / "pose", {".txt"})
    poses = {number: pose_file(files[number]) for number in list(colour)[::every] if number in files}
    pictures, depths, T, skipped = numbered_frames(colour, depth, poses, rate_hz, every)
    return Recording(
        "scannet", pictures, depths, stamps_of(pictures), T, _found(folder, "color"), 1000.0, skipped,
        depth_intrinsics=(_found(folder, "depth") or (None, ""))[0],
    )  # fmt: skip


def _found(folder: Path, which: str) -> tuple[Intrinsics, str] | None:
    names = [name.format(which) for name in _SCANNET_K]
    if which == "color":
        names = ["K.txt", *names]
    name = next((name for name in names if (folder / name).is_file()), None)
    return None if name is None else (read_intrinsics(folder / name), name)


def is_seven_scenes(folder: Path) -> bool:
    """Whether a folder is a sequence of 7-Scenes, or holds sequences."""
    return bool(_sequences(folder))


def _sequences(folder: Path) -> list[Path]:
    """The folder itself if it holds such frames, else those of its folders that do."""
    if any(folder.glob("frame-*.color.*")):
        return [folder]
    return sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("frame-*.color.*")))


def read_seven_scenes(folder: Path, rate_hz: float, every: int) -> Recording:
    """frame-NNNNNN.color.png, .depth.png (65535 = no reading) and .pose.txt (4 x 4), in a folder or one below it.

    In place of the pose files there may be one table of poses, as beside numbered folders.

    Raises:
        InputError: if there are several sequences.
    """
    found = _sequences(folder)
    if len(found) != 1:
        which = ", ".join(path.name for path in found[:6]) or "none"
        raise InputError(
            f"{folder} must hold one sequence of frame-NNNNNN.color.png, got {which}: import one at a time"
        )
    sequence = found[0]
    colour, depth = (
        _of_kind(sequence, kind, which) for kind, which in (("color", COLOUR_SUFFIXES), ("depth", {".png"}))
    )
    check_partners(colour, depth, (sequence, sequence))
    table = pose_table(sequence)
    poses = table_poses(table, colour) if table.exists() and not any(sequence.glob("frame-*.pose.txt")) else {}
    for number in list(colour)[::every]:
        path = colour[number].with_name(colour[number].name.split(".")[0] + ".pose.txt")
        if path.is_file():
            poses[number] = pose_file(path)
    pictures, depths, T, skipped = numbered_frames(colour, depth, poses, rate_hz, every)
    K = next((p / "K.txt" for p in (sequence, folder) if (p / "K.txt").is_file()), None)
    intrinsics = SEVEN_SCENES if K is None else (read_intrinsics(K), "K.txt")
    return Recording("7scenes", pictures, depths, stamps_of(pictures), T, intrinsics, 1000.0, skipped, no_reading=65535)


def _of_kind(sequence: Path, kind: str, suffixes: set[str] | frozenset[str]) -> dict[int, Path]:
    """frame-NNNNNN.KIND.png files by number, rising."""
    names = ((path, re.fullmatch(rf"frame-([0-9]+)\.{kind}", path.stem)) for path in picture_files(sequence, suffixes))
    found = {int(name.group(1)): path for path, name in names if name}
    return {number: found[number] for number in sorted(found)}
