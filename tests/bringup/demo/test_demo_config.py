# SPDX-License-Identifier: Apache-2.0
"""Options of `seal demo` and what is made of several homes."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.demo.config import TEST_HOMES, DemoConfig, default_run_dir, parse_homes
from seal_perception.errors import InputError


def test_a_split_stands_for_its_homes_and_repeats_are_dropped() -> None:
    assert parse_homes("test") == TEST_HOMES == ("test_01", "test_02", "test_03", "test_04", "test_05")
    assert len(parse_homes("train")) == 25
    assert parse_homes("test_02, train_01,test_02") == ("test_02", "train_01")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"rows": ("magic",)}, "unknown rows magic"),
        ({"homes": ()}, "no home"),
        ({"weights": "coco"}, "the demo starts from a file"),
    ],
)
def test_bad_values_are_refused_with_what_came(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DemoConfig(**change)  # type: ignore[arg-type]


def test_no_home_named_is_an_error() -> None:
    with pytest.raises(InputError, match="names no home"):
        parse_homes(" , ")


def test_quick_is_the_same_job_made_small() -> None:
    config = DemoConfig(homes=("train_03",), seed=4)
    quick = config.quick()
    assert (quick.homes, quick.seed, quick.rows) == (config.homes, config.seed, config.rows)
    assert quick.steps < config.steps and quick.iterations < config.iterations


def test_run_folder_is_named_after_homes_and_seed() -> None:
    assert default_run_dir(DemoConfig(seed=2)) == Path("runs/demo_test_01_seed2")
    assert default_run_dir(DemoConfig(homes=TEST_HOMES)) == Path("runs/demo_test_01-5_seed0")
