# SPDX-License-Identifier: Apache-2.0
"""Nodes as child processes that end with the runner."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import yaml

from seal_bringup.stack.config import MAX_DOMAIN_ID, StackConfig, shared_folder
from seal_bringup.stack.node_specs import NodeSpec
from seal_perception.errors import InputError, SealError
from seal_perception.running.patience import Patience
from seal_perception.running.processes import module_command, safe_environment

PARENT_VARIABLE = "SEAL_RUNNER_PID"
RUN_VARIABLE = "SEAL_RUN_ID"
"""The nodes know their run by it, and take no message before its bridge has begun it."""
STRANGER = "publishes in this ROS domain too"
"""Part of a node's line about a publisher of another run."""
_PR_SET_PDEATHSIG = 1
_SHM = Path("/dev/shm")
_ROOM_FOR_SEGMENTS = 1 << 30
_DDS_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS")
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """In the child: get SIGTERM when the runner ends for any reason; react to SIGINT, which a shell's `&` ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def node_environment(config: StackConfig, log_dir: Path) -> dict[str, str]:
    """Environment of the nodes that the runner starts: this process's, and `run_variables`."""
    env = safe_environment() | run_variables(log_dir)
    if config.domain_id >= 0:
        env["ROS_DOMAIN_ID"] = str(config.domain_id)
    return env


def run_variables(log_dir: Path) -> dict[str, str]:
    """Variables that the nodes of a simulated run get beside the environment's own.

    Discovery on this machine only, wide shared memory where there is room for it (both as the user has set them, where
    that is so), the run's name, and whom they end with.

    Args:
        log_dir: of the run; ROS's own logs get a folder in it.
    """
    local = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    if os.environ.get("ROS_DISTRO") == "humble":
        local = {"ROS_LOCALHOST_ONLY": "1"}
    return {
        PARENT_VARIABLE: str(os.getpid()),
        RUN_VARIABLE: uuid.uuid4().hex,
        "ROS_LOG_DIR": str(log_dir.absolute() / "ros"),
        "RCUTILS_COLORIZED_OUTPUT": "0",
        "PYTHONUNBUFFERED": "1",
        **{name: value for name, value in local.items() if name not in os.environ},
        **dds_variables(),
    }


def dds_variables() -> dict[str, str]:
    """Fast DDS's profile with wide shared memory, where the user has set none and there is room for it.

    With Fast DDS's own half a megabyte, parts of pictures and maps are lost between processes of a machine and come
    again with the next heartbeat, up to 3 s later. Other computers are reached by UDP, as without it.
    """
    if any(name in os.environ for name in _DDS_VARIABLES):
        return {}
    if not (_SHM.is_dir() and shutil.disk_usage(_SHM).free > _ROOM_FOR_SEGMENTS):
        return {}
    return {_DDS_VARIABLES[0]: str(shared_folder("config") / "fastdds.xml")}


def domain_of(config: StackConfig) -> int:
    """The run's ROS domain: its own, else that of the environment, else 0.

    Raises:
        InputError: if ROS_DOMAIN_ID is no number in 0..232.
    """
    if config.domain_id >= 0:
        return config.domain_id
    text = os.environ.get("ROS_DOMAIN_ID", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= MAX_DOMAIN_ID):
        raise InputError(f"ROS_DOMAIN_ID must be a whole number in 0..{MAX_DOMAIN_ID}, got {text[:40]!r}: set it anew")
    return int(text)


@contextmanager
def ros_domain(config: StackConfig) -> Iterator[int]:
    """Hold the run's ROS domain: two runs in one domain would answer each other's frames.

    Raises:
        SealError: if another run on this machine holds it.
    """
    domain = domain_of(config)
    path = (
        Path(tempfile.gettempdir()) / f"seal_ros_domain_{domain}_{config.namespace.strip('/').replace('/', '_')}.lock"
    )
    with open(path, "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SealError(
                f"another run uses ROS domain {domain}: wait for it, or choose another one by ROS_DOMAIN_ID=1 ... 232 "
                "before the command (or --domain-id, where it has that)"
            ) from error
        yield domain


