# SPDX-License-Identifier: Apache-2.0
"""Record a bag with detections while somebody else drives: `ros2 launch seal_bringup record.launch.py run_dir:=DIR`.

Perception and recorder alone; the robot's file names its odometry, `camera_driver` the camera's topics.
"""

from seal_bringup.nodes.launch_actions import described, started
from seal_bringup.stack.robot_check import prepare_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import RECORDED, record_nodes


def _run(config):
    specs = record_nodes(config)
    prepare_robot_run(config, specs)
    return started(specs, config.run_dir)


def generate_launch_description():
    return described(RobotConfig, _run, RECORDED)
