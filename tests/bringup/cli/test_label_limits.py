# SPDX-License-Identifier: Apache-2.0
"""The limits of `seal label` reach the rule."""

from __future__ import annotations

import pytest

from seal_bringup.cli.label import FusionOptions, LimitOptions, _label_changes
from seal_mapping.labels.config import label_preset


@pytest.mark.parametrize(
    ("limits", "stand_from_m", "max_range_m"),
    [
        (LimitOptions(), 0.05, 10.0),
        (LimitOptions(stand_from=0.0), 0.0, 10.0),
        (LimitOptions(max_depth=3.0), 0.05, 3.1),  # farther readings are not believed: nothing is labelled by them
        (LimitOptions(max_depth=3.0, label_range=6.0), 0.05, 6.0),
    ],
)
def test_legs_and_range(limits: LimitOptions, stand_from_m: float, max_range_m: float) -> None:
    config = label_preset("objects", **_label_changes(FusionOptions(), limits))
    assert config.stand_from_m == stand_from_m and config.max_range_m == pytest.approx(max_range_m)


@pytest.mark.parametrize(("given", "kept"), [(None, True), (False, False), (True, True)])
def test_missing_categories(given: bool | None, kept: bool) -> None:
    changes = _label_changes(FusionOptions(), LimitOptions(ignore_missing=given))
    assert label_preset("objects", **changes).ignore_missing is kept
    assert label_preset("paper", **changes).ignore_missing is bool(given)
