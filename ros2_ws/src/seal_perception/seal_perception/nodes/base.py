# SPDX-License-Identifier: Apache-2.0
"""What all nodes share: QoS by parameter, the start-up handshake, what is done about bad messages, a clean end."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.task import Future
from std_msgs.msg import String

from seal_perception import messages as m
from seal_perception.errors import InputError, SealError
from seal_perception.nodes.live_frames import COMPUTED_DEPTH, PICTURE_DEPTH, LiveFrames, OdometryFeed
from seal_perception.nodes.one_camera import refuse_two_cameras
from seal_perception.nodes.own_run import BEGIN, OwnRun
from seal_perception.nodes.params import declare, declare_use_sim_time
from seal_perception.nodes.stamp_matching import StampMatcher
from seal_perception.nodes.transform_feed import TransformFeed
from seal_perception.odometry.live import PoseConfig

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble has them under this name
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

PARENT_VARIABLE = "SEAL_RUNNER_PID"
"""Environment variable with the runner's process id: a node whose runner is gone ends by itself."""

_LOOK_S = 0.1
"""How often a waiting node checks for a signal."""
_AGAIN_S = 3.0
"""A second SIGINT sooner than this is the first one again: launch passes on what the terminal has sent already."""
_STRANGERS_S = 5.0
"""How often a node looks at who publishes what it hears."""

LATCHED_DEPTH = 64
"""Messages kept on latched topics: more than the 25 steps by which the policy may lag behind the planner."""


class _RefusedError(InputError):
    """A message that ends the node; says which."""


