# SPDX-License-Identifier: Apache-2.0
"""Labels carried along optical flow: a textured square that moves before a textured wall."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
import pytest
from tests.mapping.datasets.test_label_resume import Cut, digest
from tests.mapping.worlds import FINE, ListSource, detections, frame, wall_source

from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.flow_warp import associate, repeatable
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.optical_flow import NEXT, OWN, PREVIOUS, Candidate, OpticalFlow, join
from seal_mapping.source import BagFrame
from seal_perception.categories import CategorySet
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError

SHAPE = (FINE.height, FINE.width)
STEP = 6  # pixels per frame
CHAIR, COUCH = 0, 1


class SomeHaveNone(ListSource):
    """A recording that knows that frames have no detections."""

    frames_with_detections = 1


def texture(seed):
    """Smooth noise, as a surface that flow can follow."""
    noise = np.random.default_rng(seed).uniform(0, 255, SHAPE).astype(np.float32)
    grey = cv2.GaussianBlur(noise, (0, 0), 2.0)
    grey = 255 * (grey - grey.min()) / (grey.max() - grey.min())
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


WALL, CLOTH = texture(0), texture(1)


def square(left, top=30, side=36):
    mask = np.zeros(SHAPE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def picture(index):
    """The square's picture and mask in a frame."""
    left = 20 + STEP * index
    mask, rgb = square(left), WALL.copy()
    rgb[mask] = CLOTH[30:66, 20:56].reshape(-1, 3)
    return rgb, mask


def moving(count=5, found=lambda index: index % 2 == 0, score=0.95, source=SomeHaveNone):
    """A recording of the square; None for the detections of frames that `found` denies."""
    items = []
    for index in range(count):
        rgb, mask = picture(index)
        own = detections(FINE, (CHAIR, score, mask)) if found(index) else None
        items.append(BagFrame(index, frame(2.0, None, FINE, rgb, 10**9 + index), own))
    return source(items)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def labels(source, labeller=None):
    """Annotations of each frame."""
    labeller = labeller or OpticalFlow()
    labeller.prepare(DetectedFrames(source), None, lambda done: None)
    return [labeller.annotations(item) for item in source]


def test_what_was_missed_is_taken_from_the_neighbours_at_the_right_place(tmp_path):
    source = moving()
    summary = write_dataset(source, OpticalFlow(), DatasetWork(tmp_path / "out"))
    assert summary["rule"] == "optical_flow" and summary["annotations_per_category"]["chair"] == 5
    assert (summary["min_score"], summary["min_iou"]) == (0.9, 0.5)
    dataset = CocoDataset(tmp_path / "out")
    assert dataset.info == {"labels": "optical flow", "min_score": 0.9}
    for index in range(5):
        (one,) = dataset.annotations(index)
        assert iou(one.mask, picture(index)[1]) > 0.85, index
        assert one.extra["score"] == pytest.approx(0.95)
        # Frames 1 and 3 have two neighbours that found it, the others themselves alone.
        assert one.extra["support"] == (2.0 if index % 2 else 1.0)
        assert one.extra["views"] == (2.0 if index in (0, 4) else 3.0)
    # By place alone, without flow, a neighbour's mask would lie beside.
    assert iou(picture(0)[1], picture(1)[1]) < 0.75


def test_a_gap_of_two_frames_is_not_bridged():
    found = labels(moving(6, found=lambda index: index == 0))
    assert [len(each) for each in found] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("found", [lambda i: i == 2, lambda i: i == 0])
def test_what_another_thing_hides_takes_nothing(found):
    """In frame 1 a board stands before the square: nothing is associated, although the square is known before."""
    source = moving(3, found)
    rgb, mask = WALL.copy(), square(15, 20, 60)
    rgb[mask] = texture(2)[mask]
    source.items[1] = replace(source.items[1], frame=replace(source.items[1].frame, rgb=rgb))
    each = labels(source)
    assert [len(one) for one in each] == [int(found(index)) for index in range(3)]


def test_half_hidden_takes_the_half_that_is_seen():
    source = moving(2, found=lambda index: index == 0)
    rgb, mask = picture(1)
    board = np.zeros(SHAPE, bool)
    board[:, 44:] = True  # the square reaches from 26 to 62
    rgb[board] = texture(3)[board]
    source.items[1] = replace(source.items[1], frame=replace(source.items[1].frame, rgb=rgb))
    (one,) = labels(source)[1]
    seen = mask & ~board
    assert (one.mask & seen).sum() > 0.7 * seen.sum()
    assert (one.mask & board).sum() < 0.1 * one.mask.sum()


