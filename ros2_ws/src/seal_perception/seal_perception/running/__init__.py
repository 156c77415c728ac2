# SPDX-License-Identifier: Apache-2.0
"""Starting other processes, and waiting for them."""
