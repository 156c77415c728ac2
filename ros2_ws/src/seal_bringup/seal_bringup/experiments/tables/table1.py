# SPDX-License-Identifier: Apache-2.0
"""Table 1 of the paper: what a detector gains from labels of its own, in homes it has not seen and in its own.

`generalization`: an episode in each training home with the detector to start from, labels, one fine-tuning on all homes
together; judged in the test homes. `specialization`: from that detector of the same row and seed, an episode in each
test home with it, labels, a fine-tuning; judged in that home. Nothing is chosen by its figures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, TypeVar

from seal_bringup.demo.config import REPLAY_PICTURES, REPLAY_SHARE, TEST_HOMES, TRAINING_HOMES
from seal_bringup.experiments.tables.cells import (
    Catalogue,
    Detector,
    Evaluation,
    Frames,
    Labels,
    Quality,
    Recording,
)
from seal_bringup.experiments.tables.figures import Figures, Rows, document, learnt_from
from seal_bringup.experiments.tables.labellers import ORACLE, PRETRAINED, ROWS
from seal_bringup.experiments.tables.shown.plot import DetectorTable
from seal_bringup.experiments.tables.store import Cell, CellStore, Given
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig

GENERALIZATION, SPECIALIZATION = "generalization", "specialization"
SETTINGS = (GENERALIZATION, SPECIALIZATION)
_Config = TypeVar("_Config", bound="Table1Config")


@dataclass(frozen=True)
class Table1Config:
    """What Table 1 is made of.

    Attributes:
        weights: the detector to start from: a shipped name or a file.
        training_homes: homes to learn from in `generalization`.
        test_homes: homes to judge in, and to learn from in `specialization`.
        seeds: each of start poses and of fine-tuning.
        rows: of the table; `pretrained` always is.
        settings: which of the two.
        steps: actions of the robot in each episode.
        iterations: of the fine-tuning on all training homes.
        specialization_iterations: of the fine-tuning in each test home.
        evaluation_frames: per test home.
        replay_pictures: catalogue pictures to mix in; half of each batch.
    """

    weights: str = "seal-small"
    training_homes: tuple[str, ...] = TRAINING_HOMES
    test_homes: tuple[str, ...] = TEST_HOMES
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: tuple[str, ...] = ROWS
    settings: tuple[str, ...] = SETTINGS
    steps: int = 300
    iterations: int = 1500
    specialization_iterations: int = 300
    evaluation_frames: int = 500
    replay_pictures: int = REPLAY_PICTURES

    def __post_init__(self) -> None:
        for name in ("steps", "iterations", "specialization_iterations", "evaluation_frames", "replay_pictures"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        known_rows = self.known_rows()
        for name, known in (("rows", known_rows), ("settings", SETTINGS)):
            if unknown := [one for one in getattr(self, name) if one not in known]:
                raise InputError(f"unknown {name} {', '.join(unknown)}; expected some of {', '.join(known)}")
        for name in ("training_homes", "test_homes", "seeds", "settings"):
            if not getattr(self, name):
                raise InputError(f"{name} names nothing; give at least one")
        if both := sorted(set(self.training_homes) & set(self.test_homes)):
            raise InputError(f"{', '.join(both)} would be learnt from and judged in; name other test homes")
        ordered = tuple(row for row in known_rows if row in self.rows or row == PRETRAINED)
        object.__setattr__(self, "rows", ordered)

    def known_rows(self) -> tuple[str, ...]:
        """Rows that the table may have, in their order."""
        return ROWS

    def quick(self: _Config) -> _Config:
        """The same made small: whether it runs at all."""
        return replace(
            self, training_homes=self.training_homes[:2], test_homes=self.test_homes[:1], seeds=self.seeds[:1],
            steps=8, iterations=2, specialization_iterations=2, evaluation_frames=3, replay_pictures=4,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


class Table1(DetectorTable):
    """The cells of Table 1, and the table of those that are finished.

    Args:
        config: what to compute.
    """

    name = "table1"

    def __init__(self, config: Table1Config) -> None:
        self.config = config
        self.start = Given(resolve_weights(config.weights))
        self._replay = Catalogue(config.replay_pictures)
        self._detectors: dict[tuple[str, str, int, str], Cell] = {}
        self._qualities: dict[tuple[str, str, int], tuple[Quality, ...]] = {}

    def detector(self, setting: str, row: str, seed: int, home: str) -> Cell:
        """The detector that is judged in `home`; in `generalization` the same for every home."""
        if row == PRETRAINED:
            return self.start
        place = setting, row, seed, home if setting == SPECIALIZATION else ""
        if place not in self._detectors:
            self._detectors[place] = self._make_detector(*place)
        return self._detectors[place]

    def _make_detector(self, setting: str, row: str, seed: int, home: str) -> Cell:
        c, about = self.config, f"{setting}_{self.title(row)}_seed{seed}"
        labels = self.labels(setting, row, seed, home)
        if setting == GENERALIZATION:
            return Detector(self.start, labels, self._replay, self._finetuning(c.iterations, seed), about)
        parent = self.detector(GENERALIZATION, row, seed, home)
        config = self._finetuning(c.specialization_iterations, seed)
        return Detector(parent, labels, self._replay, config, f"{about}_{home}")

    def labels(self, setting: str, row: str, seed: int, home: str) -> tuple[Labels, ...]:
        """What `detector` of a row with labels learns from."""
        homes: tuple[str, ...] = self.config.training_homes
        weights: Cell = self.start
        if setting == SPECIALIZATION:
            homes, weights = (home,), self.detector(GENERALIZATION, row, seed, home)
        labeller = self.labeller(row)
        return tuple(Labels(self.recording(row, seed, one, weights), labeller) for one in homes)

    def title(self, row: str) -> str:
        """What a row's detectors are called in the work folder."""
        return row

    def labeller(self, row: str) -> str:
        """The labeller of a row (`labellers`): here each row is one's."""
        return row

    def recording(self, row: str, seed: int, home: str, weights: Cell) -> Recording:
        """The episode that a row learns from: here the same for all rows."""
        return Recording(home, seed, self.config.steps, weights)

    def evaluation(self, setting: str, row: str, seed: int, home: str) -> Evaluation:
        """AP50 of `detector` in `home`."""
        return Evaluation(self.detector(setting, row, seed, home), Frames(home, self.config.evaluation_frames))

    def qualities(self, setting: str, row: str, seed: int) -> tuple[Quality, ...]:
        """How good the labels are that a row learns from; none where there are none, or they are the truth."""
        if row in (PRETRAINED, ORACLE):
            return ()
        if (setting, row, seed) not in self._qualities:
            homes = self.config.test_homes if setting == SPECIALIZATION else self.config.test_homes[:1]
            every = [one for home in homes for one in self.labels(setting, row, seed, home)]
            found = tuple(Quality(one, Labels(one.recording, ORACLE)) for one in every)
            self._qualities[setting, row, seed] = found
        return self._qualities[setting, row, seed]

    def targets(self) -> list[Cell]:
        """All that the table shows, a seed after the other, so that one seed is whole early."""
        out: list[Cell] = []
        for seed in self.config.seeds:
            for setting in self.config.settings:
                for row in self.config.rows:
                    out += self.shown(setting, row, seed)
        return list(dict.fromkeys(out))

    def shown(self, setting: str, row: str, seed: int) -> list[Cell]:
        """What a row shows of a setting and seed."""
        evaluations = [self.evaluation(setting, row, seed, home) for home in self.config.test_homes]
        return [*evaluations, *self.qualities(setting, row, seed)]

    def table(self, store: CellStore) -> dict[str, Any]:
        """The table of the finished cells, JSON-ready; what is missing is named."""
        evaluations = [cell for cell in self.targets() if isinstance(cell, Evaluation)]
        settings = {name: self._setting(name, store) for name in self.config.settings}
        return {
            **document(self.name, self.config.as_dict(), self.start, settings, evaluations, store),
            "families": "not split by seen and unseen shape families: evaluation frames do not say an object's family",
        }

    def _finetuning(self, iterations: int, seed: int) -> FinetuneConfig:
        return FinetuneConfig(iterations=iterations, seed=seed, replay_share=REPLAY_SHARE)

    def _setting(self, setting: str, store: CellStore) -> Rows:
        """The rows of a setting."""
        c = self.config
        figures = Figures(c.test_homes, c.seeds, store)
        judged = {row: figures.judged(partial(self.evaluation, setting, row)) for row in c.rows}
        return {row: {**own, **self._learnt(setting, row, store)} for row, own in figures.rows(judged).items()}

    def _learnt(self, setting: str, row: str, store: CellStore) -> dict[str, Any]:
        """Labels that a row learnt from: how good, in how many pictures."""
        c = self.config
        if row == PRETRAINED:
            return {}
        homes = c.test_homes if setting == SPECIALIZATION else c.test_homes[:1]
        detectors = [self.detector(setting, row, seed, home) for seed in c.seeds for home in homes]
        return learnt_from(detectors, [one for seed in c.seeds for one in self.qualities(setting, row, seed)], store)
