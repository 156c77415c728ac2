# SPDX-License-Identifier: Apache-2.0
"""The nodes of a run: one description for the runner and the launch file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seal_bringup.live.config import LiveConfig
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.overrides import read_overrides
from seal_mapping.voxels.config import MapConfig
from seal_perception import messages as m
from seal_perception.categories import SIX, CategorySet
from seal_perception.detector.facts import categories_of
from seal_perception.errors import InputError
from seal_policy.planning.planner import PlannerConfig
from seal_policy.registry import NEED_UNCERTAINTY, NEED_VOLUME

CAMERA = (m.COLOUR, m.CAMERA_INFO, m.DEPTH)
GRIDS = (m.OBSTACLES, m.EXPLORED)
LIVE_NODE = "seal_bringup.nodes.live_node"
"""Module of the live page."""


@dataclass(frozen=True)
class NodeSpec:
    """One node, as both the runner and ROS's launch start it.

    Attributes:
        name: its name.
        package: package of its executable; `<package>.nodes.<executable>` is its Python module.
        executable: console script.
        namespace: prefix of its relative names.
        parameters: flat, dotted names.
        parameter_files: ROS 2 parameter files; `parameters` win over them.
        remappings: topic -> other topic.
        subscribes: relative topics it subscribes to.
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
    parameter_files: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Python module that runs the node."""
        return f"{self.package}.nodes.{self.executable}"


def nodes_of(config: StackConfig) -> list[NodeSpec]:
    """The nodes of a run with all parameters, those of the stack file included.

    Raises:
        InputError: if the stack file is wrong (the text names the node and the parameter), there are no such weights,
            or the map is for another list of categories than theirs.
    """
    given = read_overrides(config.stack) if config.stack else None
    if given is not None:  # topics depend on the policy, which the file may name
        named = given.nodes.get("policy", {}).get("policy", given.everywhere.get("policy", config.policy))
        config = dataclasses.replace(config, policy=str(named))
    nodes = [_in_run(node, config) for node in _nodes(config)]
    connected = [_with_handshake(node, nodes) for node in nodes]
    if given is None:
        return with_categories(connected)
    changed = [
        dataclasses.replace(node, parameters={**node.parameters, **given.everywhere, **given.nodes.get(node.name, {})})
        for node in connected
    ]
    return with_categories(_with_one_map(changed))


def _with_one_map(nodes: list[NodeSpec]) -> list[NodeSpec]:
    """Give the map of searches what a stack file changes of mapping's map and of its camera's mounting."""
    mapping = next(node.parameters for node in nodes if node.executable == "mapping_node")
    same = {name: value for name, value in mapping.items() if name.startswith(("map.", "mounting."))}
    return [
        dataclasses.replace(node, parameters={**node.parameters, **same})
        if node.parameters.get("object_goals")
        else node
        for node in nodes
    ]


def with_categories(nodes: list[NodeSpec]) -> list[NodeSpec]:
    """Give all maps the list of the detector's weights, where that is not the six."""
    seeing = next(node.parameters for node in nodes if node.executable == "perception_node")
    names = categories_of(seeing.get("weights", ""), seeing.get("detector.categories", ()))
    out = []
    for node in nodes:
        maps = node.executable == "mapping_node" or node.parameters.get("object_goals")
        if maps and (names != SIX or "map.categories" in node.parameters):
            known = {"map.categories": _map_names(node, names), "map.num_categories": len(names)}
            node = dataclasses.replace(node, parameters={**node.parameters, **known})
        out.append(node)
    return out


def _map_names(node: NodeSpec, names: CategorySet) -> list[str]:
    given = node.parameters.get("map.categories", names.names)
    if list(given) != list(names.names):
        shown = ", ".join(map(str, given))
        raise InputError(f"map.categories is {shown}; the detector looks for {names}: leave it out, it is set by that")
    return list(names.names)


def _nodes(config: StackConfig) -> Iterator[NodeSpec]:
    """The nodes in the order in which they start."""
    yield _bridge(config)
    if config.wall_heading:
        yield NodeSpec(
            "heading",
            "seal_mapping",
            "heading_node",
            subscribes=(m.WHEELS, m.DEPTH, m.CAMERA_INFO),
            publishes=(m.ODOM,),
        )
    yield _perception(config)
    yield _mapping(config)
    yield _policy(config)
    yield _planner(config)
    if config.record:
        yield _recorder(config)
    yield _monitor(config)
    if config.live:
        yield live_page(LiveConfig(config.live_address, config.live_port, config.live_buttons))


