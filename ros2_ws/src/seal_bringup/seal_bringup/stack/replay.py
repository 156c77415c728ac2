# SPDX-License-Identifier: Apache-2.0
"""A bag through the live nodes: what is played, and who hears it."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_bringup.stack.node_specs import NodeSpec, prefixed, with_categories
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import MOUNTED, WHOM, mapping_nodes
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.parameters import parameter

PLAYED = (m.COLOUR, m.DEPTH, m.CAMERA_INFO, m.ODOM)
"""What is played, besides /tf and /tf_static: detections and goals in the bag would meet those made anew."""

_MAPPED = (m.COLOUR, m.DEPTH, m.CAMERA_INFO, m.SCORES)
_WAITING = 60
"""Pictures that wait for the detector: fewer than mapping keeps for their scores (100, `StampMatcher`), else each score
of a detector slower than the camera would come after its picture was given up."""
_LATE_S = 60.0
"""So long pictures wait for their scores, and for odometry, where the machine is busy for a while."""

REPLAYED = (
    *WHOM,
    *MOUNTED,
    "tf_odom_frame",
    "tf_base_frame",
    "wall_heading",
    "robot_height_m",
    "policy",
    "frame_prefix",
    "bag",
    "rate",
)
"""Arguments that a replay follows."""


@dataclass(frozen=True)
class ReplayConfig(RobotConfig):
    """A bag's replay: of this project's recorder, whose topics have the stack's names in `namespace`."""

    bag: str = parameter("", "folder of the bag")
    rate: float = parameter(1.0, "speed of the replay: bag's seconds per second", minimum=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (Path(self.bag) / "metadata.yaml").is_file():
            raise InputError(f"bag must be the folder of a rosbag2 bag, with metadata.yaml in it, got {self.bag!r}")
        if not 0 < self.rate < 100:
            raise InputError(f"rate must lie above 0 and below 100, got {self.rate}")
        if self.wall_heading and not self.corrects_map:
            raise InputError("wall_heading of a replay needs tf2_msgs: install ros-$ROS_DISTRO-tf2-msgs")
        if self.fake or self.launch_driver:
            raise InputError("a replay has no robot: leave fake and launch_driver out")


def replay_nodes(config: ReplayConfig) -> list[NodeSpec]:
    """Perception, mapping, policy and monitor by the bag's clock.

    Raises:
        InputError: if the robot's file is wrong, or there are no such weights.
    """
    shared = {"use_sim_time": True, "lockstep": False, **prefixed(config.frame_prefix)}
    patient = {
        "perception": _queue(_WAITING, m.COLOUR),
        "mapping": {**_queue(0, *_MAPPED), "max_late_s": _LATE_S, "odometry.wait_s": _LATE_S},
    }
    return with_categories(
        [
            dataclasses.replace(
                node,
                namespace=config.namespace,
                parameters={**node.parameters, **shared, **patient.get(node.name, {})},
            )
            for node in mapping_nodes(config)
        ]
    )


def _queue(depth: int, *topics: str) -> dict[str, Any]:
    """Longer queues, 0 = without a bound: a robot wants the newest picture, a replay each one that it has time for."""
    return {f"qos.{topic.replace('/', '_')}.depth": depth for topic in topics}


def require_player() -> None:
    """Before a node is started: is `ros2 bag` there?

    Raises:
        InputError: if it is not; the text says what to install.
    """
    if shutil.which("ros2") is None or importlib.util.find_spec("ros2bag") is None:
        packages = "ros-$ROS_DISTRO-rosbag2 (on Humble its storage-mcap too)"
        raise InputError(f"a replay plays by `ros2 bag play`, which is not here: install {packages}")


def play_command(config: ReplayConfig) -> list[str]:
    """`ros2 bag play` with the topics that the nodes hear."""
    root = f"/{config.namespace.strip('/')}"
    topics = [*(f"{root}/{topic}" for topic in PLAYED), m.TF, m.TF_STATIC]
    return ["ros2", "bag", "play", config.bag, "--clock", "--rate", f"{config.rate:g}", "--topics", *topics]
