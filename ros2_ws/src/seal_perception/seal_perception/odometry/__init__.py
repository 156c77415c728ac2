# SPDX-License-Identifier: Apache-2.0
"""Where the robot was at a picture's stamp: poses over time, of a bag and of a robot that drives."""
