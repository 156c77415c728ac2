# SPDX-License-Identifier: Apache-2.0
"""200 damaged inputs: each is read or refused in one line, in bounded time and memory; and the fuzzer sees failures."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz.case import _kind
from tests.fuzz.mutate import mutated
from tests.fuzz.readers import READERS, SLOW, quick_ones

ROOT = Path(__file__).resolve().parents[2]


def test_200_damaged_inputs_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """In a process of its own, which imports everything once and forks per case: half a minute."""
    command = [sys.executable, "-m", "tests.fuzz", "--quick", "--cases", "200", "--seconds", "800"]
    done = subprocess.run([*command, "--keep", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    counts = dict(reversed(word.split(" ")) for word in done.stdout.splitlines()[-1].split(", "))
    assert counts.keys() == {"read", "refused"} and sum(map(int, counts.values())) == 200
    assert int(counts["refused"]) > 40 and list(tmp_path.iterdir()) == []


def test_every_command_that_reads_is_fuzzed() -> None:
    runs = [run for reader in READERS.values() for run in reader.runs]
    words = {run.split()[0] for run in runs if isinstance(run, str)}
    assert words == {*SLOW, "bag", "episodes", "scene"} and len(READERS) > 35
    assert len(quick_ones(READERS)) > 22


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.world", "a.txt", "a.mcap"])
def test_a_seed_decides_the_damage(name: str) -> None:
    data = b'{"a": [1, 2.5, "x"], "b": {"c": null}}' * (1 if name.endswith((".json", ".yaml")) else 20)
    first = [mutated(name, data, random.Random(f"{name}/{seed}")) for seed in range(30)]
    assert first == [mutated(name, data, random.Random(f"{name}/{seed}")) for seed in range(30)]
    assert len(set(first)) > 20 and sum(one != data for one in first) > 25


@pytest.mark.parametrize(
    ("code", "text", "peak_mb", "kind"),
    [
        (0, "all well\n", 100, "read"),
        (1, "a: 1\nerror: b.json is not valid JSON\n", 100, "refused"),
        (2, "Usage: seal\n", 100, "refused"),
        (1, "Traceback (most recent call last):\n  x\nValueError: y\n", 100, "traceback"),
        (-9, "", 100, "signal"),
        (0, "all well\n", 1001, "memory"),
        (1, "error: there is not enough memory for this; close\n", 10, "memory"),
        (0, "topic /\x1b[31m\n", 100, "control"),
        (1, "\n", 100, "silent"),
        (1, "error: one\nand more\n", 100, "lines"),
    ],
)
def test_what_came_of_a_case(code: int, text: str, peak_mb: int, kind: str) -> None:
    assert _kind(code, text, peak_mb) == kind
