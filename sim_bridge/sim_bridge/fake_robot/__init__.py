# SPDX-License-Identifier: Apache-2.0
"""A simulated robot with a LoCoBot's own faults and names, to try the deployment without hardware. No ROS."""
