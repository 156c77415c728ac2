# SPDX-License-Identifier: Apache-2.0
"""Small shared types, detectors, fine-tuning and evaluation for SEAL."""

import os

__version__ = "0.1.0"

# Threads of torch and numba that wait for each other sleep after ten thousand turns, not three hundred thousand: where
# another process wants the cores too, as a robot's nodes do, a picture else takes several times as long.
# OpenMP reads this when it is loaded, so it stands before anything of ours can import those.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
