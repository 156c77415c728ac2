# SPDX-License-Identifier: Apache-2.0
"""Whether scores that come over ROS are of the map's categories: their number says little, their names are decisive."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import String

from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.errors import InputError


class SameList:
    """Compares the list that `semantic/detections` names with the map's; a message is parsed only where that changes.

    Args:
        node: a SealNode; hears the topic. In lockstep another list ends it.
        names: the map's list.
    """

    def __init__(self, node: Any, names: CategorySet) -> None:
        self._names = names
        self._seen: str | None = None
        self._refusal = ""
        node.subscribe(String, m.DETECTIONS, self._on_detections, depth=None if node.lockstep else 1)

    def _on_detections(self, msg: String) -> None:
        # Quotes in a string of JSON are escaped, so this is the key itself; detections of the six do not have it.
        named = msg.data.partition('"categories"')[2].partition("]")[0]
        if named == self._seen:
            return
        _, names = m.detections_head(msg.data)
        self._seen, self._refusal = named, ""
        if names != self._names:
            self._refusal = f"the detections are of {names}; the map is for {self._names}: set map.categories"
        self.require()

    def require(self) -> None:
        """Refuse scores of another list.

        Raises:
            InputError: if the detections that came last are of another list than the map; one line.
        """
        if self._refusal:
            raise InputError(self._refusal)
