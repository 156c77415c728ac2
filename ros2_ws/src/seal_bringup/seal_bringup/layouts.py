# SPDX-License-Identifier: Apache-2.0
"""Foxglove's layout for a run in any namespace."""

from __future__ import annotations

import json
import re
from typing import Any

from seal_bringup.stack.config import require_namespace, shared_folder

_TOPIC = re.compile(r"/(camera|semantic|map|explore|plan|goal|odom)\b")


def foxglove_layout(namespace: str = "") -> dict[str, Any]:
    """The shipped layout with its topics in a namespace.

    Args:
        namespace: of the run; empty = none.

    Raises:
        InputError: if it cannot be one.
    """
    require_namespace(namespace)
    shipped = json.loads((shared_folder("foxglove") / "seal.json").read_text(encoding="utf-8"))
    root = namespace.strip("/")
    found: dict[str, Any] = _moved(shipped, f"/{root}" if root else "")
    return found


def _moved(value: Any, root: str) -> Any:
    """The value with `root` before every text that begins with a topic of ours, keys among them."""
    if isinstance(value, dict):
        return {_moved(key, root): _moved(item, root) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, root) for item in value]
    if isinstance(value, str) and _TOPIC.match(value):
        return root + value
    return value
