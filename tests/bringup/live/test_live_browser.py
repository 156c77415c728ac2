# SPDX-License-Identifier: Apache-2.0
"""The page's scripts in a real browser, without ROS: the 3D map that grows, a server that goes, the report's viewer."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image
from tests.browser import Browser, browser, find

from seal_bringup.live.config import LiveConfig
from seal_bringup.live.presses import Answer
from seal_bringup.live.server import LiveServer
from seal_bringup.live.view import LiveView
from seal_bringup.report.page import ASSETS, INLINED
from seal_bringup.report.viewer import pack_voxels
from seal_bringup.report.voxels import Voxels
from seal_perception.grid import Grid2D

RED_PIXELS = """(() => {{
  const from = ({canvas}), flat = document.createElement("canvas");
  Object.assign(flat, {{ width: from.width, height: from.height }});
  flat.getContext("2d").drawImage(from, 0, 0);
  const {{ data }} = flat.getContext("2d").getImageData(0, 0, flat.width, flat.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {{
    count += data[i + 3] > 200 && data[i] > 100 && data[i + 1] < 60 && data[i + 2] < 60;
  }}
  return count;
}})()"""


def floor(cells: int) -> tuple[Any, ...]:
    """A square floor from the same corner in the middle to all sides, with a red tv in its middle."""
    at = np.arange(-cells, cells)
    plate = np.stack(np.meshgrid(at, at, [0], indexing="ij"), -1).reshape(-1, 3)
    tv = np.stack(np.meshgrid([0, 1, 2, 3], [0, 1], range(1, 9), indexing="ij"), -1).reshape(-1, 3)
    ijk = np.concatenate([plate, tv])
    named = np.arange(len(ijk)) >= len(plate)
    rgb = np.full((len(ijk), 3), 200, np.uint8)
    label, score = np.where(named, 5, -1).astype(np.int8), np.where(named, 255, 0).astype(np.uint8)
    return (ijk + 0.5) * 0.05, rgb, label, score


def world(camera: dict[str, Any], origin: list[float]) -> np.ndarray:
    """Where the 3D map's camera looks at, in metres."""
    return np.asarray(origin) + 0.05 * np.asarray(camera["target"])


def look(page: Browser, version: int) -> tuple[dict[str, Any], list[float]]:
    """The camera, and the low corner of the voxels, once this version of the map is shown."""
    page.wait_for(f"!!space && parts[2].version === {version} && space.count > 0")
    shown = json.loads(page.value("JSON.stringify([space.camera, space.pack.origin])"))
    return shown[0], shown[1]


def test_the_3d_map_grows_and_a_camera_that_was_moved_stays_over_its_place() -> None:
    find()
    view = LiveView()
    grid = Grid2D(np.zeros((2, 2), bool), np.zeros(2), 0.05)
    server = LiveServer(LiveConfig(port=0), view.hub, lambda what: lambda: Answer(True, what))
    try:
        view.see_grid(grid, grid)
        view.see_voxels(*floor(20))
        with browser(1200, 800, dark=True) as page:
            page.open(server.url)
            first, _ = look(page, 1)
            assert page.value(RED_PIXELS.format(canvas="space.draw(), space.canvas")) > 100
            view.see_voxels(*floor(40))
            second, origin = look(page, 2)
            assert second["distance"] > 1.5 * first["distance"], "nobody has moved it: it shows all of the map"
            page.value("space.zoom(0.5), space.move(30, 10)")
            before = world(json.loads(page.value("JSON.stringify(space.camera)")), origin)
            view.see_voxels(*floor(60))
            third, origin = look(page, 3)
            assert np.abs(world(third, origin) - before).max() < 1e-6 and third["distance"] == second["distance"] / 2
            assert page.value(RED_PIXELS.format(canvas="space.draw(), space.canvas")) > 100
            server.close()
            page.wait_for("document.querySelector('#link').innerText === 'connection lost'")
            page.value("document.querySelector('#stop').click()")
            page.wait_for("document.querySelector('#gate').innerText.includes('NOT sent: stop the robot by hand')")
    finally:
        if not view.hub.closed:
            server.close()


GATE = "document.querySelector('#gate').innerText.includes('{}')"


def level(page: Browser) -> str:
    """Colour of the gate's line."""
    return str(page.value("document.querySelector('#gate').dataset.level"))


def test_the_gates_line_says_when_nothing_is_known_and_the_buttons_go_with_it() -> None:
    find()
    view = LiveView()
    go_on = threading.Event()
    hang = lambda: Answer(go_on.wait(60.0), "late")  # noqa: E731
    server = LiveServer(LiveConfig(port=0), view.hub, lambda what: hang)
    disabled = "JSON.stringify(['start', 'stop'].map((id) => document.getElementById(id).disabled))"
    try:
        with browser(1200, 800) as page:
            page.open(server.url)
            page.wait_for(GATE.format("Waiting for the run"))
            view.see_status(0, {"confident_voxels": "1"})
            page.wait_for(GATE.format("No gate is heard: this page can neither start nor stop this run."))
            assert level(page) == "none" and page.value(disabled) == "[true,true]"
            view.see_steps(True)
            page.wait_for(GATE.format("This run goes in steps"))
            view.see_gate("a: gate", 0, "may drive")
            view.see_enabled(True)
            page.wait_for("document.querySelector('#gate').dataset.level === '0'")
            view.see_hint("no run publishes")
            page.wait_for(GATE.format("no run publishes"))
            assert level(page) == "1", "it is green although the run is gone"
            view.see_hint("")
            view.forget_enabled()
            page.wait_for(GATE.format("Nobody tells whether the robot may drive."))
            assert level(page) == "1" and page.value(disabled) == "[true,false]"
            # A tab that nobody sees keeps no connection from the others.
            page.value("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
            page.value("document.dispatchEvent(new Event('visibilitychange'))")
            assert page.value("events.readyState") == 2
            page.wait_for("document.querySelector('#link').innerText === 'connection lost'")
            page.wait_for(GATE.format("whether the robot drives is not known"))
            assert level(page) == "none"
            page.value("delete document.hidden")
            page.value("document.dispatchEvent(new Event('visibilitychange'))")
            page.wait_for("document.querySelector('#link').innerText === 'connected'")
            page.value("document.querySelector('#stop').click()")
            page.wait_for(GATE.format("asking the robot to stop"))
            page.wait_for(GATE.format("No answer came to the stop: the robot may still drive."))
            assert level(page) == "2" and page.problems == []
    finally:
        go_on.set()
        server.close()


def test_the_reports_viewer_draws_the_map_and_the_way(tmp_path: Path) -> None:
    find()
    xyz, rgb, label, score = floor(30)
    ijk = np.rint(xyz / 0.05 - 0.5).astype(np.int64)
    voxels = Voxels.from_cloud(SimpleNamespace(ijk=ijk, xyz=xyz, rgb=rgb, label=label, score=score), 0.05)
    pack = pack_voxels(voxels, poses=np.array([[-1.0, -1.0], [1.0, -1.0]]))
    text = """{% from "parts.html.j2" import viewer_figure, scripts %}<!DOCTYPE html>
        <style>{{ asset["report.css"] }}</style>
        {{ viewer_figure(pack, "data:,", "a map", [("tv", "#e01b24")]) }}
        {{ scripts('["#000000","#000000","#000000","#000000","#000000","#e01b24"]', asset) }}"""
    asset = {name: (ASSETS / name).read_text(encoding="utf-8") for name in INLINED}
    page_file = tmp_path / "page.html"
    page_file.write_text(Environment(loader=FileSystemLoader(ASSETS)).from_string(text).render(pack=pack, asset=asset))
    with browser() as page:
        page.open(page_file.as_uri())
        page.wait_for("!document.querySelector('.controls').hidden")
        page.picture(tmp_path / "seen.png")
        seen = np.asarray(Image.open(tmp_path / "seen.png").convert("RGB")).astype(int)
        red = (seen[..., 0] > 100) & (seen[..., 1] < 60) & (seen[..., 2] < 60)
        way = np.abs(seen - [10, 122, 117]).max(axis=2) < 25
        assert red.sum() > 100 and way.sum() > 300
        assert page.problems == []


def test_what_to_look_for_is_chosen_where_somebody_hears_it() -> None:
    find()
    view, asked = LiveView(), list[str]()

    def look_for(category: str) -> Answer:
        asked.append(category)
        return Answer(True, f"asked to look for: {category}")

    server = LiveServer(LiveConfig(port=0), view.hub, lambda what: lambda: Answer(True, what), look_for)
    shown = "!document.querySelector('#find').hidden"
    select = "document.querySelector('#find select')"
    try:
        with browser(1200, 800) as page:
            page.open(server.url)
            page.wait_for("state !== null")
            assert not page.value(shown), "nobody hears object_goal"
            view.see_search({"category": ""}, 0, "no search")
            page.wait_for(f"{shown} && {select}.options.length === 7 && {select}.value === ''")
            page.value(f"{select}.value = 'potted plant', {select}.dispatchEvent(new Event('change'))")
            page.wait_for(GATE.format("asked to look for: potted plant"))
            assert asked == ["potted plant"]
            view.see_search({"category": "potted plant", "active": "true"}, 0, "potted plant: searches (3 s, 1.0 m)")
            page.wait_for(f"{select}.value === 'potted plant' && {GATE.format('searches (3 s, 1.0 m)')}")
            view.forget_search()
            page.wait_for("document.querySelector('#find').hidden")
    finally:
        server.close()
