# SPDX-License-Identifier: Apache-2.0
"""Which objects of a catalogue picture are labelled, and which of them are too little in view to be known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import BoolArray, FloatArray, Int32Array
from sim_bridge.catalogue.placing import DOUBTFUL
from sim_bridge.geometry.mesh import Mesh, Part

Labels = list[tuple[int, BoolArray, bool]]
"""Category index, (H, W) mask of visible pixels, and whether it is a region to ignore: nobody can say what it is."""

MIN_AREA = 0.0012
"""Objects that show less than this share of the picture are not labelled."""
CLEAR_AREA = 0.0025
CLEAR_SHARE = 0.1
FILLING_AREA, FILLING_SHARE = 0.12, 0.05
"""Objects that show a smaller share of the picture, or of whose own surface less than this is within the frame, are
regions to ignore: nobody recognises a chair by the end of one leg. Of what is large in the picture less suffices."""
SEEN_SHARE = 0.15
"""So are objects of which other things leave less than this to be seen: box around the pixels over box around all that
is within the frame."""


def in_frame(mesh: Mesh, camera: Camera, T_world_camera: FloatArray) -> tuple[float, float]:
    """Share of a mesh's surface that is within the frame, and area in pixels of the box around that, hidden or not."""
    corners = (mesh.vertices - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    corners = corners[mesh.faces]
    edges = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(*edges), axis=1)
    points = np.concatenate([corners, corners.mean(1, keepdims=True)], 1)
    uv = points[..., :2] / np.maximum(points[..., 2:], 0.05) * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    inside = (points[..., 2] > 0.05) & ((uv > -0.5) & (uv < (camera.width - 0.5, camera.height - 0.5))).all(-1)
    if not inside.any():
        return 0.0, 0.0
    share = float((area[:, None] * inside).sum() / max(4 * float(area.sum()), 1e-12))
    return share, float(np.prod(np.ptp(uv[inside], axis=0) + 1))


def labels_of(instance: Int32Array, parts: Sequence[Part], camera: Camera, T: FloatArray) -> Labels:
    """Visible pixels of each object of the six categories, smallest ones left out."""
    counts = np.bincount(instance.ravel(), minlength=len(parts) + 1)
    labels = []
    for i, part in enumerate(parts):
        if part.category < 0 or counts[i + 1] < MIN_AREA * instance.size:
            continue
        mask = instance == i + 1
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        seen = float((rows[-1] - rows[0] + 1) * (cols[-1] - cols[0] + 1))
        share, whole = in_frame(part.mesh, camera, T)
        cut = share < (FILLING_SHARE if counts[i + 1] > FILLING_AREA * instance.size else CLEAR_SHARE)
        hidden = cut or seen < SEEN_SHARE * whole
        unclear = hidden or counts[i + 1] < CLEAR_AREA * instance.size or part.name.endswith(DOUBTFUL)
        labels.append((part.category, mask, bool(unclear)))
    return labels
