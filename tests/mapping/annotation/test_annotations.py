# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json

import cv2
import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, frame

from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.source import BagFrame
from seal_perception.categories import CATEGORIES
from seal_perception.coco.names import CategoryNames
from seal_perception.detections import mask_to_rle
from seal_perception.errors import InputError

STAMP = 1_700_000_000_123_456_789
SQUARE = [2, 1, 5, 1, 5, 4, 2, 4]  # x 2..5, y 1..4: nine pixels


def coco(tmp_path, annotations=(), images=None, categories=None, name="a.json"):
    image = {"id": 1, "file_name": f"images/{STAMP}.png", "width": 8, "height": 6}
    document = {
        "images": [image] if images is None else images,
        "annotations": [{"id": 10 + n, "image_id": 1, "category_id": 1, **row} for n, row in enumerate(annotations)],
        "categories": categories or [{"id": n + 1, "name": name} for n, name in enumerate(CATEGORIES)],
    }
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


def labelme(folder, shapes=(), name=f"{STAMP}.png", **values):
    folder.mkdir(exist_ok=True)
    rows = [{"shape_type": "polygon", "group_id": None, **shape} for shape in shapes]
    document = {"imagePath": name, "imageWidth": 8, "imageHeight": 6, "imageData": None, "shapes": rows, **values}
    (folder / f"{name.split('/')[-1]}.json").write_text(json.dumps(document))
    return folder


def pairs(flat):
    return [list(point) for point in zip(flat[::2], flat[1::2], strict=True)]


