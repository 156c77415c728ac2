# SPDX-License-Identifier: Apache-2.0
r"""Mean of two weights of one network: WiSE-FT (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", eq. 1).

python -m seal_bringup.experiments.detectors.average BEFORE AFTER --share 0.5 --out MEAN

`seal finetune --keep` does the same while it trains; this is for two files that are there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seal_perception.detector.facts import resolve_weights
from seal_perception.detector.weights import load_weights, save_weights, source_commit
from seal_perception.errors import InputError
from seal_perception.files import sha256
from seal_perception.training.finetune import keep_of

_TOLD = ("command", "seed", "commit", "dataset", "replay", "config")


def average(before: Path | str, after: Path | str, share: float, out: Path | str) -> dict[str, Any]:
    """Write the mean of two weights; what its metadata then says of how it was made.

    Args:
        before: a shipped name or a file; its calibration is taken over.
        after: another of the same shape and calibration.
        share: of `before`, in (0, 1).
        out: file to write.

    Raises:
        InputError: if the share is none, or the two are not of one shape, list of categories and calibration.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"--share must lie between 0 and 1, got {share}")
    files = resolve_weights(before), resolve_weights(after)
    (first, shape, told), (second, other, told_later) = (load_weights(file) for file in files)
    if shape != other or told.get("calibration") != told_later.get("calibration"):
        raise InputError(f"{files[0]} and {files[1]} must be of one shape, list of categories and calibration")
    start = {name: value.clone() for name, value in first.state_dict().items()}
    keep_of(start, second, share)
    facts = {
        "command": "python -m seal_bringup.experiments.detectors.average",
        "share": share,
        "seed": told_later.get("seed"),
        "commit": source_commit(),
        "calibration": told.get("calibration"),
        "parents": [
            {"sha256": sha256(file), **{key: known[key] for key in _TOLD if key in known}}
            for file, known in zip(files, (told, told_later), strict=True)
        ],
    }
    save_weights(out, second, shape, facts)
    return facts


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and write the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--share", type=float, default=0.5, help="of the first")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    average(given.before, given.after, given.share, given.out)
    print(f"weights at {given.out}")


if __name__ == "__main__":
    main()
