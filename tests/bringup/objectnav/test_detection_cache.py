# SPDX-License-Identifier: Apache-2.0
"""Detections kept by picture: found again, by nobody else's weights, and the same whether they were there or not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from tests.policy.objectgoal.worlds import ByColour

from seal_bringup.objectnav.detection_cache import CachedDetector
from seal_perception.errors import InputError


def picture(column: int) -> np.ndarray:
    rgb = np.full((24, 32, 3), 90, np.uint8)
    rgb[4:14, column : column + 8] = (200, 20, 20)
    return rgb


def test_a_picture_is_detected_once_also_by_the_next_process(tmp_path: Path) -> None:
    own = ByColour()
    first = CachedDetector(own, "a", tmp_path / "new" / "cache.sqlite")
    fresh = [first.detect(picture(k)) for k in (1, 9, 1)]
    assert own.calls == 3  # what waits to be written is no hit yet
    first.close()
    again = CachedDetector(own, "a", tmp_path / "new" / "cache.sqlite")
    held = [again.detect(picture(k)) for k in (1, 9, 1)]
    assert own.calls == 3 and (again.asked, again.hits) == (3, 3)
    for one, other in zip(fresh, held, strict=True):
        for name in ("boxes", "categories", "scores", "masks"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    again.detect(picture(2))
    assert own.calls == 4
    again.close()


def test_other_weights_and_another_size_are_other_entries(tmp_path: Path) -> None:
    own = ByColour()
    for digest, rgb in (("a", picture(1)), ("b", picture(1)), ("a", picture(1).reshape(32, 24, 3))):
        detector = CachedDetector(own, digest, tmp_path / "cache.sqlite")
        detector.detect(rgb)
        detector.close()
    assert own.calls == 3


def test_an_empty_picture_is_kept_too(tmp_path: Path) -> None:
    own = ByColour()
    for _ in range(2):
        detector = CachedDetector(own, "a", tmp_path / "cache.sqlite")
        assert len(detector.detect(np.zeros((24, 32, 3), np.uint8))) == 0
        detector.close()
    assert own.calls == 1


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_text("no database, and longer than its header would be" * 10)
    with pytest.raises(InputError, match=r"cache.sqlite is no cache of detections .*; remove it or name another"):
        CachedDetector(ByColour(), "a", tmp_path / "cache.sqlite")


def test_a_damaged_entry_is_detected_again(tmp_path: Path) -> None:
    own, path = ByColour(), tmp_path / "cache.sqlite"
    first = CachedDetector(own, "a", path)
    first.detect(picture(1))
    first.close()
    with sqlite3.connect(path) as base:
        base.execute("UPDATE detections SET rows = ?", (b"no zlib",))
    base.close()
    again = CachedDetector(own, "a", path)
    assert len(again.detect(picture(1)).scores) and own.calls == 2 and again.hits == 0
    again.close()


def test_a_folder_and_anothers_table_are_no_cache(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no cache of detections that can be used"):
        CachedDetector(ByColour(), "a", tmp_path)
    with sqlite3.connect(tmp_path / "other.sqlite") as base:
        base.execute("CREATE TABLE detections (name TEXT)")
    base.close()
    with pytest.raises(InputError, match="no such column"):
        CachedDetector(ByColour(), "a", tmp_path / "other.sqlite")
