# SPDX-License-Identifier: Apache-2.0
"""Where to go: goal policies, when a new goal is due, and the kernels that judge views."""
