# SPDX-License-Identifier: Apache-2.0
"""Pictures of two cameras on one topic: they make no map, so none of them is used while both publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seal_perception import messages as m
from seal_perception.errors import InputError

PICTURES = (m.COLOUR, m.DEPTH, m.CAMERA_INFO)
"""Topics that one camera alone publishes."""


def refuse_two_cameras(topic: str, publishers_of: Callable[[str], Sequence[str]]) -> None:
    """Refuse a picture that may be either camera's: two that are mounted alike have the same frame names.

    Args:
        topic: where the picture came.
        publishers_of: full names of the nodes that publish a topic now.

    Raises:
        InputError: if more than one does; the text names them.
    """
    names = sorted(publishers_of(topic)) if topic in PICTURES else []
    if len(names) > 1:
        raise InputError(
            f"{len(names)} publish it ({', '.join(names)}), and the pictures of two cameras make no map: end one, or "
            "give each robot a namespace of its own"
        )
