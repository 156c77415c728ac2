# SPDX-License-Identifier: Apache-2.0
"""What a run says becomes what the page shows, with answers known by hand, in bounded memory."""

from __future__ import annotations

import base64
import io
import json
import threading
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seal_bringup.live.hub import Hub
from seal_bringup.live.series import Series, Way
from seal_bringup.live.view import OVERLAY_S, LiveView
from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> LiveView:
    return LiveView("/robot1", clock=clock)


def state(view: LiveView) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(view.hub.text())
    return value


def part(view: LiveView, name: str) -> Any:
    found = view.hub.part(name)
    assert found is not None and found.kind == "application/json"
    return json.loads(found.body())


def detections(names: CategorySet | None = None, stamp_ns: int = 7 * m.NS) -> str:
    masks = np.zeros((2, 24, 32), bool)
    masks[0, 4:10, 2:12] = masks[1, 12:20, 20:30] = True
    boxes = np.array([[2, 4, 12, 10], [20, 12, 30, 20]], np.float32)
    scores = np.array([0.91, 0.31], np.float32)
    more = {} if names is None else {"names": names}
    return m.detections_to_text(Detections(boxes, np.array([2, 0]), scores, masks, **more), stamp_ns)


def test_an_empty_page_says_who_it_is_about_and_what_colours_mean(view: LiveView) -> None:
    shown = state(view)
    assert (shown["who"], shown["buttons"], shown["parts"]) == ("/robot1", True, {})
    assert shown["categories"][0] == ["chair", "#e66101"] and len(shown["categories"]) == 6
    assert "picture" not in shown and view.hub.part("camera") is None


@pytest.mark.parametrize("first", ["picture", "detections"])
def test_boxes_lie_over_the_picture_of_their_stamp_whichever_comes_first(view: LiveView, first: str) -> None:
    def see_picture() -> None:
        view.see_picture(7 * m.NS, np.full((24, 32, 3), 90, np.uint8), overlay=True)

    steps = [see_picture, lambda: view.see_detections(detections())]
    for step in steps if first == "picture" else steps[::-1]:
        step()
    boxes = [[2.0, 4.0, 12.0, 10.0, "potted plant", 0.91]]  # the other one scores below 0.5
    wanted = {"stamp_ns": "7000000000", "width": 32, "height": 24, "overlay": True, "boxes": boxes}
    assert state(view)["picture"] == wanted
    view.see_picture(8 * m.NS, np.zeros((24, 32, 3), np.uint8), overlay=True)
    assert state(view)["picture"]["boxes"] == [] and state(view)["parts"]["camera"] == 2


def test_the_picture_is_a_jpeg_of_what_was_seen(view: LiveView) -> None:
    rgb = np.zeros((24, 32, 3), np.uint8)
    rgb[..., 0] = 200
    view.see_picture(0, rgb, overlay=False)
    found = view.hub.part("camera")
    assert found is not None and found.kind == "image/jpeg"
    shown = np.asarray(Image.open(io.BytesIO(found.body())))
    assert shown.shape == (24, 32, 3) and np.abs(shown.astype(int) - rgb).max() < 12


def test_a_bare_picture_waits_until_no_overlay_has_come_for_a_while(view: LiveView, clock: Clock) -> None:
    picture = np.zeros((24, 32, 3), np.uint8)
    view.see_picture(1, picture, overlay=False)
    view.see_picture(2, picture, overlay=True)
    view.see_picture(3, picture, overlay=False)
    assert state(view)["picture"]["stamp_ns"] == "2"
    clock.now += OVERLAY_S
    view.see_picture(4, picture, overlay=False)
    assert state(view)["picture"]["stamp_ns"] == "4" and not state(view)["picture"]["overlay"]


def test_another_list_of_categories_is_taken_over(view: LiveView) -> None:
    names = CategorySet(("lamp", "rug", "sofa bed"))
    view.see_detections(detections(names))
    assert [name for name, _ in state(view)["categories"]] == list(names.names)
    with pytest.raises(InputError, match="semantic/detections"):
        view.see_detections("{}")


def test_a_grid_becomes_bytes_of_what_is_known(view: LiveView) -> None:
    explored, obstacles = np.zeros((6, 5), bool), np.zeros((6, 5), bool)
    explored[2:5, 1:3] = True
    obstacles[4, 2] = obstacles[2, 3] = True  # one of them not explored
    origin = np.array([-1.0, 2.0])
    view.see_grid(Grid2D(obstacles, origin, 0.5), Grid2D(explored, origin, 0.5))
    found = part(view, "grid")
    assert (found["width"], found["height"], found["cell"], found["origin"]) == (3, 3, 0.5, [0.0, 2.5])
    cells = np.frombuffer(zlib.decompress(base64.b64decode(found["data"])), np.uint8).reshape(3, 3)
    assert cells.tolist() == [[1, 1, 1], [1, 1, 2], [2, 0, 0]]  # rows from the lowest y


