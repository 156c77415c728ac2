# SPDX-License-Identifier: Apache-2.0
"""Detections as vision_msgs, where that is installed: for tools that know no JSON of ours."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Header

from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header


class VisionTopics:
    """Publishes `semantic/detections_2d` (Detection2DArray) and `semantic/label_info` (LabelInfo, latched).

    Without vision_msgs it logs one line and does nothing. Masks are in the JSON alone: vision_msgs has none.

    Args:
        node: publishes.
        threshold: least score of a detection, for LabelInfo.
    """

    def __init__(self, node: SealNode, threshold: float) -> None:
        self._messages: Any = None
        try:
            from vision_msgs import msg as messages
        except ImportError:
            notice = f"vision_msgs is not installed: no {m.DETECTIONS_2D}; {m.DETECTIONS} has the detections anyway"
            node.get_logger().info(notice)
            return
        self._messages, self._threshold = messages, threshold
        self._detections = node.advertise(messages.Detection2DArray, m.DETECTIONS_2D)
        self._labels = node.advertise(messages.LabelInfo, m.LABEL_INFO, latched=True, depth=1)
        self._names: CategorySet | None = None

    def publish(self, found: Detections, header: Header) -> None:
        """Publish a picture's detections with its header, and the list of categories when it is new."""
        if self._messages is None:
            return
        if found.names != self._names:
            self._names = found.names
            stamp_ns = m.checked_stamp_ns(header.stamp.sec, header.stamp.nanosec)
            labels = labels_to_message(found.names, self._threshold, make_header(stamp_ns, ""), self._messages)
            self._labels.publish(labels)
        self._detections.publish(detections_to_message(found, header, self._messages))


def detections_to_message(found: Detections, header: Header, messages: Any) -> Any:
    """Detection2DArray: boxes by their centre and size in pixels, the category by its name, the score.

    Args:
        found: the detections of a picture.
        header: of the picture.
        messages: the module vision_msgs.msg.
    """
    out = messages.Detection2DArray(header=header)
    for box, category, score in zip(found.boxes, found.categories, found.scores, strict=True):
        x0, y0, x1, y1 = (float(v) for v in box)
        result = messages.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = found.names.names[int(category)], float(score)
        one = messages.Detection2D(header=header, results=[result])
        centre = one.bbox.center.position
        centre.x, centre.y = (x0 + x1) / 2.0, (y0 + y1) / 2.0
        one.bbox.size_x, one.bbox.size_y = x1 - x0, y1 - y0
        out.detections.append(one)
    return out


def labels_to_message(names: CategorySet, threshold: float, header: Header, messages: Any) -> Any:
    """LabelInfo: the number of each category in `semantic/detections` (from 1) and its name.

    Args:
        names: the detector's list.
        threshold: least score of a detection.
        header: with the stamp of the first picture.
        messages: the module vision_msgs.msg.
    """
    known = [messages.VisionClass(class_id=number, class_name=name) for number, name in enumerate(names.names, 1)]
    return messages.LabelInfo(header=header, class_map=known, threshold=float(threshold))
