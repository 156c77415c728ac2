# SPDX-License-Identifier: Apache-2.0
"""A run on a robot: what the user chooses, and what the robot's file says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seal_bringup.live.config import PORT, LiveConfig
from seal_bringup.stack.config import MOTION_NOISES, require_frame_prefix, shared_folder
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.odometry.live import POSE_SOURCES
from seal_perception.parameters import parameter
from seal_perception.reading.text import read_yaml
from seal_policy.registry import POLICIES
from sim_bridge.fake_robot.faces import CAMERA_DRIVERS, FACES, CameraTopics, camera_topics
from sim_bridge.robot_base.fields import is_installed

AUTO = "auto"
_BRIDGE, _PARAMETERS = "/**/robot_bridge", "ros__parameters"
_LOCOBOT = "locobot_"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
LOCOBOT_HEIGHT_M, OTHER_HEIGHT_M = 0.6, 1.05
"""A LoCoBot's camera stands 0.51 m high (0.56 on the large tower), its top some centimetres above; of others nothing
is known."""
LEAST_PICTURES = 2.0
"""Per real second, of the fake robot: the gate waits 1 s for a picture, and a lost one must hardly close it."""
HEAD_ROOM_M = 0.05
"""Obstacles are looked for so much higher than the robot."""


@dataclass(frozen=True)
class RobotConfig:
    """A run on a robot, or on a fake one."""

    robot: str = parameter("locobot_kobuki", "file of config/robots, without .yaml, or the path of one")
    robot_name: str = parameter("", "name before the robot's topics and frames; empty = by the robot's file")
    namespace: str = parameter("seal", "namespace of the stack; the base's own topics stand outside it")
    frame_prefix: str = parameter(
        "", "stands before the map's frame, such as robot1/; the other frames are the robot's"
    )
    fake: bool = parameter(False, "a simulated LoCoBot in place of the robot")
    launch_driver: bool = parameter(False, "start Interbotix's driver too (LoCoBot; never tried)")
    enable: bool = parameter(False, "it may drive at once; false = when explore/enable is called")
    minutes: float = parameter(0.0, "end after so many minutes; 0 = by Ctrl-C", minimum=0.0)
    run_dir: str = parameter("runs/robot", "folder for bag, map.npz, trajectory.json and status.json")
    record: bool = parameter(True, "record a bag")
    weights: str = parameter("seal-small", 'detector: a shipped name, a file, "coco", or "none"')
    detector_threads: int = parameter(2, "CPU threads of the detector", minimum=1)
    policy: str = parameter(
        "frontier",
        "goal policy: frontier, random, gainful_views, gainful_curiosity, ans or semantic_curiosity",
        choices=POLICIES,
    )
    policy_weights: str = parameter("", "file of a learned policy, which needs one: `seal train-policy` writes it")
    object_goals: bool = parameter(False, "hear object_goal: search for the category that it names, and stop there")
    seed: int = parameter(0, "seed of the policy, and start pose of the fake robot", minimum=0)
    pose_source: str = parameter(
        AUTO,
        "odometry, odometry_tf or tf (docs/ros.md); auto = odometry_tf where tf2_msgs is installed, else odometry",
        choices=(AUTO, *POSE_SOURCES),
    )
    tf_odom_frame: str = parameter("", "odometry's frame on /tf; empty = by the robot's file")
    tf_base_frame: str = parameter("", "the base's frame on /tf; empty = by the robot's file")
    camera_driver: str = parameter(
        "4.54", "LoCoBot's realsense2_camera: 4.54 = up to 4.54.1, 4.55 = from 4.55.1", choices=CAMERA_DRIVERS
    )
    colour_topic: str = parameter("", "colour pictures; empty = the driver's (LoCoBot); {robot} stands for robot_name")
    depth_topic: str = parameter("", "depth aligned with them; empty = the driver's (LoCoBot)")
    info_topic: str = parameter("", "camera_info; empty = the driver's (LoCoBot), or picture_topic of the robot's file")
    camera_frame: str = parameter(m.CAMERA_FRAME, "without /tf, and of the fake robot: frame of the pictures")
    camera_best_effort: bool = parameter(False, "hear the camera with best effort, as it offers no more")
    camera_height_m: float = parameter(0.51, "without /tf: camera above the floor, in metres", minimum=0.0)
    camera_forward_m: float = parameter(0.1, "without /tf: camera ahead of the base, in metres")
    camera_left_m: float = parameter(0.03, "without /tf: camera to the left of the base's middle, in metres")
    tilt_deg: float = parameter(18.0, "without /tf, and of the fake robot: camera tilted down, in degrees")
    robot_height_m: float = parameter(
        0.0, "what hangs higher is no obstacle, in metres; 0 = a LoCoBot's 0.6 m, for other robots 1.05 m", minimum=0.0
    )
    wall_heading: bool = parameter(
        False, "correct odometry by walls and what was seen, on /tf; without tf2_msgs in odom"
    )
    use_laser: bool = parameter(False, "the planner subscribes to a laser too")
    laser_topic: str = parameter("/{robot}/scan", "its topic; {robot} stands for robot_name")
    live: bool = parameter(False, "show the run in the browser: a page on live_address and live_port")
    live_address: str = parameter("127.0.0.1", "address of the live page; 0.0.0.0 = for the whole network")
    live_port: int = parameter(PORT, "TCP port of the live page; 0 = any free one", minimum=0, maximum=65535)
    live_buttons: bool = parameter(True, "the live page may start and stop the robot; false = it only shows")
    scene: str = parameter("test_01", "of the fake robot: a home's name, or a scene folder")
    camera_hz: float = parameter(5.0, "of the fake robot: pictures per second", minimum=0.5)
    camera_width: int = parameter(
        640, "of the fake robot: width of the pictures; their height is 3/4 of it", minimum=16
    )
    real_time_factor: float = parameter(
        0.0, "of the fake robot: simulated seconds per second, on /clock; 0 = the system's clock", minimum=0.0
    )
    motion_noise: str = parameter(
        "none", "of the fake robot: none, locobot, actuation or odometry", choices=MOTION_NOISES
    )
    truth_path: str = parameter("", "of the fake robot: file for the true poses, for evaluation; empty = none")

    def __post_init__(self) -> None:
        if self.pose_source not in (AUTO, *POSE_SOURCES):
            raise InputError(f"pose_source must be {AUTO}, {', '.join(POSE_SOURCES)}, got {self.pose_source!r}")
        if not (math.isfinite(self.minutes) and self.minutes >= 0):
            raise InputError(f"minutes must be a number >= 0, got {self.minutes}")
        if self.robot_height_m and not 0.2 <= self.robot_height_m <= 2.5:
            raise InputError(f"robot_height_m must be 0 (by the robot) or 0.2 to 2.5 m, got {self.robot_height_m:g}")
        require_frame_prefix(self.frame_prefix)
        if not self.namespace.strip("/"):
            raise InputError("namespace must be a name: the base's topics must not be the stack's own")
        if self.launch_driver and (self.fake or self.face is None):
            raise InputError("launch_driver starts Interbotix's driver of a real LoCoBot: leave it out")
        if self.fake and self.face is None:
            raise InputError(f"fake robots are locobot_kobuki and locobot_create3, got {self.robot!r}")
        if self.fake and (self.colour_topic or self.depth_topic or self.info_topic):
            raise InputError(
                "the fake robot's camera has camera_driver's topics: leave colour_topic, depth_topic, info_topic out"
            )
        if self.wall_heading and self.pose_source not in (AUTO, "tf" if self.corrects_map else "odometry"):
            where = "on /tf" if self.corrects_map else "in odom, as tf2_msgs is not installed"
            raise InputError(
                f"wall_heading corrects poses {where}: leave pose_source at {AUTO}, got {self.pose_source!r}"
            )
        camera_topics(self.camera_driver, self.robot_name)
        LiveConfig(self.live_address, self.live_port)

    def require_pictures(self) -> None:
        """Refuse a fake robot whose pictures come too seldom to drive by.

        Raises:
            InputError: if the gate would close between them.
        """
        often = self.camera_hz * (self.real_time_factor or 1.0)
        if self.fake and not often >= LEAST_PICTURES:
            raise InputError(
                f"camera_hz {self.camera_hz:g} and real_time_factor {self.real_time_factor:g} make {often:g} pictures "
                f"per real second: expected at least {LEAST_PICTURES:g}, as the gate closes after a second without one"
            )

    @property
    def name(self) -> str:
        """What stands for {robot}: `robot_name`, or the name in the robot's file.

        Raises:
            InputError: if that is needed and is wrong.
        """
        return self.robot_name or str(self.base.get("robot_name") or "robot")

    def named(self, text: str) -> str:
        """A topic or frame with the robot's name in place of {robot}."""
        return text.replace("{robot}", self.name) if "{robot}" in text else text

    @property
    def face(self) -> str | None:
        """Name of the LoCoBot's base, by the name of the robot's file; None for another robot."""
        stem = Path(self.robot).stem if self._is_path else self.robot
        name = stem.removeprefix(_LOCOBOT)
        return name if stem != name and name in FACES else None

    @property
    def _is_path(self) -> bool:
        return Path(self.robot).suffix in (".yaml", ".yml")

    @property
    def file(self) -> Path:
        """The robot's file.

        Raises:
            InputError: if there is none; the text lists those that there are.
        """
        if self._is_path:
            return Path(self.robot)
        folder = shared_folder("config") / "robots"
        found = folder / f"{self.robot}.yaml"
        if not found.is_file():
            known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
            raise InputError(f"robot must be {known} or the path of a .yaml file, got {self.robot!r}")
        return found

    @cached_property
    def bridge_parameters(self) -> dict[str, Any]:
        """Parameters of the robot's file, nested as it has them; the file is read once.

        Raises:
            InputError: if it is no such file.
        """
        try:
            content = read_yaml(self.file)
        except OSError as error:
            raise InputError(f"cannot read the robot's file {self.file}: {error.strerror or error}") from error
        found = content.get(_BRIDGE, {}).get(_PARAMETERS) if isinstance(content, dict) else None
        if not isinstance(found, dict) or not isinstance(found.get("base"), dict):
            raise InputError(f"{self.file} must have {_BRIDGE}: {_PARAMETERS}: base: ..., as generic.yaml has")
        return found

    @property
    def base(self) -> dict[str, Any]:
        """`base` of the robot's file: its topics and frames."""
        return dict(self.bridge_parameters["base"])

    @property
    def limits(self) -> dict[str, Any]:
        """`limits` of the robot's file: its speeds; empty where it has none."""
        return dict(self.bridge_parameters.get("limits") or {})

    @property
    def height_m(self) -> float:
        """Height of the robot: `robot_height_m`, or what is known of it."""
        return self.robot_height_m or (LOCOBOT_HEIGHT_M if self.face is not None else OTHER_HEIGHT_M)

    @property
    def corrects_map(self) -> bool:
        """Whether the heading by walls is map -> odom on /tf (REP 105); without tf2_msgs `odom` itself is corrected."""
        return self.wall_heading and is_installed(TRANSFORMS)

    @property
    def source(self) -> str:
        """Where poses come from: `pose_source` with `auto` decided, and by the corrected frame with `wall_heading`."""
        if self.wall_heading:
            return "tf" if self.corrects_map else "odometry"
        if self.pose_source != AUTO:
            return self.pose_source
        return "odometry_tf" if is_installed(TRANSFORMS) else "odometry"

    def frames(self) -> tuple[str, str]:
        """Odometry's frame and the base's, as /tf calls them."""
        if self.face is not None:
            odom, base = FACES[self.face].tf_odom_frame, FACES[self.face].tf_base_frame
        else:
            odom, base = str(self.base.get("odom_frame") or "odom"), str(self.base.get("base_frame") or "base_link")
        return self.named(self.tf_odom_frame or odom), self.named(self.tf_base_frame or base)

    def message_frames(self) -> tuple[str, str]:
        """Odometry's frame and the base's, as odometry's messages call them: a Create 3's differ from /tf's."""
        odom, base = self.frames()
        told = self.base.get("odom_frame") or odom, self.base.get("base_frame") or base
        return self.named(str(told[0])), self.named(str(told[1]))

    @property
    def camera(self) -> CameraTopics:
        """The camera's topics: as the arguments say, else those of a LoCoBot's driver or of the robot's file.

        Raises:
            InputError: if none of them names one; the text says which argument to give.
        """
        given = {name: str(getattr(self, name)) for name in ("colour_topic", "depth_topic", "info_topic")}
        if self.face is not None:
            driver = camera_topics(self.camera_driver, self.name)
            known = (driver.colour, driver.depth, driver.info)
        else:
            told = self.base.get("picture_topic") if self.base.get("picture_type", CAMERA_INFO) == CAMERA_INFO else ""
            known = ("", "", str(told or ""))
        topics = {name: self.named(topic or other) for (name, topic), other in zip(given.items(), known, strict=True)}
        if missing := [name for name, topic in topics.items() if not topic]:
            lacking = ", ".join(f"{name}:=" for name in missing)
            raise InputError(f"the camera's topics of {self.robot!r} are not known: name them by {lacking}")
        colour, depth, info = topics.values()
        return CameraTopics(colour, depth, info, self.camera_frame)