def test_pictures_of_noise_or_of_other_sizes_are_not_associated():
    one, other = (np.random.default_rng(seed).integers(0, 255, SHAPE, np.uint8) for seed in (0, 1))
    with repeatable():
        there, back = associate(one, other)
        same, _ = associate(one, one)
    assert there.known.mean() < 0.05 and back.known.mean() < 0.05
    assert same.known.all() and (same.carry(square(3)) == square(3)).all()
    assert associate(one, other[:-1]) is None and associate(one[:20], other[:20]) is None
    assert cv2.getNumThreads() > 0


def test_surfaces_without_texture_are_associated_through_a_change_of_exposure():
    plain, brighter, other = (np.full(SHAPE, grey, np.uint8) for grey in (100, 108, 140))
    with repeatable():
        assert associate(plain, brighter)[0].known.all()
        assert not associate(plain, other)[0].known.any()


def test_flow_does_not_depend_on_opencvs_threads():
    one, other = (cv2.cvtColor(picture(index)[0], cv2.COLOR_RGB2GRAY) for index in (0, 1))
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            with repeatable():
                found.append(associate(one, other))
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)
    for first, second in zip(*found, strict=True):
        assert (first.x == second.x).all() and (first.y == second.y).all() and (first.known == second.known).all()


def test_the_best_of_the_three_wins():
    """Frame 1 takes the square for a couch with 0.92; the frames beside it are surer, of a chair."""
    source = moving(3, found=lambda index: True, score=0.97)
    _, mask = picture(1)
    source.items[1] = replace(source.items[1], detections=detections(FINE, (COUCH, 0.92, mask)))
    found = labels(source)[1]
    chair = next(one for one in found if one.category == CHAIR)
    assert iou(chair.mask, mask) > 0.85 and chair.extra["score"] == pytest.approx(0.97)
    # Each pixel takes one prediction: the couch keeps no more than what no neighbour's flow reached.
    assert sum(one.mask.sum() for one in found if one.category == COUCH) < 0.1 * mask.sum()
    source.items[1] = replace(source.items[1], detections=detections(FINE, (COUCH, 0.99, mask)))
    couch = next(one for one in labels(source)[1] if one.category == COUCH)
    assert (couch.mask == mask).all() and couch.extra["support"] == 1.0


def test_the_threshold_is_self_trainings():
    assert [len(each) for each in labels(moving(3, score=0.9))] == [0, 0, 0]
    assert [len(each) for each in labels(moving(3, score=0.9), OpticalFlow(min_score=0.85))] == [1, 1, 1]
    assert [len(each) for each in labels(moving(3), OpticalFlow(min_area_share=0.2))] == [0, 0, 0]


def test_two_objects_that_touch_stay_two():
    """The square's two halves are two chairs; frame 1 missed them, or saw them as two, or as one."""
    source = moving(3, found=lambda index: True)
    halves = []
    for index, item in enumerate(source.items):
        _, mask = picture(index)
        left = mask & (np.arange(SHAPE[1]) < 20 + STEP * index + 18)
        halves.append((left, mask & ~left))
        two = detections(FINE, *((CHAIR, 0.95, half) for half in halves[-1]))
        source.items[index] = replace(item, detections=two)
    for own in (source.items[1].detections, None):
        source.items[1] = replace(source.items[1], detections=own)
        found = sorted(labels(source)[1], key=lambda one: one.mask.nonzero()[1].mean())
        assert len(found) == 2
        for one, half in zip(found, halves[1], strict=True):
            assert iou(one.mask, half) > 0.75 and one.extra["support"] == (2.0 if own is None else 3.0)


def candidate(image, score, mask, category=CHAIR):
    return Candidate(image, category, score, mask)


def test_joining_known_by_hand():
    a, b = square(20), square(56)
    shifted = square(24)  # IoU 0.8 with a
    # One object of three images: the union of its masks, the best score.
    (one,) = join([candidate(OWN, 0.91, a), candidate(NEXT, 0.95, shifted), candidate(PREVIOUS, 0.93, a)], 0.5)
    assert (one.mask == (a | shifted)).all() and one.extra == {"score": 0.95, "support": 3.0}
    # Not one of the same category, nor of the same image, nor below the IoU.
    assert len(join([candidate(OWN, 0.95, a), candidate(NEXT, 0.94, shifted, COUCH)], 0.5)) == 2
    assert len(join([candidate(NEXT, 0.95, a), candidate(NEXT, 0.94, shifted)], 0.5)) == 2
    assert len(join([candidate(OWN, 0.95, a), candidate(NEXT, 0.94, shifted)], 0.81)) == 2
    # A pixel of two objects belongs to the surer one, the first of two that are equally sure.
    first, second = join([candidate(OWN, 0.92, a), candidate(NEXT, 0.94, shifted, COUCH)], 0.5)
    assert (first.mask == (a & ~shifted)).all() and (second.mask == shifted).all()
    first, second = join([candidate(OWN, 0.92, a), candidate(NEXT, 0.92, shifted, COUCH)], 0.5)
    assert (first.mask == a).all() and (second.mask == (shifted & ~a)).all()
    # What is hidden by a surer one whole is no object; touching ones keep their pixels.
    assert len(join([candidate(OWN, 0.92, a), candidate(NEXT, 0.94, a, COUCH)], 0.5)) == 1
    assert [one.mask.sum() for one in join([candidate(NEXT, 0.95, a), candidate(PREVIOUS, 0.95, b)], 0.5)] == [
        36 * 36
    ] * 2
    assert join([], 0.5) == []