def test_a_grid_of_nothing_can_be_shown(view: LiveView) -> None:
    nothing = Grid2D(np.zeros((4, 4), bool), np.zeros(2), 0.05)
    view.see_grid(nothing, nothing)
    assert (part(view, "grid")["width"], part(view, "grid")["height"]) == (1, 1)


def cloud() -> tuple[Any, ...]:
    xyz = np.array([[0.275, -0.125, 0.025], [0.325, -0.125, 0.025], [0.275, -0.025, 0.125]])
    rgb = np.array([[200, 100, 50], [4, 8, 12], [255, 255, 255]], np.uint8)
    return xyz, rgb, np.array([-1, 2, 0], np.int8), np.array([0, 240, 100], np.uint8)


def unpacked(pack: dict[str, Any]) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Cell -> r, g, b, label, score, as assets/viewer.js reads them."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(pack["data"])), np.uint8).reshape(-1, pack["count"])
    linear = np.cumsum(raw[:4].T.copy().view("<u4").ravel())
    _, ys, zs = pack["shape"]
    cells = [(int(v // (ys * zs)), int(v // zs % ys), int(v % zs)) for v in linear]
    return {cell: tuple(int(v) for v in raw[4:9, i]) for i, cell in enumerate(cells)}


def test_voxels_become_the_buffers_of_the_reports_viewer(view: LiveView) -> None:
    view.see_voxels(*cloud())
    assert view.hub.part("voxels") is None, "how large a voxel is, the grid tells"
    grid = Grid2D(np.zeros((2, 2), bool), np.zeros(2), 0.05)
    view.see_grid(grid, grid)
    pack = part(view, "voxels")
    assert (pack["count"], pack["total"], pack["shape"], pack["voxel"]) == (3, 3, [2, 3, 3], 0.05)
    assert pack["origin"] == [0.25, -0.15, 0.0] and pack["path"] == []
    assert unpacked(pack) == {
        (0, 0, 0): (200, 100, 48, 255, 0),
        (1, 0, 0): (4, 8, 12, 2, 240),
        (0, 2, 2): (252, 252, 252, 0, 100),
    }
    view.see_voxels(*(values[:0] for values in cloud()))
    assert part(view, "voxels")["count"] == 0 and state(view)["parts"]["voxels"] == 2


def test_voxels_that_cannot_be_shown_are_refused(view: LiveView) -> None:
    xyz, rgb, label, score = cloud()
    with pytest.raises(InputError, match=r"voxels need xyz \(N, 3\)"):
        view.see_voxels(xyz, rgb, label[:2], score)
    grid = Grid2D(np.zeros((2, 2), bool), np.zeros(2), 0.05)
    view.see_grid(grid, grid)
    with pytest.raises(InputError, match="too far apart for the 3D map"):
        view.see_voxels(xyz * [1e5, 1.0, 1e5], rgb, label, score)
    assert view.hub.part("voxels") is None
    xyz[1, 2] = np.nan
    with pytest.raises(InputError, match="finite metres"):
        view.see_voxels(xyz, rgb, label, score)


def test_the_robot_its_goal_and_its_path_are_metres_of_the_map(view: LiveView) -> None:
    view.see_pose(planar_pose(1.5, -0.5, 0.25))
    view.see_goal((2.0, 3.0))
    view.see_plan(np.array([[0.0, 0.0], [1.0, 0.5]]))
    shown = state(view)
    assert (shown["robot"], shown["goal"], shown["plan"]) == ([1.5, -0.5, 0.25], [2.0, 3.0], [[0.0, 0.0], [1.0, 0.5]])
    view.see_goal(None)
    view.see_plan(np.zeros((0, 2)))
    assert state(view)["goal"] is None and state(view)["plan"] == []
    with pytest.raises(InputError, match="finite"):
        view.see_goal((0.0, float("inf")))
    with pytest.raises(InputError, match="finite"):
        view.see_plan(np.array([[0.0, np.inf]]))


def test_a_long_path_is_thinned_and_keeps_its_ends(view: LiveView) -> None:
    view.see_plan(np.column_stack([np.arange(5000.0), np.zeros(5000)]))
    shown = state(view)["plan"]
    assert len(shown) <= 201 and shown[0] == [0.0, 0.0] and shown[-1] == [4999.0, 0.0]


def status(view: LiveView, at_s: float, voxels: str) -> None:
    view.see_status(int(at_s * m.NS), {"confident_voxels": voxels, "explored_area_m2": "2.5", "other": "x"})


def test_figures_become_a_curve_that_begins_at_zero_and_anew_when_stamps_go_back(view: LiveView) -> None:
    status(view, 10.0, "5")
    status(view, 12.0, "70")
    assert part(view, "series")["figures"] == [[0.0, 5.0, 2.5], [2.0, 70.0, 2.5]]
    assert state(view)["figures"] == {"confident_voxels": 70.0, "explored_area_m2": 2.5, "seconds": 2.0}
    status(view, 3.0, "1")
    assert part(view, "series")["figures"] == [[0.0, 1.0, 2.5]]
    with pytest.raises(InputError, match="confident_voxels must be a number, got 'many'"):
        status(view, 4.0, "many")


def test_the_way_keeps_places_apart_and_always_the_last_one(view: LiveView) -> None:
    for x in (0.0, 0.01, 0.02, 0.2, 0.21):
        view.see_pose(planar_pose(x, 0.0, 0.0))
    assert part(view, "series")["way"] == [[0.0, 0.0], [0.2, 0.0], [0.21, 0.0]]


def test_gates_are_kept_by_name_with_their_levels(view: LiveView) -> None:
    view.see_enabled(False)
    view.see_gate("sim_bridge: gate", 2, "cliff")
    view.see_gate("seal_policy: planner", 0, "may drive")
    view.see_gate("sim_bridge: gate", 0, "may drive")
    assert state(view)["enabled"] is False
    assert [(g["name"], g["level"]) for g in state(view)["gates"]] == [
        ("sim_bridge: gate", 0),
        ("seal_policy: planner", 0),
    ]
    for k in range(50):
        view.see_gate(f"gate {k}", 1, "x" * 5000)
    assert len(state(view)["gates"]) == 8 and len(view.hub.text()) < 10_000


def test_a_gate_that_is_silent_is_forgotten() -> None:
    """Its process was killed: what it said last stood there in green for ever."""
    time_s = 0.0
    view = LiveView(clock=lambda: time_s)
    view.see_enabled(False)
    view.see_gate("gone", 0, "may drive")
    time_s = 4.0
    view.see_gate("here", 0, "may drive")
    view.forget_silent_gates()
    assert len(state(view)["gates"]) == 2
    time_s, before = 5.5, view.hub.wait(-1, 0.0)
    view.forget_silent_gates()
    assert [gate["name"] for gate in state(view)["gates"]] == ["here"] and view.hub.wait(before, 0.0) > before
    view.forget_enabled()
    assert "enabled" not in state(view) and "enabled" not in state(view)["ages"]


@pytest.mark.parametrize(("kind", "rows"), [(Series, [(float(k), 0.0) for k in range(20_000)]),
                                            (Way, [(k * 0.1, 0.0) for k in range(20_000)])])  # fmt: skip
def test_a_curve_of_any_length_takes_bounded_memory(kind: type[Series], rows: list[tuple[float, ...]]) -> None:
    curve = kind(100)
    for row in rows:
        curve.add(row)
    kept = curve.rows()
    assert 20 < len(kept) <= 101 and kept[0] == rows[0] and kept[-1] == rows[-1]
    gaps = np.diff([row[0] for row in kept])
    assert gaps[:-1].max() < 4 * gaps[:-1].min(), "it is as dense at its beginning as at its end"


def test_a_row_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Series().add((0.0, float("nan")))


def test_a_reader_gets_the_newest_alone_and_a_part_is_made_once() -> None:
    hub, made = Hub(), []
    for k in range(100):
        hub.put("camera", "image/jpeg", lambda k=k: made.append(k) or bytes([k]))
    found = hub.part("camera")
    assert found is not None and found.version == 100 and made == []
    assert found.body() == found.body() == bytes([99]) and made == [99]


def test_a_reader_sleeps_until_there_is_something_newer_and_goes_when_the_hub_is_closed() -> None:
    hub = Hub()
    seen = hub.wait(-1, 0.0)
    assert hub.wait(seen, 0.01) == seen
    hub.say("age", 1, quiet=True)
    assert hub.wait(seen, 0.01) == seen and json.loads(hub.text())["age"] == 1
    threading.Timer(0.05, hub.say, ("robot", [0, 0, 0])).start()
    assert hub.wait(seen, 10.0) == seen + 1
    threading.Timer(0.05, hub.close).start()
    assert hub.wait(seen + 1, 10.0) == seen + 1 and hub.closed
