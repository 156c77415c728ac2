# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes of sim_bridge: message to array, one call into the core, array to message."""
