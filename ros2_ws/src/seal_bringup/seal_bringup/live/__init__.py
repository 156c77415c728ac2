# SPDX-License-Identifier: Apache-2.0
"""A page in the browser that shows a run while it goes on; no ROS."""
