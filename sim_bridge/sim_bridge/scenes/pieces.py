# SPDX-License-Identifier: Apache-2.0
"""What the readers of scene files share: named pieces of geometry, notes on repairs, options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seal_perception.errors import InputError
from seal_perception.types import BoolArray, Float32Array
from sim_bridge.geometry.mesh import Material, Mesh

UPS = ("x", "y", "z")
LONGEST_NAME = 100


@dataclass(frozen=True)
class SceneOptions:
    """How a scene of others is read.

    Attributes:
        models: more folders that are searched for `model://` names.
        categories: JSON file, name or pattern -> category or null, before the rules for names.
        up: the axis that points up in the file; None = the format's, or what the geometry suggests.
        scale: metres per unit of the file; None = the format's, or what the size suggests.
        floor_m: height of the floor in the file, in metres; None = found.
    """

    models: tuple[Path, ...] = ()
    categories: Path | None = None
    up: str | None = None
    scale: float | None = None
    floor_m: float | None = None

    def __post_init__(self) -> None:
        if self.up is not None and self.up not in UPS:
            raise InputError(f"the up axis must be x, y or z, got {self.up!r}")
        if self.scale is not None and not 0 < self.scale < 1e6:
            raise InputError(f"the scale must be positive (metres per unit of the file), got {self.scale}")


@dataclass
class Notes:
    """What was repaired or left out, one line each; equal lines are counted, not repeated."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Note something."""
        self.counts[line] = self.counts.get(line, 0) + 1

    def lines(self) -> tuple[str, ...]:
        """The notes in the order in which they came."""
        return tuple(f"{line} ({count} times)" if count > 1 else line for line, count in self.counts.items())


@dataclass(frozen=True)
class Piece:
    """Triangles of one instance.

    Attributes:
        instance: name of the thing it belongs to.
        mesh: triangles, in the frame and unit of the file until the scene is fitted.
        category: index of its category from the file; None = by the name.
    """

    instance: str
    mesh: Mesh
    category: int | None = None


def clean_name(text: str) -> str:
    """The name of a scene, fit to begin a file's name: no separators, control characters or leading dots."""
    kept = "".join("_" if c in "/\\" or not c.isprintable() else c for c in text).strip().lstrip(".")
    return kept[:LONGEST_NAME] or "scene"


def first_line(error: BaseException) -> str:
    """A library's error as one short line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def plain(rgb: npt.ArrayLike, name: str = "") -> Material:
    """A material of one sRGB colour, three numbers from 0 to 1 (others are clipped; no number is grey)."""
    values = np.nan_to_num(np.asarray(rgb, np.float64).reshape(-1)[:3], nan=0.7)
    return Material(np.round(255 * np.clip(values, 0, 1)).astype(np.uint8).reshape(1, 1, 3), name)


GREY = plain((0.7, 0.7, 0.7))


def make_mesh(
    vertices: npt.ArrayLike,
    faces: npt.ArrayLike,
    uv: npt.ArrayLike | None,
    material: Material,
    notes: Notes,
    what: str,
) -> Mesh | None:
    """A mesh of one material without what cannot be drawn; None if nothing is left.

    Dropped with a note: triangles whose indices are out of range or whose corners are no numbers. Triangles without
    area go silently, as every exporter writes some.

    Args:
        vertices: (V, 3) positions.
        faces: (F, 3) indices.
        uv: (F, 3, 2) texture coordinates of the corners, v from the top; None = none.
        material: the colour.
        notes: where to say what was dropped.
        what: how to call it there.
    """
    points = np.asarray(vertices, np.float64).reshape(-1, 3)
    triangles = np.asarray(faces, np.int64).reshape(-1, 3)
    inside: BoolArray = np.all((triangles >= 0) & (triangles < len(points)), axis=1)
    if not inside.all():
        notes.add(f"{what}: {int((~inside).sum())} triangles with indices out of range were left out")
    finite = np.all(np.isfinite(points) & (np.abs(points) < 1e7), axis=1)
    good = inside.copy()
    good[inside] &= finite[triangles[inside]].all(1)
    if good.sum() < inside.sum():
        notes.add(f"{what}: {int(inside.sum() - good.sum())} triangles with corners that are no numbers were left out")
    c = points[triangles[good]]
    cross = np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
    real = (cross**2).sum(1) > 1e-24 * np.maximum(((c[:, 1] - c[:, 0]) ** 2).sum(1), 1e-12)
    good[good] = real
    if not good.any():
        return None
    used, index = np.unique(triangles[good], return_inverse=True)
    if uv is None:
        corners: Float32Array = np.zeros((int(good.sum()), 3, 2), np.float32)
    else:
        corners = np.nan_to_num(np.asarray(uv, np.float64)[good], posinf=0.0, neginf=0.0).astype(np.float32)
    count = int(good.sum())
    return Mesh(
        points[used].astype(np.float32),
        np.asarray(index).reshape(-1, 3).astype(np.int32),
        corners,
        np.zeros(count, np.int32),
        (material,),
    )
