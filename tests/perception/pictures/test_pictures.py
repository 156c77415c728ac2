# SPDX-License-Identifier: Apache-2.0
"""Pictures are found in folders, looked at one by one, drawn, and told in COCO's form; an interrupted call resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.perception.toy_pictures import write_rectangles

from seal_perception.categories import COLOURS
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.evaluation.preview import draw_detections
from seal_perception.pictures.detect import JOURNAL, coco_rows, detect_pictures, made_small, overlay_name
from seal_perception.pictures.source import DETECTIONS, OVERLAYS, BadPicture, DatasetPictures, Picture, PictureFiles


class RedFinder:
    """Finds what is red: a tv whose score is the share of the picture, and a weak chair of one pixel."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.calls, self._fail_after = 0, fail_after

    def detect(self, rgb: np.ndarray) -> Detections:
        if self.calls == self._fail_after:
            raise KeyboardInterrupt
        self.calls += 1
        red = (rgb[..., 0] > 150) & (rgb[..., 1] < 100)
        if not red.any():
            return Detections.empty(*red.shape)
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        dot = np.zeros_like(red)
        dot[rows[0], columns[0]] = True
        boxes = [[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], [*2 * [0.0], 1.0, 1.0]]
        scores = np.array([max(0.2, red.mean()), 0.1], np.float32)
        return Detections(np.array(boxes, np.float32), np.array([5, 0]), scores, np.stack([red, dot]))


def save(path: Path, share: float, size: tuple[int, int] = (60, 80)) -> Path:
    """A grey picture (H, W) whose left share is red."""
    rgb = np.full((*size, 3), 120, np.uint8)
    rgb[:, : round(share * size[1])] = (220, 20, 20)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def items(source: Any) -> list[Picture | BadPicture]:
    return list(source.read(range(len(source))))


def test_folders_are_walked_in_order_and_hidden_and_own_files_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.PNG", "a/deep/c.bmp", ".hidden/d.png", "out/overlays/b.png", ".e.png"):
        save(tmp_path / name, 0.5)
    (tmp_path / "notes.txt").write_text("no picture")
    source = PictureFiles([tmp_path], leave_out=tmp_path / "out")
    assert [item.name for item in items(source)] == ["b.png", "a/z.PNG", "a/deep/c.bmp"]
    assert [item.id for item in items(source) if isinstance(item, Picture)] == [1, 2, 3]


def test_several_paths_share_a_root_and_names_stay_different(tmp_path: Path) -> None:
    one, two = save(tmp_path / "a/x.png", 0.1), save(tmp_path / "b/x.png", 0.9)
    source = PictureFiles([one, tmp_path / "b", two])
    assert [item.name for item in items(source)] == ["a/x.png", "b/x.png"]
    alone = PictureFiles([one])
    assert [item.name for item in items(alone)] == ["x.png"] and alone.facts()[0][0] == str(one)


def test_bad_pictures_are_named_and_the_others_read(tmp_path: Path) -> None:
    save(tmp_path / "good.png", 0.5)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (tmp_path / "text.png").write_text("text")
    found = {item.name: item for item in items(PictureFiles([tmp_path]))}
    assert isinstance(found["good.png"], Picture)
    assert {n: i.reason.split(":")[0] for n, i in found.items() if isinstance(i, BadPicture)} == {
        "bad.jpg": "is no picture",
        "text.png": "is no picture",
    }


@pytest.mark.parametrize("given", ["../../x.png", "../sub/deep/../../x.png"])
def test_names_stay_below_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    for name in ("x.png", "pics/sub/y.png", "pics/x.png", "pics/sub/out/overlays/z.png", "pics/sub/deep/w.png"):
        save(tmp_path / name, 0.5)
    monkeypatch.chdir(tmp_path / "pics/sub")
    names = [item.name for item in items(PictureFiles([Path(given), Path("y.png")]))]
    assert len(names) == 2 and not any(".." in name for name in names)
    found = PictureFiles([Path("../sub")], leave_out=Path("../../pics/sub/out"))
    assert [item.name for item in items(found)] == ["y.png", "deep/w.png"]


