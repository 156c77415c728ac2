# SPDX-License-Identifier: Apache-2.0
"""Fields that say what they are, and that every field of a configuration on the graph does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from seal_mapping.labels.config import LabelConfig
from seal_mapping.voxels.config import MapConfig
from seal_mapping.wall_heading import WallHeadingConfig
from seal_perception.detector.detector import DetectorConfig
from seal_perception.parameters import Parameter, parameter, parameters_of
from seal_policy.driving.step_driver import StepDriverConfig
from seal_policy.goals.rule import GoalConfig
from sim_bridge.embedded import EmbeddedConfig


@dataclass(frozen=True)
class Toy:
    """Two parameters, and a file that is none."""

    length_m: float = parameter(0.5, "length in metres", minimum=0.0)
    sizes: tuple[int, ...] = parameter((), "sizes")
    file: Path | None = parameter(None, "a file")


def test_a_described_field_is_a_field_with_a_default() -> None:
    assert Toy() == Toy(0.5, (), None)
    length, sizes = parameters_of(Toy)
    assert length == Parameter("length_m", 0.5, "length in metres", 0.0)
    assert (length.range_text, sizes.range_text) == (">= 0.0", "")
    assert length.includes(0) and not length.includes(-1.0) and sizes.includes(())
    assert parameters_of(Toy(length_m=2.0))[0] == replace(length, default=2.0)


@pytest.mark.parametrize(
    "config", [DetectorConfig, MapConfig, LabelConfig, WallHeadingConfig, StepDriverConfig, GoalConfig, EmbeddedConfig]
)
def test_every_field_of_a_configuration_is_described(config: type) -> None:
    for known in parameters_of(config):
        assert len(known.description) > 3, known.name
        assert known.includes(known.default), known.name
