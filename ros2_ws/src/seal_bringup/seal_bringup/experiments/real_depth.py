# SPDX-License-Identifier: Apache-2.0
"""What the map's filters do on real depth: frames ray-traced in a map of the others, with and without each filter.

seal bag import ../shared/data/hololens_room room
python -m seal_bringup.experiments.real_depth room --out results/real_depth.json

Odd frames are traced in a map of the even ones, on the pixels whose own depth lies in 0.5..5 m. A ray is as deep as
where it enters the voxel that stops it, plus half a voxel. `precise`: within 10 cm of the sensor; `early`, `late`:
farther off; `no_hit`: the ray meets nothing. `kept`: share of the even frames' readings that the filters leave.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seal_bringup.evaluation.map_check import check_maps, filter_rows
from seal_bringup.provenance import provenance
from seal_mapping.bags.reader import open_bag
from seal_perception.files import write_json


def main() -> None:
    """Measure every row and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/real_depth.json"))
    options = parser.parse_args()
    source, rows = open_bag(options.bag), filter_rows()
    table = check_maps(source, rows, rows["no filter"][0])
    for name, row in table.items():
        shares = "  ".join(f"{key} {row[key]:.3f}" for key in ("precise", "early", "late", "no_hit", "kept"))
        print(f"{name:50s} {shares}")
    half = len(source) // 2
    write_json(options.out, {"provenance": provenance(), "frames": [len(source) - half, half], "rows": table})


if __name__ == "__main__":
    main()
