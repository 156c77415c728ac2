# SPDX-License-Identifier: Apache-2.0
"""What a learned goal policy observes: the window of the map around the robot, and what it remembers."""
