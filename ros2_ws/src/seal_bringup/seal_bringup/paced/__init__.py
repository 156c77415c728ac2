# SPDX-License-Identifier: Apache-2.0
"""Runs in real time: over ROS, and in one process."""
