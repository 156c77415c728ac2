# SPDX-License-Identifier: Apache-2.0
"""Stages of a long job: each is done once, marked when it is finished, and skipped when the job runs again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seal_perception.files import write_json
from seal_perception.reading.text import read_json


def config_key(config: Any) -> str:
    """Short hash of a JSON-ready configuration."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]


class StageLog:
    """Remembers which stages of a folder are finished, for which configuration, and how long they took."""

    def __init__(self, folder: Path, announce: Callable[[str], None] = lambda line: None) -> None:
        """Keep the marks in `folder`/stages.json; `announce` is called with a line per stage."""
        self._path = folder / "stages.json"
        self._announce = announce
        self._done: dict[str, dict[str, Any]] = read_json(self._path) if self._path.is_file() else {}

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each finished stage took."""
        return {name: float(mark["seconds"]) for name, mark in self._done.items()}

    def tell(self, line: str) -> None:
        """Announce a line of a stage."""
        self._announce(line)

    def is_done(self, name: str, config: Any) -> bool:
        """Whether the stage was finished with this very configuration."""
        return name in self._done and self._done[name]["config"] == config_key(config)

    def run(self, name: str, config: Any, work: Callable[[], None]) -> bool:
        """Do `work` unless the stage is finished; return whether the work was done now.

        Args:
            name: the stage, unique in the folder.
            config: JSON-ready values that decide the result, those of earlier stages included; another
                configuration runs the stage again.
            work: the stage; it must leave nothing that looks whole when it raises.
        """
        if self.is_done(name, config):
            self._announce(f"{name}: done before")
            return False
        self._announce(f"{name} ...")
        start = time.monotonic()
        work()
        seconds = round(time.monotonic() - start, 2)
        self._done[name] = {"config": config_key(config), "seconds": seconds}
        write_json(self._path, self._done)
        self._announce(f"{name}: {seconds:.0f} s")
        return True
