# SPDX-License-Identifier: Apache-2.0
"""Frames for a human to annotate, written as a folder that labelling tools open (SEAL, section 5.2)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seal_mapping.annotation import entropy as e
from seal_mapping.annotation.drawn import turned_suffix
from seal_mapping.labels.preview import write_png
from seal_mapping.source import FrameSource
from seal_mapping.voxels.voxel_map import MapConfig
from seal_perception.categories import CategorySet
from seal_perception.dataset import ANNOTATIONS
from seal_perception.errors import InputError
from seal_perception.files import put_back, take_place, write_json, write_text
from seal_perception.reading.text import read_json
from seal_perception.types import UInt8Array
from seal_perception.upright import quarter_turns, turn_picture

MODES = ("auto", "entropy", "coverage")
CHOICE, README, SHEET, NAMES, IMAGES = "choice.json", "README.txt", "contact_sheet.png", "labels.txt", "images"
_TILE_WIDTH = 320
_SHEET_COLUMNS = 5


_README = """\
Frames of a recorded run to annotate ({mode}: {reason}).

1. Open the pictures in images/ with a labelling tool and draw a polygon around every object of
       {names}
   in every picture: in an annotated picture, what is not drawn counts as "not there".
   labelme:   labelme images --labels labels.txt --nodata
   CVAT, Label Studio and others: upload images/ (some tools take annotations.json with them) and export as COCO.
   Keep the pictures' names: they are the frames' stamps.
   A picture with nothing to draw in it counts too: save it as it is. If you edit annotations.json by hand, remove the
   mark "annotated": false of such a picture.
2. Give back what you drew:
   labelme:   seal label BAG --annotations FOLDER/images
   COCO:      seal label BAG --annotations FOLDER/annotations.json   (or the file that the tool exported)