def test_coco_polygons_become_detections_of_score_one(tmp_path):
    rows = [
        {"segmentation": [SQUARE, [6, 4, 8, 4, 8, 6, 6, 6]], "category_id": 3, "object": "fern"},
        {"segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]], "iscrowd": 1},
        {"segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]], "ignore": True},
    ]
    found = read_annotations(coco(tmp_path, rows))
    detections = found.for_stamp(STAMP, 6, 8)
    expected = np.zeros((1, 6, 8), bool)
    expected[0, 1:4, 2:5] = expected[0, 4:6, 6:8] = True
    np.testing.assert_array_equal(detections.masks, expected)
    assert detections.masks.dtype == bool
    assert detections.scores.tolist() == [1.0] and detections.categories.tolist() == [2]
    assert detections.boxes.tolist() == [[2, 1, 8, 6]]
    assert detections.score_image()[2, 3].tolist() == [0, 0, 255, 0, 0, 0]
    assert found.pictures[0].objects[0].object == "fern"
    assert len(found) == 1 and found.ignored == 2
    assert found.for_stamp(STAMP + 1, 6, 8) is None


def test_coco_masks_and_other_frame_sizes(tmp_path):
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    column_major = [13, 3, 3, 3, 3, 3, 20]
    for segmentation in (mask_to_rle(mask), {"size": [6, 8], "counts": column_major}, [SQUARE]):
        found = read_annotations(coco(tmp_path, [{"segmentation": segmentation}]))
        np.testing.assert_array_equal(found.for_stamp(STAMP, 6, 8).masks[0], mask)
        double = found.for_stamp(STAMP, 12, 16)
        np.testing.assert_array_equal(double.masks[0], np.kron(mask, np.ones((2, 2))).astype(bool))
        assert double.boxes.tolist() == [[4, 2, 10, 8]]
        with pytest.raises(InputError, match="is 8 x 6, its frame 6 x 8: .* neither cropped nor turned"):
            found.for_stamp(STAMP, 8, 6)


def test_width_and_height_are_scaled_each_by_its_own(tmp_path):
    found = read_annotations(coco(tmp_path, [{"segmentation": [SQUARE]}]))
    # 101.25 and 100 times larger: x 202.5..506.25, y 100..400; the centre of column 202 lies on the left edge.
    assert found.for_stamp(STAMP, 600, 810).boxes.tolist() == [[202, 100, 506, 400]]


def test_a_picture_looked_at_with_nothing_in_it_is_an_annotation(tmp_path):
    images = [
        {"id": 1, "file_name": "5.png", "width": 8, "height": 6},
        {"id": 2, "file_name": "6.png", "width": 8, "height": 6, "annotated": False},
    ]
    found = read_annotations(coco(tmp_path, images=images))
    empty = found.for_stamp(5, 6, 8)
    assert len(empty) == 0 and empty.masks.shape == (0, 6, 8)
    assert found.for_stamp(6, 6, 8) is None
    with pytest.raises(InputError, match="nothing is annotated yet"):
        read_annotations(coco(tmp_path, images=images[1:]))
    labelme(tmp_path / "images", [])
    with pytest.raises(InputError, match="the files that labelme wrote lie in .*images: give that folder"):
        read_annotations(coco(tmp_path, images=images[1:]))
    drawn = coco(tmp_path, [{"segmentation": [SQUARE], "image_id": 2}], images=images)
    assert len(read_annotations(drawn).for_stamp(6, 6, 8)) == 1


def test_what_covers_no_pixel_of_the_frame_is_left_out_and_said(tmp_path, caplog):
    found = read_annotations(coco(tmp_path, [{"segmentation": [[1, 1, 1.4, 1, 1.4, 6]]}]))
    assert len(found.for_stamp(STAMP, 6, 8)) == 0
    assert "annotation 10 of images/" in caplog.text and "covers no pixel" in caplog.text


@pytest.mark.parametrize(
    ("row", "stamp", "index"),
    [
        ({"file_name": "images/7.png"}, 7, None),
        ({"file_name": f"ab12-{STAMP}_png.rf.77.jpg"}, STAMP, None),
        ({"file_name": f"C:\\pictures\\{STAMP}.png"}, STAMP, None),
        ({"file_name": "a.png", "stamp_ns": 9}, 9, None),
        ({"file_name": f"{STAMP}.png", "stamp_ns": 1_700_000_000_123_456_800}, STAMP, None),  # rounded by a tool
        ({"file_name": "12.png", "stamp_ns": STAMP}, STAMP, None),
        ({"file_name": "12.png", "index": 4}, None, 4),
    ],
)
def test_which_frame_a_picture_shows(tmp_path, row, stamp, index):
    image = {"id": 1, "width": CAMERA.width, "height": CAMERA.height, **row}
    found = read_annotations(coco(tmp_path, images=[image]))
    assert (found.pictures[0].stamp_ns, found.pictures[0].index) == (stamp, index)
    item = BagFrame(index or 0, frame(2.0, stamp_ns=stamp or 77))
    assert len(found.for_frame(item)) == 0
    assert found.for_frame(BagFrame(5, frame(2.0, stamp_ns=78))) is None


def test_frames_that_the_bag_lacks_are_named(tmp_path):
    size = {"width": 8, "height": 6}
    images = [{"id": 1, "file_name": "5.png", **size}, {"id": 2, "file_name": "b.png", "index": 3, **size}]
    found = read_annotations(coco(tmp_path, images=images))
    assert found.missing([4, 5, 6, 7]) == []
    assert found.missing([4, 6]) == ["5.png (stamp 5 ns)", "b.png (index 3)"]
    with pytest.raises(InputError, match=r"5.png and b.png are of one frame"):
        found.for_stamp(5, 6, 8, index=3)


def test_names_of_categories():
    find = CategoryNames().find
    assert [find(name) for name in CATEGORIES] == [(n, None) for n in range(6)]
    names = ["Sofa", "potted_plant", "pottedplant", "tvmonitor", "TV", "television_set", "dining chair"]
    assert [CATEGORIES[find(name)[0]] for name in names] == [
        "couch", "potted plant", "potted plant", "tv", "tv", "tv", "chair",
    ]  # fmt: skip
    assert find("chair_2") == find("Chair-02") == find("chair2") == (0, "chair 2")
    assert find("potted-plant 3") == (2, "potted plant 3") and find("chair_") == (0, None)
    assert [find(name) for name in ("table", "armchair", "2", "", 7, None)] == [None] * 6


def test_other_categories_are_left_out_counted_and_can_be_mapped(tmp_path):
    table = [{"id": 0, "name": "cat"}, {"id": 63, "name": "sofa"}, {"id": 7, "name": "Dining Table"}]
    rows = [{"segmentation": [SQUARE], "category_id": number} for number in (63, 0, 7, 7)]
    path = coco(tmp_path, rows, categories=table)
    found = read_annotations(path)
    assert found.for_stamp(STAMP, 6, 8).categories.tolist() == [1]
    ((text, count),) = found.left_out.items()
    assert count == 3 and "(Dining Table 2, cat 1)" in text and "--categories" in text
    words = ["dining table=bed, sofa=none", "cat=chair"]
    mapped = read_annotations(path, CategoryNames.from_words(words))
    assert mapped.for_stamp(STAMP, 6, 8).categories.tolist() == [0, 3, 3]
    with pytest.raises(InputError, match=r"maps 'sfoa', which the file does not have; its names are: cat, dining"):
        read_annotations(path, CategoryNames.from_words(["sfoa=couch"]))


def test_masks_of_a_brush_are_drawn_and_what_is_not_to_count_is_said(tmp_path):
    """CVAT writes a brush's mask as run lengths with iscrowd 1."""
    mask = {"size": [6, 8], "counts": [13, 3, 3, 3, 3, 3, 20]}
    rows = [{"segmentation": mask, "iscrowd": 1}, {"segmentation": [SQUARE], "iscrowd": 1}]
    rows += [{"segmentation": mask, "iscrowd": 1, "ignore": 1}, {"segmentation": [], "bbox": [6, 0, 2, 3]}]
    found = read_annotations(coco(tmp_path, rows))
    assert found.for_stamp(STAMP, 6, 8).masks.sum(axis=(1, 2)).tolist() == [9, 6]
    assert list(found.left_out.values()) == [1, 2] and "box alone" in next(iter(found.left_out))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"segmentation": [[1, 1, 2, 2]]}, "annotation 10: a polygon needs at least 3 points, got 2"),
        ({"segmentation": [[1, 1, 2, 2, 3, 3]]}, "annotation 10: its polygon has no area"),
        ({"segmentation": [[1, 1, 1, 1, 1, 1]]}, "annotation 10: its polygon has no area"),
        ({"segmentation": [[1, 1, 2, 2, 3]]}, "must be a list x, y, x, y"),
        ({"segmentation": [[1, 1, 2, "x", 3, 4]]}, "pairs of numbers"),
        ({"segmentation": [[1, 1, 2, 2, 3, float("nan")]]}, "annotation 10: a point lies at 3, nan"),
        ({"segmentation": [[1, 1, 2, 2, 3, 1e9]]}, "a point lies at 3, 1e\\+09"),
        ({"segmentation": [[1, 1, 2, 2, 3, 10**400]]}, "more than 300 digits"),
        ({"segmentation": [[20, 1, 30, 1, 30, 4]]}, "lies wholly outside its picture of 8 x 6"),
        ({"segmentation": [[0, 1] * 10001]}, "may have 10000 points"),
        ({"segmentation": []}, "has no outline"),
        ({}, "has no outline"),
        ({"segmentation": {"size": [8, 6], "counts": [48]}}, "its mask is \\[8, 6\\], its image \\[6, 8\\]"),
        ({"segmentation": {"size": [6, 8], "counts": [48]}}, "its mask is empty"),
        ({"segmentation": {"size": [6, 8], "counts": [4]}}, "annotation 10: .* add up to 48"),
        ({"segmentation": {"size": [6, 8]}}, "annotation 10: a mask's counts must be a list of whole numbers or"),
        ({"segmentation": {"size": [6, 8], "counts": "a\u00e9"}}, "annotation 10: .* are broken"),
        ({"segmentation": {"size": [6, 8], "counts": [10**30]}}, "add up to 48"),
        ({"segmentation": [SQUARE], "category_id": 1.5}, "category_id must be a whole number, got 1.5"),
        ({"segmentation": [], "bbox": [0, 0, 2, float("inf")]}, "must be x, y, w, h inside the picture"),
        ({"segmentation": [SQUARE], "iscrowd": "yes"}, "iscrowd must be 0 or 1, got yes"),
        ({"segmentation": [SQUARE], "image_id": 2}, "no image with the id 2"),
        ({"segmentation": [SQUARE], "category_id": 9}, "no category with the id 9"),
        ({"segmentation": [SQUARE], "object": {}}, "object must be a name or a whole number, got dict"),
    ],
)
def test_broken_coco_annotations_are_one_line(tmp_path, row, text):
    with pytest.raises(InputError, match=text) as caught:
        read_annotations(coco(tmp_path, [row]))
    assert "a.json" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ({"file_name": "left.png"}, "'left.png' names no frame"),
        ({"width": 10**9}, "image 1: width and height must be 1..16384"),
        ({"width": 16384, "height": 16384}, "width and height must be"),
        ({"width": True}, "width and height must be"),
        ({"stamp_ns": 1.5}, "stamp_ns must be a whole number"),
        ({"index": -1}, "index must be a whole number >= 0"),
    ],
)
def test_broken_coco_images_are_one_line(tmp_path, image, text):
    row = {"id": 1, "file_name": f"{STAMP}.png", "width": 8, "height": 6, **image}
    with pytest.raises(InputError, match=text):
        read_annotations(coco(tmp_path, images=[row]))


