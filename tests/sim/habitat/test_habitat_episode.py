# SPDX-License-Identifier: Apache-2.0
"""The embedded renderer against an episode recorded from habitat-sim 0.3.3 in the office that both load.

Every pixel of every frame counts. The poses and pictures go through the conversions that the Habitat backend uses.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from tests.sim.rooms import DATA, PLAIN

from seal_perception.pose import camera_mounting, invert, planar_pose
from sim_bridge.drawing.render import Renderer
from sim_bridge.habitat.categories import category_index
from sim_bridge.habitat.frames import base_pose, camera_pose, habitat_camera, instances
from sim_bridge.scenes.glb import load_glb_scene

OFFICE, EPISODE = DATA / "husarion_office", DATA / "habitat_office_episode"
SHARE, DEPTH_M = 0.995, 0.02

pytestmark = pytest.mark.skipif(
    not (OFFICE.is_dir() and EPISODE.is_dir()), reason="shared/data/habitat_office_episode is not here"
)


@dataclass
class Compared:
    depth_ok: np.ndarray  # (N, H, W) bool
    theirs: np.ndarray  # (N, H, W) instance ids recorded
    ours: np.ndarray  # (N, H, W) instance ids drawn here
    category: np.ndarray  # (N, H, W) categories drawn here
    to_ours: np.ndarray  # ours of each recorded id by majority, -1 = never seen


@pytest.fixture(scope="module")
def episode() -> dict:
    return json.loads((EPISODE / "episode.json").read_text())


@pytest.fixture(scope="module")
def compared(episode: dict) -> Compared:
    """All frames drawn from the recorded camera poses, beside what Habitat saw."""
    renderer = Renderer(load_glb_scene(OFFICE), PLAIN)
    camera = habitat_camera(episode["width"], episode["height"], episode["hfov_deg"])
    unlabelled = 1 + max(int(k) for k in episode["objects"])
    depth_ok, theirs, ours, category = [], [], [], []
    for k, step in enumerate(episode["steps"]):
        with np.load(EPISODE / f"frame_{k:03d}.npz", allow_pickle=False) as recorded:
            depth, semantic = recorded["depth"], recorded["semantic"]
        seen = renderer.render(camera, camera_pose(step["camera_position"], step["camera_rotation_wxyz"]))
        depth_ok.append(np.abs(seen.depth - depth) <= DEPTH_M)
        theirs.append(instances(semantic, depth, unlabelled))
        ours.append(seen.instance)
        category.append(seen.category)
    a, b = np.stack(theirs), np.stack(ours)
    counts = np.zeros((a.max() + 1, b.max() + 1), np.int64)
    np.add.at(counts, (a.ravel(), b.ravel()), 1)
    to_ours = np.where(counts.sum(1) > 0, counts.argmax(1), -1)
    return Compared(np.stack(depth_ok), a, b, np.stack(category), to_ours)


def test_the_whole_episode_is_here(episode: dict, compared: Compared) -> None:
    assert len(episode["steps"]) == 80 and compared.theirs.shape == (80, 240, 320)
    assert episode["simulator"] == "habitat-sim 0.3.3"
    assert len(np.unique(compared.theirs)) > 40, "most objects come into view"


def test_depth_agrees_on_every_frame(compared: Compared) -> None:
    shares = compared.depth_ok.mean((1, 2))
    assert shares.min() >= SHARE, f"frame {shares.argmin()}: {shares.min():.5f}"


def test_instances_agree_one_to_one_on_every_frame(compared: Compared) -> None:
    seen = np.flatnonzero(compared.to_ours >= 0)
    assert len(set(compared.to_ours[seen])) == len(seen), "two of Habitat's objects are one of ours"
    assert compared.to_ours[0] == 0, "nothing hit is nothing hit"
    shares = (compared.to_ours[compared.theirs] == compared.ours).mean((1, 2))
    assert shares.min() >= SHARE, f"frame {shares.argmin()}: {shares.min():.5f}"


def test_both_agree_at_once(compared: Compared) -> None:
    both = compared.depth_ok & (compared.to_ours[compared.theirs] == compared.ours)
    assert both.mean((1, 2)).min() >= SHARE


def test_categories_agree_by_name(episode: dict, compared: Compared) -> None:
    table = np.full(compared.theirs.max() + 1, -1)
    for k, name in episode["objects"].items():
        if int(k) < len(table):
            table[int(k)] = category_index(name)
    assert (table[compared.theirs] == compared.category).mean((1, 2)).min() >= SHARE
    assert {0, 4, 5} >= set(np.unique(compared.category)) - {-1} and (compared.category == 0).any()


def test_the_recorded_moves_are_ours(episode: dict) -> None:
    forward, turn = episode["forward_m"], math.radians(episode["turn_deg"])
    targets = {
        "move_forward": planar_pose(forward, 0.0, 0.0),
        "turn_left": planar_pose(0.0, 0.0, turn),
        "turn_right": planar_pose(0.0, 0.0, -turn),
    }
    poses = [base_pose(step["position"], step["rotation_wxyz"]) for step in episode["steps"]]
    exact, pushed = {name: 0 for name in targets}, []
    for before, after, step in zip(poses[:-1], poses[1:], episode["steps"][1:], strict=True):
        moved, target = invert(before) @ after, targets[step["action"]]
        np.testing.assert_allclose(moved[:3, :3], target[:3, :3], atol=1e-6)
        assert not step["collided"]
        if np.allclose(moved, target, atol=1e-5):
            exact[step["action"]] += 1
        else:
            pushed.append(float(np.linalg.norm((moved - target)[:3, 3])))
    # Beside a wall Habitat's own step shifts the agent and does not call it a collision; our backend does not move so.
    assert exact == {"move_forward": 36, "turn_left": 27, "turn_right": 12}
    assert len(pushed) == 4 and max(pushed) < 0.07


def test_the_camera_stands_on_the_base(episode: dict) -> None:
    mounting = camera_mounting(episode["camera_height_m"])
    for step in episode["steps"]:
        base = base_pose(step["position"], step["rotation_wxyz"])
        camera = camera_pose(step["camera_position"], step["camera_rotation_wxyz"])
        np.testing.assert_allclose(base @ mounting, camera, atol=2e-6)
