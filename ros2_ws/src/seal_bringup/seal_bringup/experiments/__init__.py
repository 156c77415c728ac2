# SPDX-License-Identifier: Apache-2.0
"""Experiments on training homes: what the defaults were chosen by."""
