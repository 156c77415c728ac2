# SPDX-License-Identifier: Apache-2.0
"""Goal policies that are networks: their shape, their weights files, and how a goal is read off them."""
