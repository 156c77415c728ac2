#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the launch files by the real `ros2 launch` of a sourced workspace. The simulated run must equal `seal explore`
# bit for bit; a fake robot must map; a recording must become labels.
#   .ci/launch_files.sh [FOLDER]     FOLDER takes the runs; a new one in /tmp if not given
set -Eeuo pipefail
set -m # a job in the background hears Ctrl-C
launch=""
trap '[ -z "$launch" ] || kill -INT "$launch" 2>/dev/null || true' EXIT
fail() { printf 'launch files: error: %s\n' "$*" >&2; exit 1; }
trap 'fail "line $LINENO failed; the runs are in ${runs:-no folder}"' ERR

for command in ros2 seal; do
    command -v "$command" >/dev/null || fail "$command is not on PATH: source ROS 2 and install/setup.bash (docs/quickstart.md)"
done
runs=$(realpath "${1:-$(mktemp -d)}")
mkdir -p "$runs"

echo "== sim.launch.py, and seal explore with the same seed"
timeout 900 ros2 launch seal_bringup sim.launch.py scene:=test_01 steps:=60 run_dir:="$runs/sim"
timeout 900 seal explore --scene test_01 --steps 60 --out "$runs/explore"
seal compare "$runs/sim" "$runs/explore"

echo "== robot.launch.py with a fake robot, a minute"
timeout 300 ros2 launch seal_bringup robot.launch.py fake:=true enable:=true scene:=test_01 minutes:=1 run_dir:="$runs/robot"
seal bag info "$runs/robot/bag"
seal map info "$runs/robot/map.npz"
grep -q '"poses": \[\[' "$runs/robot/trajectory.json" || fail "no picture of $runs/robot was mapped"

echo "== record.launch.py with a fake robot that a hand turns, until Ctrl-C"
ros2 launch seal_bringup record.launch.py fake:=true scene:=test_01 run_dir:="$runs/record" &
launch=$!
timeout --signal=INT 60 ros2 topic pub --rate 10 /locobot/commands/velocity geometry_msgs/msg/Twist \
    '{angular: {z: 0.3}}' >/dev/null || true # 124: the time is over
kill -INT "$launch"
wait "$launch" || fail "record.launch.py ended with $? after Ctrl-C"
launch=""
seal label "$runs/record/bag"
echo "== all launch files did their work: $runs"
