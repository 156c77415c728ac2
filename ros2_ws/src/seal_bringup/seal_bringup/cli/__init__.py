# SPDX-License-Identifier: Apache-2.0
"""The `seal` command: one module per group of commands."""
