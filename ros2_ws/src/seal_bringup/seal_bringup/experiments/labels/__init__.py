# SPDX-License-Identifier: Apache-2.0
"""Experiments on the rules that make labels."""
