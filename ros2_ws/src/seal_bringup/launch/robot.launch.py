# SPDX-License-Identifier: Apache-2.0
"""The stack on a robot: `ros2 launch seal_bringup robot.launch.py robot:=locobot_kobuki`; `fake:=true` without one.

Nodes come from seal_bringup.stack.robot_specs. ROS's network settings and the DDS profile stay as the user has them: a
Create 3 is another computer. A node that dies ends all others, which stops the robot, with exit code 1.
"""

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from seal_bringup.stack.launching import keywords_of, launch_arguments, read_arguments, require_good_end
from seal_bringup.stack.robot_check import check_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import driver_arguments, robot_nodes


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


def _driver(config):
    parts = [FindPackageShare("interbotix_xslocobot_control"), "launch", "xslocobot_control.launch.py"]
    source = PythonLaunchDescriptionSource(PathJoinSubstitution(parts))
    return IncludeLaunchDescription(source, launch_arguments=list(driver_arguments(config).items()))


def _run(context, *_):
    config = read_arguments(RobotConfig, context.launch_configurations)
    specs = robot_nodes(config)
    check_robot_run(config, specs)
    actions = [_driver(config)] if config.launch_driver else []
    actions += _started(specs)
    if config.minutes:
        over = EmitEvent(event=Shutdown(reason="the time is over"))
        actions.append(TimerAction(period=60.0 * config.minutes, actions=[over]))
    return actions


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in launch_arguments(RobotConfig)
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_run)])
