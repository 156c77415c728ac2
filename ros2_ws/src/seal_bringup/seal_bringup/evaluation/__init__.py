# SPDX-License-Identifier: Apache-2.0
"""What runs and maps are worth, with the simulator's truth or by held-out frames."""
