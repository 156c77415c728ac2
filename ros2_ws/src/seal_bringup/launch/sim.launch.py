# SPDX-License-Identifier: Apache-2.0
"""The simulated run under `ros2 launch seal_bringup sim.launch.py scene:=test_01 steps:=300`.

Nodes, parameters and topics come from seal_bringup.stack.node_specs, as for `seal run`.
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node

from launch import LaunchDescription
from seal_bringup.stack.launching import config_from_arguments, launch_arguments, node_keywords


def _nodes(context, *_):
    config = config_from_arguments(context.launch_configurations)
    actions = []
    for keywords in node_keywords(config):
        node = Node(**keywords)
        actions.append(node)
        if keywords["name"] == "sim_bridge":
            ended = OnProcessExit(target_action=node, on_exit=[EmitEvent(event=Shutdown(reason="the run is over"))])
            actions.append(RegisterEventHandler(ended))
    return actions


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in launch_arguments()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_nodes)])
