# SPDX-License-Identifier: Apache-2.0
"""Perception: one picture in, the detector's guesses out."""

from __future__ import annotations

import sys
import time

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import String

from seal_perception import messages as m
from seal_perception.detections import Detections
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.camera_roll import CameraRoll, declare_camera_roll
from seal_perception.nodes.convert import make_header, rgb_to_image, scores_to_image
from seal_perception.nodes.params import declare, declare_config
from seal_perception.nodes.vision_topics import VisionTopics
from seal_perception.types import UInt8Array
from seal_perception.upright import detect_upright

NO_DETECTOR = "none"


def draw_overlay(rgb: UInt8Array, detections: Detections, minimum: float) -> UInt8Array:
    """(H, W, 3) picture with the masks of detections of at least this score blended in."""
    out, colours = rgb.astype(np.uint16), detections.names.colours
    for category, score, mask in zip(detections.categories, detections.scores, detections.masks, strict=True):
        if score >= minimum:
            out[mask] = (out[mask] + colours[category]) // 2
    return out.astype(np.uint8)


class PerceptionNode(SealNode):
    """`camera/color/image_raw` to `semantic/scores`, `semantic/detections` and, if someone looks, `semantic/overlay`.

    Where vision_msgs is installed, the detections are on `semantic/detections_2d` too (`VisionTopics`).

    Parameters: `weights` ("seal-small", "seal-homes", "coco", a .safetensors file, or "none" for a robot that sees no
    objects), `detector.*` (DetectorConfig), `overlay_min_score`, `roll_from_tf` and `mounting.roll_deg` (`CameraRoll`).
    """

    def __init__(self) -> None:
        super().__init__("perception")
        weights = declare(
            self,
            "weights",
            "seal-small",
            "detector: a shipped name, coco, a .safetensors file, or none to detect nothing",
        )
        declare(
            self,
            "overlay_min_score",
            0.5,
            "minimum score of a drawn detection",
            minimum=0.0,
            maximum=1.0,
            changeable=True,
        )
        self._detector, threshold = None, 0.0
        if weights != NO_DETECTOR:
            from seal_perception.detector.detector import DetectorConfig, load_detector

            config = declare_config(self, DetectorConfig, "detector")
            self._detector, threshold = load_detector(weights, config), config.min_score
        self._roll = CameraRoll(self, *declare_camera_roll(self))
        self._scores = self.advertise(Image, m.SCORES)
        self._detections = self.advertise(String, m.DETECTIONS)
        self._overlay = self.advertise(Image, m.OVERLAY)
        self._vision = VisionTopics(self, threshold)
        # Where time runs, the newest picture is worth more than each one.
        self.subscribe(Image, m.COLOUR, self._on_colour, depth=None if self.lockstep else 1)

    def _on_colour(self, msg: Image) -> None:
        start = time.perf_counter()
        rgb = m.image_to_rgb(msg)
        found = self._detect(rgb, msg.header.frame_id)
        stamp = m.header_stamp_ns(msg)
        header = make_header(stamp, msg.header.frame_id)
        self._detections.publish(String(data=m.detections_to_text(found, stamp)))
        self._scores.publish(scores_to_image(found.score_image(), header))
        self._vision.publish(found, header)
        if self._overlay.get_subscription_count():
            minimum = self.get_parameter("overlay_min_score").value
            self._overlay.publish(rgb_to_image(draw_overlay(rgb, found, minimum), header))
        self.get_logger().debug(f"{len(found)} detections in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _detect(self, rgb: UInt8Array, frame_id: str) -> Detections:
        if self._detector is None:
            return Detections.empty(*rgb.shape[:2])
        return detect_upright(self._detector, rgb, self._roll.turns(frame_id))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PerceptionNode, "perception"))


if __name__ == "__main__":
    main()
