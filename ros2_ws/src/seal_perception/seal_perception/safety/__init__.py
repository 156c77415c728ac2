# SPDX-License-Identifier: Apache-2.0
"""What keeps a robot from driving blind: how old inputs are, and whether odometry can be believed."""
