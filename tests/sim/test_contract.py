# SPDX-License-Identifier: Apache-2.0
"""What every scene must give: run against a home and, where it is here, the office of others."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import DATA, FAST

from seal_perception.pose import invert
from seal_perception.simulator import Action, Simulator, TruthSource
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.worlds import open_simulator

OFFICE = DATA / "husarion_office"
absent = pytest.mark.skipif(not OFFICE.is_dir(), reason="shared/data/husarion_office is not here")
ACTIONS = (Action.FORWARD, Action.FORWARD, Action.FORWARD, Action.LEFT, Action.RIGHT)


@pytest.fixture(scope="module", params=["test_01", pytest.param("office", marks=absent)])
def sim(request: pytest.FixtureRequest) -> EmbeddedSimulator:
    return open_simulator(str(OFFICE) if request.param == "office" else request.param, FAST)


def test_it_keeps_the_protocols(sim: EmbeddedSimulator) -> None:
    assert isinstance(sim, Simulator) and isinstance(sim, TruthSource)


def test_pictures_have_their_types_and_units(sim: EmbeddedSimulator) -> None:
    seen = sim.reset()
    assert seen.rgb.shape == (120, 160, 3) and seen.rgb.dtype == np.uint8 and seen.rgb.std() > 5
    assert seen.depth.shape == (120, 160) and seen.depth.dtype == np.float32
    assert np.isfinite(seen.depth).all() and (seen.depth >= 0).all() and 0.3 < np.median(seen.depth) < 15
    assert seen.step == 0 and not seen.collided
    # The floor is level and 0.88 m below the camera, so the row alone gives its depth.
    truth = sim.truth_images()
    points = sim.camera.rays() * seen.depth[..., None]
    z = (points @ (sim.T_world_odom @ seen.T_odom_base @ sim.T_base_camera)[:3, :3].T)[..., 2] + 0.88
    assert -0.12 < z[truth.instance > 0].min() < 0.03
    assert (np.abs(z[-1][truth.instance[-1] > 0]) < 0.03).mean() > 0.1


def _points(sim: EmbeddedSimulator, depth: np.ndarray, T: np.ndarray) -> np.ndarray:
    points = (sim.camera.rays() * depth[..., None])[depth > 0]
    return points @ T[:3, :3].T + T[:3, 3]


@pytest.mark.parametrize("move", [(Action.LEFT,), (Action.FORWARD,), (Action.FORWARD, Action.RIGHT)])
def test_two_views_agree_on_depth_and_colour(sim: EmbeddedSimulator, move: tuple[Action, ...]) -> None:
    first = sim.reset(2)
    second = first
    for action in move:
        second = sim.step(action)
    c = sim.camera
    world = _points(sim, first.depth, first.T_odom_base @ sim.T_base_camera)
    T = invert(second.T_odom_base @ sim.T_base_camera)
    points = world @ T[:3, :3].T + T[:3, 3]
    colour = first.rgb[first.depth > 0]
    ahead = points[:, 2] > 0.1
    points, colour = points[ahead], colour[ahead]
    u = np.round(points[:, 0] / points[:, 2] * c.fx + c.cx).astype(int)
    v = np.round(points[:, 1] / points[:, 2] * c.fy + c.cy).astype(int)
    inside = (u >= 0) & (u < c.width) & (v >= 0) & (v < c.height)
    u, v, z, colour = u[inside], v[inside], points[inside, 2], colour[inside]
    assert len(z) > 3000
    there = second.depth[v, u]
    # A surface point is seen again or hidden; only at edges may the next pixel lie behind it.
    assert ((there == 0) | (z < there - 0.05 - 0.03 * z)).mean() < 0.05
    same = np.abs(z - there) < 0.02 + 0.03 * z
    assert same.mean() > 0.7
    difference = np.abs(colour[same].astype(int) - second.rgb[v, u][same]).mean(1)
    assert np.median(difference) < 6


def test_a_walk_stays_on_free_floor(sim: EmbeddedSimulator) -> None:
    floor = sim.reachable_floor()
    rng = np.random.default_rng(5)
    before = sim.reset(1)
    collisions = 0
    for k in range(1, 81):
        action = ACTIONS[int(rng.integers(len(ACTIONS)))]
        seen = sim.step(action)
        assert seen.step == k
        moved = np.linalg.norm(seen.T_odom_base[:3, 3] - before.T_odom_base[:3, 3])
        if seen.collided:
            collisions += 1
            assert action is Action.FORWARD
            np.testing.assert_array_equal(seen.T_odom_base, before.T_odom_base)
        else:
            assert moved == pytest.approx(0.25 if action is Action.FORWARD else 0.0, abs=1e-9)
        x, y = (sim.T_world_odom @ seen.T_odom_base)[:2, 3]
        i, j = np.floor((np.array([x, y]) - floor.origin_xy) / floor.cell_m).astype(int)
        assert floor.cells[i, j]
        before = seen
    assert 0 < collisions < 60


def test_truth_fits_the_depth_and_the_objects(sim: EmbeddedSimulator) -> None:
    table = sim.instance_table()
    found = set()
    for seed in range(1, 7):
        seen = sim.reset(seed)
        truth = sim.truth_images()
        assert truth.instance.dtype == np.int32 and truth.category.dtype == np.int8
        np.testing.assert_array_equal(truth.instance > 0, seen.depth > 0)
        assert sim.name == "husarion_office" or (seen.depth > 0).all(), "a home has no holes"
        T = sim.T_world_odom @ sim.T_base_camera
        ids = truth.instance[seen.depth > 0]
        world = _points(sim, seen.depth, T)
        for instance in np.unique(ids):
            assert (truth.category[truth.instance == instance] == table[int(instance)][1]).all()
            low, high = sim.scene.parts[instance - 1].mesh.bounds()
            own = world[ids == instance]
            assert (own > low - 0.01).all() and (own < high + 0.01).all(), table[int(instance)]
        found |= set(np.unique(truth.category)) - {-1}
    assert len(found) >= 1


def test_the_same_seed_gives_the_same_bytes(sim: EmbeddedSimulator) -> None:
    other = EmbeddedSimulator(sim.scene, replace(FAST, threads=1))
    for action in (None, Action.FORWARD, Action.LEFT, Action.FORWARD):
        a, b = (s.reset(4) if action is None else s.step(action) for s in (sim, other))
        assert a.rgb.tobytes() == b.rgb.tobytes() and a.depth.tobytes() == b.depth.tobytes()
        assert a.T_odom_base.tobytes() == b.T_odom_base.tobytes() and a.collided == b.collided
    assert sim.reset(5).rgb.tobytes() != sim.reset(4).rgb.tobytes()


def test_render_at_sees_what_the_robot_sees_and_does_not_move_it(sim: EmbeddedSimulator) -> None:
    seen = sim.reset(3)
    truth = sim.truth_images()
    there, labels = sim.render_at(sim.T_world_odom @ seen.T_odom_base)
    np.testing.assert_array_equal(there.rgb, seen.rgb)
    np.testing.assert_array_equal(there.depth, seen.depth)
    np.testing.assert_array_equal(labels.instance, truth.instance)
    np.testing.assert_allclose(there.T_odom_base, seen.T_odom_base, atol=1e-12)
    sim.render_at(np.eye(4))
    after = sim.step(Action.STOP)
    np.testing.assert_array_equal(after.T_odom_base, seen.T_odom_base)
    np.testing.assert_array_equal(after.rgb, seen.rgb)


def test_the_camera_is_the_robots(sim: EmbeddedSimulator) -> None:
    assert sim.camera.fx == pytest.approx(80 / math.tan(math.radians(39.5)))
    np.testing.assert_allclose(sim.T_base_camera[:3, 3], (0.0, 0.0, 0.88))
    np.testing.assert_allclose(sim.T_base_camera[:3, 2], (1.0, 0.0, 0.0), atol=1e-12)
