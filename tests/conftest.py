# SPDX-License-Identifier: Apache-2.0
"""For every test: ROS kept to this machine and session, real data where present, skips counted with their reasons."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

# Before anything imports rclpy. Domains above 101 meet the ports that Linux hands out itself.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"

# Workers beside each other get a core each: threads of libraries that wait for a core burn the time of the other.
# Before anything imports numpy or torch.
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"


def _no_cuda() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device"


def _absent(module: str) -> str:
    return "" if importlib.util.find_spec(module) is not None else f"{module} is not installed"


# Marker -> why its tests cannot run here; empty = they can.
NEEDS = {
    "ros": lambda: _absent("rclpy"),
    "gpu": _no_cuda,
    "habitat": lambda: _absent("habitat_sim"),
    "hardware": lambda: "" if os.environ.get("SEAL_ROBOT") else "no robot (SEAL_ROBOT is not set)",
}


LONGEST = (
    "ros/test_failures.py", "bringup/demo/test_demo.py", "ros/test_run.py", "mapping/equality/test_mutations.py",
    "bringup/jobs/test_real_room.py", "fuzz/test_fuzz.py", "sim/homes/test_homes.py", "ros/test_paced.py",
    "bringup/demo/test_no_stage_sees_the_truth.py", "sim/homes/test_home_variant.py", "test_example.py",
    "bringup/experiments/tables/test_table1.py", "bringup/experiments/tables/test_table3.py",
)  # fmt: skip
"""Files that take longest, which begin first: the workers share the tests by files and should end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; skip what this machine cannot run."""
    rank = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
    reasons: dict[str, str] = {}
    for item in items:
        for marker in NEEDS.keys() & {mark.name for mark in item.iter_markers()}:
            reason = reasons.setdefault(marker, NEEDS[marker]())
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings and scenes beside the checkout; the test is skipped without them."""
    if not DATA.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return DATA


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Last of all, after pytest's own summary: how many passed, failed and were skipped, and why."""
    yield
    stats = terminalreporter.stats
    skipped: Counter[str] = Counter()
    for report in stats.get("skipped", []):
        where_why = report.longrepr
        reason = where_why[2] if isinstance(where_why, tuple) else str(where_why)
        skipped[reason.removeprefix("Skipped: ")] += 1
    terminalreporter.section("counts")
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    terminalreporter.write_line(f"passed: {len(stats.get('passed', []))}")
    terminalreporter.write_line(f"failed: {failed}")
    terminalreporter.write_line(f"skipped: {sum(skipped.values())}")
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"  {count} x {reason}")
