# SPDX-License-Identifier: Apache-2.0
"""Table 3 of the paper: what a detector gains from k frames of its own home that a human annotated.

In each test home: an episode with the detector to start from, and the k frames that the map of it is least certain
about. `naive` fine-tunes on these frames alone; `propagation` lets 3DLabelProp carry their masks into all other frames,
beside the detections there, and fine-tunes on all labels. With k = 0 `naive` is the pretrained detector and
`propagation` plain 3DLabelProp. Both fine-tune alike, and are judged in that home. Nothing is chosen by its figures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from seal_bringup.demo.config import REPLAY_PICTURES, REPLAY_SHARE, TEST_HOMES
from seal_bringup.experiments.tables.cells import (
    Catalogue,
    Detector,
    Evaluation,
    Frames,
    Labels,
    Quality,
    Recording,
)
from seal_bringup.experiments.tables.figures import Figures, Judged, Rows, document, learnt_from
from seal_bringup.experiments.tables.labellers import LABEL_PROP, ORACLE, PRETRAINED
from seal_bringup.experiments.tables.shown.plot import DetectorTable
from seal_bringup.experiments.tables.store import Cell, CellStore, Given
from seal_bringup.experiments.tables.weak_cells import AnnotatedFrames, Choice, Propagated
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig

NAIVE, PROPAGATION = "naive", "propagation"
QUICK_FRAMES = 2
"""Annotated frames of the quick table, at most: its episodes have few."""


@dataclass(frozen=True)
class Table3Config:
    """What Table 3 is made of.

    Attributes:
        weights: the detector to start from: a shipped name or a file.
        test_homes: homes to learn and to judge in.
        seeds: each of start poses and of fine-tuning.
        frames: numbers of annotated frames k.
        steps: actions of the robot in each episode.
        iterations: of each fine-tuning.
        evaluation_frames: per home.
        replay_pictures: catalogue pictures to mix in; half of each batch.
    """

    weights: str = "seal-small"
    test_homes: tuple[str, ...] = TEST_HOMES
    seeds: tuple[int, ...] = (0, 1, 2)
    frames: tuple[int, ...] = (0, 5, 10)
    steps: int = 300
    iterations: int = 300
    evaluation_frames: int = 500
    replay_pictures: int = REPLAY_PICTURES

    def __post_init__(self) -> None:
        for name in ("steps", "iterations", "evaluation_frames", "replay_pictures"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("test_homes", "seeds", "frames"):
            if not getattr(self, name):
                raise InputError(f"{name} names nothing; give at least one")
        least, most = min(self.frames), max(self.frames)
        if least < 0 or most > self.steps:
            expected = f"from 0 to the {self.steps} steps of an episode"
            raise InputError(f"numbers of annotated frames must be {expected}, got {least if least < 0 else most}")
        object.__setattr__(self, "frames", tuple(sorted(set(self.frames))))

    def quick(self) -> Table3Config:
        """The same made small: whether it runs at all."""
        return replace(
            self, test_homes=self.test_homes[:1], seeds=self.seeds[:1],
            frames=tuple(min(k, QUICK_FRAMES) for k in self.frames),
            steps=8, iterations=2, evaluation_frames=3, replay_pictures=4,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def row_of(k: int) -> str:
    """Name of the row of k annotated frames."""
    return f"k={k}"


class Table3(DetectorTable):
    """The cells of Table 3, and the table of those that are finished.

    Args:
        config: what to compute.
    """

    name = "table3"

    def __init__(self, config: Table3Config) -> None:
        self.config = config
        self.start = Given(resolve_weights(config.weights))
        self._replay = Catalogue(config.replay_pictures)
        self._labels: dict[tuple[str, int, int, str], Cell | None] = {}
        self._detectors: dict[tuple[str, int, int, str], Cell] = {}

    def recording(self, seed: int, home: str) -> Recording:
        """The episode that all rows share."""
        return Recording(home, seed, self.config.steps, self.start)

    def labels(self, setting: str, k: int, seed: int, home: str) -> Cell | None:
        """What `detector` learns from; None where it is the one to start from."""
        place = setting, k, seed, home
        if place not in self._labels:
            self._labels[place] = self._make_labels(*place)
        return self._labels[place]

    def _make_labels(self, setting: str, k: int, seed: int, home: str) -> Cell | None:
        recording = self.recording(seed, home)
        if k == 0:
            return None if setting == NAIVE else Labels(recording, LABEL_PROP)
        annotated = AnnotatedFrames(Choice(recording, k))
        return annotated if setting == NAIVE else Propagated(annotated)

    def detector(self, setting: str, k: int, seed: int, home: str) -> Cell:
        """The detector that is judged in `home`."""
        place = setting, k, seed, home
        if place not in self._detectors:
            self._detectors[place] = self._make_detector(*place)
        return self._detectors[place]

    def _make_detector(self, setting: str, k: int, seed: int, home: str) -> Cell:
        labels = self.labels(setting, k, seed, home)
        if labels is None:
            return self.start
        config = FinetuneConfig(iterations=self.config.iterations, seed=seed, replay_share=REPLAY_SHARE)
        return Detector(self.start, (labels,), self._replay, config, f"{setting}_k{k}_seed{seed}_{home}")

    def evaluation(self, setting: str, k: int, seed: int, home: str) -> Evaluation:
        """AP50 of `detector` in `home`."""
        return Evaluation(self.detector(setting, k, seed, home), Frames(home, self.config.evaluation_frames))

    def quality(self, k: int, seed: int, home: str) -> Quality:
        """How good the propagated labels are."""
        labels = self.labels(PROPAGATION, k, seed, home)
        assert labels is not None
        return Quality(labels, Labels(self.recording(seed, home), ORACLE))

    def targets(self) -> list[Cell]:
        """All that the table shows, a seed after the other, so that one seed is whole early."""
        c = self.config
        out: list[Cell] = []
        for seed in c.seeds:
            out += [self.evaluation(NAIVE, 0, seed, home) for home in c.test_homes]
            for k in c.frames:
                for setting in (NAIVE, PROPAGATION):
                    out += [self.evaluation(setting, k, seed, home) for home in c.test_homes]
                out += [self.quality(k, seed, home) for home in c.test_homes]
        return list(dict.fromkeys(out))

    def table(self, store: CellStore) -> dict[str, Any]:
        """The table of the finished cells, JSON-ready; what is missing is named."""
        c = self.config
        figures = Figures(c.test_homes, c.seeds, store)
        judged = {setting: self._judged(setting, figures) for setting in (NAIVE, PROPAGATION)}
        settings = {setting: self._rows(setting, judged, figures, store) for setting in judged}
        evaluations = [cell for cell in self.targets() if isinstance(cell, Evaluation)]
        return document(self.name, c.as_dict(), self.start, settings, evaluations, store)

    def _judged(self, setting: str, figures: Figures) -> dict[int | None, Judged]:
        """By k, with None for the pretrained detector."""
        start = figures.judged(partial(self.evaluation, NAIVE, 0))
        return {None: start, **{k: figures.judged(partial(self.evaluation, setting, k)) for k in self.config.frames}}

    def _rows(
        self, setting: str, judged: dict[str, dict[int | None, Judged]], figures: Figures, store: CellStore
    ) -> Rows:
        """The rows of a setting; `propagation` also says what it has over `naive` with the same frames."""
        c = self.config
        rows = figures.rows({PRETRAINED if k is None else row_of(k): own for k, own in judged[setting].items()})
        for k in c.frames:
            places = [(seed, home) for seed in c.seeds for home in c.test_homes]
            qualities = [] if setting == NAIVE else [self.quality(k, *place) for place in places]
            if setting == PROPAGATION:
                rows[row_of(k)]["over_naive"] = figures.change(judged[PROPAGATION][k], judged[NAIVE][k])
            elif k == 0:
                continue  # nothing was learnt
            detectors = [self.detector(setting, k, *place) for place in places]
            rows[row_of(k)].update(learnt_from(detectors, qualities, store))
        return rows