class SealNode(Node):
    """A node with relative topics and QoS parameters; it announces when it is ready and ends with a status.

    Parameters: `qos.<topic with _ for />.reliability` ("reliable" or "best_effort"), `.depth` (0 = keep all);
    `expect_subscribers` ("topic=count") and `expect_publishers` ("topic"): the node is ready when these are matched,
    and then publishes its name on the latched topic `ready`. `known_publishers` ("topic=node,node"): another publisher
    of these topics is reported. With `lockstep`, that ends the node, and so does a message that cannot be used; else
    the message is dropped and counted.

    Args:
        name: of the node.
        hear_ready: call `on_node_ready`.

    Attributes:
        odom_topic: where the node hears odometry outside lockstep.
    """

    def __init__(self, name: str, hear_ready: bool = False) -> None:
        super().__init__(name)
        self.done: Future = Future()
        self.dropped: Counter[str] = Counter()
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._own_publishers: dict[str, Publisher] = {}
        self._own_subscriptions: dict[str, Subscription] = {}
        self.odom_topic = m.ODOM
        self._odometry: OdometryFeed | None = None
        self._transforms: TransformFeed | None = None
        declare_use_sim_time(self)
        subscribers = declare(self, "expect_subscribers", [""], "topic=count: subscribers to wait for before ready")
        expected = [e.rpartition("=") for e in subscribers]
        self._expect_subscribers = {topic: int(count) for topic, _, count in expected}
        self._expect_publishers = declare(
            self, "expect_publishers", [""], "topics whose publishers to wait for before ready"
        )
        known = declare(self, "known_publishers", [""], "topic=node,node: who publishes it in this run")
        self.lockstep: bool = declare(
            self, "lockstep", True, "a message that cannot be used ends the run; false = it is dropped and counted"
        )
        self._frame_prefix: str = declare(
            self, "frame_prefix", "", "stands before the names of frames that the stack makes, such as robot1/"
        )
        self.own_run = OwnRun(self.get_name(), known, self._publishers_of, self._full_name)
        self._strange = ""
        self._ready = self.advertise(String, m.READY, latched=True)
        self._ready_timer = self.create_timer(0.05, self._check_ready, clock=self.steady)
        if hear_ready or self.own_run.run_id:
            self.subscribe(String, m.READY, self._on_ready_text, latched=True)
        if self.own_run.watches:
            self.create_timer(_STRANGERS_S, self._look, clock=self.steady)

    def qos(
        self, topic: str, latched: bool = False, depth: int | None = None, reliability: str = "reliable"
    ) -> QoSProfile:
        """Profile of a topic from its parameters; declares them with these defaults."""
        key = self.qos_key(topic)
        if not self.has_parameter(key + ".reliability"):
            declare(self, key + ".reliability", reliability, f"reliability of {topic}: reliable or best_effort")
            kept = depth if depth is not None else LATCHED_DEPTH if latched else 0
            declare(self, key + ".depth", kept, f"queue depth of {topic} in messages; 0 = keep all", minimum=0)
        reliability = self.get_parameter(key + ".reliability").value
        kept = self.get_parameter(key + ".depth").value
        if reliability not in ("reliable", "best_effort") or kept < 0:
            raise InputError(f"{key} must be reliable or best_effort with a depth >= 0, got {reliability!r}, {kept}")
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST if kept else HistoryPolicy.KEEP_ALL,
            depth=kept,
            reliability=ReliabilityPolicy[reliability.upper()],
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )

    def frame(self, name: str) -> str:
        """A frame that the stack makes (map, odom, base_link ...), with the parameter `frame_prefix` before it."""
        return self._frame_prefix + name

    def qos_key(self, topic: str) -> str:
        """Where the parameters of a topic's QoS stand."""
        return "qos." + topic.strip("/").replace("/", "_")

    def advertise(
        self,
        kind: type,
        topic: str,
        latched: bool = False,
        depth: int | None = None,
        reliability: str = "reliable",
    ) -> Publisher:
        """Publisher of a relative topic; incompatible subscribers are reported."""
        events = PublisherEventCallbacks(incompatible_qos=lambda e: self._incompatible(topic, "subscriber", e))
        publisher = self.create_publisher(
            kind, topic, self.qos(topic, latched, depth, reliability), event_callbacks=events
        )
        self._own_publishers[topic] = publisher
        return publisher

    def subscribe(
        self,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        latched: bool = False,
        raw: bool = False,
        depth: int | None = None,
        reliability: str = "reliable",
    ) -> Subscription:
        """Subscription to a relative topic; incompatible publishers are reported.

        A ValueError of the callback is about its message: with `lockstep` it ends the node, else it is dropped.
        """

        def use(message: Any) -> None:
            try:
                if not self.lockstep and not self.own_run.watches:  # a run's own publishers are known
                    refuse_two_cameras(topic, self._publishers_of)
                callback(message)
            except ValueError as error:
                self._refuse(topic, error)

        def take(message: Any) -> None:
            if topic == m.READY:
                use(message)
            else:
                self.own_run.take(use, message)

        events = SubscriptionEventCallbacks(incompatible_qos=lambda e: self._incompatible(topic, "publisher", e))
        subscription = self.create_subscription(
            kind, topic, take, self.qos(topic, latched, depth, reliability), event_callbacks=events, raw=raw
        )
        self._own_subscriptions[topic] = subscription
        return subscription

    def _refuse(self, what: str, error: ValueError) -> None:
        """End the node because of a message, or drop that.

        Raises:
            InputError: with `lockstep`; the text names what it was.
        """
        if isinstance(error, _RefusedError):
            raise error
        if self.lockstep:
            raise _RefusedError(f"{what}: {error}") from error
        self.dropped[f"messages on {what}" if what in self._own_subscriptions else "frames"] += 1
        self.get_logger().warning(f"{what} dropped: {error}", throttle_duration_sec=5.0)
        self.on_dropped(what, error)

    def on_dropped(self, what: str, error: ValueError) -> None:
        """Called outside lockstep after a message or frame was dropped because it cannot be used."""

    def _incompatible(self, topic: str, who: str, event: Any) -> None:
        self.get_logger().error(
            f"QoS of {topic} does not fit a {who} ({event.last_policy_kind}): nothing passes between the two; "
            f"set {self.qos_key(topic)}.reliability"
        )

    @property
    def odometry(self) -> OdometryFeed:
        """The node's one subscription to `odom_topic` outside lockstep."""
        if self._odometry is None:
            self._odometry = OdometryFeed(self)
        return self._odometry

    @property
    def transforms(self) -> TransformFeed:
        """The node's one subscription to /tf and /tf_static."""
        if self._transforms is None:
            self._transforms = TransformFeed(self)
        return self._transforms

    def match(
        self,
        topics: dict[str, tuple[type, bool]],
        on_match: Callable[[int, dict[str, Any]], None],
        poses: PoseConfig | None = None,
        max_late_s: float = 10.0,
    ) -> StampMatcher | LiveFrames:
        """Subscribe to topics (type, latched) with headers and put their messages together by stamp.

        The part `odom` is T_odom_base (4, 4): in lockstep that of the message with the frame's stamp, else odometry
        interpolated at it, or /tf (`poses`); then `mounting` is T_base_sensor (4, 4). Every 5 s without a whole set, a
        warning names the topics it waits for.
        Outside lockstep queues are short, and pictures wait for their scores for `max_late_s` at most.
        """

        def use(stamp_ns: int, parts: dict[str, Any]) -> None:
            try:
                if self.lockstep and m.ODOM in parts:
                    parts[m.ODOM] = m.odometry_to_pose(parts[m.ODOM])
                on_match(stamp_ns, parts)
            except ValueError as error:
                self._refuse(f"frame of {stamp_ns} ns", error)

        matcher: StampMatcher | LiveFrames
        if m.ODOM in topics and not self.lockstep:
            topics = {topic: kind for topic, kind in topics.items() if topic != m.ODOM}
            matcher = LiveFrames(self, tuple(topics), use, poses, max_late_s)
        else:
            matcher = StampMatcher(tuple(topics), use, between=m.ODOM)
        for topic, (kind, latched) in topics.items():
            kept = COMPUTED_DEPTH if topic == m.SCORES else PICTURE_DEPTH
            self.subscribe(
                kind,
                topic,
                lambda msg, t=topic: matcher.add(t, m.header_stamp_ns(msg), msg),
                latched=latched,
                depth=None if self.lockstep or latched else kept,
            )
        seen = [0]

        def look() -> None:
            if matcher.missing() and matcher.matched == seen[0]:
                names = ", ".join(self.resolve_topic_name(t) for t in matcher.missing())
                self.get_logger().warning(f"waiting for {names}: frames are matched by stamp and the rest is there")
            seen[0] = matcher.matched

        self.create_timer(5.0, look, clock=self.steady)
        return matcher

    def is_matched(self) -> bool:
        """Whether all publishers and subscriptions have the counterparts that the parameters expect."""
        if any(self._own_publishers[t].get_subscription_count() < n for t, n in self._expect_subscribers.items()):
            return False
        subscriptions = [self._own_subscriptions[t] for t in self._expect_publishers]
        return all(not hasattr(s, "get_publisher_count") or s.get_publisher_count() > 0 for s in subscriptions)

    def unmatched(self) -> list[str]:
        """What `is_matched` waits for, as text."""
        short = [t for t, n in self._expect_subscribers.items() if self._own_publishers[t].get_subscription_count() < n]
        return [f"a subscriber of {t}" for t in short]

    def _check_ready(self) -> None:
        if self.is_matched():
            self._ready_timer.cancel()
            self._ready.publish(String(data=self.own_run.text(self.get_name())))
            self.on_ready()

    def on_ready(self) -> None:
        """Called once when the node's topics are connected."""

    def _on_ready_text(self, msg: String) -> None:
        name = self.own_run.note(msg.data)
        if name:
            self.on_node_ready(name)

    def on_node_ready(self, name: str) -> None:
        """Called when a node of this run is ready."""

    def begin(self) -> None:
        """Tell all nodes of the run that it begins; messages have waited for this."""
        self._ready.publish(String(data=self.own_run.text(BEGIN)))
        self.own_run.begin()

    def _full_name(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _publishers_of(self, topic: str) -> list[str]:
        """Full names of the nodes that publish a topic now."""
        there = self.get_publishers_info_by_topic(self.resolve_topic_name(topic))
        return [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in there]

    def _look(self) -> None:
        """Report publishers that are none of the run's, once; end a lockstep run for them."""
        line = self.own_run.look() if self.own_run.begun else ""
        if line and self.lockstep:
            raise InputError(line)
        if line and line != self._strange:
            self.get_logger().warning(line)
        self._strange = line or self._strange

    def finish(self, code: int = 0) -> None:
        """End the process with this status after the present callback."""
        if not self.done.done():
            self.done.set_result(code)

    def last_look(self) -> None:
        """Before a lockstep run ends well, see that nobody else took part.

        Raises:
            InputError: if another one publishes what the node hears.
        """
        line = self.own_run.strangers() if self.lockstep and self.own_run.begun else ""
        if line:
            raise InputError(line)

    def halt(self) -> None:
        """Called first on every way out, an unexpected error included: what the node drives must stop. Never raises."""

    def close(self) -> None:
        """Called on every way out but an unexpected error; may raise SealError or OSError to fail."""


def _watch_parent(pid: int) -> None:
    """End this process when the runner is gone: by SIGTERM first, then by force."""
    while os.getppid() == pid:
        time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2.5)
    os._exit(1)


