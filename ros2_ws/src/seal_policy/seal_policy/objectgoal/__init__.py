# SPDX-License-Identifier: Apache-2.0
"""Object Goal Navigation: walk to a thing of a category that the map believes in, else explore until it does."""
