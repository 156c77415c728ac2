# SPDX-License-Identifier: Apache-2.0
"""The stack on a robot: `ros2 launch seal_bringup robot.launch.py robot:=locobot_kobuki`; `fake:=true` without one.

Nodes come from seal_bringup.stack.robot_specs. ROS's network settings stay as the user has them: a Create 3 is another
computer. So does a DDS profile; without one the nodes get ours. A node that dies ends all others, which stops the
robot, with exit code 1.
"""

from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from seal_bringup.nodes.launch_actions import described, ends, started
from seal_bringup.stack.robot_check import prepare_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import driver_arguments, robot_nodes


def _driver(config):
    parts = [FindPackageShare("interbotix_xslocobot_control"), "launch", "xslocobot_control.launch.py"]
    source = PythonLaunchDescriptionSource(PathJoinSubstitution(parts))
    return IncludeLaunchDescription(source, launch_arguments=list(driver_arguments(config).items()))


def _run(config):
    specs = robot_nodes(config)
    prepare_robot_run(config, specs)
    driver = [_driver(config)] if config.launch_driver else []
    over = [ends("the time is over", 60.0 * config.minutes)] if config.minutes else []
    return [*driver, *started(specs, config.run_dir), *over]


def generate_launch_description():
    return described(RobotConfig, _run)
