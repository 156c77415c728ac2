# SPDX-License-Identifier: Apache-2.0
"""What real sensors add: depth and colour noise, the laser."""
