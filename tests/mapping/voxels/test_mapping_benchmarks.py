# SPDX-License-Identifier: Apache-2.0
"""The baselines of the benchmark do the same work, or the ratios would say nothing."""

from __future__ import annotations

import numpy as np
from tests.mapping.worlds import dense as window_of
from tests.mapping.worlds import label_config

from seal_mapping.benchmarks.mapping_benchmark import DenseNumpyMap, mapping_rows, plain_labels, room_frames
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import render_labels
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap


def test_baselines_give_the_same_results():
    frames = room_frames(160, 120, 6)
    voxel_map, dense = VoxelMap(), DenseNumpyMap(MapConfig())
    for frame, scores in frames:
        voxel_map.integrate_scores(frame, scores)
        dense.integrate(frame, scores)
    cloud = voxel_map.voxels()
    ijk = cloud.ijk + np.array([128, 128, 2])
    flat = (ijk[:, 0] * 256 + ijk[:, 1]) * 43 + ijk[:, 2]
    # Matrix product and written-out sum round differently: a point on a boundary may fall to either side.
    assert (dense.views[flat] == cloud.views).mean() > 0.999
    assert (cloud.best_score == dense.best_score[:, flat].T).mean() > 0.999
    assert (cloud.score_sum == dense.score_sum[:, flat].T).mean() > 0.999
    assert abs(int((dense.views > 0).sum()) - len(cloud)) <= 5
    volume = propagate(voxel_map, label_config())
    assert len(volume.instances) >= 2
    window = window_of(volume)
    for frame, _ in frames[:2]:
        plain = plain_labels(volume, window, window.clearance == 0, frame)
        assert (plain == render_labels(volume, frame.camera, frame.T_map_camera)[0]).mean() > 0.999


def test_rows_are_whole():
    rows = mapping_rows(1, sizes=((80, 60), (40, 30), (20, 15)))
    assert [r.stage for r in rows[:3]] == ["integrate"] * 3
    assert [r.size for r in rows[:3]] == ["80x60", "40x30", "20x15"]
    assert all(r.ms > 0 and r.p90_ms >= r.ms * 0.99 and r.ratio and r.group == "mapping" for r in rows[:3])
