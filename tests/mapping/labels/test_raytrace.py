# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.worlds import box, frame, label_config, map_of

from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import render_labels, trace_image
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.traversal import leap_to_stop
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

SMALL = Camera.from_hfov(16, 12, 1.3)
FORWARD = camera_mounting(0.0)


def volume_of(stops, low=(0, 0, 0), voxel_m=0.05):
    """Volume in which every stop is an instance of its own."""
    ijk = (np.argwhere(stops) + np.array(low)).astype(np.int32).reshape(-1, 3)
    ids = np.arange(1, len(ijk) + 1, dtype=np.int32)
    items = tuple(Instance(n + 1, n % 6, 1, 1.0, 1.0, 1.0, 1.0, (0, 0, 0), (0, 0, 0)) for n in range(len(ijk)))
    return LabelVolume(ijk, ids, np.full(3, -voxel_m / 2), voxel_m, items)


def walk(p, d, stops, max_t):
    """Amanatides and Woo, voxel by voxel from the camera on: the first stop and the parameter of its first plane."""
    voxel = [math.floor(v) for v in p]
    inverse = [1.0 / v if abs(v) > 1e-12 else math.inf for v in d]
    t = 0.0
    for _ in range(100_000):
        if tuple(voxel) in stops:
            return tuple(voxel), t
        planes = [math.inf] * 3
        for axis in range(3):
            if not math.isinf(inverse[axis]):
                planes[axis] = (voxel[axis] + (d[axis] > 0) - p[axis]) * inverse[axis]
        axis = planes.index(min(planes))
        t = planes[axis]
        if t > max_t:
            return None, 0.0
        voxel[axis] += 1 if d[axis] > 0 else -1
    raise AssertionError("the walk does not end")


