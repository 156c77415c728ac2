# SPDX-License-Identifier: Apache-2.0
"""How to get there by steps: terrain, fast marching, local policy, tight passages."""
