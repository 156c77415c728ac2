# SPDX-License-Identifier: Apache-2.0
"""How old the stack's messages are on arrival, what waits in it, and why the robot stands: a line of JSON now and then.

Age on arrival is the length of all queues on the way, in seconds: one that grows shows here, wherever it is.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import Odometry
from std_msgs.msg import String

from seal_perception import messages as m
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare

WAITING = ("frames", "frames_dropped", "frames_waiting", "scores_late_s")
"""Of `map/status`."""


class AgesNode(SealNode):
    """Appends to `path` every `every_s` seconds: ages of odometry, detections, map and goal, and what waits.

    `begun_ns` is when the planner first asked the wheels to move: from then on all nodes are up.
    """

    def __init__(self) -> None:
        super().__init__("ages")
        self.lockstep = False
        self._path = Path(declare(self, "path", "ages.jsonl", "file to append to"))
        every_s = declare(self, "every_s", 10.0, "seconds between two lines", minimum=0.1)
        self._ages: defaultdict[str, list[float]] = defaultdict(list)
        self._map: dict[str, float] = {}
        self._begun_ns = self._map_ns = 0
        self._reasons: Counter[str] = Counter()
        self._stops: dict[str, int] = {}
        for topic, kind in ((m.ODOM, Odometry), (m.GOAL, PoseStamped)):
            self.subscribe(kind, topic, lambda msg, t=topic: self._note(t, m.header_stamp_ns(msg)), depth=100)
        self.subscribe(String, m.DETECTIONS, self._on_detections, depth=100)
        self.subscribe(DiagnosticArray, m.STATUS, self._on_map, depth=100)
        self.subscribe(DiagnosticArray, m.EXPLORE_STATUS, self._on_explore, depth=100)
        self.subscribe(Twist, m.CMD_VEL, self._on_command, depth=1)
        self.create_timer(every_s, self._write, clock=self.steady)

    def _note(self, topic: str, stamp_ns: int) -> None:
        self._ages[topic].append((self.get_clock().now().nanoseconds - stamp_ns) / m.NS)

    def _on_command(self, msg: Twist) -> None:
        if not self._begun_ns and (msg.linear.x or msg.angular.z):
            self._begun_ns = self.get_clock().now().nanoseconds

    def _on_detections(self, msg: String) -> None:
        self._note(m.DETECTIONS, m.detections_stamp_ns(msg.data))

    def _on_map(self, msg: DiagnosticArray) -> None:
        self._map_ns = m.header_stamp_ns(msg)
        self._note(m.STATUS, self._map_ns)
        values = {pair.key: pair.value for pair in msg.status[0].values}
        self._map = {name: float(values[name]) for name in WAITING if name in values}

    def _on_explore(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            values = {pair.key: pair.value for pair in status.values}
            if "stops" in values:
                self._stops[status.name] = int(values["stops"])
            if status.level != status.OK:
                self._reasons[f"{status.name}: {status.message}"] += 1

    def _write(self) -> None:
        row: dict[str, Any] = {
            "time_ns": self.get_clock().now().nanoseconds,
            "wall_ns": time.time_ns(),
            "begun_ns": self._begun_ns,
            "map_ns": self._map_ns,
            "ages_s": {topic: _figures(ages) for topic, ages in sorted(self._ages.items())},
            "map": self._map,
            "stops": self._stops,
            "reasons": dict(self._reasons),
        }
        self._ages.clear()
        self._reasons.clear()
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Write what has come since the last line."""
        self._write()


def _figures(ages: list[float]) -> list[float]:
    """Median and greatest age, and how many messages."""
    return [round(sorted(ages)[len(ages) // 2], 4), round(max(ages), 4), len(ages)]


def main() -> None:
    """Run the node."""
    sys.exit(run_node(AgesNode, "ages"))


if __name__ == "__main__":
    main()