def test_other_files_are_one_line(tmp_path):
    path = tmp_path / "b.json"
    for text, expected in {
        "{": "not valid JSON",
        "[" * 100_000: "nested 100,000 deep",
        "[]": "neither a COCO file",
        '{"images": 3}': "not built as expected",
        '{"images": [], "annotations": [], "categories": []}': "nothing is annotated yet",
        '{"images": [null], "annotations": [], "categories": []}': "not built as expected",
    }.items():
        path.write_text(text)
        with pytest.raises(InputError, match=expected):
            read_annotations(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_annotations(path)
    with pytest.raises(InputError, match="is no file"):
        read_annotations(tmp_path / "none.json")
    twice = [{"id": n, "file_name": "5.png", "width": 8, "height": 6} for n in (1, 2)]
    with pytest.raises(InputError, match="5.png and 5.png are of one frame"):
        read_annotations(coco(tmp_path, images=twice))
    with pytest.raises(InputError, match="two images have the same id"):
        read_annotations(coco(tmp_path, images=twice[:1] * 2))


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "c.json"
    with path.open("wb") as stream:
        stream.truncate(600_000_000)  # a hole: no disk is used
    with pytest.raises(InputError, match=r"asks for 600 MB \(a JSON file\), more than 500"):
        read_annotations(path)


def test_labelme_folder(tmp_path):
    folder = labelme(
        tmp_path / "images",
        [
            {"label": "chair", "points": pairs(SQUARE)},
            {"label": "sofa", "points": [[8, 6], [6, 4]], "shape_type": "rectangle"},
            {"label": "bed_2", "points": pairs(SQUARE)},
            {"label": "bed_2", "points": [[0, 0], [1, 1]], "shape_type": "rectangle"},
            {"label": "tv", "points": [[0, 5], [1, 6]], "shape_type": "rectangle", "group_id": 1},
            {"label": "tv", "points": [[2, 5], [3, 6]], "shape_type": "rectangle", "group_id": 1},
            {"label": "tv", "points": [[4, 5], [5, 6]], "shape_type": "rectangle", "group_id": 2},
            {"label": "__ignore__", "points": [[0, 0], [1, 1]], "shape_type": "rectangle"},
        ],
    )
    labelme(folder, [], name="../images/7.png")
    (folder / "7.png").write_bytes(b"")
    found = read_annotations(folder)
    detections = found.for_stamp(STAMP, 6, 8)
    assert [CATEGORIES[c] for c in detections.categories] == ["chair", "couch", "bed", "tv", "tv"]
    assert detections.masks.sum(axis=(1, 2)).tolist() == [9, 4, 10, 2, 1]
    assert [item.object for item in found.pictures[0].objects] == [None, None, "bed 2", None, None]
    assert len(found.for_stamp(7, 6, 8)) == 0 and found.for_stamp(8, 6, 8) is None
    assert found.ignored == 1
    single = read_annotations(folder / f"{STAMP}.png.json")
    assert len(single) == 1 and len(single.for_stamp(STAMP, 6, 8)) == 5


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ({"label": "chair", "points": [[1, 1], [2, 2]]}, r"shape 0 \('chair'\): a polygon needs at least 3 points"),
        ({"label": "chair", "points": [[1, 1], [3, 1]], "shape_type": "rectangle"}, "has no area"),
        ({"label": "chair", "points": [[1, 1], [2, 2]], "shape_type": "linestrip"}, "is a linestrip, which encloses"),
        ({"label": "chair", "points": [[1, 1], [1, 1]], "shape_type": "circle"}, "its circle has no area"),
        ({"label": "chair", "points": [[1, 1], [2, 2]], "shape_type": "mask"}, "a mask must be a PNG in base64"),
        (
            {"label": "chair", "points": [[1, 1], [8, 2]], "shape_type": "mask", "mask": ""},
            "outside its picture of 8 x",
        ),
        ({"label": "chair", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": "AAAA"}, "is no PNG in base64"),
        ({"points": pairs(SQUARE)}, "not built as expected: KeyError 'label'"),
        ({"label": "chair", "points": [[1, 1, 1], [2, 2, 2], [3, 1, 2]]}, "pairs of numbers"),
    ],
)
def test_broken_labelme_shapes_are_one_line(tmp_path, shape, text):
    folder = labelme(tmp_path / "images", [shape])
    with pytest.raises(InputError, match=text) as caught:
        read_annotations(folder)
    assert f"{STAMP}.png.json" in str(caught.value)


def png(mask):
    return base64.b64encode(cv2.imencode(".png", mask.astype(np.uint8))[1].tobytes()).decode()


def test_circles_and_masks_of_labelme(tmp_path):
    """A circle is its centre and a point on it; an AI mask is a PNG of its box, corners included."""
    part = np.array([[1, 0, 1], [1, 1, 1]])
    shapes = [
        {"label": "potted plant", "points": [[50, 40], [80, 40]], "shape_type": "circle"},
        {"label": "tv", "points": [[2, 1], [4, 2]], "shape_type": "mask", "mask": png(part), "group_id": 7},
        {"label": "tv", "points": pairs([0, 5, 2, 5, 2, 7, 0, 7]), "group_id": 7},
        {"label": "tv", "points": [[0, 9], [0, 9]], "shape_type": "mask", "mask": png(part[:1, :1]), "group_id": 7},
        {"label": "rug", "points": pairs(SQUARE)},
    ]
    found = read_annotations(labelme(tmp_path / "images", shapes, imageWidth=100, imageHeight=80))
    plant, tv = found.for_stamp(STAMP, 80, 100).masks
    assert plant.sum() == pytest.approx(np.pi * 30**2, rel=2e-3) and plant[40, 21] and not plant[40, 19]
    expected = np.zeros((80, 100), bool)
    expected[1:3, 2:5], expected[5:7, 0:2], expected[9, 0] = part, True, True
    np.testing.assert_array_equal(tv, expected)
    assert list(found.left_out.values()) == [1] and "rug 1" in next(iter(found.left_out))
    big = {**shapes[1], "mask": png(np.ones((2, 4)))}
    with pytest.raises(InputError, match="must be 3 x 2 pixels, got 4 x 2"):
        read_annotations(labelme(tmp_path / "images", [big], imageWidth=100, imageHeight=80))


def test_folders_that_are_no_labelme(tmp_path):
    with pytest.raises(InputError, match="has no labelme files"):
        read_annotations(tmp_path)
    coco(tmp_path)
    with pytest.raises(InputError, match="is no labelme file; .* for COCO give the file itself"):
        read_annotations(tmp_path)
    with pytest.raises(InputError, match="width and height must be"):
        read_annotations(labelme(tmp_path / "images", imageWidth=None))
    (tmp_path / "cvat" / "annotations").mkdir(parents=True)
    coco(tmp_path / "cvat" / "annotations", name="instances_default.json")
    assert len(read_annotations(tmp_path / "cvat")) == 1


def places(value, path=()):
    """Path of every value in a JSON document."""
    yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, (*path, key))


