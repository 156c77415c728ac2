# SPDX-License-Identifier: Apache-2.0
"""A bag through the live nodes: `ros2 launch seal_bringup replay.launch.py bag:=DIR`; ends with the bag.

`ros2 bag play` plays pictures, odometry and transforms; detections, map and goals are made anew.
"""

from launch.actions import ExecuteProcess, TimerAction

from seal_bringup.nodes.launch_actions import described, ends, started, watched
from seal_bringup.stack.replay import REPLAYED, ReplayConfig, play_command, replay_nodes, require_player
from seal_bringup.stack.robot_check import prepare_robot_run

_DISCOVERY_S, _LAST_FRAMES_S = 5.0, 15.0


def _run(config):
    require_player()
    specs = replay_nodes(config)
    prepare_robot_run(config, specs)
    player = ExecuteProcess(cmd=play_command(config), output="screen")
    over = watched(player, "ros2 bag play", ends("the bag is over", _LAST_FRAMES_S))
    return [*started(specs, config.run_dir), over, TimerAction(period=_DISCOVERY_S, actions=[player])]


def generate_launch_description():
    return described(ReplayConfig, _run, REPLAYED)
