# SPDX-License-Identifier: Apache-2.0
"""How tables show themselves: as text and as a picture."""
