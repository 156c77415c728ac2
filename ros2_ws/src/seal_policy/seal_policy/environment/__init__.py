# SPDX-License-Identifier: Apache-2.0
"""The gymnasium training environment, and many of them in processes."""
