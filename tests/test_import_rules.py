# SPDX-License-Identifier: Apache-2.0
"""Cores are free of ROS, and imports run down only, between packages and between the rooms of a package.

Read from the syntax trees, so nothing is imported. A room is a folder or a module right inside a package;
`.ci/house.py` prints them.
"""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "house.py")))
PACKAGES = HOUSE.PACKAGES
MAY_IMPORT = {
    "seal_perception": set(),
    "seal_mapping": {"seal_perception"},
    "seal_policy": {"seal_perception", "seal_mapping"},
    "sim_bridge": {"seal_perception"},
    "seal_bringup": {"seal_perception", "seal_mapping", "seal_policy", "sim_bridge"},
}
ROS = {
    "rclpy", "rclcpp", "launch", "launch_ros", "tf2_ros", "tf2_py", "rosbag2_py", "cv_bridge", "message_filters",
    "ament_index_python", "builtin_interfaces", "rcl_interfaces", "rosidl_runtime_py", "sensor_msgs_py",
}  # fmt: skip


def imported_modules(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, also inside functions and by `import_module("...")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package if node.level else "", node.module]))
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def violations(source: str, package: str, is_node: bool) -> list[str]:
    """Lines of `source`, a module of `package`, that break a rule."""
    found = []
    for line, name in imported_modules(ast.parse(source), package):
        top = name.split(".")[0]
        if not is_node and (top in ROS or top.endswith("_msgs")):
            found.append(f"{line}: a core imports {top}")
        if not is_node and "nodes" in name.split(".") and top in PACKAGES:
            found.append(f"{line}: a core imports nodes: {name}")
        if top in PACKAGES and top != package and top not in MAY_IMPORT[package]:
            found.append(f"{line}: {package} imports {top}")
    return found


def modules() -> list[tuple[str, Path]]:
    return [(package, path) for package, folder in PACKAGES.items() for path in sorted(folder.rglob("*.py"))]


def test_every_package_has_modules() -> None:
    assert {package for package, _ in modules()} == set(PACKAGES)
    assert len(modules()) > 50


@pytest.mark.parametrize(("package", "path"), modules(), ids=lambda value: getattr(value, "stem", value))
def test_import_rules(package: str, path: Path) -> None:
    found = violations(path.read_text(encoding="utf-8"), package, "nodes" in path.parts)
    if path == PACKAGES["seal_bringup"] / "doctor.py":  # it looks whether rclpy works, by name, and runs without
        found = [line for line in found if not line.endswith("a core imports rclpy")]
    assert found == []


@pytest.mark.parametrize(
    ("source", "package", "is_node", "expected"),
    [
        ("import rclpy", "seal_mapping", False, "1: a core imports rclpy"),
        ("import rclpy", "seal_mapping", True, None),
        ("def f():\n    from sensor_msgs.msg import Image", "seal_policy", False, "2: a core imports sensor_msgs"),
        (
            "import importlib\nimportlib.import_module('std_msgs.msg')",
            "seal_policy",
            False,
            "2: a core imports std_msgs",
        ),
        ("from seal_policy import loop", "seal_mapping", False, "1: seal_mapping imports seal_policy"),
        ("from seal_policy import loop", "seal_mapping", True, "1: seal_mapping imports seal_policy"),
        ("import sim_bridge.homes.build", "seal_policy", False, "1: seal_policy imports sim_bridge"),
        ("from seal_mapping.palette import colours", "sim_bridge", False, "1: sim_bridge imports seal_mapping"),
        ("from seal_mapping.palette import colours", "seal_policy", False, None),
        ("from .nodes import base", "seal_perception", False, "1: a core imports nodes: seal_perception.nodes.base"),
        ("from seal_bringup.cli import app", "sim_bridge", False, "1: sim_bridge imports seal_bringup"),
    ],
)
def test_rules_have_teeth(source: str, package: str, is_node: bool, expected: str | None) -> None:
    assert violations(source, package, is_node) == ([] if expected is None else [expected])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_modules_and_none_of_rooms(package: str) -> None:
    graph = HOUSE.graph_of(package)
    assert len(graph) > 20
    assert HOUSE.circle(graph) == []
    assert HOUSE.circle(HOUSE.room_graph(graph)) == []


@pytest.mark.parametrize(
    ("sources", "modules", "rooms"),
    [
        ({"p.a": "from p import b", "p.b": "import p.c", "p.c": ""}, False, False),
        ({"p.a": "from p import b", "p.b": "def f():\n    from p.a import g"}, True, True),
        ({"p.a": "from p import b", "p.b": "import p.c", "p.c": "from .a import f"}, True, True),
        ({"p.a.x": "from p.a.y import f", "p.a.y": "from . import x"}, True, False),
        ({"p.a.x": "from p.b.x import f", "p.b.x": "", "p.b.y": "from p.a import x"}, False, True),
        ({"p.a": "from p import VERSION", "p": "VERSION = 1", "p.b": "from p.a import f"}, False, False),
    ],
    ids=["down", "inside a function", "of three", "inside a room", "between rooms", "the package itself"],
)
def test_circles_are_seen(sources: dict[str, str], modules: bool, rooms: bool) -> None:
    graph = HOUSE.import_graph(sources)
    assert bool(HOUSE.circle(graph)) is modules
    assert bool(HOUSE.circle(HOUSE.room_graph(graph))) is rooms
