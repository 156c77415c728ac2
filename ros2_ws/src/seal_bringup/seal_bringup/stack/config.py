# SPDX-License-Identifier: Apache-2.0
"""A simulated run: what the user chooses, and what follows from it."""

from __future__ import annotations

import math
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from seal_bringup.live.config import PORT, LiveConfig
from seal_bringup.stack.presets import MAPS
from seal_mapping.voxels.config import MapConfig
from seal_perception import messages as m
from seal_perception.coco.names import listed_only
from seal_perception.errors import InputError
from seal_perception.parameters import parameter
from seal_perception.simulator import FIRST_STAMP_NS, STEP_NS
from seal_policy.planning.planner import TIGHT, PlannerConfig
from seal_policy.registry import POLICIES

PACKAGE = "seal_bringup"
MODES = ("lockstep", "paced")
DEPTH_NOISES = ("none", "d435")
MOTION_NOISES = ("none", "locobot", "actuation", "odometry")
LASERS = ("none", "rplidar", "rplidar_exact")
"""Names that the simulator knows, which is not imported for them: that takes seconds."""
_NAMESPACE = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?")
MAX_DOMAIN_ID = 232
"""Greatest ROS_DOMAIN_ID whose UDP ports exist."""


def require_frame_prefix(text: str) -> None:
    """Refuse what cannot stand before names of frames.

    Raises:
        InputError: if it is neither empty nor names that each end with a slash.
    """
    if not re.fullmatch(r"([A-Za-z_]\w*/)*", text):
        raise InputError(f"frame_prefix must be empty or a name and a slash, such as robot1/, got {text!r}")


