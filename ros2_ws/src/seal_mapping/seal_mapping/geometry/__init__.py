# SPDX-License-Identifier: Apache-2.0
"""What depth pictures with poses say about their own conventions: which way is up, where the floor is, the unit."""