WRONG = (None, True, -1, 0, 3, 1.5, 1e300, 10**400, float("nan"), "", "chair", "\u0000", [], [[]], {}, {"counts": []})


@pytest.mark.parametrize("kind", ["coco", "labelme"])
def test_whatever_value_is_wrong_the_file_is_read_or_refused_in_a_line(tmp_path, kind):
    if kind == "coco":
        rle = {"size": [6, 8], "counts": "0" + mask_to_rle(np.eye(6, 8, dtype=bool))["counts"][1:]}
        path = coco(tmp_path, [{"segmentation": [SQUARE], "object": 3}, {"segmentation": rle, "iscrowd": 0}])
    else:
        shape = {"label": "tv_2", "points": [[0, 5], [1, 6]], "shape_type": "rectangle", "group_id": 1}
        mask = {"label": "tv", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": png(np.eye(2))}
        round_one = {"label": "bed", "points": [[3, 3], [5, 3]], "shape_type": "circle"}
        path = labelme(tmp_path / "images", [shape, mask, round_one, {"label": "bed", "points": pairs(SQUARE)}])
        path /= f"{STAMP}.png.json"
    whole = path.read_text()
    outcomes = {"read": 0, "refused": 0}
    for number, place in enumerate(list(places(json.loads(whole)))[1:]):
        for wrong in WRONG[number % 2 :: 2]:
            document = json.loads(whole)
            parent = document
            for key in place[:-1]:
                parent = parent[key]
            parent[place[-1]] = wrong
            path.write_text(json.dumps(document))
            try:
                read_annotations(path).for_stamp(STAMP, 6, 8)
                outcomes["read"] += 1
            except InputError as error:
                outcomes["refused"] += 1
                assert "\n" not in str(error), error
    assert min(outcomes.values()) > 80, outcomes
