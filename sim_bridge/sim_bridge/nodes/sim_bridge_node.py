# SPDX-License-Identifier: Apache-2.0
"""The robot of a simulated run: publishes what it senses, and steps once per answer (lockstep)."""

from __future__ import annotations

import math
import sys
from typing import Any

from geometry_msgs.msg import PoseStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare, declare_config
from seal_perception.pose import pose_to_xyz_quat
from seal_perception.simulator import Observation
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.nodes.steps import nearest_action
from sim_bridge.worlds import open_simulator

FIRST_STAMP_NS, STEP_NS = 1_000_000_000, 100_000_000


class SimBridgeNode(SealNode):
    """Camera and odometry of the embedded simulator; frame k is published when the answer to frame k - 1 came.

    Parameters: `scene` (a home's name or a folder with scene.glb), `seed` (start pose), `max_steps` (the node exits
    when the frame after them is answered), `wait_for` (names of nodes that must say `ready` before frame 0),
    `ready_timeout_s`, `publish_truth` (labels under truth/, for evaluation alone), `sim.*` (EmbeddedConfig).
    """

    def __init__(self) -> None:
        super().__init__("sim_bridge")
        scene = declare(self, "scene", "test_01", "home or scene folder")
        seed = declare(self, "seed", 0, "start pose; 0 = the scene's own")
        self._max_steps = declare(self, "max_steps", 300, "actions in the run")
        self._waiting_for = set(declare(self, "wait_for", [""], "nodes that must be ready"))
        timeout = declare(self, "ready_timeout_s", 60.0, "longest wait for them")
        truth = declare(self, "publish_truth", False, "publish truth/instance and truth/category")
        self._config = declare_config(self, EmbeddedConfig, "sim")
        self._simulator = open_simulator(scene, self._config)
        self._observation: Observation = self._simulator.reset(seed)
        self._colour = self.advertise(Image, m.COLOUR)
        self._info = self.advertise(CameraInfo, m.CAMERA_INFO)
        self._depth = self.advertise(Image, m.DEPTH)
        self._odom = self.advertise(Odometry, m.ODOM)
        self._time = self.advertise(ClockMessage, "/clock")
        self._truth = [self.advertise(Image, f"truth/{n}") for n in ("instance", "category")] if truth else []
        self._tf = self._advertise_tf()
        self._started = self._connected = False
        self.subscribe(PoseStamped, m.STEP, self._on_step)
        self.subscribe(String, m.READY, self._on_ready_name, latched=True)
        self._deadline = self.create_timer(timeout, self._on_timeout, clock=self.steady)

    @property
    def _stamp_ns(self) -> int:
        return FIRST_STAMP_NS + self._observation.step * STEP_NS

    def _advertise_tf(self) -> Any:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            self.get_logger().info("tf2_msgs is not installed: no /tf; poses are on odom, and the bag has /tf anyway")
            return None
        rows = [(m.MAP_FRAME, m.ODOM_FRAME, None), (m.BASE_FRAME, m.CAMERA_FRAME, self._simulator.T_base_camera)]
        self._static = self.advertise(TFMessage, m.TF_STATIC, latched=True)
        self._static.publish(TFMessage(transforms=[_transform(parent, child, T, 0) for parent, child, T in rows]))
        self._tf_message = TFMessage
        return self.advertise(TFMessage, m.TF)

    def on_ready(self) -> None:
        """All topics are connected."""
        self._connected = True
        self._start_if_ready()

    def _on_ready_name(self, msg: String) -> None:
        self._waiting_for.discard(msg.data)
        self._start_if_ready()

    def _start_if_ready(self) -> None:
        if self._connected and not self._waiting_for and not self._started:
            self._started = True
            self._deadline.cancel()
            self._publish()

    def _on_timeout(self) -> None:
        missing = [f"node {n}" for n in sorted(self._waiting_for)] + self.unmatched()
        raise InputError(f"the run cannot start, still waiting for {', '.join(missing)}; look into their logs")

    def _publish(self) -> None:
        o, stamp = self._observation, self._stamp_ns
        optical = convert.make_header(stamp, m.CAMERA_FRAME)
        self._time.publish(ClockMessage(clock=convert.make_time(stamp)))
        self._odom.publish(
            convert.pose_to_odometry(o.T_odom_base, convert.make_header(stamp, m.ODOM_FRAME), m.BASE_FRAME)
        )
        if self._tf is not None:
            moving = _transform(m.ODOM_FRAME, m.BASE_FRAME, o.T_odom_base, stamp)
            self._tf.publish(self._tf_message(transforms=[moving]))
        self._info.publish(convert.camera_to_info(self._simulator.camera, optical))
        self._colour.publish(convert.rgb_to_image(o.rgb, optical))
        self._depth.publish(convert.depth_to_image(o.depth, optical))
        if self._truth:
            truth = self._simulator.truth_images()
            self._truth[0].publish(convert.labels_to_image(truth.instance, optical))
            self._truth[1].publish(convert.labels_to_image(truth.category.astype("int32"), optical))

    def _on_step(self, msg: PoseStamped) -> None:
        if not self._started or m.header_stamp_ns(msg) != self._stamp_ns:
            raise InputError(
                f"step answers the frame of {m.header_stamp_ns(msg)} ns, the frame shown is of {self._stamp_ns} ns; "
                "is a second planner running?"
            )
        if self._observation.step >= self._max_steps:
            self._deliver()
            self.finish(0)
            return
        c = self._config
        action = nearest_action(m.pose_message_to_matrix(msg.pose), c.forward_m, math.radians(c.turn_deg))
        self._observation = self._simulator.step(action)
        self._publish()

    def _deliver(self) -> None:
        """Wait until each reader has everything, so that ending the process loses nothing."""
        for publisher in (self._colour, self._depth, self._info, self._odom):
            publisher.wait_for_all_acked(Duration(seconds=10))

    def close(self) -> None:
        """Free the simulator."""
        self._simulator.close()


def _transform(parent: str, child: str, T: Any, stamp_ns: int) -> TransformStamped:
    msg = TransformStamped(header=convert.make_header(stamp_ns, parent), child_frame_id=child)
    if T is None:
        msg.transform.rotation.w = 1.0
        return msg
    (x, y, z), (qx, qy, qz, qw) = pose_to_xyz_quat(T)
    t, q = msg.transform.translation, msg.transform.rotation
    t.x, t.y, t.z = float(x), float(y), float(z)
    q.x, q.y, q.z, q.w = float(qx), float(qy), float(qz), float(qw)
    return msg


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SimBridgeNode, "sim_bridge"))


if __name__ == "__main__":
    main()
