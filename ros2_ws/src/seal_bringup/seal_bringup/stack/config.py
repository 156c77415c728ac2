# SPDX-License-Identifier: Apache-2.0
"""The one description of the nodes of a run, read by the runner and by the launch file alike."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seal_bringup.stack.presets import MAPS
from seal_mapping.voxels.config import MapConfig
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.simulator import FIRST_STAMP_NS, STEP_NS
from seal_policy.planning.planner import TIGHT, PlannerConfig

PACKAGE = "seal_bringup"
DEFAULT_STACK = "sim.yaml"
MODES = ("lockstep", "paced")


@dataclass(frozen=True)
class StackConfig:
    """A simulated run.

    Attributes:
        scene: a home's name or a folder with scene.glb and objects.json.
        steps: actions; there is one frame more.
        run_dir: folder for bag, map.npz, trajectory.json, status.json, log/; made if absent.
        seed: start pose (0 = the scene's own) and seed of the policy.
        weights: detector: a shipped name, a .safetensors file, "coco", or "none".
        width: picture in pixels.
        height: picture in pixels.
        policy: goal policy.
        record: whether to record a bag.
        detector_threads: CPU threads of the detector; a part of what makes a run repeat.
        voxels_every: frames per map/voxels message.
        publish_truth: labels under truth/; for evaluation alone.
        ready_timeout_s: longest wait for all nodes before frame 0.
        namespace: put before all relative topics.
        domain_id: ROS_DOMAIN_ID; -1 = that of the environment.
        use_sim_time: nodes take their time from /clock.
        mode: lockstep (a step per frame, repeats exactly) or paced (time runs, cmd_vel drives).
        minutes: paced: simulated minutes of the run; `steps` is not used then.
        real_time_factor: paced: simulated seconds per second, at most.
        camera_hz: paced: pictures per simulated second.
        depth_noise: the simulator's depth camera: none or d435.
        motion_noise: the simulator's wheels and odometry: none, locobot, actuation or odometry.
        laser: the simulator's laser scanner: none, rplidar or rplidar_exact; the paced planner hears it.
        map_preset: parameters of the map: clean (exact depth and poses) or noisy, see seal_bringup.stack.presets.
        wall_heading: paced: correct the heading of odometry by walls that stand at right angles. Not in lockstep: there
            the next pose would depend on whether the picture before it had been looked at, and a run not repeat.
        write_truth: paced: true poses to truth.json when the run is over; for evaluation alone.
        stack: YAML file with the nodes; empty = the shipped sim.yaml.
    """

    scene: str = "test_01"
    steps: int = 300
    run_dir: Path | str = "runs/explore"
    seed: int = 0
    weights: str = "seal-small"
    width: int = 320
    height: int = 240
    policy: str = "frontier"
    record: bool = True
    detector_threads: int = 2
    voxels_every: int = 10
    publish_truth: bool = False
    ready_timeout_s: float = 120.0
    namespace: str = ""
    domain_id: int = -1
    use_sim_time: bool = False
    mode: str = "lockstep"
    minutes: float = 10.0
    real_time_factor: float = 1.0
    camera_hz: int = 5
    depth_noise: str = "none"
    motion_noise: str = "none"
    laser: str = "none"
    map_preset: str = "clean"
    wall_heading: bool = False
    write_truth: bool = False
    stack: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_dir", Path(self.run_dir))
        object.__setattr__(self, "scene", str(self.scene))
        if self.steps < 1 or self.width < 16 or self.height < 16:
            raise InputError(
                f"need steps >= 1 and pictures of at least 16 x 16, got {self.steps}, {self.width} x {self.height}"
            )
        if self.seed < 0:
            raise InputError(f"seed must be 0 (the scene's own start) or more, got {self.seed}")
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
        if self.wall_heading and self.lockstep:
            raise InputError("wall_heading is for mode paced; got lockstep, which repeats exactly: leave it out")
        if self.map_preset not in MAPS:
            raise InputError(f"map_preset must be {' or '.join(MAPS)}, got {self.map_preset!r}")
        if not -1 <= self.domain_id <= 232:
            raise InputError(f"domain_id must be 0..232, or -1 for the environment's, got {self.domain_id}")

    @property
    def lockstep(self) -> bool:
        """Whether each frame waits for a step."""
        return self.mode == "lockstep"

    @property
    def paced(self) -> bool:
        """Whether time runs."""
        return not self.lockstep

    @property
    def plain_odometry(self) -> bool:
        """Whether odometry is taken as it is."""
        return not self.wall_heading

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
        """Frames without which the run is no run; 0 in paced mode, where some may be left out."""
        return self.frames if self.lockstep else 0

    @property
    def last_stamp_ns(self) -> int:
        """Stamp of a paced run's last frame; 0 in lockstep."""
        return FIRST_STAMP_NS + (self.frames - 1) * m.NS // self.camera_hz if self.paced else 0

    def frame_of(self, stamp_ns: int) -> int:
        """Which frame of a run has this stamp, from 0."""
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
    def pictures_kept(self) -> int:
        """Pictures that wait for the detector, 0 = all: where time runs, a newer one is worth more than each one."""
        return 0 if self.lockstep else 1

    @property
    def goal_steps(self) -> int:
        """Steps after which the policy gives no more goals; 0 = it always does."""
        return self.steps if self.lockstep else 0

    @property
    def use_scan(self) -> bool:
        """Whether there is a laser to hear."""
        return self.laser != "none"

    @property
    def truth_path(self) -> str:
        """File of the true poses, for evaluation alone; empty = none."""
        return str((Path(self.run_dir) / "truth.json").absolute()) if self.paced and self.write_truth else ""

    @property
    def bag_path(self) -> Path:
        """Folder of the bag."""
        return Path(self.run_dir) / "bag"

    @property
    def map_path(self) -> Path:
        """File of the map."""
        return Path(self.run_dir) / "map.npz"


@dataclass(frozen=True)
class NodeSpec:
    """One node, as both the runner and ROS's launch start it.

    Attributes:
        name: its name.
        package: package of its executable; `<package>.nodes.<executable>` is its Python module.
        executable: console script.
        namespace: put before its relative names.
        parameters: flat, dotted names.
        remappings: topic -> other topic.
        subscribes: relative topics it must hear.
        publishes: relative topics that others wait for.
    """

    name: str
    package: str
    executable: str
    namespace: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    remappings: dict[str, str] = field(default_factory=dict)
    subscribes: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Python module that runs the node."""
        return f"{self.package}.nodes.{self.executable}"


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


def read_stack(path: Path | str = "") -> dict[str, Any]:
    """The description of a stack: `run` (fields of StackConfig) and `nodes`; nodes left out are those of sim.yaml.

    Raises:
        InputError: if the file is missing, no YAML, or has unknown keys.
    """
    path = Path(path) if path else shared_folder("config") / DEFAULT_STACK
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"cannot read the stack {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict) or not set(content) <= {"run", "nodes"}:
        raise InputError(f"{path} must have the keys run and nodes, got {content if not content else list(content)}")
    if "nodes" not in content:
        content["nodes"] = read_stack()["nodes"]
    return content


def config_from_file(path: Path | str, **overrides: Any) -> StackConfig:
    """StackConfig from the `run` part of a stack file; `overrides` win.

    Raises:
        InputError: for unknown fields or bad values.
    """
    values = {**(read_stack(path).get("run") or {}), **overrides, "stack": str(path)}
    known = {f.name for f in dataclasses.fields(StackConfig)}
    if unknown := sorted(set(values) - known):
        raise InputError(f"{path}: unknown fields {', '.join(unknown)} under run; known are {', '.join(sorted(known))}")
    try:
        return StackConfig(**values)
    except TypeError as error:
        raise InputError(f"{path}: {error}") from error


def node_specs(config: StackConfig) -> list[NodeSpec]:
    """The nodes of a run with all parameters filled in, and with what each waits for before the run starts.

    Raises:
        InputError: if the description is wrong; the text names the node and the key.
    """
    rows = [row for row in read_stack(config.stack)["nodes"] if _wanted(row, config)]
    specs = [_spec(row, config) for row in rows]
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise InputError(f"names of nodes must differ, got {', '.join(names)}")
    return [_with_handshake(spec, specs) for spec in specs]


def _wanted(row: dict[str, Any], config: StackConfig) -> bool:
    return bool(getattr(config, row["when"])) if "when" in row else True


def _spec(row: dict[str, Any], config: StackConfig) -> NodeSpec:
    known = {f.name for f in dataclasses.fields(NodeSpec)} | {"when"}
    if unknown := sorted(set(row) - known):
        raise InputError(f"node {row.get('name', '?')}: unknown keys {', '.join(unknown)}; known are {sorted(known)}")
    try:
        parameters = {key: _value(v, config) for key, v in (row.get("parameters") or {}).items()}
        return NodeSpec(
            row["name"],
            row["package"],
            row["executable"],
            config.namespace,
            {**parameters, "use_sim_time": config.use_sim_time},
            dict(row.get("remappings") or {}),
            tuple(row.get("subscribes") or ()),
            tuple(row.get("publishes") or ()),
        )
    except KeyError as error:
        raise InputError(f"node {row.get('name', '?')}: {error.args[0]} is missing") from error


def _value(value: Any, config: StackConfig) -> Any:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    found: Any = config
    for name in value[1:].split("."):
        if not hasattr(found, name):
            raise InputError(f"{value} is no field of a run; known are {[f.name for f in dataclasses.fields(config)]}")
        found = getattr(found, name)
    return str(found.absolute()) if isinstance(found, Path) else found


def _with_handshake(spec: NodeSpec, specs: list[NodeSpec]) -> NodeSpec:
    """Add what the node waits for: subscribers of what it publishes, publishers of what it hears, ready nodes."""
    listeners = {t: sum(t in other.subscribes for other in specs) for t in spec.publishes}
    heard = [t for t in spec.subscribes if any(t in other.publishes for other in specs)]
    waits: dict[str, Any] = {
        "expect_subscribers": [f"{t}={n}" for t, n in listeners.items() if n] or [""],
        "expect_publishers": heard or [""],
    }
    if "ready" in spec.subscribes:
        waits["wait_for"] = [other.name for other in specs if other is not spec] or [""]
    return dataclasses.replace(spec, parameters={**spec.parameters, **waits})
