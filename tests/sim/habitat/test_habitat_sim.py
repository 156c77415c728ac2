# SPDX-License-Identifier: Apache-2.0
"""The same scene in habitat-sim and here, and the robot's noise on top; the rest is in the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.sim.rooms import DATA, FAST

from seal_perception.errors import InputError
from seal_perception.simulator import Action
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.habitat.simulator import HabitatSimulator
from sim_bridge.scenes.load import load_scene
from sim_bridge.scenes.stages.write import write_habitat

pytestmark = pytest.mark.habitat
OFFICE = DATA / "husarion_office"
absent = pytest.mark.skipif(not OFFICE.is_dir(), reason="shared/data/husarion_office is not here")
Pair = tuple[EmbeddedSimulator, HabitatSimulator]


@pytest.fixture(scope="module", params=["test_01", pytest.param(str(OFFICE), marks=absent, id="office")])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair") / "scene"
    scene = load_scene(request.param)
    write_habitat(scene, folder)
    here, there = EmbeddedSimulator(scene, FAST), HabitatSimulator(folder, FAST)
    yield here, there
    here.close()
    there.close()


def test_it_starts_where_the_scene_says(pair: Pair) -> None:
    for sim in pair:
        sim.reset(0)
    np.testing.assert_allclose(pair[1].T_world_base, pair[0].T_world_base, atol=0.03)


def test_both_see_the_same_depth_and_labels(pair: Pair) -> None:
    here, there = pair
    for seed in range(1, 9):
        seen = there.reset(seed)
        truth = there.truth_images()
        ours, labels = here.render_at(there.T_world_base)
        assert (np.abs(ours.depth - seen.depth) <= 0.02).mean() >= 0.995, seed
        assert (labels.instance == truth.instance).mean() >= 0.995, seed
        assert (labels.category == truth.category).mean() >= 0.995, seed


def test_both_reach_the_same_floor(pair: Pair) -> None:
    floors = [sim.reachable_floor() for sim in pair]
    inside = []
    for a, b in (floors, floors[::-1]):
        xy = a.origin_xy + (np.argwhere(a.cells) + 0.5) * a.cell_m
        ij = np.floor((xy - b.origin_xy) / b.cell_m).astype(int)
        known = (ij >= 0).all(1) & (ij < b.cells.shape).all(1)
        inside.append((known & b.cells[tuple(np.where(known[:, None], ij, 0).T)]).mean())
    # habitat-sim's mesh keeps up to a cell more off the walls; what it reaches, we reach.
    assert inside[1] > 0.97 and inside[0] > 0.85, inside


def test_noise_is_on_what_is_sensed_and_not_on_the_truth(pair: Pair) -> None:
    config = replace(FAST, depth_noise="d435", colour_noise="camera", motion_noise="odometry", noise_seed=3)
    clean, noisy = pair[1], HabitatSimulator(pair[1].source, config)
    for action in (None, *[Action.LEFT] * 3):
        a, b = (s.reset(2) if action is None else s.step(action) for s in (clean, noisy))
    assert (a.rgb != b.rgb).mean() > 0.3 and (a.depth != b.depth).mean() > 0.3
    np.testing.assert_array_equal(clean.truth_images().instance, noisy.truth_images().instance)
    np.testing.assert_array_equal(clean.T_world_base, noisy.T_world_base)
    assert not np.array_equal(a.T_odom_base, b.T_odom_base)
    np.testing.assert_allclose(a.T_odom_base, b.T_odom_base, atol=0.2)
    noisy.close()


def test_a_scene_without_semantics_has_no_truth(pair: Pair, tmp_path: Path) -> None:
    (stage,) = Path(pair[1].source).glob("stages/*[!c].glb")
    bare = tmp_path / "bare.glb"
    bare.write_bytes(stage.read_bytes())
    sim = HabitatSimulator(bare, FAST)
    assert sim.reset().depth.max() > 1.0
    with pytest.raises(InputError, match="without semantics"):
        sim.truth_images()
    sim.close()


def test_a_file_that_is_no_scene_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"no such thing")
    with pytest.raises(InputError, match="cannot open scene") as error:
        HabitatSimulator(broken, FAST)
    assert "\n" not in str(error.value)
