# SPDX-License-Identifier: Apache-2.0
"""Tables of many runs: cells that are computed once and kept, and the statistics over them."""
