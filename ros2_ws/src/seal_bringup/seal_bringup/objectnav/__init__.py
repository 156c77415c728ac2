# SPDX-License-Identifier: Apache-2.0
"""`seal objectnav`: searches for objects in homes, judged by the simulator's truth, and their report."""
