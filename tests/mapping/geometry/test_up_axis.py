# SPDX-License-Identifier: Apache-2.0
"""Level surfaces say which way is up; where they cannot, that is said and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.geometry.plain_room import bodies, views, walk

from seal_mapping.geometry.surfaces import surface_normals
from seal_mapping.geometry.up_axis import angle_deg, choose_up, find_up, given_up, level_surfaces, rotation_to_z
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, invert

Z = np.array([0.0, 0.0, 1.0])


def _turned(axis: list[float], degrees: float) -> np.ndarray:
    """(4, 4) rotation, by Rodrigues' formula."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    T = np.eye(4)
    T[:3, :3] += np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
    return T


def _normals(found: list) -> np.ndarray:
    return np.concatenate([surface_normals(view) for view in found])


def _poses(found: list) -> np.ndarray:
    return np.stack([view.T_world_camera for view in found])


@pytest.mark.parametrize("tilt", [0.0, 10.0, 27.0, 44.0, 58.0])
def test_a_world_that_is_its_first_camera(tilt: float) -> None:
    """As SLAM without gravity gives it: whatever the first camera's tilt, the floor's normal comes out."""
    poses = walk(12, tilt_deg=tilt)
    found = views(poses, invert(poses[0]))
    up = find_up(_poses(found), _normals(found))
    true_up = invert(poses[0])[:3, :3] @ Z
    assert angle_deg(up.direction, true_up) < 0.5
    np.testing.assert_allclose(up.rotation @ true_up, Z, atol=0.01)
    assert np.linalg.det(up.rotation) == pytest.approx(1.0)
    axis, off = ("-y", tilt) if tilt < 45 else ("-z", 90 - tilt)
    assert up.tilt_deg == pytest.approx(off, abs=0.5) and up.axis == axis
    if tilt:
        assert f"{up.tilt_deg:.1f} degrees from {axis}" in up.line() and "of the surfaces are level" in up.line()


@pytest.mark.parametrize(("axis", "degrees"), [([1, 0, 0], 15.0), ([0.3, 1, 0.2], 22.0), ([0, 1, 0], -40.0)])
def test_a_world_tilted_any_way(axis: list[float], degrees: float) -> None:
    T = _turned(axis, degrees)
    found = views(walk(12, tilt_deg=10.0), T)
    up = find_up(_poses(found), _normals(found))
    assert angle_deg(up.direction, T[:3, :3] @ Z) < 0.5


def test_noise_of_depth_does_not_move_it() -> None:
    """White noise of 9 cm at 3 m, a twentieth of the readings lost."""
    rng = np.random.default_rng(0)
    T = _turned([1, 0.5, 0], 20.0)
    found = []
    for view in views(walk(16), T):
        depth = view.depth + rng.normal(0, 0.01 * view.depth**2) * (view.depth < 9)
        depth[rng.random(depth.shape) < 0.05] = 0.0
        found.append(replace(view, depth=depth.astype(np.float32)))
    up = find_up(_poses(found), _normals(found))
    assert angle_deg(up.direction, T[:3, :3] @ Z) < 2.0


def test_a_camera_that_looks_up_sees_the_ceiling() -> None:
    poses = walk(12, tilt_deg=-25.0)
    found = views(poses, invert(poses[0]))
    up = find_up(_poses(found), _normals(found))
    assert angle_deg(up.direction, invert(poses[0])[:3, :3] @ Z) < 0.5


def test_a_level_world_keeps_its_axis_to_the_bit() -> None:
    found = views(walk(8))
    up = find_up(_poses(found), _normals(found))
    assert (up.axis, up.tilt_deg) == ("z", 0.0)
    np.testing.assert_array_equal(up.rotation, np.eye(3))


def test_without_surfaces_the_cameras_are_believed_and_it_is_said() -> None:
    poses = np.stack(walk(4))
    up = find_up(poses, np.zeros((0, 3)))
    assert up.axis == "z" and "assumed: too few level surfaces" in up.line()
    with pytest.raises(InputError, match=r"40 degrees from z; too few level surfaces were seen; say it: --up=z"):
        find_up(np.stack(walk(4, tilt_deg=40.0)), np.zeros((0, 3)))


