# SPDX-License-Identifier: Apache-2.0
"""The live page over ROS: what is published is read over HTTP and seen in a real browser; the buttons call services."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool, String
from tests.browser import browser, find
from tests.ros.robot.graph import Graph, Robot, graph, odometry, picture

from seal_bringup.nodes import explore_client
from seal_bringup.nodes.live_node import LiveNode
from seal_mapping.nodes.map_messages import cloud_to_message, obstacles_to_occupancy
from seal_mapping.voxels.config import VoxelCloud
from seal_perception import messages as m
from seal_perception.detections import Detections
from seal_perception.grid import Grid2D
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.explore_topics import Permission
from seal_perception.running.patience import Patience
from seal_perception.running.processes import module_command
from seal_policy.nodes.inputs import goal_to_message

pytestmark = pytest.mark.ros

STAMP_NS = 5 * m.NS
LATCHED = (m.OBSTACLES, m.VOXELS, m.ENABLED)


def run_messages() -> dict[str, Any]:
    """One of everything that a run publishes for the page, by topic: a robot in a room with two chairs."""
    header = convert.make_header(STAMP_NS, m.MAP_FRAME)
    masks = np.zeros((1, 24, 32), bool)
    masks[0, 6:18, 4:20] = True
    found = Detections(np.array([[4, 6, 20, 18]], np.float32), np.array([0]), np.array([0.93], np.float32), masks)
    walls = np.zeros((60, 40), bool)
    walls[[0, -1]] = walls[:, [0, -1]] = True
    room, seen = (Grid2D(cells, np.array([-1.5, -1.0]), 0.05) for cells in (walls, np.ones_like(walls)))
    corner = np.stack(np.meshgrid(np.arange(60), np.arange(40), [0], indexing="ij"), -1).reshape(-1, 3)
    chairs = np.stack(np.meshgrid([*range(10, 16), *range(40, 46)], range(10, 16), range(1, 12), indexing="ij"), -1)
    ijk = np.concatenate([corner, chairs.reshape(-1, 3)])
    n, named = len(ijk), np.arange(len(ijk)) >= len(corner)
    xyz = (ijk + 0.5) * 0.05 + np.array([-1.5, -1.0, -0.025])
    label, score = np.where(named, 0, -1).astype(np.int8), np.where(named, 250, 0).astype(np.uint8)
    each, every = np.ones(n, np.uint16), np.zeros((n, 6), np.uint8)
    rgb = np.full((n, 3), 128, np.uint8)
    cloud = VoxelCloud(ijk, xyz, rgb, label, score, each, each, every, each, every, every)  # type: ignore[arg-type]
    figures = [("confident_voxels", str(int(named.sum()))), ("explored_area_m2", "6.0"), ("frames", "3")]
    return {
        m.COLOUR: picture(STAMP_NS)[m.COLOUR],
        m.OVERLAY: convert.rgb_to_image(np.full((24, 32, 3), 200, np.uint8), header),
        m.DETECTIONS: String(data=m.detections_to_text(found, STAMP_NS)),
        m.ODOM: odometry(STAMP_NS, x=0.5, yaw=0.3),
        m.GOAL: goal_to_message((1.0, 0.5), 0.0, STAMP_NS),
        m.PLAN: convert.points_to_path(np.array([[0.5, 0.0], [1.0, 0.5]]), header),
        m.OBSTACLES: obstacles_to_occupancy(room, seen, header),
        m.VOXELS: cloud_to_message(cloud, header),
        m.STATUS: convert.status_message("seal_mapping: map", STAMP_NS, figures),
        m.EXPLORE_STATUS: convert.status_message(
            "sim_bridge: gate", STAMP_NS, [], "not enabled", DiagnosticStatus.WARN
        ),
        m.ENABLED: Bool(data=False),
    }


class Run(Robot):
    """Publishes what a run does, and serves the gate."""

    def __init__(self, serve: bool = True) -> None:
        super().__init__()
        kinds = {
            m.OVERLAY: Image, m.DETECTIONS: String, m.GOAL: PoseStamped, m.PLAN: PathMessage, m.STATUS: DiagnosticArray,
            m.OBSTACLES: OccupancyGrid, m.VOXELS: PointCloud2, m.EXPLORE_STATUS: DiagnosticArray,
        }  # fmt: skip
        for topic, kind in kinds.items():
            self.topics[topic] = self.advertise(kind, topic, latched=topic in LATCHED, depth=1)
        self.allowed: list[bool] = []
        self.gate: Any = None
        self.create_timer(1.0, lambda: self.gate and self.send({m.EXPLORE_STATUS: self.gate}), clock=self.steady)
        if serve:
            self.permission = Permission(self, self._on_enable, serve=True)
            self.permission.tell(False)

    def _on_enable(self, on: bool) -> str:
        if on and self.allowed and self.allowed[-1]:
            return "it is enabled already"
        self.allowed.append(on)
        self.permission.tell(on)
        return ""


Opened = tuple[Graph, Run, Any]


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Starts a run's publishers and the live page beside them."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    opened: list[Any] = []
    pages: list[Any] = []

    def start(*arguments: str, serve: bool = True, publish: bool = True) -> Opened:
        opened.append(graph(run_config(tmp_path).domain_id, arguments, live__port=0))
        one = opened[-1].__enter__()
        page, run = one.make(LiveNode), one.make(lambda: Run(serve))
        pages.append(page)
        sent = {topic: msg for topic, msg in run_messages().items() if topic in run.topics}
        assert one.spin_until(lambda: run.heard(*sent))
        if publish:
            run.send(sent)
            run.gate = sent[m.EXPLORE_STATUS]
            wanted = {"picture", "robot", "goal", "plan", "figures", "gates", "enabled"}
            assert one.spin_until(lambda: wanted <= json.loads(page._view.hub.text()).keys())
            assert one.spin_until(lambda: {"camera", "grid", "voxels", "series"} == page._view.hub._parts.keys())
        return one, run, page

    yield start
    for page in pages:
        page.close()
    for each in opened:
        each.__exit__(None, None, None)


def request(page: Any, method: str, path: str) -> tuple[int, bytes]:
    own = f"127.0.0.1:{page.server.port}"
    connection = http.client.HTTPConnection("127.0.0.1", page.server.port, timeout=20)
    connection.request(method, path, headers={"Origin": f"http://{own}"})
    reply = connection.getresponse()
    try:
        return reply.status, reply.readline() and reply.readline() and reply.readline() if path == "/events" else (
            reply.read()
        )  # fmt: skip
    finally:
        connection.close()


def state(page: Any) -> dict[str, Any]:
    """The first state of a new browser."""
    value: dict[str, Any] = json.loads(request(page, "GET", "/events")[1].removeprefix(b"data: "))
    return value


def path(page: Any, what: str) -> str:
    """Of a button of a page that shows the newest state."""
    return f"/explore/{what}?at={page._view.hub.now()!r}" if what == "enable" else f"/explore/{what}"


def press(one: Graph, page: Any, what: str) -> tuple[int, dict[str, Any]]:
    """Press a button of the page and spin until it is answered."""
    return post(one, page, path(page, what))


def post(one: Graph, page: Any, where: str) -> tuple[int, dict[str, Any]]:
    """A request of the page, answered while the nodes spin."""
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(request(page, "POST", where)))
    thread.start()
    assert one.spin_until(lambda: not thread.is_alive())
    return answers[0][0], json.loads(answers[0][1])


@pytest.mark.parametrize("arguments", [(), ("-r", "__ns:=/robot1")], ids=["root", "namespace"])
def test_the_page_shows_what_the_run_publishes(live: Callable[..., Opened], arguments: tuple[str, ...]) -> None:
    one, _, page = live(*arguments)
    assert one.spin_until(lambda: len(state(page).get("gates", [])) == 1 and "enabled" in state(page))
    shown = state(page)
    assert shown["who"] == ("/robot1" if arguments else "/")
    assert shown["robot"] == [0.5, 0.0, 0.3] and shown["goal"] == [1.0, 0.5]
    assert shown["plan"] == [[0.5, 0.0], [1.0, 0.5]] and shown["enabled"] is False
    assert shown["picture"]["overlay"] and shown["picture"]["boxes"] == [[4.0, 6.0, 20.0, 18.0, "chair", 0.93]]
    assert shown["gates"] == [{"name": "sim_bridge: gate", "level": 1, "text": "not enabled"}]
    assert shown["figures"]["confident_voxels"] == 792 and shown["figures"]["frames"] == 3
    grid, voxels = (json.loads(request(page, "GET", f"/part/{name}")[1]) for name in ("grid", "voxels"))
    assert (grid["width"], grid["height"], grid["origin"]) == (60, 40, [-1.5, -1.0])
    assert voxels["count"] == 60 * 40 + 792 and voxels["shape"] == [60, 40, 12]
    assert request(page, "GET", "/part/camera")[1][:2] == b"\xff\xd8"


def test_the_buttons_ask_the_gate_and_show_its_answer(live: Callable[..., Opened]) -> None:
    one, run, page = live(publish=False)
    status, answer = press(one, page, "enable")
    assert (status, answer) == (200, {"done": True, "text": "enabled: the robot may move now"})
    assert press(one, page, "enable") == (409, {"done": False, "text": "it is enabled already"})
    status, answer = press(one, page, "stop")
    assert (status, answer["done"], run.allowed) == (200, True, [True, False])
    assert one.spin_until(lambda: state(page).get("enabled") is False)


def test_the_page_says_what_to_look_for_and_how_it_goes(live: Callable[..., Opened]) -> None:
    one, run, page = live()
    heard: list[str] = []
    refused = post(one, page, "/object_goal?category=bed")
    assert refused == (409, {"done": False, "text": "nobody hears object_goal: start the run with object_goals:=true"})
    assert "search" not in state(page)
    run.subscribe(String, m.OBJECT_GOAL, lambda msg: heard.append(msg.data), depth=10)
    told = run.advertise(DiagnosticArray, m.OBJECT_STATUS, latched=True, depth=1)
    told.publish(
        convert.status_message(
            "seal_policy: object goal", STAMP_NS, [("category", "bed"), ("active", "true")], "bed: goes"
        )
    )
    assert one.spin_until(lambda: "search" in json.loads(page._view.hub.text()))
    assert state(page)["search"] == {"category": "bed", "level": 0, "text": "bed: goes"}
    assert one.spin_until(lambda: page.server._server.find.__self__._topic.get_subscription_count() > 0)
    assert post(one, page, "/object_goal?category=bed") == (200, {"done": True, "text": "asked to look for: bed"})
    assert post(one, page, "/object_goal")[1]["text"] == "asked to explore"
    assert one.spin_until(lambda: heard == ["bed", ""])
    run.destroy_publisher(told)
    assert one.spin_until(lambda: "search" not in json.loads(page._view.hub.text()))


def test_without_a_gate_the_buttons_say_so(live: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch) -> None:
    one, _, page = live(serve=False, publish=False)
    status, answer = press(one, page, "stop")
    assert status == 409 and "nobody serves explore/stop" in answer["text"].replace("/explore", "explore")
    monkeypatch.setattr(explore_client, "ANSWER_S", 0.3)
    status, answer = press(one, page, "enable")
    assert status == 409 and answer["done"] is False


def test_a_gate_that_does_not_answer_is_told_as_that(
    live: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs: the page must not say that the robot was stopped."""
    one, run, page = live(publish=False)
    client = page.server._server.presses._ask.__self__
    assert one.spin_until(lambda: client._stop.service_is_ready())
    one.nodes.remove(run)  # nobody spins it any more
    monkeypatch.setattr(explore_client, "ANSWER_S", 0.5)
    status, answer = press(one, page, "stop")
    assert status == 409 and "stop it by hand" in answer["text"]
    assert one.spin_until(lambda: not client._open), "what nobody waits for any more is forgotten"
    one.nodes.append(run)