@pytest.mark.parametrize("name", ["../x.jpg", "/x.jpg", "a/../../x.jpg"])
def test_no_source_decides_where_an_overlay_is_written(tmp_path: Path, name: str) -> None:
    class Elsewhere(Silent):
        def read(self, indices: Sequence[int]) -> Iterator[Any]:
            yield Picture(name, np.zeros((8, 8, 3), np.uint8), 1)

    out = tmp_path / "a/out"
    out.mkdir(parents=True)
    with pytest.raises(InputError, match="leads out of"):
        detect_pictures(Elsewhere(), [0], RedFinder(), out)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [JOURNAL]


def test_a_link_that_leads_nowhere_is_a_bad_picture(tmp_path: Path) -> None:
    save(tmp_path / "good.png", 0.5)
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "gone.jpg")
    source = PictureFiles([tmp_path])
    assert source.facts()[1] == [str(tmp_path / "lost.jpg"), None, None]
    assert [type(item) for item in items(source)] == [Picture, BadPicture]


def test_earlier_results_are_no_input(tmp_path: Path) -> None:
    for name in ("a.png", "seen/overlays/a.png.jpg", "overlays/b.png", "deep/seen/overlays/a.jpg"):
        save(tmp_path / name, 0.5)
    for folder in ("seen", "deep/seen"):
        save(tmp_path / folder / "sheet.jpg", 0.5)
        (tmp_path / folder / DETECTIONS).write_text("{}")
    assert [item.name for item in items(PictureFiles([tmp_path]))] == ["a.png", "overlays/b.png"]


def test_nothing_to_look_at_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture found; expected files with \.bmp, \.jpeg"):
        PictureFiles([tmp_path])
    with pytest.raises(InputError, match="no such file or folder"):
        PictureFiles([tmp_path / "absent"])


def test_a_dataset_keeps_its_names_and_ids(tmp_path: Path) -> None:
    write_rectangles(tmp_path / "data", 3)
    file = tmp_path / "data/annotations.json"
    document = json.loads(file.read_text())
    for image in document["images"]:
        image["id"] += 70
    for row in document["annotations"]:
        row["image_id"] += 70
    file.write_text(json.dumps(document))
    (tmp_path / "data/images/000002.png").write_bytes(b"broken")
    found = items(DatasetPictures(CocoDataset(tmp_path / "data")))
    assert [item.name for item in found] == [f"images/00000{n}.png" for n in (1, 2, 3)]
    assert [item.id for item in found if isinstance(item, Picture)] == [71, 73]
    assert isinstance(found[1], BadPicture) and "broken" in found[1].reason


