# SPDX-License-Identifier: Apache-2.0
"""Two runs are the same, or what differs is named: bags, maps and ways are written by the nodes' own code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, detections, frame

from seal_bringup.cli.app import main
from seal_bringup.evaluation.same_run import compare_runs
from seal_bringup.stack.run_log import RunLog
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.voxels.io import save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

FRAMES = 4
MASK = np.zeros((CAMERA.height, CAMERA.width), bool)
MASK[8:16, 8:16] = True


def write_run(folder: Path, wall_m: float = 2.0, mapped_score: float = 0.95, last_turn: float = 0.5) -> Path:
    """A robot that turns before a wall: a millimetre, a score or the last action may be another."""
    folder.mkdir()
    voxel_map, log, mounting = VoxelMap(), RunLog(), camera_mounting(0.88)
    with BagWriter(folder / "bag") as bag:
        for k in range(FRAMES):
            stamp_ns, T_odom_base = 10**9 + 10**8 * k, planar_pose(0, 0, 0.5 * k)
            seen = frame(wall_m if k == 2 else 2.0, T_odom_base @ mounting, stamp_ns=stamp_ns)
            found = detections(CAMERA, (0, 0.95, MASK))
            write_frame(bag, stamp_ns, seen.rgb, seen.depth, CAMERA, T_odom_base, mounting, found)
            voxel_map.integrate(frame(2.0, seen.T_map_camera), detections(CAMERA, (0, mapped_score, MASK)))
            log.pose(stamp_ns, T_odom_base, 0.0)
            log.mapped(stamp_ns, {"confident_voxels": "0", "explored_area_m2": "1"}, 0.0)
            log.step(stamp_ns, planar_pose(0, 0, last_turn if k == FRAMES - 1 else 0.5), 0.0)
    save_map(voxel_map, folder / "map.npz")
    log.write(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("same") / "run")


def test_a_repeated_run_is_the_same(run: Path, tmp_path: Path) -> None:
    found = compare_runs(run, write_run(tmp_path / "again"))
    assert found.differences == ()
    messages, arrays, way = found.compared
    # One /tf_static; info, colour, depth, odometry, transform and detections of each frame.
    assert messages == f"bag: {1 + 6 * FRAMES} messages of 7 topics"
    assert arrays == f"map.npz: {len(np.load(run / 'map.npz').files)} arrays"
    assert way == f"trajectory.json: {FRAMES} frames"


def test_one_picture_that_differs_is_named(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", wall_m=2.001)
    assert compare_runs(run, other).differences == (
        "bag: /camera/depth/image_raw: 4 and 4 messages, they differ at 1 times, first at 1.200000000 s",
    )


def test_a_score_of_the_map_that_differs_is_named(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", mapped_score=0.94)
    assert compare_runs(run, other).differences == ("map.npz: best_score differs", "map.npz: score_sum differs")


def test_one_action_that_differs_is_named(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", last_turn=-0.5)
    line = "trajectory.json: actions differs in 1 of 4 rows: 3"
    assert compare_runs(run, other).differences == (line,)
    way = json.loads((run / "trajectory.json").read_text())
    way["actions"] = way["actions"][:2]
    (other / "trajectory.json").write_text(json.dumps(way))
    assert compare_runs(run, other).differences == ("trajectory.json: actions differs in 2 of 4 rows: 2, 3",)


def test_runs_without_a_bag_are_compared_by_the_rest(run: Path, tmp_path: Path) -> None:
    pair = [Path(shutil.copytree(run, tmp_path / name, ignore=lambda *_: ["bag"])) for name in ("a", "b")]
    assert compare_runs(*pair).differences == () and len(compare_runs(*pair).compared) == 2
    with pytest.raises(InputError, match="a has no bag: expected the folder of a run that is over"):
        compare_runs(run, pair[0])
    (pair[1] / "trajectory.json").write_text("[]")
    with pytest.raises(InputError, match="trajectory.json is no way of a run: expected stamps"):
        compare_runs(*pair)
    (pair[1] / "map.npz").unlink()
    with pytest.raises(InputError, match=r"b has no map.npz: expected the folder of a run that is over"):
        compare_runs(*pair)


@pytest.mark.parametrize(("wall_m", "code"), [(2.0, 0), (2.001, 1)])
def test_the_command_ends_with_1_where_runs_differ(
    run: Path, tmp_path: Path, wall_m: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    other = write_run(tmp_path / "other", wall_m=wall_m)
    monkeypatch.setattr("sys.argv", ["seal", "compare", str(run), str(other)])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main())
    out, err = capsys.readouterr()
    assert (end.value.code or 0) == code
    if code:
        assert (
            "different: bag: /camera/depth/image_raw" in out and "a run repeats in lockstep, with the same scene" in err
        )
    else:
        assert out.splitlines()[-1] == "the same bit for bit"
