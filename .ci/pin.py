#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write requirements/constraints.txt from pip's own reports, one report for each Python.

For each Python, in an empty environment of it:

    cd requirements && pip install --dry-run --report ../pins-3.X.json -r base.txt -r ros.txt -r dev.txt

then `.ci/pin.py pins-3.10.json pins-3.11.json pins-3.12.json pins-3.13.json`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
HEADER = """\
# What the requirements bring with them, pinned. Written by .ci/pin.py; a marker stands where Pythons differ.
"""


def canonical(name: str) -> str:
    """The name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct_names() -> set[str]:
    """Names that the requirements files pin themselves."""
    names = set()
    for path in REQUIREMENTS.glob("*.txt"):
        if path.name != "constraints.txt":
            lines = path.read_text(encoding="utf-8").splitlines()
            names |= {canonical(re.split(r"[=<>;\[ ]", line)[0]) for line in lines if line and line[0] not in "#-"}
    return names


def marker(pythons: list[str], every: list[str]) -> str:
    """The marker that holds for `pythons` and no other of `every`, both sorted; empty for all."""
    if pythons == every:
        return ""
    if pythons == every[-len(pythons) :]:
        return f'; python_version >= "{pythons[0]}"'
    if pythons == every[: len(pythons)]:
        return f'; python_version <= "{pythons[-1]}"'
    return "; " + " or ".join(f'python_version == "{python}"' for python in pythons)


def main(reports: list[str]) -> None:
    """Merge the reports."""
    wanted: dict[tuple[str, str], list[tuple[int, ...]]] = defaultdict(list)
    every = []
    for report in reports:
        content = json.loads(Path(report).read_text(encoding="utf-8"))
        python = tuple(int(part) for part in content["environment"]["python_version"].split("."))
        every.append(python)
        for item in content["install"]:
            wanted[canonical(item["metadata"]["name"]), item["metadata"]["version"]].append(python)
    direct = direct_names()
    all_pythons = [".".join(map(str, python)) for python in sorted(every)]
    lines = []
    for (name, version), pythons in sorted(wanted.items()):
        if name not in direct:
            names = [".".join(map(str, python)) for python in sorted(pythons)]
            lines.append(f"{name}=={version}{marker(names, all_pythons)}")
    (REQUIREMENTS / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} pins for Python {', '.join(all_pythons)}")


if __name__ == "__main__":
    main(sys.argv[1:])