def _bridge(config: StackConfig) -> NodeSpec:
    parameters: dict[str, Any] = {
        "scene": config.scene,
        "seed": config.seed,
        "mode": config.mode,
        "max_steps": config.steps,
        "seconds": config.seconds,
        "real_time_factor": config.real_time_factor,
        "truth_path": config.truth_path,
        "publish_truth": config.publish_truth,
        "ready_timeout_s": config.ready_timeout_s,
        "paced.camera_hz": config.camera_hz,
        "sim.width": config.width,
        "sim.height": config.height,
        "sim.depth_noise": config.depth_noise,
        "sim.motion_noise": config.motion_noise,
        "sim.laser": config.laser,
    }
    odometry = m.WHEELS if config.wall_heading else m.ODOM
    if config.wall_heading:
        parameters["odom_topic"] = odometry
    return NodeSpec(
        "sim_bridge",
        "sim_bridge",
        "sim_bridge_node",
        parameters=parameters,
        subscribes=(m.STEP, m.CMD_VEL, m.READY),
        publishes=(*CAMERA, odometry, m.CONTACT, *((m.SCAN,) if config.use_scan else ())),
    )


def _perception(config: StackConfig) -> NodeSpec:
    return NodeSpec(
        "perception",
        "seal_perception",
        "perception_node",
        parameters={
            "weights": config.weights,
            **({"detector.categories": list(config.chosen_categories)} if config.categories else {}),
            "detector.threads": config.detector_threads,
            "roll_from_tf": False,  # a simulated camera is upright; else the stack file sets mounting.roll_deg
        },
        subscribes=(m.COLOUR,),
        publishes=(m.SCORES, m.DETECTIONS),
    )


def seen_by_policy(policy: str) -> tuple[str, ...]:
    """What of the map a goal policy goes by."""
    more = ((m.UNCERTAINTY, NEED_UNCERTAINTY), (m.VOLUME, NEED_VOLUME))
    return (*GRIDS, *(topic for topic, policies in more if policy in policies))


def layers_for(policy: str) -> dict[str, Any]:
    """Mapping's parameters for a goal policy that looks at more than the grids."""
    more = (("uncertainty", NEED_UNCERTAINTY), ("volume", NEED_VOLUME))
    return {name: True for name, policies in more if policy in policies}


def _mapping(config: StackConfig) -> NodeSpec:
    return NodeSpec(
        "mapping",
        "seal_mapping",
        "mapping_node",
        parameters={
            "save_path": str(config.map_path.absolute()),
            "expected_frames": config.frames,
            "voxels_every": config.voxels_every,
            **layers_for(config.policy),
            **map_parameters(config.map_config),
        },
        subscribes=(*CAMERA, m.ODOM, m.SCORES, m.DETECTIONS),
        publishes=(*seen_by_policy(config.policy), m.STATUS),
    )


def map_parameters(chosen: MapConfig) -> dict[str, Any]:
    """Mapping's parameters in which the presets of the map differ."""
    names = ("max_depth_m", "edge_filter", "obstacle_min_views", "clear_views", "clear_margin_m")
    return {f"map.{name}": getattr(chosen, name) for name in names}


def clearances(chosen: PlannerConfig) -> dict[str, Any]:
    """Clearances that planner and policy share."""
    names = ("margin_m", "narrow_margin_m", "unknown_speed")
    return {f"planner.{name}": getattr(chosen, name) for name in names}


def policy_weights(file: str) -> dict[str, Any]:
    """The policy node's parameter for a learned policy's file."""
    return {"policy_weights": str(Path(file).absolute())} if file else {}


def _policy(config: StackConfig) -> NodeSpec:
    searches = {"object_goals": True, **map_parameters(config.map_config)} if config.object_goals else {}
    return NodeSpec(
        "policy",
        "seal_policy",
        "policy_node",
        parameters={
            "mode": config.mode,
            **clearances(config.planner_config),
            "policy": config.policy,
            **policy_weights(config.policy_weights),
            "seed": config.seed,
            "max_steps": config.goal_steps,
            **searches,
        },
        subscribes=(
            *seen_by_policy(config.policy),
            m.ODOM,
            *((*CAMERA, m.SCORES, m.DETECTIONS) if config.object_goals else ()),
        ),
        publishes=(m.GOAL,),
    )


_SIMULATED = {
    "enable": True,
    "guard.odometry_s": 5.0,
    "guard.picture_s": 3.0,
    "guard.map_s": 30.0,
    "guard.goal_s": 30.0,
    "guard.scores_s": 30.0,
}
"""A simulated robot hurts nobody: it drives at once, and a machine that is too slow for the detector may try."""


def _late_s(config: StackConfig) -> dict[str, Any]:
    """How old odometry may be when it is read: by the clock of the simulation, or not at all.

    By another clock, odometry of a simulation that is slower than time gets older and older, and the robot would stand.
    """
    return {"guard.late_s": 5.0 if config.use_sim_time else 0.0}


