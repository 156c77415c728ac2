# SPDX-License-Identifier: Apache-2.0
"""A bag through the live nodes: `ros2 launch seal_bringup replay.launch.py bag:=DIR`; ends with the bag.

`ros2 bag play` plays pictures, odometry and transforms; detections, map and goals are made anew.
"""

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node

from launch import LaunchDescription
from seal_bringup.stack.launching import keywords_of, launch_arguments, read_arguments, require_good_end
from seal_bringup.stack.replay import REPLAYED, ReplayConfig, play_command, replay_nodes
from seal_bringup.stack.robot_check import check_robot_run

_DISCOVERY_S, _LAST_FRAMES_S = 5.0, 5.0


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
    config = read_arguments(ReplayConfig, context.launch_configurations)
    specs = replay_nodes(config)
    check_robot_run(config, specs)
    player = ExecuteProcess(cmd=play_command(config), output="screen")
    over = TimerAction(period=_LAST_FRAMES_S, actions=[EmitEvent(event=Shutdown(reason="the bag is over"))])

    def played(event, context):
        require_good_end("ros2 bag play", event.returncode, may_end=["ros2 bag play"])
        return [over]

    ended = RegisterEventHandler(OnProcessExit(target_action=player, on_exit=played))
    return [*_started(specs), ended, TimerAction(period=_DISCOVERY_S, actions=[player])]


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in launch_arguments(ReplayConfig, REPLAYED)
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_run)])
