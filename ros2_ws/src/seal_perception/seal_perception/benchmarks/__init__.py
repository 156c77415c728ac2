# SPDX-License-Identifier: Apache-2.0
"""What a detector costs and what it is worth, over backends, sizes and precisions: `seal benchmark perception`."""
