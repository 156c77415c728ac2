# SPDX-License-Identifier: Apache-2.0
"""Objects to RViz markers: a translucent box, a name above it, and the voxels of each category."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from seal_mapping.labels.object_boxes import ObjectBox, object_boxes
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.palette import category_colour
from seal_perception.categories import CategorySet
from seal_perception.types import Int32Array

BOX_ALPHA, VOXEL_ALPHA, TEXT_M = 0.25, 0.9, 0.15
OVERSIZE = 1.04
"""Of the voxels' cubes, so that those of `map/voxels` in the same places do not shine through."""
BOXES, NAMES, VOXELS = "boxes", "names", "voxels"
"""Namespaces; an id is the object's in the first two, the category's in the last."""


def objects_to_markers(volume: LabelVolume, header: Header) -> MarkerArray:
    """`map/objects`: first what deletes all that was shown before, then each object, then the voxels by category."""
    boxes = object_boxes(volume)
    clear = _marker(header, "", 0, Marker.CUBE)
    clear.action = Marker.DELETEALL
    out = MarkerArray(markers=[clear])
    for box in boxes:
        out.markers += [_box(box, header, volume.names), _name(box, header, volume.names)]
    for category in sorted({box.item.category for box in boxes}):
        ijk = np.concatenate([box.ijk for box in boxes if box.item.category == category])
        out.markers.append(_voxels(volume, ijk, category, header))
    return out


def _marker(header: Header, namespace: str, number: int, kind: int) -> Marker:
    """A marker to add that stays until it is deleted, turned nowhere."""
    marker = Marker(header=header, ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    return marker


def _colour(category: int, alpha: float, names: CategorySet) -> ColorRGBA:
    red, green, blue = (v / 255.0 for v in category_colour(category, names))
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def _box(box: ObjectBox, header: Header, names: CategorySet) -> Marker:
    marker = _marker(header, BOXES, box.item.id, Marker.CUBE)
    centre, size = (box.low_xyz + box.high_xyz) / 2, box.high_xyz - box.low_xyz
    marker.pose.position.x, marker.pose.position.y, marker.pose.position.z = (float(v) for v in centre)
    marker.scale.x, marker.scale.y, marker.scale.z = (float(v) for v in size)
    marker.color = _colour(box.item.category, BOX_ALPHA, names)
    return marker


def _name(box: ObjectBox, header: Header, names: CategorySet) -> Marker:
    marker = _marker(header, NAMES, box.item.id, Marker.TEXT_VIEW_FACING)
    x, y = (box.low_xyz[:2] + box.high_xyz[:2]) / 2
    marker.pose.position.x, marker.pose.position.y = float(x), float(y)
    marker.pose.position.z = float(box.high_xyz[2]) + TEXT_M
    marker.scale.z = TEXT_M
    marker.color = ColorRGBA(r=0.1, g=0.1, b=0.1, a=1.0)
    marker.text = f"{names.name(box.item.category)} {box.item.id}, {box.item.score:.2f}"
    return marker


def _voxels(volume: LabelVolume, ijk: Int32Array, category: int, header: Header) -> Marker:
    marker = _marker(header, VOXELS, category, Marker.CUBE_LIST)
    marker.scale.x = marker.scale.y = marker.scale.z = OVERSIZE * float(volume.voxel_m)
    marker.color = _colour(category, VOXEL_ALPHA, volume.names)
    centres = volume.origin + (ijk + 0.5) * volume.voxel_m
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in centres.tolist()]
    return marker
