# SPDX-License-Identifier: Apache-2.0
"""The simulated run under `ros2 launch seal_bringup sim.launch.py scene:=test_01 steps:=300`.

Nodes, parameters and topics come from seal_bringup.stack.node_specs, as for `seal run`. A node that dies ends the run
with exit code 1.
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node

from launch import LaunchDescription
from seal_bringup.stack.launching import config_from_arguments, launch_arguments, node_keywords, require_good_end
from seal_bringup.stack.run_check import check_run
from seal_bringup.stack.runner import LEADER, SELF_ENDING, prepare


def _watched(name):
    def on_exit(event, context):
        if not context.is_shutdown and require_good_end(name, event.returncode, [LEADER], SELF_ENDING):
            return [EmitEvent(event=Shutdown(reason="the run is over"))]
        return []

    return on_exit


def _nodes(context, *_):
    config = config_from_arguments(context.launch_configurations)
    check_run(config)
    prepare(config)
    actions = []
    for keywords in node_keywords(config):
        node = Node(**keywords)
        watch = OnProcessExit(target_action=node, on_exit=_watched(keywords["name"]))
        actions += [RegisterEventHandler(watch), node]
    return actions


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in launch_arguments()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_nodes)])
