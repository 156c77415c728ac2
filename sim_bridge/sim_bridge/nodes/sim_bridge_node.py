# SPDX-License-Identifier: Apache-2.0
"""The robot of a simulated run: publishes what it senses; moves by `step` (lockstep) or by `cmd_vel` (paced)."""

from __future__ import annotations

import sys
import time

from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare, declare_config
from seal_perception.running.patience import Patience
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.nodes.lockstep import Lockstep
from sim_bridge.nodes.paced import Paced
from sim_bridge.nodes.robot_topics import RobotTopics
from sim_bridge.robot.paced_robot import PacedConfig
from sim_bridge.worlds import open_simulator

_LOOK_S = 0.5
"""How often a bridge that waits looks for what it waits for."""
_GRACE_S = 6.0
"""How long publishers of others may be there before the run begins: nodes whose runner was killed take 3 s to end."""


class SimBridgeNode(SealNode):
    """Camera and odometry of a simulator, which begins when the nodes of `wait_for` have reported `ready`.

    Lockstep: frame k is published when the `step` that answers frame k - 1 has come; the node exits when the frame
    after `max_steps` is answered. Paced: time runs, `cmd_vel` drives, and the node exits after `seconds`.
    """

    def __init__(self) -> None:
        super().__init__("sim_bridge", hear_ready=True)
        scene = declare(self, "scene", "test_01", "name of a home, or a scene folder")
        seed = declare(self, "seed", 0, "start pose; 0 = the scene's own", minimum=0)
        mode = declare(
            self,
            "mode",
            "lockstep",
            "lockstep: driven by step, one frame per step; paced: real time, driven by cmd_vel",
        )
        max_steps = declare(self, "max_steps", 300, "lockstep: actions in the run", minimum=0)
        seconds = declare(self, "seconds", 0.0, "paced: simulated seconds of the run; 0 = no end", minimum=0.0)
        factor = declare(self, "real_time_factor", 1.0, "paced: greatest simulated seconds per second", minimum=0.0)
        self._waiting_for = set(declare(self, "wait_for", [""], "nodes to wait for before the first frame"))
        timeout = declare(self, "ready_timeout_s", 60.0, "longest wait for these nodes, in seconds", minimum=0.0)
        truth = declare(self, "publish_truth", False, "publish truth/instance and truth/category")
        truth_path = declare(self, "truth_path", "", "paced: file for the true poses, for evaluation alone")
        odom_topic = declare(self, "odom_topic", "odom", "odom, or odom_wheels for the heading node to correct")
        config = declare_config(self, EmbeddedConfig, "sim")
        rates = declare_config(self, PacedConfig, "paced")
        if mode not in ("lockstep", "paced"):
            raise InputError(f"mode must be lockstep or paced, got {mode!r}")
        self._simulator = open_simulator(scene, config)
        first = self._simulator.reset(seed)
        topics = RobotTopics(self, self._simulator, first, truth, odom_topic)
        self._run: Lockstep | Paced
        if mode == "paced":
            self._run = Paced(self, topics, self._simulator, first, rates, seconds, factor, truth_path)
        else:
            self._run = Lockstep(self, topics, self._simulator, first, config, max_steps)
        self._started = self._connected = False
        self._strange_since: float | None = None
        self._limit_s, self._patience = timeout, Patience()
        self._waiting = self.create_timer(_LOOK_S, self._start_if_ready, clock=self.steady)

    def on_ready(self) -> None:
        """All topics are connected."""
        self._connected = True
        self._start_if_ready()

    def on_node_ready(self, name: str) -> None:
        """A node of the run is ready."""
        self._waiting_for.discard(name)
        self._start_if_ready()

    def _start_if_ready(self) -> None:
        """Begin the run once all nodes are ready and nobody else publishes what they hear."""
        if self._started:
            return
        self._refuse_strangers()
        if self._connected and not self._waiting_for and self._strange_since is None:
            self._started = True
            self._waiting.cancel()
            self.begin()
            self._run.start()
        elif self._patience.used_s() > self._limit_s:
            missing = [f"node {n}" for n in sorted(self._waiting_for)] + self.unmatched()
            raise InputError(f"the run cannot start, still waiting for {', '.join(missing)}; look into their logs")

    def _refuse_strangers(self) -> None:
        """End where others publish for longer than the nodes of a run that was killed take to end."""
        line, now = self.own_run.strangers(), time.monotonic()
        if not line:
            self._strange_since = None
        elif self._strange_since is None:
            self._strange_since = now
        elif now - self._strange_since > _GRACE_S:
            raise InputError(line)

    def close(self) -> None:
        """Free the simulator."""
        self._simulator.close()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SimBridgeNode, "sim_bridge"))


if __name__ == "__main__":
    main()