def _report(name: str, error: Exception) -> int:
    print(f"{name}: error: {error}", file=sys.stderr, flush=True)
    return 1


class _Interruption:
    """Whether SIGINT, SIGTERM or SIGHUP came; a later SIGINT raises KeyboardInterrupt where the node is, if it may.

    Attributes:
        held: no SIGINT changes anything: a stop is being sent, files are being written.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._came = self.held = self._told = False
        self._since_s = 0.0
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                # nohup lets a program outlive its terminal by ignoring SIGHUP.
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: Any) -> None:
        now = time.monotonic()
        again = self._came and number == signal.SIGINT and now - self._since_s >= _AGAIN_S
        if again and not self.held:
            raise KeyboardInterrupt
        if again and not self._told:
            self._told = True
            # not print: a signal may come while that writes
            os.write(2, f"{self._name}: still writing its files; Ctrl-\\ ends it now and loses them\n".encode())
        if not self._came:
            self._came, self._since_s = True, now

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self._came

    def restore(self) -> None:
        """Restore the previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def run_node(factory: Callable[[], SealNode], name: str, args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until it is done or interrupted, close it; returns the exit status.

    A user's mistake (SealError, OSError and ValueError from the core) is printed as one line with status 1.
    """
    parent = os.environ.get(PARENT_VARIABLE, "")
    if parent and not (parent.isascii() and parent.isdigit()):
        return _report(name, InputError(f"{PARENT_VARIABLE} must be a process id, got {parent[:40]!r}: unset it"))
    if parent:
        threading.Thread(target=_watch_parent, args=(int(parent),), daemon=True).start()
    faulthandler.enable()
    # rclpy's own handlers end the context from another thread, whatever the node is doing. With them, of some
    # hundred nodes, one hung at the end and one crashed; here a signal only sets a flag.
    interrupted = _Interruption(name)
    try:
        return _run(factory, name, args, interrupted)
    finally:
        interrupted.restore()


def _run(factory: Callable[[], SealNode], name: str, args: Sequence[str] | None, interrupted: _Interruption) -> int:
    """`run_node` under its own handlers."""
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rcl's: ROS_DOMAIN_ID, the middleware or an argument is not what it can be
        return _report(name, InputError(f"ROS does not start: {' '.join(str(error).split())[:300]}"))
    node, code = None, 0
    executor = SingleThreadedExecutor()
    try:
        node = factory()
        executor.add_node(node)
        while not node.done.done() and not interrupted.is_set():
            executor.spin_once(timeout_sec=_LOOK_S)
        if node.done.done():
            code = int(node.done.result() or 0)
            node.last_look()
    except (KeyboardInterrupt, ExternalShutdownException):
        code = 0
    except (SealError, ValueError, OSError, ParameterException) as error:
        code = _report(name, error)
    finally:
        interrupted.held = True  # to the end: a bag without its index, a map that is not there
        if node is not None:
            node.halt()
    try:
        if node is not None:
            node.close()
            for what, count in node.dropped.items():
                node.get_logger().warning(f"{count} {what} were dropped: they could not be used")
    except (SealError, ValueError, OSError) as error:
        code = _report(name, error)
    executor.shutdown(timeout_sec=1.0)
    if node is not None:
        node.destroy_node()
    rclpy.try_shutdown()
    return code
