# SPDX-License-Identifier: Apache-2.0
"""Record a bag with detections while somebody else drives: `ros2 launch seal_bringup record.launch.py run_dir:=DIR`.

Perception and recorder alone; the robot's file names its odometry, `camera_driver` the camera's topics.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch_ros.actions import Node

from launch import LaunchDescription
from seal_bringup.stack.launching import keywords_of, launch_arguments, read_arguments, require_good_end
from seal_bringup.stack.robot_check import check_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import RECORDED, record_nodes


def _watched(name):
    def on_exit(event, context):
        if not context.is_shutdown:
            require_good_end(name, event.returncode)
        return []

    return on_exit


def _started(specs):
    actions = []
    for keywords in keywords_of(specs):
        node = Node(**keywords)
        watch = OnProcessExit(target_action=node, on_exit=_watched(keywords["name"]))
        actions += [RegisterEventHandler(watch), node]
    return actions


def _run(context, *_):
    config = read_arguments(RobotConfig, context.launch_configurations)
    specs = record_nodes(config)
    check_robot_run(config, specs)
    return _started(specs)


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in launch_arguments(RobotConfig, RECORDED)
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_run)])