@dataclass(frozen=True)
class StackConfig:
    """A simulated run."""

    scene: str = parameter("test_01", "a home's name, or a folder with scene.glb and objects.json")
    steps: int = parameter(300, "number of actions; the run has one frame more", minimum=1)
    run_dir: Path | str = parameter(
        "runs/explore", "folder for bag, map.npz, trajectory.json, status.json and log/; created if absent"
    )
    seed: int = parameter(0, "start pose (0 = the scene's own) and seed of the policy", minimum=0)
    weights: str = parameter("seal-small", 'detector: a shipped name, a .safetensors file, "coco", or "none"')
    categories: str = parameter(
        "", "with COCO's weights: which of COCO's 80 categories, with commas between; empty = the weights' own list"
    )
    width: int = parameter(320, "width of the pictures in pixels", minimum=16)
    height: int = parameter(240, "height of the pictures in pixels", minimum=16)
    policy: str = parameter(
        "frontier",
        "goal policy: frontier, random, gainful_views, gainful_curiosity, ans or semantic_curiosity",
        choices=POLICIES,
    )
    policy_weights: str = parameter("", "file of a learned policy, which needs one: `seal train-policy` writes it")
    object_goals: bool = parameter(
        False, "paced: hear object_goal, search for the category that it names, and stop there"
    )
    record: bool = parameter(True, "record a bag")
    detector_threads: int = parameter(
        2, "CPU threads of the detector; a run repeats only with the same number", minimum=1
    )
    voxels_every: int = parameter(10, "frames per map/voxels message", minimum=0)
    publish_truth: bool = parameter(False, "publish labels under truth/; for evaluation alone")
    ready_timeout_s: float = parameter(120.0, "longest wait for all nodes before frame 0, in seconds", minimum=0.0)
    namespace: str = parameter("", "prefix of all relative topics")
    domain_id: int = parameter(-1, "ROS_DOMAIN_ID; -1 = that of the environment", minimum=-1, maximum=MAX_DOMAIN_ID)
    frame_prefix: str = parameter("", "stands before all names of frames, such as robot1/; empty = those of REP 105")
    use_sim_time: bool = parameter(False, "nodes take the time from /clock")
    mode: str = parameter(
        "lockstep",
        "lockstep (one step per frame, repeats exactly) or paced (real time, driven by cmd_vel)",
        choices=MODES,
    )
    minutes: float = parameter(10.0, "paced: simulated minutes of the run; `steps` is not used then", minimum=0.0)
    real_time_factor: float = parameter(1.0, "paced: greatest simulated seconds per second", minimum=0.0)
    camera_hz: int = parameter(5, "paced: pictures per simulated second", minimum=1)
    depth_noise: str = parameter("none", "the simulator's depth camera: none or d435", choices=DEPTH_NOISES)
    motion_noise: str = parameter(
        "none", "the simulator's wheels and odometry: none, locobot, actuation or odometry", choices=MOTION_NOISES
    )
    laser: str = parameter(
        "none",
        "the simulator's laser scanner: none, rplidar or rplidar_exact; the paced planner subscribes to it",
        choices=LASERS,
    )
    map_preset: str = parameter(
        "clean",
        "parameters of the map: clean (exact depth and poses) or noisy, see seal_bringup.stack.presets",
        choices=tuple(MAPS),
    )
    wall_heading: bool = parameter(False, "paced: correct odometry by walls and by what was seen before")
    write_truth: bool = parameter(False, "paced: write the true poses to truth.json at the end; for evaluation alone")
    live: bool = parameter(False, "show the run in the browser: a page on live_address and live_port")
    live_address: str = parameter("127.0.0.1", "address of the live page; 0.0.0.0 = for the whole network")
    live_port: int = parameter(PORT, "TCP port of the live page; 0 = any free one", minimum=0, maximum=65535)
    live_buttons: bool = parameter(True, "the live page may start and stop the robot; false = it only shows")
    stack: str = parameter("", "stack file (YAML) that overrides parameters of nodes; empty = none")

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_dir", Path(self.run_dir))
        object.__setattr__(self, "scene", str(self.scene))
        if self.steps < 1 or self.width < 16 or self.height < 16:
            raise InputError(
                f"need steps >= 1 and pictures of at least 16 x 16, got {self.steps}, {self.width} x {self.height}"
            )
        if self.categories:
            listed_only([self.categories])
        if self.seed < 0:
            raise InputError(f"seed must be 0 (the scene's own start) or more, got {self.seed}")
        require_namespace(self.namespace)
        require_frame_prefix(self.frame_prefix)
        LiveConfig(self.live_address, self.live_port)
        if self.mode not in MODES:
            raise InputError(f"mode must be {' or '.join(MODES)}, got {self.mode!r}")
        if not (self.minutes > 0 and self.real_time_factor > 0 and self.camera_hz >= 1):
            raise InputError(
                "need minutes > 0, real_time_factor > 0 and camera_hz >= 1, got "
                f"{self.minutes}, {self.real_time_factor}, {self.camera_hz}"
            )
        if not (math.isfinite(self.minutes) and self.seconds > 0):
            raise InputError(
                f"minutes must be a number and long enough for a picture, got {self.minutes} at {self.camera_hz} Hz: "
                f"take {1 / (60 * self.camera_hz):.2g} or more"
            )
        # In lockstep the next pose would depend on whether the picture before it had been read: no run would repeat.
        if self.wall_heading and self.lockstep:
            raise InputError("wall_heading is for mode paced; got lockstep, which repeats exactly: leave it out")
        if self.object_goals and self.lockstep:
            raise InputError("object_goals is for mode paced; got lockstep: `seal objectnav` searches there")
        if self.map_preset not in MAPS:
            raise InputError(f"map_preset must be {' or '.join(MAPS)}, got {self.map_preset!r}")
        if not -1 <= self.domain_id <= MAX_DOMAIN_ID:
            raise InputError(f"domain_id must be 0..{MAX_DOMAIN_ID}, or -1 for the environment's, got {self.domain_id}")

    @property
    def chosen_categories(self) -> tuple[str, ...]:
        """`categories` as names; empty = the weights' own list."""
        return listed_only([self.categories]) if self.categories else ()

    @property
    def lockstep(self) -> bool:
        """Whether each frame waits for a step."""
        return self.mode == "lockstep"

    @property
    def paced(self) -> bool:
        """Whether the run is in real time, driven by velocity."""
        return not self.lockstep

    @property
    def seconds(self) -> float:
        """Simulated seconds of a paced run, in whole pictures."""
        return round(60.0 * self.minutes * self.camera_hz) / self.camera_hz

    @property
    def frames(self) -> int:
        """Frames of the run: in lockstep one before each action and one after the last, else one per picture."""
        return self.steps + 1 if self.lockstep else round(self.seconds * self.camera_hz) + 1

    @property
    def expected_frames(self) -> int:
        """Frames that a run must have; 0 in paced mode, where some may be left out."""
        return self.frames if self.lockstep else 0

    @property
    def last_stamp_ns(self) -> int:
        """Stamp of a paced run's last frame; 0 in lockstep."""
        return FIRST_STAMP_NS + (self.frames - 1) * m.NS // self.camera_hz if self.paced else 0

    def frame_of(self, stamp_ns: int) -> int:
        """Index of the frame with this stamp, from 0."""
        per_frame = STEP_NS if self.lockstep else m.NS / self.camera_hz
        return round((stamp_ns - FIRST_STAMP_NS) / per_frame)

    @property
    def map_config(self) -> MapConfig:
        """Parameters of the map."""
        return MAPS[self.map_preset]

    @property
    def planner_config(self) -> PlannerConfig:
        """How planner and policy see the map."""
        return TIGHT if self.paced else PlannerConfig()

    @property
    def goal_steps(self) -> int:
        """Steps after which the policy gives no more goals; 0 = it always does."""
        return self.steps if self.lockstep else 0

    @property
    def use_scan(self) -> bool:
        """Whether the robot has a laser."""
        return self.laser != "none"

    @property
    def truth_path(self) -> str:
        """File of the true poses, for evaluation alone; empty = none."""
        return str((Path(self.run_dir) / "truth.json").absolute()) if self.paced and self.write_truth else ""

    @property
    def live_page(self) -> str:
        """Where a browser on this machine finds the live page."""
        if self.live_port == 0:
            return f"its address stands in {Path(self.run_dir) / 'log' / 'live.log'}"
        return LiveConfig(self.live_address, self.live_port).url(self.live_port)

    @property
    def run_path(self) -> Path:
        """Folder of the run."""
        return Path(self.run_dir)

    @property
    def bag_path(self) -> Path:
        """Folder of the bag."""
        return Path(self.run_dir) / "bag"

    @property
    def map_path(self) -> Path:
        """File of the map."""
        return Path(self.run_dir) / "map.npz"


def require_namespace(text: str) -> None:
    """Refuse what cannot be a namespace; empty = none.

    Raises:
        InputError: if it cannot.
    """
    if text and not _NAMESPACE.fullmatch(text):
        raise InputError(
            f"namespace must be names of letters, digits and _ with / between them, such as robot1, got {text[:60]!r}"
        )


def shared_folder(name: str) -> Path:
    """`config`, `rviz` ... of this package: in the source tree, or where pip or colcon put it.

    Raises:
        InputError: if it is in none of these places.
    """
    roots = [Path(__file__).parents[2]]
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [Path(prefix) / "share" / PACKAGE for prefix in [*prefixes, sys.prefix]]
    for root in roots:
        if (root / name).is_dir():
            return root / name
    raise InputError(f"folder {name!r} of {PACKAGE} not found in {', '.join(map(str, roots))}: install the package")
