# SPDX-License-Identifier: Apache-2.0
"""Right voxels and views of objects, in a room with one box."""

from __future__ import annotations

import numpy as np
from tests.sim.rooms import FAST, box_part, room

from seal_bringup.evaluation.true_views import TrueViews
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.simulator import Action
from seal_policy.loop import observation_frame
from sim_bridge.embedded import EmbeddedSimulator


def drive(category: int, says: int, actions: list[Action]) -> dict[str, float]:
    """Figures of a run past a box of a category that a detector takes for `says` wherever it looks."""
    world = EmbeddedSimulator(room(box_part((1.2, -0.3, 0.0), (1.6, 0.3, 0.8), category)), FAST)
    voxel_map, views = VoxelMap(), TrueViews(MapConfig())
    seen = world.reset(0)
    for action in [*actions, None]:
        frame = observation_frame(world, seen)
        image = np.zeros((*frame.depth.shape, 6), np.uint8)
        image[..., says][world.truth_images().category >= 0] = 250
        voxel_map.integrate_scores(frame, image)
        views.add(frame, world.truth_images())
        if action is not None:
            seen = world.step(action)
    world.close()
    return views.figures(voxel_map)


def test_a_box_that_is_called_what_it_is() -> None:
    figures = drive(2, 2, [Action.FORWARD])
    assert figures["confident"] > 50 and figures["right_share"] > 0.95
    assert figures["right"] <= figures["object_voxels"] <= 1.1 * figures["confident"]
    assert (figures["objects"], figures["views"], figures["near_views"], figures["sides"]) == (1, 2, 2, 1)


def test_a_box_that_is_called_something_else() -> None:
    figures = drive(2, 4, [])
    assert figures["confident"] > 50 and figures["right"] == 0 and figures["object_voxels"] > 50


def test_a_picture_without_the_box_is_no_view_of_it() -> None:
    figures = drive(0, 0, [Action.LEFT] * 6)
    assert figures["objects"] == 1 and 2 <= figures["views"] <= 3


def test_a_room_without_objects_has_none() -> None:
    figures = drive(-1, 0, [Action.LEFT])
    assert figures == {
        "confident": 0, "right": 0, "right_share": 0.0, "object_voxels": 0, "objects": 0,
        "views": 0.0, "near_views": 0.0, "sides": 0.0,
    }  # fmt: skip
