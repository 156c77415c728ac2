# SPDX-License-Identifier: Apache-2.0
"""The stack as robot.launch.py starts it, on a fake LoCoBot in the test homes: minutes for figures, an hour for memory.

python -m seal_bringup.experiments.robot --help
"""