def test_odd_values_and_recordings_are_refused(tmp_path):
    for value in (0.0, 1.1, float("nan")):
        with pytest.raises(InputError, match="min_iou"):
            OpticalFlow(min_iou=value)
    with pytest.raises(InputError, match="no recorded detections"):
        labels(moving(3, found=lambda index: False, source=ListSource))
    source = moving(3, found=lambda index: True)
    other = CategorySet(("chair", "lamp"))
    source.items[2] = replace(source.items[2], detections=replace(source.items[2].detections, names=other))
    with pytest.raises(InputError, match="the detections of frame 2 are of"):
        labels(source)


def test_pictures_of_changing_size_label_themselves():
    source = moving(3, found=lambda index: True)
    small = wall_source(1).items[0]
    depth = small.frame.depth[:48, :64].copy()
    camera = replace(FINE, width=64, height=48)
    half = replace(small.frame, depth=depth, rgb=small.frame.rgb[:48, :64].copy(), camera=camera)
    source.items[1] = BagFrame(1, half, detections(camera, (CHAIR, 0.95, np.ones((48, 64), bool))))
    assert [[one.mask.shape for one in each] for each in labels(source)] == [[SHAPE], [(48, 64)], [SHAPE]]


@pytest.mark.parametrize(
    ("score", "share", "fault", "cause"),
    [
        (0.0, 0.001, "detector", "the detector found nothing in 3 frames"),
        (0.7, 0.001, "detector", "nothing is above 0.9: the best score is 0.70, 3 of 3 frames have detections"),
        (0.95, 0.9, "rule", "everything above 0.9 covers less than 90.0% of its picture"),
    ],
)
def test_nothing_found_is_told(tmp_path, score, share, fault, cause):
    source = moving(3, found=lambda index: True, score=score)
    if score == 0.0:
        source = SomeHaveNone([replace(item, detections=detections(FINE)) for item in source])
    summary = write_dataset(source, OpticalFlow(min_area_share=share), DatasetWork(tmp_path / "out"))
    assert summary["annotations"] == 0 and summary["no_labels"] == {"fault": fault, "cause": cause}


def test_the_list_of_categories_is_the_detections(tmp_path):
    names = CategorySet(("lamp", "rug"))

    class Named(SomeHaveNone):
        names: ClassVar[CategorySet] = CategorySet(("lamp", "rug"))

    items = moving(3).items
    named = [i if i.detections is None else replace(i, detections=replace(i.detections, names=names)) for i in items]
    summary = write_dataset(Named(named), OpticalFlow(), DatasetWork(tmp_path / "out"))
    assert summary["annotations_per_category"] == {"lamp": 3, "rug": 0}


class Finder:
    """A detector that knows the pictures and counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def detect(self, rgb):
        self.asked += 1
        index = next(n for n in range(8) if (picture(n)[0] == rgb).all())
        return detections(FINE, *([(CHAIR, 0.95, picture(index)[1])] if index % 2 == 0 else []))


@pytest.mark.parametrize(("first", "second"), [(5, None), (None, 3), (5, 3)])
def test_resumed_work_gives_the_bytes_of_uninterrupted_work_by_any_number_of_workers(tmp_path, first, second):
    bare = [replace(item, detections=None) for item in moving(8).items]
    whole = write_dataset(
        DetectedFrames(ListSource(bare), Finder()), OpticalFlow(), DatasetWork(tmp_path / "whole", workers=1)
    )
    assert whole["annotations"] == 8
    source, detector, out = Cut(bare, first, second), Finder(), tmp_path / "cut"
    for _ in range(3):
        try:
            work = DatasetWork(out, resume_key="a", workers=3)
            write_dataset(DetectedFrames(source, detector), OpticalFlow(), work)
            break
        except KeyboardInterrupt:
            assert not out.exists()
            source.walks, source.limits = 0, [None, second if source.limits[0] is not None else None]
    assert digest(out) == digest(tmp_path / "whole")
    assert detector.asked == 8  # no frame is looked at twice


def test_other_thresholds_are_other_work():
    facts = [
        OpticalFlow(**values).facts() for values in ({}, {"min_score": 0.8}, {"min_area_share": 0.1}, {"min_iou": 0.4})
    ]
    assert facts[0] == {"labeller": "optical_flow", "min_score": 0.9, "min_area_share": 0.001, "min_iou": 0.5}
    assert len({str(each) for each in facts}) == 4
