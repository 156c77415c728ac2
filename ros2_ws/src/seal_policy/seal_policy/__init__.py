# SPDX-License-Identifier: Apache-2.0
"""Goal policies, rewards, planner and local policy for SEAL."""

__version__ = "0.1.0"
