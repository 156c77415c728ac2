# SPDX-License-Identifier: Apache-2.0
"""Long work behind commands: labelling of bags, maps of bags, benchmarks."""