def test_a_start_that_was_given_up_does_not_happen_later(
    live: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node was busy for longer than the page waits: a robot must not start then, and may still stop."""
    one, run, page = live(publish=False)
    client = page.server._server.presses._ask.__self__
    assert one.spin_until(lambda: client._stop.service_is_ready() and client._enable.service_is_ready())
    monkeypatch.setattr(explore_client, "ANSWER_S", 0.2)
    answers = [request(page, "POST", path(page, what)) for what in ("enable", "stop")]  # nobody spins meanwhile
    assert [status for status, _ in answers] == [409, 409]
    assert one.spin_until(lambda: run.allowed == [False]), "the stop comes late, the start does not"
    one.spin_for(0.5)
    assert run.allowed == [False]


@pytest.mark.parametrize("loses_first_stop", [False, True])
def test_a_start_that_a_busy_gate_does_later_is_undone(
    live: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch, loses_first_stop: bool
) -> None:
    """The request was under way already when the page gave it up; the gate may take the stop before it, too."""
    one, run, page = live(publish=False)
    client = page.server._server.presses._ask.__self__
    assert one.spin_until(lambda: client._stop.service_is_ready() and client._enable.service_is_ready())
    one.nodes.remove(run)  # busy
    monkeypatch.setattr(explore_client, "ANSWER_S", 0.5)
    if loses_first_stop:
        monkeypatch.setattr(client, "_undo", lambda: monkeypatch.undo())
    status, answer = press(one, page, "enable")
    assert status == 409 and "no answer" in answer["text"]
    assert one.spin_until(lambda: bool(client._unwanted))
    one.nodes.append(run)
    assert one.spin_until(lambda: run.allowed == [True, False])
    assert one.spin_until(lambda: not client._unwanted and not client._open)


def test_a_start_that_a_stop_came_after_is_undone_when_the_gate_does_it(live: Callable[..., Opened]) -> None:
    """Two services of a gate have no order between them: it may take the stop before the start."""
    one, run, page = live(publish=False)
    client = page.server._server.presses._ask.__self__
    assert one.spin_until(lambda: client._stop.service_is_ready() and client._enable.service_is_ready())
    one.nodes.remove(run)  # busy
    found: list[tuple[int, bytes]] = []
    threads = [
        threading.Thread(target=lambda at=at: found.append(request(page, "POST", at)))
        for at in (path(page, "enable"), path(page, "stop"))
    ]
    threads[0].start()
    assert one.spin_until(lambda: bool(client._open))
    threads[1].start()
    assert one.spin_until(lambda: not threads[0].is_alive())
    assert found[0][0] == 409 and b"a stop came after this start" in found[0][1]
    one.nodes.append(run)
    assert one.spin_until(lambda: run.allowed == [True, False, False]), "the stop, and one for the start's answer"
    assert one.spin_until(lambda: not threads[1].is_alive()) and found[1][0] == 200


def test_a_run_in_steps_is_known_by_its_steps(live: Callable[..., Opened]) -> None:
    one, run, page = live(serve=False, publish=False)
    assert one.spin_until(lambda: json.loads(page._view.hub.text()).get("steps") is False)
    run.advertise(PoseStamped, m.STEP)
    assert one.spin_until(lambda: json.loads(page._view.hub.text())["steps"] is True)


def test_a_gate_that_is_gone_is_no_longer_shown(live: Callable[..., Opened]) -> None:
    one, run, page = live()
    one.nodes.remove(run)
    run.destroy_node()
    assert one.spin_until(lambda: not json.loads(page._view.hub.text())["gates"])
    assert one.spin_until(lambda: "enabled" not in json.loads(page._view.hub.text()))


def test_what_cannot_be_used_is_dropped_and_the_page_goes_on(live: Callable[..., Opened]) -> None:
    one, run, page = live()
    bad = odometry(STAMP_NS)
    bad.pose.pose.orientation.w = 0.0
    run.send({m.ODOM: bad, m.DETECTIONS: String(data="none")})
    assert one.spin_until(lambda: page.dropped.total() == 2)
    run.send({m.ODOM: odometry(STAMP_NS, x=0.75), m.GOAL: goal_to_message(None, 0.0, STAMP_NS)})
    assert one.spin_until(lambda: state(page)["robot"][0] == 0.75 and state(page)["goal"] is None)


def test_where_there_is_no_run_the_page_says_where_one_is(live: Callable[..., Opened]) -> None:
    one, run, page = live(publish=False)
    run.destroy_publisher(run.topics.pop(m.STATUS))
    run.destroy_publisher(run.topics.pop(m.DETECTIONS))
    assert one.spin_until(lambda: not page.count_publishers(m.DETECTIONS))
    page._look()
    assert state(page)["hint"] == "no run publishes in the namespace /"
    other = one.make(lambda: SealNode("elsewhere"))
    other.create_publisher(DiagnosticArray, "/robot2/map/status", 1)
    assert one.spin_until(lambda: page.count_publishers("/robot2/map/status") == 1)
    page._look()
    assert "there is one in /robot2: start this page with --namespace" in state(page)["hint"]


def test_a_port_that_is_taken_ends_the_node_with_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run_node(LiveNode, "live", ["--ros-args", "-p", f"live.port:={port}"]) == 1
    said = [line for line in capfd.readouterr().err.splitlines() if "error" in line]
    assert len(said) == 1 and f"cannot listen on port {port} of 127.0.0.1" in said[0]


def _hear_interrupts() -> None:
    """In the child: a suite that runs in a script's background inherits a muted SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def answers(port: int) -> bool:
    """Whether the page is served there."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for it; returns whether it is so."""
    patience = Patience()
    while not condition() and patience.used_s() < 60:
        time.sleep(0.1)
    return condition()


def test_the_node_of_seal_live_ends_when_seal_live_is_killed(run_config: Any, tmp_path: Path) -> None:
    """It went on and served the camera, and its port was taken."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["live", "--port", str(port), "--domain-id", str(run_config(tmp_path).domain_id)]
    process = subprocess.Popen(
        module_command("seal_bringup.cli.app", *words), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert wait_until(lambda: answers(port))
        process.kill()
        process.wait()
        assert wait_until(lambda: not answers(port))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_seal_live_serves_until_it_is_interrupted(run_config: Any, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["live", "--port", str(port), "--namespace", "robot1", "--domain-id", str(run_config(tmp_path).domain_id)]
    command = module_command("seal_bringup.cli.app", *words)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=_hear_interrupts,
    )  # fmt: skip
    try:
        assert wait_until(lambda: answers(port))
        second = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert second.returncode == 1 and f"cannot listen on port {port}" in second.stderr.replace("\n", " ")
        assert "Traceback" not in second.stderr
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert f"live page: http://127.0.0.1:{port}/" in said and "Traceback" not in said


def test_a_real_browser_shows_the_run_and_stops_the_robot(live: Callable[..., Opened]) -> None:
    """Headless Chromium: picture with its box, map, voxels in WebGL, curve, gate, and both buttons."""
    find()
    one, run, page = live("-r", "__ns:=/robot1")
    figures = [("confident_voxels", "800"), ("explored_area_m2", "6.5"), ("frames", "4")]
    run.send({m.STATUS: convert.status_message("seal_mapping: map", STAMP_NS + 2 * m.NS, figures)})
    found: dict[str, Any] = {}

    def look() -> None:
        try:
            with browser() as b:
                b.open(page.server.url)
                b.wait_for("!!space && space.count > 0 && document.querySelector('#sight img').naturalWidth === 32")
                b.wait_for("document.querySelector('#growth polyline') && above.grid && above.things && true")
                found["text"] = b.value("document.body.innerText")
                found["box"] = b.value("document.querySelector('#sight text').textContent")
                found["chairs"] = b.value("document.querySelector('#legend b').textContent")
                # What is drawn: orange (chairs) in the middle of the 3D map, wall and floor on the map from above.
                found["space"] = b.value(_COLOURS.format(canvas="space.draw(), space.canvas"))
                found["above"] = b.value(_COLOURS.format(canvas="above.canvas"))
                b.value("document.querySelector('#start').click()")
                b.wait_for("document.querySelector('#gate').innerText.includes('enabled: the robot may move now')")
                b.value("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
                b.wait_for("document.querySelector('#gate').innerText.includes('stopped')")
                found["problems"] = b.problems
        except BaseException as error:
            found["error"] = error

    thread = threading.Thread(target=look)
    thread.start()
    one.spin_until(lambda: not thread.is_alive(), 120.0)
    thread.join()
    assert "error" not in found, found["error"]
    assert found["problems"] == []
    for text in ("/robot1", "Confident voxels", "800", "6.5", "not enabled", "From above"):
        assert text in found["text"], found["text"]
    assert found["box"] == "chair 0.93" and found["chairs"] == "792"
    assert found["space"]["orange"] > 200 and found["above"]["orange"] > 50 and found["above"]["wall"] > 100
    assert run.allowed == [True, False]


_COLOURS = """(() => {{
  const from = ({canvas}), flat = document.createElement("canvas"), count = {{ orange: 0, wall: 0 }};
  flat.width = from.width;
  flat.height = from.height;
  flat.getContext("2d").drawImage(from, 0, 0);
  const {{ data }} = flat.getContext("2d").getImageData(0, 0, flat.width, flat.height);
  for (let i = 0; i < data.length; i += 4) {{
    const [r, g, b, a] = data.subarray(i, i + 4);
    if (a > 200 && r > 120 && g < 0.55 * r && b < 0.2 * r) count.orange += 1;
    if (a > 200 && r === 0x4a && g === 0x50 && b === 0x5c) count.wall += 1;
  }}
  return count;
}})()"""