def test_what_is_found_is_drawn_and_is_a_dataset_with_scores(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for name, share in (("a.png", 0.7), ("sub/b.jpg", 0.3), ("c.png", 0.0)):
        save(pictures / name, share)
    (pictures / "z.png").write_text("broken")
    source, out = PictureFiles([pictures]), tmp_path / "out"
    seen: list[tuple[int, int]] = []
    found = detect_pictures(source, range(4), RedFinder(), out, (0.5, 0.15), lambda *n: seen.append(n))
    assert seen == [(n, 4) for n in range(5)]
    assert [bad.name for bad in found.bad] == ["z.png"]
    assert [row["score"] for row in found.annotations] == pytest.approx([0.7, 0.3]), "0.1 is below what is kept"
    assert found.per_category()["tv"] == 1 and len(found.drawn()) == 1
    assert [(image["file_name"], round(score, 2)) for image, score in found.best(5)] == [
        ("a.png", 0.7),
        ("sub/b.jpg", 0.3),
    ]
    (out / DETECTIONS).write_text(json.dumps(found.document({"weights": "none"})))
    opened = CocoDataset(out / DETECTIONS, pictures=pictures)
    opened.check_pictures()
    assert opened.info["left_out"][0]["file_name"] == "z.png" and len(opened) == 3
    (row,) = opened.rows(0)
    assert row["score"] == pytest.approx(0.7) and row["bbox"] == [0, 0, 56, 60] and row["area"] == 56 * 60
    plain, drawn = opened.image(0), np.asarray(Image.open(out / OVERLAYS / "a.png.jpg"))
    assert np.abs(drawn.astype(int) - plain)[:, :50].mean() > 5
    assert np.abs(np.asarray(Image.open(out / OVERLAYS / "c.png.jpg")).astype(int) - 120).max() <= 2, "nothing to draw"
    assert (out / OVERLAYS / "sub/b.jpg").is_file()


def test_an_interrupted_call_goes_on_where_it_was(tmp_path: Path) -> None:
    for n in range(5):
        save(tmp_path / f"in/{n}.png", 0.2 * n)
    source = PictureFiles([tmp_path / "in"])
    whole = detect_pictures(source, range(5), RedFinder(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        detect_pictures(source, range(5), RedFinder(fail_after=3), tmp_path / "cut")
    journal = tmp_path / "cut" / JOURNAL
    assert len(journal.read_text().splitlines()) == 3
    with open(journal, "a") as stream:
        stream.write('{"image": {"id": 4')  # killed in the middle of a line
    again = RedFinder()
    assert detect_pictures(source, range(5), again, tmp_path / "cut") == whole
    assert again.calls == 2
    names = [sorted(p.name for p in (tmp_path / f / OVERLAYS).iterdir()) for f in ("whole", "cut")]
    assert names[0] == names[1] == [f"{n}.png.jpg" for n in range(5)]


def test_a_large_picture_is_looked_at_small_and_told_in_its_own_pixels(tmp_path: Path) -> None:
    rgb = np.full((1500, 3000, 3), 120, np.uint8)
    rgb[300:900, 600:2100] = (220, 20, 20)
    small = made_small(rgb)
    assert small.shape == (666, 1333, 3) and made_small(small) is small
    tv = coco_rows(RedFinder().detect(small), 1, rgb.shape[:2])[0]
    assert tv["bbox"] == pytest.approx([600, 300, 1500, 600], abs=4)
    assert tv["area"] == pytest.approx(1500 * 600, rel=0.01) and tv["segmentation"]["size"] == [1500, 3000]
    portrait = made_small(np.zeros((4000, 10, 3), np.uint8))
    assert portrait.shape == (1333, 3, 3)


class Silent:
    """A source with one broken picture."""

    lines = ()

    def __len__(self) -> int:
        return 1

    def read(self, indices: Sequence[int]) -> Iterator[BadPicture]:
        yield from [BadPicture("x.jpg", "is cut off") for _ in indices]

    def facts(self) -> list[Any]:
        return []


def test_only_broken_pictures_give_no_detection(tmp_path: Path) -> None:
    found = detect_pictures(Silent(), [0], RedFinder(), tmp_path / "out")
    assert found.bad == [BadPicture("x.jpg", "is cut off")] and not found.images and not found.drawn()


def test_overlay_names_never_collide() -> None:
    names = ["a.jpg", "a.png", "a.JPEG", "s/a.jpg", "a.webp"]
    assert [overlay_name(name) for name in names] == ["a.jpg", "a.png.jpg", "a.JPEG", "s/a.jpg", "a.webp.jpg"]


@pytest.mark.parametrize("size", [(120, 160), (240, 320), (1000, 1333), (1333, 300)])
def test_boxes_and_names_are_seen_at_any_size(size: tuple[int, int]) -> None:
    """The box has its category's colour; plates of two objects at one place lie beside each other and can be read."""
    height, width = size
    mask = np.zeros((2, *size), bool)
    mask[:, height // 4 : height // 2, width // 4 : width // 2] = True
    box = [width // 4, height // 4, width - 4, height - 4]
    found = Detections(np.array([box, box], np.float32), np.array([0, 1]), np.array([0.9, 0.8], np.float32), mask)
    rgb = np.full((*size, 3), 90, np.uint8)
    drawn = draw_detections(rgb, found, boxes=True)
    assert (drawn[height * 3 // 4, width - 5] == COLOURS[0]).all(), "the best one's box lies on top"
    plates = [(drawn == COLOURS[n]).all(axis=2).sum() for n in (0, 1)]
    assert min(plates) > 0.004 * min(size) ** 2
    assert (rgb == 90).all()
    bare = draw_detections(rgb, found)
    assert (bare[height * 3 // 4, width - 5] == 90).all()