def reference(volume, camera, T, max_t):
    ids = np.zeros((camera.height, camera.width), np.int32)
    depth = np.zeros(ids.shape, np.float32)
    low = volume.bounds()[0]
    stops = dict(zip(map(tuple, (volume.ijk - low).tolist()), volume.instance.tolist(), strict=True))
    p = (T[:3, 3] - volume.origin) / volume.voxel_m - low
    R = T[:3, :3] / volume.voxel_m
    for r in range(camera.height):
        for u in range(camera.width):
            a, b = (u - camera.cx) / camera.fx, (r - camera.cy) / camera.fy
            d = [R[n, 0] * a + R[n, 1] * b + R[n, 2] for n in range(3)]
            voxel, t = walk(p.tolist(), d, stops, max_t)
            if voxel is not None:
                ids[r, u], depth[r, u] = stops[voxel], t
    return ids, depth


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    share=st.sampled_from([0.0, 0.002, 0.02, 0.2]),
    aligned=st.booleans(),
    max_t=st.sampled_from([0.4, 5.0]),
)
def test_same_voxels_as_the_plain_walk(seed, share, aligned, max_t):
    """From inside and outside the box; along the axes and through corners too, where planes tie."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 24, 3))
    low = rng.integers(-20, 5, 3)
    volume = volume_of(rng.random(shape) < share, low)
    centre = (low + np.array(shape) / 2) * volume.voxel_m
    if aligned:  # at a voxel's centre, on an edge or corner, looking along an axis: ties and zero components
        place = np.round(centre / 0.025 + rng.integers(-30, 30, 3)) * 0.025
        T = planar_pose(0, 0, rng.integers(4) * np.pi / 2) @ FORWARD
        T[:3, :3] = np.round(T[:3, :3])
        camera = Camera(11, 9, 5.0, 5.0, 5.0, 4.0)
    else:
        place = centre + rng.uniform(-1.5, 1.5, 3)
        T = planar_pose(0, 0, rng.uniform(-3, 3)) @ camera_mounting(0, 0, rng.uniform(-1, 1))
        camera = SMALL
    T[:3, 3] = place
    ids, depth = trace_image(volume, camera, T, max_t)
    expected_ids, expected_depth = reference(volume, camera, T, max_t)
    assert (ids == expected_ids).all()
    assert (depth == expected_depth).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ray_that_leaves_the_box_from_its_very_plane_meets_nothing(axis):
    """The camera on the far plane of the outermost voxels, looking away from them, and at them."""
    volume = volume_of(np.ones((3, 3, 3), bool))
    crop = volume.crop(*volume.bounds())
    p, away = np.full(3, 1.5), np.eye(3)[axis]
    p[axis] = 3.0
    assert leap_to_stop(*p, *away, crop.clearance, 5.0)[0] == -1
    *voxel, t = leap_to_stop(*p, *-away, crop.clearance, 5.0)
    assert voxel[axis] == 2 and t == 0.0


def test_a_wall_by_hand():
    world = box((40, -60, -30), (41, 60, 60), c1=255)  # at x = 2 m: from 1.975 to 2.025 m
    volume = propagate(map_of(world), label_config())
    ids, category = render_labels(volume, SMALL, FORWARD)
    assert (ids == 1).all() and (category == 1).all()
    assert ids.dtype == np.int32 and category.dtype == np.int8
    _, depth = trace_image(volume, SMALL, FORWARD)
    assert depth == pytest.approx(1.975, abs=1e-6)
    assert (trace_image(volume, SMALL, FORWARD, max_range_m=1.9)[0] == 0).all()
    behind = planar_pose(0, 0, np.pi) @ FORWARD
    assert (render_labels(volume, SMALL, behind)[1] == -1).all()


def test_what_is_occupied_hides_what_is_labelled_behind_it():
    world = {**box((40, -10, -10), (42, 10, 10), c0=255), **box((20, -20, -20), (21, 0, 20))}
    ids, category = render_labels(propagate(map_of(world), label_config()), SMALL, FORWARD)
    ahead = (ids[:, :8], ids[:, 8:])  # left half: y > 0
    assert (category[ids > 0] == 0).all()
    assert (ahead[0] > 0).any() and not (ahead[1] > 0).any()
    noisy = label_config(min_views=2)  # the screen was seen once: no obstacle to a ray
    ids, _ = render_labels(propagate(map_of(world), noisy), SMALL, FORWARD)
    assert (ids[:, 8:] > 0).any()


def test_own_depth_finds_the_voxel_and_checks_the_ray():
    world = {**box((40, -60, -30), (41, 60, 60), c1=255), **box((60, -80, -40), (62, 80, 80), c4=255)}
    volume = propagate(map_of(world), label_config())
    depth = np.full((12, 16), 2.0, np.float32)
    depth[:, :8] = 3.0  # the sensor looked past the first wall there
    depth[0] = np.nan
    _, by_depth = render_labels(volume, SMALL, FORWARD, pixels="depth", depth=depth)
    assert (by_depth[1:, :8] == 4).all() and (by_depth[1:, 8:] == 1).all()
    assert (by_depth[0] == 1).all()  # no reading: by ray
    _, checked = render_labels(volume, SMALL, FORWARD, depth=depth, depth_check_m=0.15)
    assert (checked[1:, :8] == -1).all() and (checked[1:, 8:] == 1).all() and (checked[0] == 1).all()
    _, plain = render_labels(volume, SMALL, FORWARD, depth=depth)
    assert (plain == 1).all()
    far = np.full((12, 16), 6.0, np.float32)
    assert (render_labels(volume, SMALL, FORWARD, pixels="depth", depth=far)[0] == 0).all()


def test_labels_of_the_frames_that_made_the_map_lie_on_their_pixels():
    voxel_map = VoxelMap()
    item = frame(2.0)
    image = np.zeros((24, 32, 6), np.uint8)
    image[6:18, 8:24, 2] = 250
    voxel_map.integrate_scores(item, image)
    volume = propagate(voxel_map, label_config(min_instance_m3=0.0))
    for pixels in ("ray", "depth"):
        _, category = render_labels(volume, item.camera, item.T_map_camera, pixels=pixels, depth=item.depth)
        assert ((category == 2) == (image[..., 2] > 0)).mean() > 0.9, pixels


def test_depth_that_is_needed_and_missing_is_named():
    volume = propagate(map_of(box((0, 0, 0), (6, 6, 6), c0=255)), label_config())
    with pytest.raises(InputError, match=r"depth must be \(12, 16\) float32 .* got none"):
        render_labels(volume, SMALL, FORWARD, pixels="depth")
    with pytest.raises(InputError, match=r"got \(3, 3\) float32"):
        render_labels(volume, SMALL, FORWARD, depth_check_m=0.1, depth=np.zeros((3, 3), np.float32))
    with pytest.raises(InputError, match="ray, depth, got 'x'"):
        render_labels(volume, SMALL, FORWARD, pixels="x")
