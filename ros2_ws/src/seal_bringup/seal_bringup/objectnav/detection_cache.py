# SPDX-License-Identifier: Apache-2.0
"""Detections kept in a file, by picture: a picture that was seen before is not detected again.

The key is the picture itself with the detector's weights, not the pose: two poses that are equal but for rounding may
show another pixel, and what is found must not depend on which of them came first. Detections take the form that the
file holds (`Detections.to_coco`) whether they were there or not, so that the same pictures give the same map.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any, Protocol

from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.types import UInt8Array

FORMAT = "seal-detection-cache-1"
_TABLE = "CREATE TABLE IF NOT EXISTS detections (picture BLOB PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID"
_EVERY = 50
"""Pictures that are written at once."""


class NamedDetector(Protocol):
    """A detector with its list of categories."""

    @property
    def names(self) -> CategorySet:
        """The list."""
        ...

    def detect(self, rgb: UInt8Array) -> Detections:
        """Detections of an (H, W, 3) uint8 picture."""
        ...


class CachedDetector:
    """A detector that looks into a file first. Close it, or the last pictures are detected again next time.

    Args:
        detector: asked for what the file does not hold.
        digest: of all that decides what it finds: another detector, other entries.
        path: SQLite file; made where it is not there. Several processes may use it.

    Attributes:
        names: the detector's list of categories.
        asked: pictures so far.
        hits: those of them that the file held.

    Raises:
        InputError: if the file is no such cache.
    """

    def __init__(self, detector: NamedDetector, digest: str, path: Path) -> None:
        self.names = detector.names
        self.asked, self.hits = 0, 0
        self._detector, self._salt = detector, f"{FORMAT} {digest}".encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._waiting: list[tuple[bytes, bytes]] = []
        try:
            self._base = sqlite3.connect(path, timeout=60.0)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute(_TABLE)
            self._base.execute("SELECT picture, rows FROM detections LIMIT 0")
        except sqlite3.DatabaseError as error:
            what = "remove it or name another"
            if "locked" in str(error):
                what = "another process writes for long: wait for it"
            raise InputError(f"{path} is no cache of detections that can be used ({error}); {what}") from error

    def detect(self, rgb: UInt8Array) -> Detections:
        """Detections of an (H, W, 3) uint8 picture."""
        self.asked += 1
        height, width = rgb.shape[:2]
        key = hashlib.blake2b(self._salt + repr(rgb.shape).encode() + rgb.tobytes(), digest_size=16).digest()
        held = self._base.execute("SELECT rows FROM detections WHERE picture = ?", (key,)).fetchone()
        rows = None if held is None else _unpacked(held[0])
        if rows is not None:
            self.hits += 1
        else:
            rows = self._detector.detect(rgb).to_coco(0)
            self._waiting.append((key, zlib.compress(json.dumps(rows, separators=(",", ":")).encode())))
            if len(self._waiting) >= _EVERY:
                self.flush()
        return Detections.from_coco(rows, height, width, self.names)

    def flush(self) -> None:
        """Write what is waiting."""
        with self._base:
            self._base.executemany("INSERT OR REPLACE INTO detections VALUES (?, ?)", self._waiting)
        self._waiting = []

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self.flush()
        self._base.close()


def _unpacked(packed: bytes) -> list[dict[str, Any]] | None:
    """Detections of an entry; None where it is damaged, which is as none."""
    try:
        return list(json.loads(zlib.decompress(packed)))
    except (zlib.error, ValueError):
        return None
