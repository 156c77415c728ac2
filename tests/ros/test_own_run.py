# SPDX-License-Identifier: Apache-2.0
"""What a node takes from its own run alone: nothing before the begin, and no other publisher without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import RUN_VARIABLE, STRANGER
from seal_bringup.stack.node_specs import nodes_of
from seal_perception import messages as m
from seal_perception.nodes import own_run
from seal_perception.nodes.own_run import OwnRun, parse_known, stranger_line


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"odom": ["/sim_bridge"]}, ""),
        ({"odom": []}, ""),
        ({"odom": ["_NODE_NAME_UNKNOWN_"]}, ""),
        ({"odom": ["/sim_bridge", "/sim_bridge"]}, "a second /sim_bridge on odom publishes"),
        ({"odom": ["/sim_bridge", "/teleop", "/amcl"]}, "/amcl and /teleop on odom publishes"),
        ({"odom": ["/sim_bridge", "/x"], "goal": ["/policy", "/y"]}, "/x on odom, /y on goal publishes"),
    ],
)
def test_another_publisher_is_named(found: dict[str, list[str]], text: str) -> None:
    line = stranger_line(found, {"odom": ("/sim_bridge",), "goal": ("/policy",)})
    assert line.startswith(text) and bool(line) == bool(text) and "\n" not in line
    assert not line or "ROS_DOMAIN_ID" in line


def test_runner_and_nodes_mean_the_same() -> None:
    assert (RUN_VARIABLE, STRANGER) == (own_run.RUN_VARIABLE, own_run.STRANGER)


@pytest.mark.parametrize("mode", ["lockstep", "paced"])
def test_each_node_knows_who_publishes_what_it_hears(tmp_path: Path, mode: str) -> None:
    config = StackConfig(run_dir=tmp_path, mode=mode, laser="rplidar")
    nodes = {spec.name: parse_known(spec.parameters["known_publishers"]) for spec in nodes_of(config)}
    assert nodes["perception"] == {m.COLOUR: ("sim_bridge",)}
    assert nodes["mapping"][m.SCORES] == ("perception",) and nodes["mapping"][m.ODOM] == ("sim_bridge",)
    everything = {topic for known in nodes.values() for topic in known}
    assert set(nodes["sim_bridge"]) == everything, "the bridge begins no run in which somebody else takes part"
    assert set(nodes["sim_bridge"][m.READY]) == set(nodes)
    if mode == "paced":
        assert nodes["sim_bridge"][m.CMD_VEL] == ("planner",) and nodes["planner"][m.SCAN] == ("sim_bridge",)
    by_walls = {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, mode="paced", wall_heading=True))}
    assert "odom=heading" in by_walls["mapping"].parameters["known_publishers"]


def _run(monkeypatch: pytest.MonkeyPatch, run_id: str, publishers: list[list[str]]) -> OwnRun:
    monkeypatch.setenv(own_run.RUN_VARIABLE, run_id)
    return OwnRun("mapping", ["odom=sim_bridge"], lambda topic: publishers[-1], lambda name: f"/{name}")


def test_messages_wait_until_the_own_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = _run(monkeypatch, "mine", [[]]), []
    run.take(seen.append, 1)
    assert run.note("planner other") == "" and run.note("begin other") == "" and run.note("planner mine") == "planner"
    run.take(seen.append, 2)
    assert seen == [] and not run.begun and run.text("mapping") == "mapping mine"
    run.note("begin mine")
    run.take(seen.append, 3)
    assert seen == [1, 2, 3]


def test_without_a_runner_messages_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = _run(monkeypatch, "", [[]]), []
    run.take(seen.append, 1)
    assert seen == [1] and run.note("planner") == "planner" and run.text("mapping") == "mapping"


def test_a_publisher_that_is_gone_at_the_next_look_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    publishers = [["/sim_bridge"]]
    run = _run(monkeypatch, "", publishers)
    found = []
    for names in (
        ["/sim_bridge"],
        ["/sim_bridge", "/x"],
        ["/sim_bridge"],
        ["/x", "/sim_bridge"],
        ["/x", "/sim_bridge"],
    ):
        publishers.append(names)
        found.append(bool(run.look()))
    assert found == [False, False, False, False, True]