def _planner(config: StackConfig) -> NodeSpec:
    """The planner: publishes steps in lockstep; in paced mode velocities, from contacts and depth too."""
    common = (*GRIDS, m.ODOM, m.GOAL)
    if config.lockstep:
        parameters: dict[str, Any] = {"max_steps": config.steps}
        return NodeSpec(
            "planner", "seal_policy", "planner_node", parameters=parameters, subscribes=common, publishes=(m.STEP,)
        )
    return NodeSpec(
        "planner",
        "seal_policy",
        "planner_node",
        parameters={
            "mode": config.mode,
            **clearances(config.planner_config),
            "use_scan": config.use_scan,
            **_SIMULATED,
            **_late_s(config),
        },
        subscribes=(*common, m.DETECTIONS, m.CONTACT, m.DEPTH, m.CAMERA_INFO, *((m.SCAN,) if config.use_scan else ())),
        publishes=(m.CMD_VEL,),
    )


def _end_of_run(config: StackConfig) -> dict[str, Any]:
    """How a writer knows its last frame."""
    return {
        "expected_frames": config.expected_frames,
        "last_stamp_ns": config.last_stamp_ns,
    }


def prefixed(frame_prefix: str) -> dict[str, Any]:
    """The parameter of all nodes that puts this before the names of frames."""
    return {"frame_prefix": frame_prefix} if frame_prefix else {}


def _recorded_frames(config: StackConfig) -> dict[str, Any]:
    """The frames of the bag's /tf_static, as the bridge's messages name them."""
    names = {"odom_frame": m.ODOM_FRAME, "base_frame": m.BASE_FRAME, "camera_frame": m.CAMERA_FRAME}
    return {key: config.frame_prefix + name for key, name in names.items()} if config.frame_prefix else {}


def _recorder(config: StackConfig) -> NodeSpec:
    return NodeSpec(
        "recorder",
        "seal_mapping",
        "recorder_node",
        parameters={"path": str(config.bag_path.absolute()), **_end_of_run(config), **_recorded_frames(config)},
        subscribes=(*CAMERA, m.ODOM, m.DETECTIONS, m.GOAL, m.STEP),
    )


def _monitor(config: StackConfig) -> NodeSpec:
    return NodeSpec(
        "monitor",
        "seal_bringup",
        "monitor_node",
        parameters={"run_dir": str(config.run_path.absolute()), **_end_of_run(config)},
        subscribes=(m.ODOM, m.DETECTIONS, m.STATUS, m.GOAL, m.STEP if config.lockstep else m.CONTACT),
    )


def live_page(page: LiveConfig, poses: dict[str, Any] | None = None) -> NodeSpec:
    """The live page. No publisher waits for it, so that a run with it goes as one without.

    Args:
        page: where it is served, and whether it has buttons.
        poses: how it gets the robot's pose, as mapping does.
    """
    parameters = {f"live.{name}": value for name, value in dataclasses.asdict(page).items()} | (poses or {})
    return NodeSpec("live", "seal_bringup", "live_node", parameters=parameters)


def _in_run(node: NodeSpec, config: StackConfig) -> NodeSpec:
    """The node with namespace and parameters that all nodes of a run share."""
    shared = {"use_sim_time": config.use_sim_time, "lockstep": config.lockstep, **prefixed(config.frame_prefix)}
    parameters = {**node.parameters, **shared}
    return dataclasses.replace(node, namespace=config.namespace, parameters=parameters)


def _with_handshake(node: NodeSpec, nodes: list[NodeSpec]) -> NodeSpec:
    """Add what the node waits for (subscribers, publishers, ready nodes), and who publishes what it hears.

    The bridge is told of all topics: it begins no run in which somebody else publishes one of them.
    """
    listeners = {t: sum(t in other.subscribes for other in nodes) for t in node.publishes}
    heard = [t for t in node.subscribes if any(t in other.publishes for other in nodes)]
    waits: dict[str, Any] = {
        "expect_subscribers": [f"{t}={n}" for t, n in listeners.items() if n] or [""],
        "expect_publishers": heard or [""],
    }
    if m.READY in node.subscribes:
        waits["wait_for"] = [other.name for other in nodes if other is not node] or [""]
        heard = sorted({t for other in nodes for t in other.subscribes if any(t in n.publishes for n in nodes)})
    known = {t: [other.name for other in nodes if t in other.publishes] for t in heard}
    if m.READY in node.subscribes:
        known[m.READY] = [other.name for other in nodes]
    waits["known_publishers"] = [f"{t}={','.join(names)}" for t, names in known.items()] or [""]
    return dataclasses.replace(node, parameters={**node.parameters, **waits})