contact_sheet.png shows the chosen frames, choice.json how they were chosen. docs/weak_supervision.md says more.
"""


@dataclass(frozen=True)
class _Pick:
    """One chosen frame: its place, its score, what it added ("coverage" only), quarter turns of its picture."""

    index: int
    stamp_ns: int
    entropy_bits: float
    gain: float | None = None
    turns: int = 0


def annotate_frames(
    source: FrameSource,
    out: Path | str,
    k: int = 5,
    mode: str = "auto",
    min_gap: int = 0,
    map_config: MapConfig | None = None,
    progress: e.Progress | None = None,
) -> dict[str, Any]:
    """Choose k frames and write them with an empty COCO file.

    The folder appears whole or not at all. One that is there already is replaced only as long as nobody has worked
    in it.

    Args:
        source: the frames; walked through twice, and once more up to the last chosen frame.
        out: folder to write.
        k: how many frames.
        mode: "entropy" (the paper: the highest mean voxel entropy), "coverage" (each next frame adds the most that
            none before it sees) or "auto" (entropy if there are detections, else coverage).
        min_gap: chosen frames lie at least this many frames apart; 0 as in the paper.
        map_config: numbers of the map.
        progress: called with (frames done, frames to do).

    Returns:
        What `choice.json` holds.

    Raises:
        InputError: if `out` holds work or something else, there are fewer than k frames, or "entropy" is asked for
            and there are no detections.
    """
    if mode not in MODES:
        raise InputError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if min_gap < 0:
        raise InputError(f"min_gap must be >= 0 frames, got {min_gap}")
    total = len(source)
    e.check_k(k, total)
    with _whole_folder(Path(out)) as folder:
        report = progress or _silent
        found = e.map_recording(source, map_config, lambda done, _: report(done, 3 * total))
        mode, reason = _mode(mode, found, total)
        scores = e.score_frames(
            source, found.voxel_map, mode == "coverage", lambda done, _: report(total + done, 3 * total)
        )
        picks = _choose(scores, mode, k, min_gap)
        picks, pictures = _pictures(source, picks, lambda done, _: report(2 * total + done, 3 * total))
        choice = _choice(picks, scores, found, mode, reason, k, min_gap)
        _write(folder, picks, pictures, choice, found.voxel_map.config.names)
        report(3 * total, 3 * total)
    return choice


def _mode(asked: str, found: e.RecordingMap, frames: int) -> tuple[str, str]:
    """The mode to use, and why."""
    if found.with_detections:
        reason = f"{found.with_detections} of {frames} frames have detections"
        return ("entropy" if asked == "auto" else asked), reason
    if asked == "entropy":
        raise InputError("no frame has a detection, so every voxel's entropy is 0; use the mode coverage")
    return "coverage", "no frame has a detection, so every voxel's entropy is 0"


def _choose(scores: e.FrameScores, mode: str, k: int, min_gap: int) -> list[_Pick]:
    gains: list[float | None] = [None] * k
    if mode == "coverage":
        chosen, added = e.choose_coverage(scores.rows, scores.weights, k, min_gap)
        gains = list(added)
    else:
        chosen = e.choose_frames(scores.entropy, k, min_gap)
    picks = [_Pick(n, scores.stamps_ns[n], float(scores.entropy[n]), g) for n, g in zip(chosen, gains, strict=True)]
    if len({pick.stamp_ns for pick in picks}) < k:
        raise InputError("two chosen frames have the same stamp; a bag's frames must differ in their stamps")
    return picks


def _pictures(source: FrameSource, picks: list[_Pick], progress: e.Progress) -> tuple[list[_Pick], list[UInt8Array]]:
    """The picks with the turns of their pictures, and the colour pictures, upright."""
    wanted = {pick.index for pick in picks}
    found: dict[int, UInt8Array] = {}
    turns: dict[int, int] = {}
    for position, item in enumerate(source):
        if position in wanted:
            turns[position] = quarter_turns(item.frame.T_map_camera)
            found[position] = turn_picture(item.frame.rgb, turns[position])
            if len(found) == len(wanted):
                break
        progress(position + 1, len(source))
    return [replace(pick, turns=turns[pick.index]) for pick in picks], [found[pick.index] for pick in picks]


def _choice(
    picks: list[_Pick], scores: e.FrameScores, found: e.RecordingMap, mode: str, reason: str, k: int, min_gap: int
) -> dict[str, Any]:
    return {
        "format": "seal_choice",
        "version": 2,
        "mode": mode,
        "reason": reason,
        "k": k,
        "min_gap": min_gap,
        "frames": len(scores.stamps_ns),
        "frames_with_detections": found.with_detections,
        "frames_without_recorded_detections": found.without,
        "coverage_floor_bits": e.COVERAGE_FLOOR_BITS,
        "coverage_stride": e.COVERAGE_STRIDE,
        "mean_entropy_bits_of_all_frames": round(float(scores.entropy.mean()), 6),
        "map_config": found.voxel_map.config.as_dict(),
        "chosen": [
            {
                "index": pick.index,
                "stamp_ns": pick.stamp_ns,
                "file_name": _file_name(pick),
                "mean_entropy_bits": round(pick.entropy_bits, 6),
                "gain_bits": None if pick.gain is None else round(pick.gain, 6),
            }
            for pick in picks
        ],
    }


def _file_name(pick: _Pick) -> str:
    return f"{IMAGES}/{pick.stamp_ns}{turned_suffix(pick.turns)}.png"


def _write(
    folder: Path, picks: list[_Pick], pictures: list[UInt8Array], choice: dict[str, Any], names: CategorySet
) -> None:
    rows = []
    for number, (pick, rgb) in enumerate(zip(picks, pictures, strict=True), start=1):
        write_png(folder / _file_name(pick), rgb)
        height, width = rgb.shape[:2]
        row = {"id": number, "file_name": _file_name(pick), "width": width, "height": height}
        rows.append({**row, "stamp_ns": pick.stamp_ns, "annotated": False})
    categories = [{**row, "supercategory": ""} for row in names.table()]
    document = {"info": {"description": "frames to annotate, written by seal annotate"}, "licenses": []}
    write_json(folder / ANNOTATIONS, {**document, "images": rows, "annotations": [], "categories": categories})
    text = _README.format(mode=choice["mode"], reason=choice["reason"], names=names)
    write_text(folder / README, text)
    write_text(folder / NAMES, "\n".join(names.names) + "\n")
    write_png(folder / SHEET, contact_sheet(pictures, [_caption(n, pick) for n, pick in enumerate(picks, start=1)]))
    write_json(folder / CHOICE, choice)


def _caption(number: int, pick: _Pick) -> str:
    added = "" if pick.gain is None else f", adds {pick.gain:.0f}"
    return f"{number}: frame {pick.index}, {pick.entropy_bits:.3f} bits{added}"


def contact_sheet(pictures: list[UInt8Array], captions: list[str]) -> UInt8Array:
    """(H, W, 3) uint8: the pictures made small, in rows, each with its caption above it."""
    tiles = []
    for rgb, caption in zip(pictures, captions, strict=True):
        height = max(1, round(rgb.shape[0] * _TILE_WIDTH / rgb.shape[1]))
        small = np.asarray(cv2.resize(rgb, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
        head = np.full((20, _TILE_WIDTH, 3), 255, np.uint8)
        cv2.putText(head, caption, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        tiles.append(np.concatenate([head, small]))
    columns = min(_SHEET_COLUMNS, len(tiles))
    tall = max(len(tile) for tile in tiles)
    lines = -(-len(tiles) // columns)
    sheet = np.full((lines * tall, columns * _TILE_WIDTH, 3), 255, np.uint8)
    for n, tile in enumerate(tiles):
        top, left = n // columns * tall, n % columns * _TILE_WIDTH
        sheet[top : top + len(tile), left : left + _TILE_WIDTH] = tile
    return sheet


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`; it takes the place of `out` when the block ends without an error."""
    put_back(out)
    _check_replaceable(out)
    beside = out.with_name(f".{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        _check_replaceable(out)  # somebody may have begun to draw meanwhile
        take_place(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check_replaceable(out: Path) -> None:
    """Refuse a folder in which there is anything that `annotate_frames` did not write.

    Raises:
        InputError: if so; the text says what is there.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a folder for the frames")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / CHOICE).is_file():
        raise InputError(f"{out} holds something that seal annotate did not write; choose another folder")
    ours = {ANNOTATIONS, CHOICE, README, SHEET, NAMES, IMAGES}
    foreign = [path for path in out.iterdir() if path.name not in ours]
    foreign += [path for path in (out / IMAGES).glob("*") if path.suffix != ".png"]
    if foreign:
        name = sorted(path.relative_to(out).as_posix() for path in foreign)[0]
        raise InputError(f"{out} holds {name}, which may be somebody's annotations; move it or choose another folder")
    if _is_touched(out / ANNOTATIONS):
        raise InputError(f"{out / ANNOTATIONS} holds annotations; they are never overwritten: choose another folder")


def _is_touched(path: Path) -> bool:
    """Whether an annotations file is other than `annotate_frames` left it; so is one that cannot be read."""
    if not path.is_file():
        return False
    try:
        document = read_json(path)
        return bool(document["annotations"]) or any(row.get("annotated") is not False for row in document["images"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return True
