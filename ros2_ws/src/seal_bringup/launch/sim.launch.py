# SPDX-License-Identifier: Apache-2.0
"""The simulated run under `ros2 launch seal_bringup sim.launch.py scene:=test_01 steps:=300`.

Nodes, parameters and topics come from seal_bringup.stack.node_specs, as for `seal run`; discovery limit, DDS profile,
ROS domain, checks and logs are the runner's too. A node that dies ends the run with exit code 1.
"""

from seal_bringup.nodes.launch_actions import described, ends, started
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.launching import hold_domain
from seal_bringup.stack.node_process import run_variables
from seal_bringup.stack.node_specs import nodes_of
from seal_bringup.stack.run_check import OTHER_FOLDER, check_run
from seal_bringup.stack.runner import LEADER, SELF_ENDING, prepare


def _run(config):
    check_run(config, what_to_do=OTHER_FOLDER)
    hold_domain(config)
    variables = run_variables(prepare(config) / "log")
    return started(nodes_of(config), config.run_dir, LEADER, ends("the run is over"), SELF_ENDING, variables)


def generate_launch_description():
    return described(StackConfig, _run)
