# SPDX-License-Identifier: Apache-2.0
"""Triangles that can be seen from behind, on bodies whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.sim.rooms import GREY, room

from sim_bridge.geometry.mesh import Mesh, merge
from sim_bridge.modelling.shapes import box_between, quad
from sim_bridge.scenes.sides import needs_back, with_backs

BOX = box_between((5.0, 5.0, 0.0), (6.0, 7.0, 1.0), GREY)


def _turned(mesh: Mesh) -> Mesh:
    return replace(mesh, faces=np.ascontiguousarray(mesh.faces[:, ::-1]), uv=np.ascontiguousarray(mesh.uv[:, ::-1]))


def test_a_closed_body_shows_fronts_only() -> None:
    assert not needs_back(BOX).any()
    assert with_backs(BOX).faces.tolist() == BOX.faces.tolist()


def test_a_body_inside_out_and_a_sheet_need_backs() -> None:
    assert needs_back(_turned(BOX)).all()
    sheet = quad((0, 0, 0), (1, 0, 0), (0, 1, 0), GREY)
    assert needs_back(sheet).all()
    both = with_backs(sheet)
    assert len(both.faces) == 2 * len(sheet.faces) and both.uv.shape == (len(both.faces), 3, 2)
    corners = both.vertices[both.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (normals[: len(sheet.faces)] > 0).all() and (normals[len(sheet.faces) :] < 0).all()
    # The texture lies on the same corners from either side.
    assert both.uv[-1].tolist() == sheet.uv[-1][::-1].tolist()


def test_pieces_of_one_mesh_are_told_apart() -> None:
    lid = quad((0, 0, 3), (1, 0, 0), (0, 1, 0), GREY)
    found = needs_back(merge([BOX, lid, _turned(box_between((8, 8, 0), (9, 9, 1), GREY))]))
    n = len(BOX.faces)
    assert not found[:n].any() and found[n:].all()


def test_a_body_with_one_face_turned_round_needs_backs() -> None:
    faces = BOX.faces.copy()
    faces[3] = faces[3, ::-1]
    assert needs_back(replace(BOX, faces=faces)).all()


def test_a_room_of_sheets_is_seen_from_outside_too() -> None:
    assert all(needs_back(part.mesh).all() for part in room().parts)
