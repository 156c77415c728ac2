# SPDX-License-Identifier: Apache-2.0
"""From recorded frames to datasets: sources, labellers, work that resumes."""
