# SPDX-License-Identifier: Apache-2.0
"""Table 4 of the paper: what the goal policy that looks for frames is worth to the detector that learns from them.

A row per policy, each with 3DLabelProp, and one of them with the other labellers. Settings, homes, fine-tuning and
evaluation are those of Table 1; beside AP50 stand the labels' precision and recall, and what the robot had looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.evaluation.true_views import TrueViews
from seal_bringup.experiments.recordings import world_of
from seal_bringup.experiments.tables.cells import FRONTIER, Recording
from seal_bringup.experiments.tables.labellers import LABEL_PROP, LABELLERS, PRETRAINED
from seal_bringup.experiments.tables.store import Cell, CellStore, Given, Progress
from seal_bringup.experiments.tables.table1 import SPECIALIZATION, Table1, Table1Config
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.map_builder import build_map
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.pose import invert
from seal_perception.reading.text import read_json
from seal_policy.learned.config import LEARNED
from seal_policy.learned.weights import policy_file
from seal_policy.registry import policy_of

SHOWN = ("confident", "right", "right_share", "near_views", "sides")
"""Figures of `TrueViews` that the table has."""


@dataclass(frozen=True)
class Table4Config(Table1Config):
    """What Table 4 is made of.

    Attributes:
        policies: names of goal policies; a learned one with its file, as NAME=FILE.
        best: the one of them that the other labellers get.
        labellers: those.
    """

    policies: tuple[str, ...] = ("frontier", "gainful_views")
    best: str = "gainful_views"
    labellers: tuple[str, ...] = ("self_training", "optical_flow")

    def __post_init__(self) -> None:
        if not self.policies:
            raise InputError("policies names nothing; give at least one")
        names = [policy_of(one)[0] for one in self.policies]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"policies names {', '.join(twice)} twice; give one file of it")
        if self.labellers and self.best not in names:
            told = f"--best must be one of the policies {', '.join(names)}, got {self.best!r}"
            raise InputError(f"{told}; without further labellers (--labellers none) it is not needed")
        others = tuple(name for name in LABELLERS if name != LABEL_PROP)
        if unknown := [name for name in self.labellers if name not in others]:
            raise InputError(f"unknown labellers {', '.join(unknown)}; expected some of {', '.join(others)}")
        object.__setattr__(self, "rows", self.known_rows())
        super().__post_init__()

    def known_rows(self) -> tuple[str, ...]:
        """`pretrained`, a row per policy, a row per further labeller of the best."""
        policies = (policy_of(one)[0] for one in self.policies)
        return (PRETRAINED, *policies, *(f"{self.best}+{name}" for name in self.labellers))


@dataclass(frozen=True, eq=False)
class Views(Cell):
    """What an episode looked at, and how many voxels its map is sure of and right about, by the simulator's truth.

    Attributes:
        recording: the episode.
    """

    recording: Recording
    kind, output = "views", "views.json"

    @property
    def label(self) -> str:
        """That of the recording."""
        return self.recording.label

    def inputs(self) -> tuple[Cell, ...]:
        """The recording."""
        return (self.recording,)

    def facts(self) -> dict[str, Any]:
        """Nothing else decides."""
        return {}

    def modules(self) -> tuple[str, ...]:
        """The map and what it is compared with."""
        return ("seal_bringup.evaluation.true_views", "seal_mapping.datasets.map_builder", "sim_bridge.worlds")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Make the map of the recorded detections once more, and render the truth of each picture."""
        source = open_bag(inputs[0])
        voxel_map = build_map(source)
        views, world = TrueViews(voxel_map.config), world_of(self.recording.home, self.recording.seed)
        T_camera_base = invert(world.T_base_camera)
        for item in source:
            _, truth = world.render_at(world.T_world_odom @ item.frame.T_map_camera @ T_camera_base)
            views.add(item.frame, truth)
            progress(item.index + 1, len(source))
        world.close()
        write_json(folder / self.output, views.figures(voxel_map))


class Table4(Table1):
    """The cells of Table 4, and the table of those that are finished.

    Args:
        config: what to compute.
    """

    name = "table4"
    config: Table4Config

    def __init__(self, config: Table4Config) -> None:
        super().__init__(config)
        self._policies: dict[str, Cell | None] = {}
        for name, file in map(policy_of, config.policies):
            self._policies[name] = Given(policy_file(name, file)) if name in LEARNED else None
        self._views: dict[tuple[str, str, int], tuple[Views, ...]] = {}

    def title(self, row: str) -> str:
        """Rows of frontier are those of Table 1, and are found in its work folder."""
        policy, _, labeller = row.partition("+")
        return labeller or LABEL_PROP if policy == FRONTIER else row.replace("+", "_")

    def labeller(self, row: str) -> str:
        """3DLabelProp, or what the row's name says after the policy."""
        return row.partition("+")[2] or LABEL_PROP

    def recording(self, row: str, seed: int, home: str, weights: Cell) -> Recording:
        """An episode of the row's policy."""
        policy = row.partition("+")[0]
        return Recording(home, seed, self.config.steps, weights, policy, self._policies[policy])

    def views(self, setting: str, row: str, seed: int) -> tuple[Views, ...]:
        """What the episodes that a row learns from looked at."""
        if row == PRETRAINED:
            return ()
        if (setting, row, seed) not in self._views:
            homes = self.config.test_homes if setting == SPECIALIZATION else self.config.test_homes[:1]
            every = (one for home in homes for one in self.labels(setting, row, seed, home))
            self._views[setting, row, seed] = tuple(Views(one.recording) for one in every)
        return self._views[setting, row, seed]

    def shown(self, setting: str, row: str, seed: int) -> list[Cell]:
        """What a row shows, the views first: its recordings may be removed once labels are there."""
        return [*self.views(setting, row, seed), *super().shown(setting, row, seed)]

    def table(self, store: CellStore) -> dict[str, Any]:
        """The table of the finished cells, JSON-ready, with the means of the views by row."""
        found = super().table(store)
        found["policies_sha256"] = {
            name: given.sha256 for name, given in self._policies.items() if isinstance(given, Given)
        }
        for setting, rows in found["settings"].items():
            for row, figures in rows.items():
                cells = [one for seed in self.config.seeds for one in self.views(setting, row, seed)]
                paths = [path for path in map(store.find, cells) if path is not None]
                if paths:
                    figures["views"] = mean_views([read_json(path) for path in paths], len(cells))
        return found


def mean_views(of: Sequence[Mapping[str, float]], wanted: int) -> dict[str, Any]:
    """Means of `SHOWN` over episodes, with how many of the `wanted` are there."""
    means = {name: round(float(np.mean([one[name] for one in of])), 4) for name in SHOWN}
    return {"recordings": len(of), "of": wanted, **means}
