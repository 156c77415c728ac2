# SPDX-License-Identifier: Apache-2.0
"""What `seal demo` does, as one configuration."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seal_perception.errors import InputError

ROWS = ("pretrained", "self_training", "optical_flow", "label_prop_paper", "label_prop", "oracle")
"""Rows of the result table: `pretrained` is not fine-tuned, `oracle` learns from the simulator's true labels."""

DEFAULT_ROWS = tuple(row for row in ROWS if row != "optical_flow")
"""The rows of a demo that names none."""

TRAINING_HOMES = tuple(f"train_{i:02d}" for i in range(1, 26))
TEST_HOMES = tuple(f"test_{i:02d}" for i in range(1, 6))

REPLAY_PICTURES = 400
"""Catalogue pictures mixed in against forgetting: a fine-tuning of 300 iterations sees each once or twice."""

REPLAY_SHARE = 0.5
"""Share of each batch that they are."""


@dataclass(frozen=True)
class DemoConfig:
    """Configuration of the main job.

    Attributes:
        homes: homes to run, one after the other.
        seed: seed of the start pose, of the exploration and of the fine-tuning.
        steps: actions of the robot; it sees steps + 1 frames.
        width: picture width in pixels.
        height: picture height in pixels.
        policy: global policy of the exploration.
        weights: the detector to start from: a shipped name, a file that fine-tuning wrote, or COCO's .pth.
        iterations: iterations of each fine-tuning.
        replay_share: share of catalogue pictures in each batch of every fine-tuning, against forgetting.
        replay_pictures: how many catalogue pictures are drawn for that.
        replay: folders of datasets to take in place of these; of labels that a robot made, those with a label.
        evaluation_frames: frames of the home that the robot never saw, for AP50.
        rows: rows of the table to compute; `pretrained` always is.
    """

    homes: tuple[str, ...] = ("test_01",)
    seed: int = 0
    steps: int = 300
    width: int = 320
    height: int = 240
    policy: str = "frontier"
    weights: str = "seal-small"
    iterations: int = 300
    replay_share: float = REPLAY_SHARE
    replay_pictures: int = REPLAY_PICTURES
    evaluation_frames: int = 500
    rows: tuple[str, ...] = field(default=DEFAULT_ROWS)
    replay: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "width", "height", "iterations", "replay_pictures", "evaluation_frames"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.replay_share < 1:
            raise InputError(f"replay_share must lie in [0, 1), got {self.replay_share}")
        if unknown := [row for row in self.rows if row not in ROWS]:
            raise InputError(f"unknown rows {', '.join(unknown)}; expected some of {', '.join(ROWS)}")
        if self.weights == "coco":
            raise InputError(
                "the demo starts from a file; expected seal-small, seal-homes, a .safetensors file or COCO's .pth"
            )
        if not self.homes:
            raise InputError("no home was named; give one such as test_01")

    def quick(self) -> DemoConfig:
        """The same job made small: what the tests run."""
        return replace(self, steps=16, iterations=2, replay_pictures=4, evaluation_frames=3, width=160, height=120)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; `replay` where it was chosen."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return values if self.replay else {k: v for k, v in values.items() if k != "replay"}


def parse_homes(text: str) -> tuple[str, ...]:
    """Homes of an option: names with commas, or `test` or `train` for all of a split.

    Raises:
        InputError: if nothing is named.
    """
    homes: list[str] = []
    for word in (w for w in re.split(r"[,\s]+", text) if w):
        homes += {"test": TEST_HOMES, "train": TRAINING_HOMES}.get(word, (word,))
    if not homes:
        raise InputError("--homes names no home; expected names such as test_01, or test, or train")
    return tuple(dict.fromkeys(homes))


def default_run_dir(config: DemoConfig, root: Path = Path("runs")) -> Path:
    """Folder of a run without a name: runs/demo_<homes>_seed<seed>."""
    first = config.homes[0] if len(config.homes) == 1 else f"{config.homes[0]}-{len(config.homes)}"
    return root / f"demo_{Path(first).name}_seed{config.seed}"
