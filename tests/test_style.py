# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that no linter knows: licence line, file size, nothing of one machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LICENSED = {".py", ".sh", ".yaml", ".yml", ".xml", ".js", ".css", ".j2"}
MAX_LINES = 500
# Written in two parts, so that this file does not hold them.
MACHINE_PATHS = re.compile("|".join(rf"(?<![\w.$}}/-])/{name}/" for name in ("work", "root", "tmp", "home")))


def tracked() -> list[Path]:
    """Files of the checkout that git knows, or would know after `git add`; all but ignored ones without git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for line in done.stdout.splitlines() if (path := ROOT / line).is_file()]


def text_of(path: Path) -> str | None:
    """Content, None for what is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_licence_line_on_top() -> None:
    line = "SPDX-License-Identifier: " + "Apache-2.0"
    files = [path for path in tracked() if path.suffix in LICENSED or path.name == "Makefile"]
    assert len(files) > 50
    lacking = [str(p.relative_to(ROOT)) for p in files if line not in "\n".join((text_of(p) or "").splitlines()[:3])]
    assert lacking == []


def test_files_stay_small() -> None:
    counts = {p: len((text_of(p) or "").splitlines()) for p in tracked() if p.suffix == ".py"}
    assert {str(p.relative_to(ROOT)): n for p, n in counts.items() if n > MAX_LINES} == {}


def test_nothing_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        if path.suffix in LICENSED | {".md", ".toml", ".cfg", ".txt", ".json", ""}
        for number, line in enumerate((text_of(path) or "").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]
    assert found == []


def test_pictures_and_weights_are_small() -> None:
    """The repository stays quick to clone: weights at most 15 MB, everything else at most 2 MB."""
    limit = {".safetensors": 15e6}
    big = {str(p.relative_to(ROOT)): p.stat().st_size for p in tracked() if p.stat().st_size > limit.get(p.suffix, 2e6)}
    assert big == {}
