# SPDX-License-Identifier: Apache-2.0
"""Runs a stack of nodes: starts and watches them, reports progress, stops all of them at the end."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import (
    NodeProcess,
    node_environment,
    remove_segments,
    ros_domain,
    shared_segments,
    stop_all,
    wait_for,
)
from seal_bringup.stack.node_specs import nodes_of
from seal_bringup.stack.progress import Progress, ProgressLine
from seal_bringup.stack.run_check import RESULTS, write_configuration
from seal_perception.errors import SealError
from seal_perception.running.patience import Patience

LEADER = "sim_bridge"
"""The run ends when this node ends with status 0."""
SELF_ENDING = ("recorder", "monitor")
"""Nodes that end by themselves once they have all frames."""
_QUIET_S = 20.0
"""The runner stops the writers of a paced run when no frame has come for this long: the last one was lost."""


class RunError(SealError):
    """A run failed; the text names the node that failed and its log."""


@dataclass(frozen=True)
class RunResult:
    """Files and figures of a finished run.

    Attributes:
        run_dir: its folder.
        bag: folder of the bag; None if none was recorded.
        map_path: the map, .npz.
        trajectory_path: poses, actions and goals.
        status_path: figures per frame and milliseconds per stage.
        frames: number of frames; in paced mode of those that were mapped.
        wall_s: seconds from the first node's start to the last one's end.
        steps_per_s: pace between the first and the last frame.
    """

    run_dir: Path
    bag: Path | None
    map_path: Path
    trajectory_path: Path
    status_path: Path
    frames: int
    wall_s: float
    steps_per_s: float


def run_stack(
    config: StackConfig, progress: Callable[[Progress], None] | None = None, stall_s: float = 300.0
) -> RunResult:
    """Run the nodes of `config` until the last frame is answered and all is written.

    Results of an earlier run in the same folder are replaced; `run_check.check_run` asks before.

    Args:
        config: the run.
        progress: called about ten times a second while there is news; None = a line on the terminal.
        stall_s: the run fails if no frame is answered for this long; on a busy machine that is longer.

    Raises:
        RunError: if a node dies, fails or hangs; all others are stopped then.
        SealError: if the folder cannot be written or the description is wrong.
    """
    specs = nodes_of(config)
    run_dir = Path(config.run_dir)
    start = time.monotonic()
    with ros_domain(config), ProgressLine() as line:
        log_dir = prepare(config) / "log"
        log_dir.mkdir(exist_ok=True)
        run = _Run(config, log_dir, progress or line.show, stall_s)
        try:
            env = node_environment(config, log_dir)
            for spec in specs:
                run.nodes[spec.name] = NodeProcess(spec, log_dir, env)
            if config.live:
                line.say(f"live page: {config.live_page}")
            run.watch()
            run.finish()
            for warning in dict.fromkeys(w for node in run.nodes.values() for w in node.warnings()):
                line.say(warning)
        finally:
            run.stop()
    paths = (config.map_path, run_dir / "trajectory.json", run_dir / "status.json")
    for path in paths:
        if not path.is_file():
            raise RunError(f"the run ended without {path}; look into {log_dir}")
    last = run.latest
    return RunResult(
        run_dir,
        config.bag_path if config.record else None,
        *paths,
        last.frames if last is not None and config.paced else config.frames,
        round(time.monotonic() - start, 3),
        round(last.steps_per_s, 3) if last else 0.0,
    )


def prepare(config: StackConfig) -> Path:
    """Make the run's folder, clear what an earlier run left, write the effective configuration; returns the folder.

    Raises:
        SealError: if the folder cannot be written.
    """
    run_dir = Path(config.run_dir)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if config.bag_path.is_dir():
            shutil.rmtree(config.bag_path)
        for name in RESULTS:
            (run_dir / name).unlink(missing_ok=True)
    except OSError as error:
        raise SealError(f"cannot write into {run_dir}: {error.strerror or error}") from error
    write_configuration(config, run_dir / "stack.json")
    return run_dir


class _Run:
    """The processes of one run."""

    def __init__(
        self, config: StackConfig, log_dir: Path, progress: Callable[[Progress], None], stall_s: float
    ) -> None:
        self.nodes: dict[str, NodeProcess] = {}
        self.latest: Progress | None = None
        self._config = config
        self._log_dir = log_dir
        self._progress = progress
        self._stall_s = stall_s
        self._read = 0
        self._patience = Patience()
        self._segments: set[str] = set()
        self._look_at_memory = 0.0

    def watch(self) -> None:
        """Wait until the leader ends with status 0.

        Raises:
            RunError: if another node ends first, or no frame is answered for too long.
        """
        while True:
            self._read_progress()
            if self._leader_done():
                return
            self._check_alive()
            if self._patience.used_s() > self._stall_s:
                raise RunError(f"no frame was answered for {self._stall_s:.0f} s; look into {self._log_dir}")
            if time.monotonic() > self._look_at_memory:
                self._segments |= shared_segments(node.pid for node in self.nodes.values())
                self._look_at_memory = time.monotonic() + 2.0
            time.sleep(0.1)

    def _leader_done(self) -> bool:
        leader = self.nodes.get(LEADER)
        return leader is not None and leader.poll() == 0

    def _check_alive(self) -> None:
        ended = {name: node.poll() for name, node in self.nodes.items()}
        bad = [name for name, code in ended.items() if code is not None and not (code == 0 and name in SELF_ENDING)]
        if not bad or self._leader_done():
            return
        time.sleep(0.3)  # nodes that fall together: name first the one that a signal or an error ended
        ended = {name: self.nodes[name].poll() for name in bad}
        name = min(bad, key=lambda n: (ended[n] == 0, (ended[n] or 0) > 0))
        raise RunError(self._obituary(name))

    def _obituary(self, name: str) -> str:
        node = self.nodes[name]
        code = node.poll()
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        return f"node {name} {how}: {node.last_words()} (log: {node.log_path})"

    def _read_progress(self) -> None:
        """Read the monitor's new lines."""
        monitor = self.nodes.get("monitor")
        if monitor is None:
            return
        with open(monitor.log_path, "rb") as log:
            log.seek(self._read)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = [row for row in whole.splitlines() if row.startswith(b'{"frames"')]
        if lines:
            value = json.loads(lines[-1])
            self.latest = Progress(
                int(value["frames"]),
                self._config.frames,
                float(value["elapsed_s"]),
                float(value["explored_m2"]),
                int(value["confident_voxels"]),
                self._config.frame_of(int(value["last_stamp_ns"])) + 1 - int(value["frames"]),
            )
            self._patience.renew()
            self._progress(self.latest)

    def finish(self, timeout_s: float = 60.0, quiet_s: float = _QUIET_S) -> None:
        """Wait until the writers have written, then end the rest.

        In paced mode frames may be left out: when nothing new comes, the writers write what is there.

        Raises:
            RunError: if a writer fails or another node does not end well.
        """
        writers = [self.nodes[name] for name in SELF_ENDING if name in self.nodes]
        patience_s = timeout_s if self._config.lockstep else quiet_s
        self._patience.renew()
        while hanging := wait_for(writers, min(0.5, patience_s)):
            self._read_progress()
            if self._patience.used_s() <= patience_s:
                continue
            if self._config.lockstep:
                raise RunError(f"node {hanging[0].name} did not finish; look into {hanging[0].log_path}")
            break
        self._read_progress()
        for node in self.nodes.values():
            node.signal(signal.SIGINT)
        if hanging := wait_for(self.nodes.values(), timeout_s):
            hanging[0].signal(signal.SIGABRT)  # its fault handler writes into the log where it hangs
            raise RunError(f"node {hanging[0].name} did not end; look into {hanging[0].log_path}")
        for name, node in self.nodes.items():
            if node.poll() != 0:
                raise RunError(self._obituary(name))

    def stop(self) -> None:
        """End what still runs and remove what killed nodes left in shared memory."""
        self._segments |= shared_segments(node.pid for node in self.nodes.values() if node.poll() is None)
        stop_all(self.nodes.values())
        for node in self.nodes.values():
            node.close()
        remove_segments(self._segments)
