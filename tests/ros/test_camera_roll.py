# SPDX-License-Identifier: Apache-2.0
"""The perception node learns from /tf, or from a parameter, how its camera is mounted, and says so once."""

from __future__ import annotations

import math
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from seal_perception import messages as m
from seal_perception.nodes.camera_roll import CameraRoll
from seal_perception.nodes.transforms import transform_message
from seal_perception.pose import camera_mounting

pytestmark = pytest.mark.ros


class _Node:
    """Keeps callbacks and what is said; its clock is set by hand."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        self.said: list[str] = []
        self.time_s = 1.0
        self.steady = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(self.time_s * m.NS)))

    def subscribe(self, kind: type, topic: str, callback: Any, latched: bool = False, depth: int = 0) -> None:
        self.heard[topic] = callback

    def get_logger(self) -> Any:
        def say(text: str, **_: Any) -> None:
            self.said.append(text)

        return SimpleNamespace(info=say, warning=say)


def message(*rows: tuple[str, str, np.ndarray]) -> Any:
    return SimpleNamespace(transforms=[transform_message(*row, 0) for row in rows])


@pytest.fixture
def tf2(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("tf2_msgs.msg")
    module.TFMessage = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)


def test_the_transforms_decide_and_a_head_that_moves_is_followed(tf2: None) -> None:
    node = _Node()
    roll = CameraRoll(node, 0.0, True)  # type: ignore[arg-type]
    assert roll.turns("eye") == 0
    node.heard[m.TF_STATIC](message(("/head", "/eye", camera_mounting(0.0, roll_rad=math.pi / 2))))
    assert roll.turns("eye") == 0, "a tree of the camera alone does not know what is up"
    node.heard[m.TF](message(("base_link", "head", np.eye(4))))
    assert [roll.turns("eye"), roll.turns("/eye")] == [3, 3]
    (said,) = [text for text in node.said if text.startswith("eye:")]
    assert "on its side" in said and "upright" in said
    half = np.diag([1.0, -1.0, -1.0, 1.0])  # the head turned half round its axis
    broken = message(("base_link", "head", half))
    broken.transforms[0].transform.rotation.x = math.nan
    node.heard[m.TF](broken)
    assert roll.turns("eye") == 3 and "left out" in node.said[-1]
    node.heard[m.TF](message(("base_link", "head", half)))
    assert roll.turns("eye") == 1


def test_without_a_transform_the_parameter_counts_and_a_line_says_so_once(tf2: None) -> None:
    node = _Node()
    roll = CameraRoll(node, 180.0, True)  # type: ignore[arg-type]
    assert roll.turns("eye") == 2 and node.said == [], "a transform may still come"
    node.time_s = 7.0
    assert [roll.turns("eye") for _ in range(3)] == [2, 2, 2]
    (said,) = node.said
    assert "no transform leads" in said and "mounting.roll_deg 180" in said
    upright = _Node()
    roll = CameraRoll(upright, 0.0, True)  # type: ignore[arg-type]
    for upright.time_s in (1.0, 7.0, 8.0):
        assert roll.turns("eye") == 0
    assert len(upright.said) == 1 and "taken as upright" in upright.said[0]


def test_a_node_that_is_told_not_to_listen_listens_to_nothing(tf2: None) -> None:
    node = _Node()
    roll = CameraRoll(node, 270.0, False)  # type: ignore[arg-type]
    assert node.heard == {} and roll.turns("eye") == 1
    assert [text for text in node.said if "clockwise" in text] == node.said and len(node.said) == 1
