# SPDX-License-Identifier: Apache-2.0
"""Runs in running time: over ROS, and in one process."""
