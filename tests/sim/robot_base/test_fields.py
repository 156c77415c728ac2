# SPDX-License-Identifier: Apache-2.0
"""What messages of bases say, by field and test: the fields of Kobuki, Create 3 and plain ROS messages."""

from __future__ import annotations

import math
from types import SimpleNamespace as Message
from typing import Any

import pytest

from seal_perception.errors import InputError
from sim_bridge.robot_base.fields import SignalConfig, signal_of, split_type, values_of


def signal(field: str, when: str) -> SignalConfig:
    return SignalConfig(topic="t", type="a_msgs/msg/B", field=field, when=when)


def hazards(*types: int) -> Message:
    return Message(detections=[Message(type=number) for number in types])


@pytest.mark.parametrize(
    ("message", "field", "when", "on"),
    [
        (Message(data=True), "data", "true", True),
        (Message(data=True), "data", "false", False),
        (Message(bumper=0), "bumper", "true", False),
        (Message(bumper=4), "bumper", "true", True),
        (Message(bumper=4), "bumper", "& 3", False),
        (Message(bumper=6), "bumper", "& 3", True),
        (Message(state=1), "state", "== 1", True),
        (Message(state=0), "state", "!= 1", True),
        (Message(voltage=13.1), "voltage", "< 13.2", True),
        (Message(voltage=13.2), "voltage", "< 13.2", False),
        (Message(voltage=13.2), "voltage", "<=13.2", True),
        (hazards(), "detections[].type", "== 1", False),
        (hazards(0, 3), "detections[].type", "== 1", False),
        (hazards(0, 1), "detections[].type", "== 1", True),
        (Message(level=b"\x02"), "level", ">= 2", True),
        (Message(level=b"\x00"), "level", "true", False),
        (Message(level=b"\x00"), "level", "false", True),
        (Message(v=math.nan), "v", "< 13.2", None),
        (Message(v=[1.0, math.nan]), "v[]", "< 13.2", True),
        (Message(v=[20.0, math.nan]), "v[]", "< 13.2", None),
        (Message(v=math.inf), "v", "& 3", False),
        (Message(status=Message(power=Message(on=False))), "status.power.on", "false", True),
    ],
)
def test_fields_and_tests(message: Any, field: str, when: str, on: bool | None) -> None:
    assert signal_of(message, signal(field, when)) is on


def test_lists_of_lists_are_one() -> None:
    message = Message(a=[Message(b=[1, 2]), Message(b=[]), Message(b=[3])])
    assert values_of(message, "a[].b[]") == [1, 2, 3]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: values_of(Message(a=1), "b"), "has no field 'b': it ends at 'b'"),
        (lambda: signal("data", "about 3"), "when must be true, false, or one of .* got 'about 3'"),
        (lambda: signal("data", "< 3; import os"), "when must be true, false"),
        (lambda: signal("__class__.x", "true"), "field must be names with dots"),
        (lambda: SignalConfig(topic="t", type="kobuki/SensorState"), "written as package/msg/Name, got 'kobuki/Sen"),
        (lambda: split_type("os.path"), "written as package/msg/Name, got 'os.path'"),
        (lambda: signal_of(Message(v=[1]), signal("v", "== 1")), "must be true, false or a number, got '\\[1\\]'"),
        (lambda: signal_of(Message(v=b""), signal("v", "true")), "must be true, false or a number, got"),
        (lambda: signal_of(Message(v="on"), signal("v", "true")), "must be true, false or a number, got 'on'"),
        (lambda: signal_of(Message(v=1), signal("v[]", "true")), "'v' of 'v\\[\\]' is no list"),
    ],
)
def test_mistakes_are_named(make: Any, text: str) -> None:
    with pytest.raises((InputError, ValueError), match=text):
        make()


def test_a_signal_that_a_base_does_not_tell_needs_nothing() -> None:
    assert SignalConfig().topic == ""
