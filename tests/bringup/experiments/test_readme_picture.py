# SPDX-License-Identifier: Apache-2.0
"""The README's film: a growing map stays in place, frames are chosen by their labels, the file holds all pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seal_bringup.experiments.readme_picture import LABELS, most_labelled, write_film
from seal_bringup.report.cubes import Canvas, CubeView, render_cubes
from seal_bringup.report.voxels import Voxels
from seal_perception.dataset import Annotation, DatasetWriter
from seal_perception.errors import InputError

VIEW = CubeView(width=300, background=(255, 255, 255))


def cubes(cell: np.ndarray, origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Voxels:
    n = len(cell)
    rgb, label, score = np.full((n, 3), 120, np.uint8), np.full(n, 5, np.int8), np.full(n, 255, np.uint8)
    return Voxels(cell, rgb, label, score, np.array(origin_m), 0.05)


def middle_of_ink(pixels: np.ndarray) -> np.ndarray:
    return np.argwhere((pixels[..., :3] < 250).any(axis=-1)).mean(axis=0)


def test_part_of_a_map_is_drawn_where_the_whole_shows_it() -> None:
    whole = cubes(np.array([[0, 0, 0], [20, 10, 0]]))
    canvas = Canvas.fit(whole, VIEW)
    part = render_cubes(cubes(np.array([[0, 0, 0]]), (1.0, 0.5, 0.0)), VIEW, canvas=canvas)  # counted from its own zero
    assert part.shape == render_cubes(whole, VIEW).shape
    centre = np.array([[1.025, 0.525, 0.025]])
    right, down = canvas.pixels(centre)[0, :2] / VIEW.supersample
    assert np.abs(middle_of_ink(part) - [down, right]).max() < 2.0


def test_frames_with_the_most_labels_are_shown_in_the_order_of_the_walk(tmp_path: Path) -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    with DatasetWriter(tmp_path / LABELS, {}) as writer:
        for objects in (1, 3, 0, 3, 2):
            writer.add(np.zeros((8, 8, 3), np.uint8), [Annotation(0, mask)] * objects, {})
    (tmp_path / "samples").mkdir()
    for frame in (0, 2, 3, 4):  # frame 1 is no sample of the run
        (tmp_path / "samples" / f"{frame:03d}_before.png").touch()
    assert most_labelled(tmp_path, apart=1) == [3, 4]
    assert most_labelled(tmp_path, apart=2) == [0, 3]  # 4 has more labels than 0 and lies beside 3
    with pytest.raises(InputError, match="1 samples that lie 10 frames apart; 2 are needed"):
        most_labelled(tmp_path)


def test_film_holds_every_picture_for_its_time(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (40, 20), colour) for colour in ("white", "red", "blue")]
    write_film(tmp_path / "film.gif", pictures, [100, 200, 300], colours=60)
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (3, (40, 20), 0)
        shown = []
        for index in range(3):
            film.seek(index)
            shown.append((film.convert("RGB").getpixel((5, 5)), film.info["duration"]))
    assert shown == [((255, 255, 255), 100), ((255, 0, 0), 200), ((0, 0, 255), 300)]
