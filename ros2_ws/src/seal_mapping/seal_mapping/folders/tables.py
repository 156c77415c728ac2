# SPDX-License-Identifier: Apache-2.0
"""Text files of an import: poses, stamps and intrinsics, each line checked; mistakes name the file and the line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.pose import pose_from_xyz_quat
from seal_perception.reading.text import read_text
from seal_perception.types import FloatArray, IntArray

Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""

MAX_NS = (2**31 - 1) * m.NS
"""The last stamp that a message can hold."""

_FARTHEST_M = 1e5


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of each line that is not empty and no comment.

    Raises:
        InputError: if the file is absent or no text.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: it belongs to this layout of folders; copy it there") from None
    except OSError as error:
        raise InputError(f"cannot read {path} as text: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].replace(",", " ").split()
        if words:
            yield number, words


def _number(word: str, path: Path, line: int) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{path}:{line} must hold numbers, got {word[:40]!r}") from None


def stamp_ns(word: str, path: Path, line: int) -> int:
    """Nanoseconds of a stamp in seconds; exact, which a float64 of today's seconds is not.

    Raises:
        InputError: if it is no number, or not a time that a message can hold.
    """
    try:
        stamp = Decimal(word)
        possible = 0 < stamp * m.NS <= MAX_NS  # before int(), for which 1e999999 is a long number
    except ArithmeticError:
        possible = False
    if not possible:
        raise InputError(f"{path}:{line} must begin with a stamp in seconds, above 0 and below 2^31, got {word[:40]!r}")
    return int((stamp * m.NS).to_integral_value())


def read_intrinsics(path: Path) -> Intrinsics:
    """fx, fy, cx, cy of a file with a 3 x 3 matrix (or one in the upper left of a 4 x 4).

    Raises:
        InputError: if it holds no camera matrix.
    """
    values = [[_number(word, path, number) for word in words] for number, words in rows(path)]
    widths = [len(row) for row in values]
    if widths not in ([3] * 3, [4] * 4):
        raise InputError(f"{path} must hold a 3 x 3 camera matrix, got rows of {widths} numbers")
    K = np.array(values)[:3, :3]
    fx, fy, cx, cy = (float(v) for v in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    if (
        not np.allclose(K, np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), rtol=0, atol=1e-6)
        or min(fx, fy) <= 0
    ):
        raise InputError(f"{path} must hold fx 0 cx, 0 fy cy, 0 0 1 with fx, fy > 0 (no skew), got {K.tolist()}")
    return fx, fy, cx, cy


def pose_width(path: Path) -> int:
    """How many numbers the first line of a table of poses holds; 0 if it is empty."""
    return next((len(words) for _, words in rows(path)), 0)


def pose_lines(path: Path) -> list[FloatArray]:
    """(4, 4) matrices, one per line; those with a value that is not finite come as they are.

    A line holds 16 numbers (4 x 4, row by row), 12 (without the last row), or 7 (tx ty tz qx qy qz qw).

    Raises:
        InputError: for a line that is no rigid pose; the text names it.
    """
    out = []
    for number, words in rows(path):
        values = np.array([_number(word, path, number) for word in words])
        if values.size == 7:
            out.append(_from_quaternion(values, f"{path}:{number}"))
        elif values.size in (12, 16):
            out.append(_matrix(values, f"{path}:{number}"))
        else:
            raise InputError(
                f"{path}:{number} must hold 16 numbers (a 4 x 4 pose, row by row), 12 (its first three rows), 7 "
                f"(tx ty tz qx qy qz qw) or 8 (a stamp before those), got {values.size}"
            )
    return out


def pose_file(path: Path) -> FloatArray:
    """(4, 4) matrix of a file that holds one; with a value that is not finite it comes as it is.

    Raises:
        InputError: if it holds no rigid pose.
    """
    values = np.array([_number(word, path, number) for number, words in rows(path) for word in words])
    if values.size == 7:
        return _from_quaternion(values, str(path))
    if values.size not in (12, 16):
        raise InputError(f"{path} must hold a 4 x 4 pose, or tx ty tz qx qy qz qw, got {values.size} numbers")
    return _matrix(values, str(path))


def _matrix(values: FloatArray, where: str) -> FloatArray:
    """(4, 4) of 16 or 12 numbers."""
    whole = np.isfinite(values).all()
    T = np.concatenate([values, [0.0, 0.0, 0.0, 1.0]] if values.size == 12 else [values]).reshape(4, 4)
    return _rigid(T, where) if whole else T


def _from_quaternion(values: FloatArray, where: str) -> FloatArray:
    """(4, 4) of tx ty tz qx qy qz qw; all nan where one is not finite."""
    if not np.isfinite(values).all():
        return np.full((4, 4), np.nan)
    try:
        return _near(pose_from_xyz_quat(values[:3], values[3:]), where)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def tum_lines(path: Path) -> tuple[list[Decimal], list[FloatArray]]:
    """First column and (4, 4) pose of every line of a TUM trajectory; poses that are not finite are all nan.

    Raises:
        InputError: for a line that is no pose; the text names it.
    """
    stamps, poses = [], []
    for number, words in rows(path):
        values = np.array([_number(word, path, number) for word in words])
        if values.size != 8:
            raise InputError(f"{path}:{number} must hold stamp tx ty tz qx qy qz qw, got {len(words)} values")
        if not np.isfinite(values[0]):
            raise InputError(f"{path}:{number} must begin with a stamp, got {words[0][:40]!r}")
        stamps.append(Decimal(words[0]))
        poses.append(_from_quaternion(values[1:], f"{path}:{number}"))
    return stamps, poses


def tum_poses(path: Path) -> tuple[IntArray, FloatArray, int]:
    """Stamps and (P, 4, 4) poses of a TUM trajectory; and how many were left out as not finite.

    Raises:
        InputError: for a line that is no pose; the text names it.
    """
    found: dict[int, FloatArray] = {}
    bad = 0
    for number, words in rows(path):
        if len(words) != 8:
            raise InputError(f"{path}:{number} must hold stamp tx ty tz qx qy qz qw, got {len(words)} values")
        T = _from_quaternion(np.array([_number(word, path, number) for word in words[1:]]), f"{path}:{number}")
        if np.isfinite(T).all():
            found[stamp_ns(words[0], path, number)] = T
        else:
            bad += 1
    stamps = sorted(found)
    return np.array(stamps, np.int64), np.array([found[s] for s in stamps]).reshape(-1, 4, 4), bad


def _rigid(T: FloatArray, where: str) -> FloatArray:
    """The pose with its rotation made exact, where it was only rounded."""
    R = T[:3, :3]
    if not np.allclose(T[3], [0, 0, 0, 1], atol=1e-6):
        raise InputError(f"{where} is no pose: the last row must be 0 0 0 1, got {' '.join(f'{v:g}' for v in T[3])}")
    off = float(np.abs(R @ R.T - np.eye(3)).max())
    if off > 1e-2 or np.linalg.det(R) < 0:
        raise InputError(
            f"{where} is no rigid pose: its rotation is off by {off:.3g} (determinant {np.linalg.det(R):.3g}); "
            "write camera-to-world without scale or mirroring"
        )
    u, _, vt = np.linalg.svd(R)
    out = T.copy()
    out[:3, :3] = u @ vt
    return _near(out, where)


def _near(T: FloatArray, where: str) -> FloatArray:
    if np.abs(T[:3, 3]).max() > _FARTHEST_M:
        far = float(np.abs(T[:3, 3]).max())
        raise InputError(
            f"{where} lies {far:.3g} m from the origin: positions must be metres, within {_FARTHEST_M:g} m"
        )
    return T
