# SPDX-License-Identifier: Apache-2.0
"""Permission to drive on the graph: `explore/enable`, `explore/stop` and `explore/enabled`, and the velocity topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.duration import Duration
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from seal_perception import messages as m
from seal_perception.nodes.convert import status_message

SILENT_S = 5.0
"""Each status is told once a second; one that is not heard for so long is dropped."""


class Permission:
    """Serves `explore/enable` (SetBool) and `explore/stop` (Trigger), and says so on `explore/enabled` (Bool, latched).

    Where another node serves them, it hears that topic instead.

    Args:
        node: a SealNode.
        on_enable: called with what is asked for; returns why it is refused, or nothing.
        serve: whether this node serves.
    """

    def __init__(self, node: Any, on_enable: Callable[[bool], str], serve: bool) -> None:
        self._on_enable = on_enable
        self._told: Any = None
        if not serve:
            node.subscribe(Bool, m.ENABLED, lambda msg: on_enable(bool(msg.data)) and None, latched=True, depth=1)
            return
        self._told = node.advertise(Bool, m.ENABLED, latched=True, depth=1)
        node.create_service(SetBool, m.ENABLE, self._on_set)
        node.create_service(Trigger, m.STOP_EXPLORING, self._on_stop)

    def tell(self, enabled: bool) -> None:
        """Publish whether there is permission; a node that only hears says nothing."""
        if self._told is not None:
            self._told.publish(Bool(data=enabled))

    def _on_set(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        refused = self._on_enable(bool(request.data))
        response.success = not refused
        response.message = refused or ("enabled: the robot may move now" if request.data else "disabled: it stands")
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._on_enable(False)
        response.success, response.message = True, "stopped; explore/enable lets it move again"
        return response


class DrivePermission:
    """Hears on `explore/status` whether the robot may drive.

    Args:
        node: a SealNode.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._heard: dict[str, tuple[float, bool]] = {}
        node.subscribe(DiagnosticArray, m.EXPLORE_STATUS, self._on_status, depth=10)

    def _now_s(self) -> float:
        return float(self._node.steady.now().nanoseconds) / m.NS

    def _on_status(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            self._heard[status.name] = self._now_s(), status.level == DiagnosticStatus.OK

    @property
    def given(self) -> bool:
        """Whether nobody says that it stands; who has been silent for `SILENT_S` says nothing."""
        now_s = self._now_s()
        self._heard = {name: row for name, row in self._heard.items() if now_s - row[0] < SILENT_S}
        return all(may for _, may in self._heard.values())


class VelocityTopic:
    """Publishes speeds as Twist, or as TwistStamped; depth 1, for an old command is worth nothing.

    Args:
        node: a SealNode.
        topic: where.
        stamped: TwistStamped, with `frame`.
        frame: of the robot.
    """

    def __init__(self, node: Any, topic: str, stamped: bool = False, frame: str = m.BASE_FRAME) -> None:
        self._node, self._stamped, self._frame = node, stamped, frame
        self._publisher = node.advertise(TwistStamped if stamped else Twist, topic, depth=1)

    def send(self, forward_mps: float, turn_radps: float) -> None:
        """Publish a command."""
        twist = Twist()
        twist.linear.x, twist.angular.z = float(forward_mps), float(turn_radps)
        if not self._stamped:
            self._publisher.publish(twist)
            return
        msg = TwistStamped(twist=twist)
        msg.header.stamp, msg.header.frame_id = self._node.get_clock().now().to_msg(), self._frame
        self._publisher.publish(msg)

    def stop(self, times: int = 3) -> None:
        """Send zero before the process ends, and wait a little for its readers; never raises."""
        try:
            for _ in range(times):
                self.send(0.0, 0.0)
                self._publisher.wait_for_all_acked(Duration(seconds=0.1))
        except (RuntimeError, ValueError) as error:  # the context is gone: nothing can be sent any more
            print(f"{self._node.get_name()}: the last stop could not be sent: {error}", flush=True)


_QUIET_S = 10.0
"""The log does not say the same again for so long: a reason at its limit comes and goes many times a second. What holds
then is said as soon as the time is over."""


class ExploreStatus:
    """`explore/status`: why a robot stands, as diagnostics; published with `say` and at once when it changes.

    Args:
        node: a SealNode.
        name: of the status.
    """

    def __init__(self, node: Any, name: str) -> None:
        self._node, self._name, self._before = node, name, ""
        self._said, self._said_s = "", dict[str, float]()
        self._publisher = node.advertise(DiagnosticArray, m.EXPLORE_STATUS, depth=10)

    def say(self, reasons: Sequence[str], latched: bool, values: Sequence[tuple[str, str]], due: bool = True) -> None:
        """Publish, if it is due or the reasons have changed; a reason that is new for a while is logged too.

        Args:
            reasons: why it stands; empty = it may drive.
            latched: whether somebody must do something about it.
            values: key-value pairs.
            due: publish unchanged reasons too.
        """
        text = "; ".join(reasons) or "may drive"
        # Ages change with each look; what stands before the figures does not.
        kind = "; ".join(" ".join(word for word in row.split() if not word[:1].isdigit()) for row in reasons)
        new, self._before = kind != self._before, kind
        if not (due or new):
            return
        level = DiagnosticStatus.ERROR if latched else DiagnosticStatus.WARN if reasons else DiagnosticStatus.OK
        stamp_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(status_message(self._name, stamp_ns, values, text, level))
        now_s = float(self._node.steady.now().nanoseconds) / m.NS
        self._said_s = {kind: s for kind, s in self._said_s.items() if now_s - s < _QUIET_S}
        if not (latched and new) and (kind == self._said or kind in self._said_s):
            return
        self._said, self._said_s[kind] = kind, now_s
        if latched:  # one line each: a logger knows its callers by their lines
            self._node.get_logger().error(f"{self._name}: {text}")
        elif reasons:
            self._node.get_logger().warning(f"{self._name}: {text}")
        else:
            self._node.get_logger().info(f"{self._name}: {text}")
