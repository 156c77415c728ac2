# SPDX-License-Identifier: Apache-2.0
"""Where to go next: goal policies, and when a goal is due."""
