# SPDX-License-Identifier: Apache-2.0
"""Homes and evaluation frames, fixed before anything is learnt: one hash per home.

Run as: python -m seal_bringup.experiments.frame_lists --out results/evaluation_frames.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import TEST_HOMES, TRAINING_HOMES
from seal_perception.files import write_json
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.evaluation.frames import frame_poses, poses_hash
from sim_bridge.worlds import open_simulator


def frame_list(home: str, count: int, seed: int = 0) -> dict[str, Any]:
    """Number and hash of a home's evaluation poses, as `seal scene frames` writes them into poses.json."""
    world = open_simulator(home, EmbeddedConfig(width=16, height=12))
    world.reset(0)
    floor = world.reachable_floor()
    world.close()
    poses = frame_poses(home, floor, count, seed)
    return {"frames": count, "seed": seed, "sha256": poses_hash(home, seed, poses)}


def main() -> None:
    """Write the list of all homes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/evaluation_frames.json"))
    parser.add_argument("--count", type=int, default=500)
    options = parser.parse_args()
    homes = (*TEST_HOMES, *TRAINING_HOMES)
    write_json(options.out, {home: frame_list(home, options.count) for home in homes})


if __name__ == "__main__":
    main()
