# SPDX-License-Identifier: Apache-2.0
"""One run of the stack on a fake LoCoBot: nodes as processes, watched until its time is over, then its figures."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seal_bringup.evaluation.robot_run import TRUTH, robot_figures
from seal_bringup.experiments.robot.growth import read_process
from seal_bringup.provenance import imported_code
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import NodeProcess, free_nodes, ros_domain
from seal_bringup.stack.node_specs import NodeSpec
from seal_bringup.stack.robot_check import prepare_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import fake_sensors, robot_nodes
from seal_perception.errors import SealError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_perception.running.patience import Patience

AGES = NodeSpec("ages", "seal_bringup", "ages_node", parameters={"path": ""})
CODE = (
    *("seal_bringup.evaluation.robot_run", "seal_bringup.stack.robot_specs", "seal_bringup.nodes.ages_node"),
    *("seal_bringup.nodes.monitor_node", "seal_perception.nodes.perception_node", "seal_mapping.nodes.mapping_node"),
    *("seal_mapping.nodes.heading_node", "seal_mapping.nodes.recorder_node", "seal_policy.nodes.policy_node"),
    *("seal_policy.nodes.planner_node", "sim_bridge.nodes.fake_robot_node", "sim_bridge.nodes.robot_bridge_node"),
)
"""What decides a run and its figures: these modules and all of ours that they import."""
READ_S, ROW_S = 10.0, 5.0
"""Between two readings of memory, and two lines of ages, in seconds."""
AFTER_S = 3.0
"""The run goes on for so long after its time, so that the last pictures of it get into the map."""
START_S, END_S = 180.0, 120.0


@dataclass(frozen=True)
class Cell:
    """A run to make.

    Attributes:
        home: where.
        base: kobuki or create3.
        minutes: from the time when the robot first drives.
        camera_hz, width: of the fake robot's camera.
        real_time_factor: simulated seconds per second; 0 = by the system's clock.
        weights: of the detector.
        policy: goal policy.
        seed: of start pose, noise and policy.
        kind: "run" or "soak".
    """

    home: str
    base: str
    minutes: float
    camera_hz: float = 5.0
    width: int = 640
    real_time_factor: float = 0.0
    weights: str = "seal-small"
    policy: str = "frontier"
    seed: int = 0
    kind: str = "run"

    @property
    def name(self) -> str:
        """Of its folder and file."""
        return f"{self.kind}_{self.home}_{self.base}"

    @property
    def driver(self) -> str:
        """Of the camera: a Kobuki's run has the older names, a Create 3's the newer."""
        return "4.55" if self.base == "create3" else "4.54"

    @property
    def best_effort(self) -> bool:
        """Whether the camera offers no more: with the newer driver."""
        return self.driver == "4.55"

    def robot(self, folder: Path) -> RobotConfig:
        """The run as robot.launch.py would be told of it."""
        return RobotConfig(
            robot=f"locobot_{self.base}",
            fake=True,
            enable=True,
            run_dir=str(folder),
            weights=self.weights,
            detector_threads=1,
            policy=self.policy,
            seed=self.seed,
            camera_driver=self.driver,
            camera_best_effort=self.best_effort,
            wall_heading=True,
            scene=self.home,
            camera_hz=self.camera_hz,
            camera_width=self.width,
            real_time_factor=self.real_time_factor,
            motion_noise="locobot",
            truth_path=str(folder / TRUTH),
        )


Say = Callable[[str], object]
NEVER = threading.Event()
"""Of a run that nobody stops."""


class Watch:
    """Reads memory of the nodes and what `AgesNode` writes, while they run.

    Args:
        nodes: by name.
        ages: the file that AgesNode appends to.
    """

    def __init__(self, nodes: dict[str, NodeProcess], ages: Path) -> None:
        self._nodes, self._ages = nodes, ages
        self._begun = time.monotonic()
        self._begun_ns = time.time_ns()
        self.memory: dict[str, dict[str, list[float]]] = {
            name: {"s": [], "mb": [], "private_mb": [], "cpu_s": []} for name in nodes
        }

    def require_alive(self) -> None:
        """Raise where a node has ended: the run is over.

        Raises:
            SealError: with its last words.
        """
        for name, node in self._nodes.items():
            if (code := node.poll()) is not None:
                raise SealError(f"node {name} ended with {code}: {node.last_words()}")

    def read_memory(self) -> None:
        """Note the memory of each node."""
        now = round(time.monotonic() - self._begun, 1)
        for name, node in self._nodes.items():
            if (found := read_process(node.pid)) is not None:
                for column, value in zip(self.memory[name].values(), (now, *found), strict=True):
                    column.append(value)

    @property
    def begun_ns(self) -> int:
        """When the robot first drove; 0 = not yet."""
        return next((int(row["begun_ns"]) for row in self.rows() if row["begun_ns"]), 0)

    def rows(self) -> list[dict[str, Any]]:
        """What AgesNode has written; `s` is seconds since the nodes were started."""
        if not self._ages.is_file():
            return []
        text = self._ages.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]  # the last may be half written
        return [{"s": round((row["wall_ns"] - self._begun_ns) / 1e9, 1), **row} for row in rows]


def run_cell(
    cell: Cell, work: Path, domain_id: int, say: Say, keep_bag: bool = False, stop: threading.Event = NEVER
) -> dict[str, Any]:
    """Run a cell, or take it from `work` if the same code has made it in the same way.

    Args:
        cell: what to run.
        work: `<name>/` and, once it is done, `<name>.json` are made in it.
        domain_id: of ROS, free on this machine.
        say: called with lines of progress.
        keep_bag: keep the bag: about 1.3 GB in ten minutes at 640 x 480 and 5 Hz.
        stop: ends the run when it is set.

    Raises:
        SealError: if a node ends, nothing is mapped, the domain is taken, or the run was stopped.
    """
    done, folder = work / f"{cell.name}.json", work / cell.name
    key = {**asdict(cell), "code": imported_code(*CODE)}
    if done.is_file() and (found := dict(read_json(done))).get("key") == key:
        say("done before")
        return dict(found["figures"])
    done.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    config = cell.robot(folder)
    watch = drive(config, 60.0 * cell.minutes, domain_id, say, stop)
    say("the run is over; taking its pictures again from the true poses")
    if not keep_bag:
        shutil.rmtree(folder / "bag", ignore_errors=True)
    figures = robot_figures(folder, cell.home, fake_sensors(config), watch.begun_ns, 60.0 * cell.minutes, cell.seed)
    figures.update(
        asked={**asdict(cell), "driver": cell.driver, "best_effort": cell.best_effort},
        left_out_s=read_json(folder / TRUTH)["left_out_s"],
        **stack_figures(watch.rows()),
        cores=cores(watch.memory),
        memory=watch.memory,
        ages=watch.rows(),
    )
    write_json(done, {"key": key, "figures": figures}, indent=None)
    return figures


def drive(config: RobotConfig, seconds: float, domain_id: int, say: Say, stop: threading.Event = NEVER) -> Watch:
    """Start the nodes, watch them for `seconds` from when the robot first drives, end them.

    Raises:
        SealError: if one ends, it does not drive within `START_S`, or the run was stopped.
    """
    folder = Path(config.run_dir)
    specs = robot_nodes(config)
    prepare_robot_run(config, specs)
    ages = {"path": str((folder / "ages.jsonl").absolute()), "every_s": min(ROW_S, max(1.0, seconds / 12))}
    if config.real_time_factor:
        ages["use_sim_time"] = True
    specs.append(NodeSpec(AGES.name, AGES.package, AGES.executable, config.namespace, ages))
    domain = ros_domain(StackConfig(domain_id=domain_id, namespace=config.namespace))
    with domain, free_nodes(specs, folder / "log", domain_id, END_S) as nodes:
        watch = Watch({spec.name: nodes[f"{spec.namespace}/{spec.name}"] for spec in specs}, Path(str(ages["path"])))
        _watch(watch, seconds, say, stop)
    return watch


def _watch(watch: Watch, seconds: float, say: Say, stop: threading.Event) -> None:
    patience, alive, count, read_s, told = Patience(), Patience(), 0, 0.0, 0.0
    while True:
        watch.require_alive()
        now = time.monotonic()
        if now >= read_s:
            watch.read_memory()
            read_s = now + READ_S
        rows = watch.rows()
        begun = bool(rows) and rows[-1]["begun_ns"] > 0
        driven_s = (rows[-1]["time_ns"] - rows[-1]["begun_ns"]) / 1e9 if begun else 0.0
        if driven_s >= seconds + AFTER_S:
            return
        if not begun and patience.used_s() > START_S:
            raise SealError(f"it did not begin to drive within {START_S:.0f} s: {why(watch.rows())}")
        if len(rows) != count:
            alive, count = Patience(), len(rows)
        if alive.used_s() > START_S:
            raise SealError(f"nothing was told of the run for {START_S:.0f} s: {why(rows)}")
        if now - told >= 30.0:
            told = now
            say(progress(rows, seconds - driven_s if begun else None))
        if stop.wait(1.0):
            raise SealError("it was stopped")


def progress(rows: list[dict[str, Any]], left_s: float | None) -> str:
    """One line of how a run goes."""
    if left_s is None or not rows:
        return "the nodes start"
    last = rows[-1]
    ages = ", ".join(f"{topic} {row[0]:.2f} s" for topic, row in last["ages_s"].items())
    stands = f"; it stood: {next(iter(last['reasons']))}" if last["reasons"] else ""
    return f"{last['map'].get('frames', 0):.0f} frames mapped; ages: {ages}{stands}; {max(0.0, left_s):.0f} s left"


def why(rows: list[dict[str, Any]]) -> str:
    """What the nodes say of standing still."""
    reasons = [reason for row in rows for reason in row["reasons"]]
    return reasons[-1] if reasons else "the log folder tells more"


def stack_figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the nodes themselves have told: medians of the ages, drops, and why the robot stood how many seconds.

    `explore/status` comes once a second from each of gate and planner while a reason holds: counts are about seconds.
    """
    moving = [row for row in rows if row["begun_ns"]][1:]
    ages: dict[str, list[float]] = {}
    reasons: dict[str, int] = {}
    for row in moving:
        for topic, (median, _, _) in row["ages_s"].items():
            ages.setdefault(topic, []).append(median)
        for reason, count in row["reasons"].items():
            text = _without_figures(reason)
            reasons[text] = reasons.get(text, 0) + count
    return {
        "age_s": {topic: sorted(values)[len(values) // 2] for topic, values in ages.items()},
        "dropped": moving[-1]["map"].get("frames_dropped") if moving else None,
        "stops": moving[-1]["stops"] if moving else {},
        "stood_for": dict(sorted(reasons.items(), key=lambda item: -item[1])),
    }


def _without_figures(reason: str) -> str:
    return " ".join("..." if word[:1].isdigit() else word for word in reason.split())


def cores(memory: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Cores that each node has used, on average over the second half of the run."""
    out = {}
    for name, columns in memory.items():
        times, used = columns["s"], columns["cpu_s"]
        half = len(times) // 2
        if len(times) - half > 1:
            out[name] = round((used[-1] - used[half]) / max(1e-9, times[-1] - times[half]), 3)
    return out
