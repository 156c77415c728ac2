# SPDX-License-Identifier: Apache-2.0
"""Training of goal policies: imitation of a teacher, then PPO."""
