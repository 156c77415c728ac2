# SPDX-License-Identifier: Apache-2.0
"""What every world must give, whatever is behind it: a home, scenes of others, and Habitat where it is installed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.sim.rooms import DATA, FAST

from seal_perception.errors import InputError
from seal_perception.pose import invert, planar_pose, pose_yaw
from seal_perception.simulator import Action, Drivable, Simulator, TruthSource
from sim_bridge.drawing.render import Renderer
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.geometry.mesh import Scene
from sim_bridge.scenes.load import load_scene
from sim_bridge.scenes.stages.write import write_habitat
from sim_bridge.scenes.write import write_scene_folder
from sim_bridge.worlds import World, open_embedded, open_simulator

OFFICE = DATA / "husarion_office"
absent = pytest.mark.skipif(not OFFICE.is_dir(), reason="shared/data/husarion_office is not here")
ACTIONS = (Action.FORWARD, Action.FORWARD, Action.FORWARD, Action.LEFT, Action.RIGHT)
HOME = "test_01"


@dataclass
class Case:
    """A world under test, what it shows, and how to open it a second time."""

    world: World
    scene: Scene
    again: Callable[[], World]
    margin_cells: int = 0  # how far from the reachable cells the robot may be: a mesh has no cells
    cracks: int = 0  # open pixels allowed: OpenGL leaves some where a corner lies on another triangle's edge


def _embedded(opened: str) -> Case:
    world = open_embedded(opened, FAST)

    def again() -> World:
        other = EmbeddedSimulator(world.scene, replace(FAST, threads=1))
        # The light is the slow part; that it comes out the same twice is tested with the renderer.
        other._renderer = Renderer(world.scene, FAST.light, 1, world.renderer.light)
        return other

    return Case(world, world.scene, again)


def _case(name: str, folder: Path) -> Case:
    source = HOME if name.endswith("home") else str(OFFICE)
    if name in ("home", "office"):
        return _embedded(source)
    scene = load_scene(source)
    if name == "exported home":
        write_scene_folder(scene, folder / "home", source=source)
        return _embedded(str(folder / "home"))
    write_habitat(scene, folder / "scene")
    opened = f"habitat:{folder / 'scene'}"
    return Case(open_simulator(opened, FAST), scene, lambda: open_simulator(opened, FAST), 1, 3)


@pytest.fixture(
    scope="module",
    params=[
        "home",
        "exported home",
        pytest.param("office", marks=absent),
        pytest.param("habitat home", marks=pytest.mark.habitat),
        pytest.param("habitat office", marks=[pytest.mark.habitat, absent]),
    ],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    found = _case(request.param, tmp_path_factory.mktemp("worlds"))
    yield found
    found.world.close()


@pytest.fixture
def sim(case: Case) -> World:
    return case.world


def test_it_keeps_the_protocols(sim: World) -> None:
    assert isinstance(sim, Simulator) and isinstance(sim, Drivable) and isinstance(sim, TruthSource)


def test_pictures_have_their_types_and_units(sim: World) -> None:
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


def test_the_odometry_begins_at_the_start(sim: World) -> None:
    for seed in (0, 3):
        np.testing.assert_allclose(sim.reset(seed).T_odom_base, np.eye(4), atol=1e-12)
        np.testing.assert_allclose(sim.T_world_base, sim.T_world_odom, atol=1e-12)
    sim.reset(0)
    assert pose_yaw(sim.T_world_base) == 0.0, "the scene's own start faces +x"


def test_turns_and_steps_follow_rep_103(sim: World) -> None:
    sim.reset(2)
    left = [sim.step(Action.LEFT) for _ in range(3)][-1]
    np.testing.assert_allclose(left.T_odom_base, planar_pose(0.0, 0.0, math.pi / 2), atol=1e-9)
    right = [sim.step(Action.RIGHT) for _ in range(4)][-1]
    assert pose_yaw(right.T_odom_base) == pytest.approx(-math.pi / 6)
    for _ in range(12):
        before = sim.T_odom_base
        ahead = sim.step(Action.FORWARD)
        if not ahead.collided:
            break
        sim.step(Action.LEFT)
    assert not ahead.collided, "blocked on all sides"
    np.testing.assert_allclose((invert(before) @ ahead.T_odom_base)[:2], planar_pose(0.25, 0.0, 0.0)[:2], atol=1e-9)
    assert abs((invert(before) @ ahead.T_odom_base)[2, 3]) < 0.06
    np.testing.assert_allclose(sim.T_world_base, sim.T_world_odom @ ahead.T_odom_base, atol=1e-12)


def _points(sim: World, depth: np.ndarray, T: np.ndarray) -> np.ndarray:
    points = (sim.camera.rays() * depth[..., None])[depth > 0]
    return points @ T[:3, :3].T + T[:3, 3]


@pytest.mark.parametrize("move", [(Action.LEFT,), (Action.FORWARD,), (Action.FORWARD, Action.RIGHT)])
def test_two_views_agree_on_depth_and_colour(sim: World, move: tuple[Action, ...]) -> None:
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


def _stands(case: Case, T_world_base: np.ndarray) -> bool:
    """Whether a reachable cell is at the robot's centre, or within the case's margin of it."""
    floor, margin = case.world.reachable_floor(), case.margin_cells
    i, j = floor.world_to_cell(T_world_base[:2, 3])
    return bool(floor.cells[max(i - margin, 0) : i + margin + 1, max(j - margin, 0) : j + margin + 1].any())


def test_a_walk_stays_on_free_floor(case: Case) -> None:
    sim = case.world
    rng = np.random.default_rng(5)
    before = sim.reset(1)
    collisions = 0
    for k in range(1, 81):
        action = ACTIONS[int(rng.integers(len(ACTIONS)))]
        seen = sim.step(action)
        assert seen.step == k
        moved = np.linalg.norm((seen.T_odom_base - before.T_odom_base)[:2, 3])
        if seen.collided:
            collisions += 1
            assert action is Action.FORWARD
            np.testing.assert_array_equal(seen.T_odom_base, before.T_odom_base)
            np.testing.assert_array_equal(seen.depth, before.depth)
        else:
            assert moved == pytest.approx(0.25 if action is Action.FORWARD else 0.0, abs=1e-9)
        assert _stands(case, sim.T_world_base)
        before = seen
    assert 0 < collisions < 60


def test_it_drives_until_it_touches(case: Case) -> None:
    sim = case.world
    sim.reset(1)
    assert not sim.drive(0.0, 0.5, 0.2)
    np.testing.assert_allclose(sim.T_odom_base, planar_pose(0.0, 0.0, 0.1), atol=1e-9)
    for _ in range(400):
        before = sim.T_odom_base
        if sim.drive(0.4, 0.0, 0.1):
            break
        assert np.linalg.norm((sim.T_odom_base - before)[:2, 3]) == pytest.approx(0.04, abs=1e-9)
    after = sim.observe()
    assert after.collided and after.step == 1 and _stands(case, sim.T_world_base)
    sim.drive(0.4, 0.0, 0.1)
    assert np.linalg.norm((sim.T_odom_base - after.T_odom_base)[:2, 3]) < 0.011, "it does not slide"
    sim.drive(-0.4, 0.0, 0.1)
    assert sim.observe().T_odom_base[:2, 3].tolist() != after.T_odom_base[:2, 3].tolist()


def test_truth_fits_the_depth_and_the_objects(case: Case) -> None:
    sim, scene = case.world, case.scene
    table = sim.instance_table()
    for k, part in enumerate(scene.parts):
        assert table[k + 1][1] == part.category, part.name
    found = set()
    for seed in range(1, 7):
        seen = sim.reset(seed)
        truth = sim.truth_images()
        assert truth.instance.dtype == np.int32 and truth.category.dtype == np.int8
        np.testing.assert_array_equal(truth.instance > 0, seen.depth > 0)
        T = sim.T_world_base @ sim.T_base_camera
        ids = truth.instance[seen.depth > 0]
        world = _points(sim, seen.depth, T)
        for instance in np.unique(ids):
            assert (truth.category[truth.instance == instance] == table[int(instance)][1]).all()
            low, high = scene.parts[instance - 1].mesh.bounds()
            own = world[ids == instance]
            assert (own > low - 0.01).all() and (own < high + 0.01).all(), table[int(instance)]
        found |= set(np.unique(truth.category)) - {-1}
    assert len(found) >= 1


def test_a_home_has_no_holes(case: Case) -> None:
    if case.scene.name != HOME:
        pytest.skip("the office is open to the outside")
    assert max((case.world.reset(seed).depth == 0).sum() for seed in range(1, 5)) <= case.cracks


def test_the_same_seed_gives_the_same_bytes(case: Case) -> None:
    sim, other = case.world, case.again()
    for action in (None, Action.FORWARD, Action.LEFT, Action.FORWARD):
        a, b = (s.reset(4) if action is None else s.step(action) for s in (sim, other))
        assert a.rgb.tobytes() == b.rgb.tobytes() and a.depth.tobytes() == b.depth.tobytes()
        assert a.T_odom_base.tobytes() == b.T_odom_base.tobytes() and a.collided == b.collided
    other.close()
    assert sim.reset(5).rgb.tobytes() != sim.reset(4).rgb.tobytes()


def test_truth_does_not_change_what_is_seen(case: Case) -> None:
    plain, asked = case.again(), case.world
    asked.reset(4)
    asked.truth_images()
    for action in (None, Action.LEFT, Action.FORWARD):
        a, b = (s.reset(4) if action is None else s.step(action) for s in (plain, asked))
        asked.truth_images()
        assert a.rgb.tobytes() == b.rgb.tobytes() and a.depth.tobytes() == b.depth.tobytes()
    plain.close()


def test_render_at_sees_what_the_robot_sees_and_does_not_move_it(sim: World) -> None:
    seen = sim.reset(3)
    truth = sim.truth_images()
    there, labels = sim.render_at(sim.T_world_odom @ seen.T_odom_base)
    np.testing.assert_array_equal(there.rgb, seen.rgb)
    np.testing.assert_array_equal(there.depth, seen.depth)
    np.testing.assert_array_equal(labels.instance, truth.instance)
    np.testing.assert_allclose(there.T_odom_base, seen.T_odom_base, atol=1e-12)
    sim.render_at(np.eye(4))
    np.testing.assert_array_equal(sim.truth_images().instance, truth.instance)
    after = sim.step(Action.STOP)
    np.testing.assert_array_equal(after.T_odom_base, seen.T_odom_base)
    np.testing.assert_array_equal(after.rgb, seen.rgb)


def test_the_camera_is_the_robots(sim: World) -> None:
    assert sim.camera.fx == pytest.approx(80 / math.tan(math.radians(39.5)))
    np.testing.assert_allclose(sim.T_base_camera[:3, 3], (0.0, 0.0, 0.88))
    np.testing.assert_allclose(sim.T_base_camera[:3, 2], (1.0, 0.0, 0.0), atol=1e-12)


def test_mistakes_are_named(case: Case) -> None:
    fresh = case.again()
    with pytest.raises(InputError, match="reset"):
        fresh.truth_images()
    # Opened is as good as reset: a step then is the first of seed 0.
    assert fresh.step(Action.LEFT).step == 1
    fresh.close()
    case.world.reset()
    with pytest.raises(ValueError, match="FORWARD"):
        case.world.step("forward")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        case.world.drive(math.nan, 0.0, 0.1)
    with pytest.raises(ValueError, match="T_world_base"):
        case.world.render_at(np.zeros((4, 4)))