def test_a_camera_that_looked_down_all_the_time_is_refused_with_both_figures() -> None:
    poses = walk(12, tilt_deg=75.0)
    found = views(poses, invert(poses[0]))
    with pytest.raises(InputError, match=r"mean up is .*; 100% of the surfaces are level for .*, 15 degrees from"):
        find_up(_poses(found), _normals(found))


def test_slopes_that_disagree_are_refused_with_both_figures() -> None:
    """Two roofs' slopes, 50 degrees apart, and nothing level: no answer is better than the other."""
    rng = np.random.default_rng(1)
    slopes = [[np.sin(a), 0.0, np.cos(a)] for a in np.deg2rad([25.0, -25.0])]
    normals = np.repeat(slopes, 500, axis=0) + rng.normal(0, 0.01, (1000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    with pytest.raises(InputError, match=r"mean up is .*; 50% of the surfaces are level for .* but others .*--up"):
        find_up(np.stack([camera_mounting(1.0)]), normals)


def test_cameras_held_in_all_directions_are_refused() -> None:
    poses = np.stack([_turned([1, 0, 0], a) for a in (0.0, 90.0, 180.0, 270.0)])
    with pytest.raises(InputError, match="held in all directions"):
        find_up(poses, np.tile(Z, (500, 1)))


def test_few_level_patches_are_no_evidence() -> None:
    walls = np.tile([1.0, 0.0, 0.0], (1000, 1))
    assert level_surfaces(np.concatenate([walls, np.tile(Z, (59, 1))]), Z) is None
    found = level_surfaces(np.concatenate([walls, np.tile(Z, (60, 1))]), Z)
    assert found is not None and found.walls == pytest.approx(1000 / 1060)
    assert level_surfaces(np.tile([1.0, 0.0, 0.0], (1000, 1)), Z) is None


def test_a_map_is_kept_unless_surfaces_are_clear() -> None:
    """Of a bag: z counts within 3 degrees, for a planar base, and where nothing is seen."""
    mounting = camera_mounting(0.88, 0.1, 0.2)
    for degrees, planar, turned in ((0.0, False, False), (2.5, False, False), (8.0, True, False), (8.0, False, True)):
        T = _turned([1, 0, 0], degrees)
        found = views([body @ mounting for body in bodies(12)], T)
        base = np.stack([np.eye(4) if planar else T] * 3)
        up, line = choose_up(_poses(found), _normals(found), base)
        assert (up.tilt_deg > 0) is turned, (degrees, planar)
        assert bool(line) is (degrees > 3.0)
        assert "warning: up: z is assumed" in line if degrees > 3 and planar else True
    up, line = choose_up(_poses(found), np.zeros((0, 3)), None)
    assert (up.axis, up.tilt_deg, line) == ("z", 0.0, "")


def test_a_bag_whose_world_is_an_optical_frame() -> None:
    """z ahead, -y up: z is so far off that the cameras lead to the level surfaces, if no body says other."""
    poses = walk(12, tilt_deg=5.0)
    found = views(poses, invert(poses[0]))
    assert choose_up(_poses(found), _normals(found), np.stack([np.eye(4)] * 3))[0].axis == "z"
    up, line = choose_up(_poses(found), _normals(found), None)
    assert angle_deg(up.direction, invert(poses[0])[:3, :3] @ Z) < 0.5 and "up=z overrides" in line


def test_the_users_word() -> None:
    assert given_up("-y").rotation.tolist() == [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    up = given_up("0,-0.8910065,0.4539905")
    assert up.axis == "-y" and up.tilt_deg == pytest.approx(27.0, abs=1e-4) and up.line().endswith("(as given)")
    np.testing.assert_allclose(up.rotation @ [0, -0.8910065, 0.4539905], Z, atol=1e-7)
    for wrong in ("north", "0,0,0", "1,2", "1,nan,0", "a,b,c"):
        with pytest.raises(InputError, match="--up must be auto, x, -x, y, -y, z, -z, or a direction"):
            given_up(wrong)


def test_the_smallest_rotation_to_z() -> None:
    for direction in ([0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.36, -0.48, 0.8]):
        R = rotation_to_z(np.array(direction))
        np.testing.assert_allclose(R @ direction, Z, atol=1e-12)
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
        assert np.trace(R) == pytest.approx(1 + 2 * direction[2])
