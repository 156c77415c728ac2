# SPDX-License-Identifier: Apache-2.0
"""Objects (`o`) and groups (`g`) of an OBJ file, numbered so that trimesh keeps them apart."""

from __future__ import annotations

import re

MAX_GROUPS = 5000
"""A file with more is a scan cut into crumbs; it stays one thing."""
_LINE = re.compile(rb"^[ \t]*([og])[ \t]+([^\s#][^\r\n]*)", re.MULTILINE)
_MATERIAL = re.compile(rb"^[ \t]*usemtl[ \t]+([^\r\n]*)", re.MULTILINE)


def corners_of_all(data: bytes) -> int:
    """Corners that come out where each material of a file holds the corners of all."""
    return (data.count(b"\nv ") + 1) * len(set(_MATERIAL.findall(data)))


def numbered_groups(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The file with `o NUMBER` for each of its objects (or groups, where it has not two objects), and their names.

    trimesh joins names with those of materials, so only a number survives.

    Returns:
        The file as it is and no names where there is but one object or group.
    """
    said: dict[bytes, dict[bytes, int]] = {b"o": {}, b"g": {}}
    for match in _LINE.finditer(data):
        own = said[match.group(1)]
        own.setdefault(match.group(2).strip(), len(own))
    key = next((key for key in (b"o", b"g") if 2 <= len(said[key]) <= MAX_GROUPS), None)
    if key is None:
        return data, ()
    numbers = said[key]

    def numbered(match: re.Match[bytes]) -> bytes:
        return b"o %06d" % numbers[match.group(2).strip()] if match.group(1) == key else b""

    return _LINE.sub(numbered, data), tuple(name.decode("utf-8", errors="replace") for name in numbers)


def group_of(geometry: str, groups: tuple[str, ...]) -> str | None:
    """Name of the group that one of trimesh's geometries comes from; None where it stands before the first group."""
    number = geometry.split("_", 1)[0]
    return groups[int(number)] if len(number) == 6 and number.isdecimal() and int(number) < len(groups) else None