class NodeProcess:
    """One node that runs, with its log.

    Args:
        spec: what to run.
        log_dir: `<name>.log` and `<name>.yaml` (its parameters) are written here.
        env: its environment.
    """

    def __init__(self, spec: NodeSpec, log_dir: Path, env: dict[str, str]) -> None:
        self.name = spec.name
        self.log_path = log_dir / f"{spec.name}.log"
        parameters = log_dir / f"{spec.name}.yaml"
        parameters.write_text(yaml.safe_dump({"/**": {"ros__parameters": spec.parameters}}), encoding="utf-8")
        command = module_command(spec.module, "--ros-args")
        for path in (*spec.parameter_files, str(parameters)):  # the later one wins
            command += ["--params-file", path]
        command += ["-r", f"__node:={spec.name}"]
        if spec.namespace:
            command += ["-r", f"__ns:=/{spec.namespace.strip('/')}"]
        for source, target in spec.remappings.items():
            command += ["-r", f"{source}:={target}"]
        self._log: IO[bytes] = open(self.log_path, "wb")  # noqa: SIM115 (closed by close)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            self._process.send_signal(number)

    def warnings(self) -> list[str]:
        """What it said about publishers that are none of the run's; without time and node."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [line.rpartition("]: ")[2] for line in lines if STRANGER in line]

    def last_words(self) -> str:
        """The last error line of its log, else the last line."""
        return last_words(self.log_path)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


class FreeNodes(dict[str, NodeProcess]):
    """Nodes as a robot's launch file starts them: no run waits for them, and nobody watches over them.

    Args:
        folder: for their logs and parameters.
        domain_id: of ROS.
    """

    def __init__(self, folder: Path, domain_id: int) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._env = folder, node_environment(StackConfig(domain_id=domain_id), folder)
        del self._env[RUN_VARIABLE]  # nothing begins a run here: a robot does not wait

    def begin(self, spec: NodeSpec) -> None:
        """Start a node, anew where it has ended; its key is namespace/name."""
        key = f"{spec.namespace}/{spec.name}"
        if key in self:
            self[key].close()
        self[key] = NodeProcess(spec, self._folder, self._env)


@contextmanager
def free_nodes(specs: Iterable[NodeSpec], folder: Path, domain_id: int, end_s: float = 60.0) -> Iterator[FreeNodes]:
    """Nodes that run until the block is left; all are asked to end together then, as launch does.

    Raises:
        SealError: if one had to be killed in the end.
    """
    nodes = FreeNodes(folder, domain_id)
    killed: list[str] = []
    try:
        for spec in specs:
            nodes.begin(spec)
        yield nodes
    finally:
        killed = stop_all(nodes.values(), end_s)
        for node in nodes.values():
            node.close()
    if killed:
        raise SealError(f"killed, as they did not end within {end_s:.0f} s: {', '.join(killed)}")


def last_words(log_path: Path) -> str:
    """The last error line of a node's log, else the last line."""
    try:
        lines = [s for s in log_path.read_text(errors="replace").splitlines() if s.strip()]
    except OSError as error:
        return f"its log cannot be read: {error.strerror or error}"
    telling = [s for s in lines if "error" in s.lower()]
    return (telling or lines or ["its log is empty"])[-1].strip()


def wait_for(processes: Iterable[NodeProcess], timeout_s: float) -> list[NodeProcess]:
    """Those that still run when all have ended or the time is up; on a busy machine that is later."""
    running = list(processes)
    patience = Patience()
    while running and patience.used_s() < timeout_s:
        running = [p for p in running if p.poll() is None]
        if running:
            time.sleep(0.02)
    return running


def stop_all(processes: Iterable[NodeProcess], grace_s: float = 8.0) -> list[str]:
    """End all, politely first; returns the names of those that had to be killed."""
    running = [p for p in processes if p.poll() is None]
    for number, wait_s in ((signal.SIGINT, grace_s), (signal.SIGTERM, 2.0)):
        for process in running:
            process.signal(number)
        running = wait_for(running, wait_s)
    for process in running:
        process.signal(signal.SIGKILL)
    wait_for(running, 5.0)
    return [p.name for p in running]


def shared_segments(pids: Iterable[int]) -> set[str]:
    """Names in /dev/shm of the Fast DDS segments that these processes have mapped."""
    found = set()
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue  # it has ended
        found |= {line.rpartition("/")[2] for line in text.splitlines() if "/dev/shm/fastrtps_" in line}
    return found


def remove_segments(names: set[str]) -> None:
    """Delete segments that killed nodes left in memory, except those that a living process uses."""
    left = {name for name in names if (_SHM / name).exists()}
    if left:
        left -= shared_segments(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit())
    for name in left:
        (_SHM / name).unlink(missing_ok=True)
        (_SHM / f"{name}_el").unlink(missing_ok=True)
