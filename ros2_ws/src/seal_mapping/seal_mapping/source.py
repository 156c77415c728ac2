# SPDX-License-Identifier: Apache-2.0
"""Where recorded frames come from: a bag, a list in memory, a simulator's run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.frame import Frame


@dataclass(frozen=True)
class BagFrame:
    """One recorded step.

    Attributes:
        index: position in the recording, counted from 0.
        frame: colour, depth, camera and pose.
        detections: what the robot's own detector found in the frame; None if none was recorded.
    """

    index: int
    frame: Frame
    detections: Detections | None = None


@runtime_checkable
class FrameSource(Protocol):
    """Anything that can be walked through more than once, giving the same frames in the same order.

    What has a list of categories for its detections says so in `names` (`recorded_names`).
    """

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def __iter__(self) -> Iterator[BagFrame]:
        """All frames from the first on, in the order of their stamps."""
        ...


def recorded_names(source: FrameSource) -> CategorySet | None:
    """The list that a source's recorded detections are of; None if there are none or it does not say."""
    names = getattr(source, "names", None)
    return names if isinstance(names, CategorySet) else None


class Recording:
    """Frames kept in memory, in the order in which they were added: a `FrameSource` for a run in one process."""

    def __init__(self) -> None:
        self._frames: list[BagFrame] = []

    def add(self, index: int, frame: Frame, detections: Detections | None = None, *_: object) -> None:
        """Keep a frame; fits `on_frame` of `seal_policy.loop.explore`, whose action is not needed to label."""
        self._frames.append(BagFrame(index, frame, detections))

    @property
    def names(self) -> CategorySet | None:
        """The list that the first detections are of; None if there are none."""
        return next((item.detections.names for item in self._frames if item.detections is not None), None)

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[BagFrame]:
        return iter(self._frames)
