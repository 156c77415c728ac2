# SPDX-License-Identifier: Apache-2.0
"""What a glTF file would become, worked out from its JSON: a few lines can ask for any number of nodes and triangles.

Numbers that are no numbers are left to the reader, which says what is wrong with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from seal_perception.errors import InputError
from seal_perception.reading.limits import DEPTH, require
from seal_perception.reading.text import MB

COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
PARTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
REPEATED = 8
"""How often the accessors of a file may read its bytes over again; exporters read each byte once."""
NO_BUFFER_BYTES = 16_000_000
"""Accessors without a buffer are zeros, however many are asked for."""


def _list(table: Any, key: str) -> list[Any]:
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, list) else []


def _count(value: Any) -> int:
    """A number of things; 0 for what is no whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _entry(rows: list[Any], index: Any) -> dict[str, Any]:
    """The row of an index; an empty one where it leads nowhere."""
    known = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(rows)
    return rows[index] if known and isinstance(rows[index], dict) else {}


def require_sizes(header: dict[str, Any], size: int, path: Path) -> None:
    """Refuse a file that asks for too much.

    Args:
        header: the JSON.
        size: bytes of the file.
        path: the file, for errors.

    Raises:
        InputError: if the nodes are nested without end, or there are too many things, triangles or bytes.
    """
    nodes, meshes, accessors = (_list(header, key) for key in ("nodes", "meshes", "accessors"))
    primitives = [[p for p in _list(mesh, "primitives") if isinstance(p, dict)] for mesh in meshes]
    require("scene_things", len(nodes) + sum(map(len, primitives)), path)
    _require_bytes(header, accessors, size, path)
    vertices = [_count(_entry(accessors, _position(p)).get("count")) for mesh in primitives for p in mesh]
    require("scene_triangles", sum(vertices) / 3, path)
    shown = {number: sum(_triangles(p, accessors) for p in mesh) for number, mesh in enumerate(primitives)}
    names = [node.get("mesh") for node in nodes if isinstance(node, dict)]
    drawn = [number for number in names if isinstance(number, int) and number in shown]
    require("scene_things", sum(len(primitives[number]) for number in drawn), path)
    require("scene_triangles", sum(shown[number] for number in drawn), path)
    _require_depth(nodes, path)


def _position(primitive: dict[str, Any]) -> Any:
    attributes = primitive.get("attributes")
    return attributes.get("POSITION") if isinstance(attributes, dict) else None


def _triangles(primitive: dict[str, Any], accessors: list[Any]) -> int:
    corners = _entry(accessors, primitive.get("indices", _position(primitive))).get("count")
    return _count(corners) // (1 if primitive.get("mode") in (5, 6) else 3)


def _require_bytes(header: dict[str, Any], accessors: list[Any], size: int, path: Path) -> None:
    """Refuse accessors and views of buffers that stand for many times the bytes there are."""
    there = size + sum(_beside(b, path) for b in _list(header, "buffers") if isinstance(b, dict))
    views = sum(_count(view.get("byteLength")) for view in _list(header, "bufferViews") if isinstance(view, dict))
    asked = zeros = 0
    for accessor in accessors:
        if not isinstance(accessor, dict):
            continue
        kind, parts = accessor.get("componentType"), accessor.get("type")
        item = COMPONENT_BYTES.get(kind, 4) if isinstance(kind, int) else 4
        item *= PARTS.get(parts, 1) if isinstance(parts, str) else 1
        if "bufferView" in accessor:
            asked += item * _count(accessor.get("count"))
        else:
            zeros += item * _count(accessor.get("count"))
    if zeros > NO_BUFFER_BYTES or max(asked, views) > REPEATED * there + NO_BUFFER_BYTES:
        raise InputError(
            f"{path} is not a readable glTF file: its accessors ask for {(max(asked, views) + zeros) / MB:,.0f} MB "
            f"out of {there / MB:,.1f} MB"
        )


def _beside(buffer: dict[str, Any], path: Path) -> int:
    """Bytes of the file that a buffer names."""
    uri = buffer.get("uri")
    if not isinstance(uri, str) or uri.startswith("data:") or "\0" in uri:
        return 0
    try:
        return min((path.parent / unquote(uri)).stat().st_size, _count(buffer.get("byteLength")))
    except (OSError, ValueError):
        return 0


def _require_depth(nodes: list[Any], path: Path) -> None:
    """Refuse nodes that are nested too deep or hold themselves."""
    below = [
        [i for i in _list(node, "children") if isinstance(i, int) and not isinstance(i, bool) and 0 <= i < len(nodes)]
        for node in nodes
    ]
    level = set(range(len(nodes)))
    for _ in range(DEPTH + 1):
        level = {child for number in level for child in below[number]}
        if not level:
            return
    raise InputError(f"{path} has nodes nested more than {DEPTH} deep; does one hold itself?")
