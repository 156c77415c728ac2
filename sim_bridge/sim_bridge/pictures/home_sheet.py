# SPDX-License-Identifier: Apache-2.0
"""Contact sheets of homes: each from above, its ceilings taken off, and as the robot sees it from three places."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from seal_perception.pose import planar_pose
from seal_perception.types import UInt8Array
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.evaluation.frames import frame_poses
from sim_bridge.homes.build import build_home
from sim_bridge.pictures.views import top_view

Image = UInt8Array

VIEW = (300, 225)
"""Width and height of a robot view in pixels."""
TOP_WIDTH = 330
LABEL = 24
VIEWS = 3
SEED = 77
"""Of the list of poses; any will do, but it must stay."""
MEDIAN_DEPTH_M = 1.8
APART_M = 2.5
WHITE = 255


def chosen_views(simulator: EmbeddedSimulator, count: int = VIEWS) -> list[Image]:
    """Views from the first poses of a fixed list that do not face something near, and lie apart from each other."""
    out: list[Image] = []
    places: list[tuple[float, float]] = []
    spare: list[Image] = []
    for pose in frame_poses(simulator.name, simulator.reachable_floor(), 150, SEED):
        if any(np.hypot(pose.x - x, pose.y - y) < APART_M for x, y in places):
            continue
        seen, _ = simulator.render_at(planar_pose(pose.x, pose.y, pose.yaw))
        if np.median(seen.depth) > MEDIAN_DEPTH_M:
            out.append(seen.rgb)
            places.append((pose.x, pose.y))
        else:
            spare.append(seen.rgb)
        if len(out) == count:
            return out
    return (out + spare)[:count]


def _fitted(image: Image, width: int, height: int) -> Image:
    """The picture on white, as large as fits, turned upright-to-lying where that is larger."""
    if (image.shape[0] > image.shape[1]) != (height > width):
        image = np.ascontiguousarray(np.rot90(image))
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    out = np.full((height, width, 3), WHITE, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small
    return out


def home_row(name: str) -> Image:
    """One home: label, plan and views, (LABEL + 225, 330 + 3 x 300, 3) uint8 RGB."""
    home = build_home(name)
    simulator = EmbeddedSimulator(home.scene, EmbeddedConfig(width=2 * VIEW[0], height=2 * VIEW[1]))
    try:
        views = [cv2.resize(view, VIEW, interpolation=cv2.INTER_AREA) for view in chosen_views(simulator)]
    finally:
        simulator.close()
    plan = _fitted(top_view(home.scene, 900).rgb, TOP_WIDTH, VIEW[1])
    row = np.hstack([plan, *(np.asarray(view, np.uint8) for view in views)])
    label = np.full((LABEL, row.shape[1], 3), WHITE, np.uint8)
    text = f"{name}   {sum(room.area for room in home.plan.rooms):.0f} m2"
    cv2.putText(label, text, (6, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (20, 20, 20), 1, cv2.LINE_AA)
    return np.vstack([label, row])


def sheet(names: Sequence[str]) -> Image:
    """One picture of several homes, a row each."""
    return np.vstack([home_row(name) for name in names])
