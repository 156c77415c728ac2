# SPDX-License-Identifier: Apache-2.0
"""A real robot's base behind one face: the gate in front of its wheels, and what its messages mean. No ROS."""
