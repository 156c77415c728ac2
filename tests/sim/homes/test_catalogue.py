# SPDX-License-Identifier: Apache-2.0
"""Catalogue pictures: labels, repeatability, and never the robot's camera."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from seal_perception.dataset import ANNOTATIONS, CocoDataset
from seal_perception.errors import InputError
from sim_bridge.catalogue.cameras import look_at, photographer
from sim_bridge.catalogue.labels import MIN_AREA
from sim_bridge.catalogue.pictures import CATALOGUE_VERSION, catalogue_at, make_picture, write_catalogue
from sim_bridge.catalogue.rooms import build

SIZE = (160, 120)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def test_labels_are_visible_disjoint_and_of_all_categories() -> None:
    found: set[int] = set()
    empty = 0
    for seed in range(0, 96, 4):
        rgb, labels = make_picture(seed, "val", SIZE)
        assert rgb.shape == (120, 160, 3) and rgb.dtype == np.uint8 and rgb.std() > 1
        covered = np.zeros(rgb.shape[:2], int)
        for category, mask, _ in labels:
            assert mask.shape == rgb.shape[:2] and mask.dtype == bool and 0 <= category < 6
            assert mask.mean() >= MIN_AREA
            covered += mask
            found.add(category)
        assert covered.max(initial=0) <= 1
        empty += not labels
    assert found == set(range(6))
    assert 1 <= empty <= 8


def test_same_seed_same_bytes_in_any_order() -> None:
    in_order = [make_picture(seed, "train", SIZE) for seed in (10, 11, 12, 13)]
    backwards = [make_picture(seed, "train", SIZE) for seed in (13, 12, 11, 10)][::-1]
    for (rgb, labels), (again, labels_again) in zip(in_order, backwards, strict=True):
        assert np.array_equal(rgb, again)
        assert [c for c, *_ in labels] == [c for c, *_ in labels_again]
        assert all(np.array_equal(a, b) for (_, a, _), (_, b, _) in zip(labels, labels_again, strict=True))
    assert not np.array_equal(make_picture(10, "val", SIZE)[0], in_order[0][0])


def test_camera_is_never_the_robots() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        setup, _ = build(rng)
        for _ in range(15):
            camera, T = photographer(setup, rng, SIZE)
            fov = 2 * math.degrees(math.atan(camera.width / 2 / camera.fx))
            assert fov < 77 and abs(T[2, 3] - 0.88) > 0.07
            assert np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-9) and np.linalg.det(T[:3, :3]) > 0


def test_look_at_puts_the_target_on_the_optical_axis() -> None:
    eye, target = np.array([1.0, 2.0, 1.5]), np.array([4.0, -1.0, 0.3])
    T = look_at(eye, target, 0.0)
    seen = np.linalg.inv(T) @ np.append(target, 1.0)
    assert np.allclose(seen[:2], 0, atol=1e-9) and seen[2] == pytest.approx(np.linalg.norm(target - eye))
    assert (T[:3, :3] @ [0, -1, 0])[2] > 0


def test_dataset_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_catalogue(tmp_path / "one", 4, "val", workers=1, progress=lambda a, b: calls.append((a, b)), size=SIZE)
    write_catalogue(tmp_path / "two", 4, "val", workers=2, size=SIZE)
    assert _digest(tmp_path / "one") == _digest(tmp_path / "two")
    assert calls == [(i, 4) for i in range(1, 5)]
    written = json.loads((tmp_path / "one" / ANNOTATIONS).read_text())
    assert written["info"]["version"] == CATALOGUE_VERSION
    dataset = CocoDataset(tmp_path / "two")
    assert len(dataset) == 4
    for index in range(4):
        rgb, labels = make_picture(index, "val", SIZE)
        assert np.array_equal(dataset.image(index), rgb)
        assert [a.category for a in dataset.annotations(index)] == [c for c, *_ in labels]
        for annotation, (_, mask, unclear) in zip(dataset.annotations(index), labels, strict=True):
            assert np.array_equal(annotation.mask, mask) and annotation.ignore == unclear


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        write_catalogue(tmp_path / "a", 0)
    with pytest.raises(ValueError, match="split must be one of train, val; got 'test'"):
        make_picture(0, "test")
    write_catalogue(tmp_path / "b", 1, workers=1, size=SIZE)
    with pytest.raises(InputError, match="already holds a finished dataset"):
        write_catalogue(tmp_path / "b", 1, workers=1, size=SIZE)


def test_pictures_of_another_version_are_announced(tmp_path: Path) -> None:
    folder, lines = tmp_path / "c", []
    assert catalogue_at(folder, 1, "val", 1, lines.append) == folder
    assert len(lines) == 1 and "drawing 1 val" in lines[0]
    catalogue_at(folder, 1, "val", 1, lines.append)
    assert len(lines) == 1
    path = folder / "annotations.json"
    document = json.loads(path.read_text())
    document["info"]["version"] = 3
    path.write_text(json.dumps(document))
    catalogue_at(folder, 1, "val", 1, lines.append)
    assert f"of version 3; this is {CATALOGUE_VERSION}" in lines[1]
