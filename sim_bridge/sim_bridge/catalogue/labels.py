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
CLEAR_SHARE = 0.2
FILLING_AREA, FILLING_SHARE = 0.12, 0.1
"""Objects that show a smaller share of the picture, or of whose own extent in it less than this is in view, are regions
to ignore: nobody recognises a chair by the end of one leg. Of what is large in the picture less need be in view."""


def extent(mesh: Mesh, camera: Camera, T_world_camera: FloatArray) -> float:
    """Area in pixels of the box around the whole mesh as projected, the picture's border ignored."""
    points = (mesh.vertices - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    points = points[points[:, 2] > 0.1]
    if len(points) < 2:
        return 0.0
    uv = points[:, :2] / points[:, 2:] * (camera.fx, camera.fy)
    return float(np.prod(np.ptp(uv, axis=0)))


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
        least = FILLING_SHARE if counts[i + 1] > FILLING_AREA * instance.size else CLEAR_SHARE
        part_only = seen < least * extent(part.mesh, camera, T)
        unclear = counts[i + 1] < CLEAR_AREA * instance.size or part_only or part.name.endswith(DOUBTFUL)
        labels.append((part.category, mask, bool(unclear)))
    return labels
