# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes of seal_policy: message to array, one call into the core, array to message."""
