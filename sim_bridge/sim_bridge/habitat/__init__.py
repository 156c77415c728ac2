# SPDX-License-Identifier: Apache-2.0
"""The same robot in habitat-sim."""
