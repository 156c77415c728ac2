# SPDX-License-Identifier: Apache-2.0
"""Commands that let a robot go to things."""
