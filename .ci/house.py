# SPDX-License-Identifier: Apache-2.0
"""Print the table of the house: rooms of each package, circles of imports, wide folders, long lists of parameters.

    .venv/bin/python .ci/house.py

A room is a folder or a module right inside a package. tests/test_import_rules.py and tests/test_structure.py hold the
repository to these figures.
"""

from __future__ import annotations

import ast
import graphlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    **{name: ROOT / "ros2_ws/src" / name / name for name in ("seal_perception", "seal_mapping", "seal_policy")},
    "seal_bringup": ROOT / "ros2_ws/src/seal_bringup/seal_bringup",
    "sim_bridge": ROOT / "sim_bridge/sim_bridge",
}
TOP = (*(path.parent for path in PACKAGES.values()), ROOT / "tests", ROOT / ".ci")
Graph = dict[str, set[str]]


def modules(folder: Path) -> dict[str, Path]:
    """Path of every module of a package's folder by its dotted name; a package itself goes by its own name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Dotted names that a module imports, also inside functions; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def import_graph(sources: dict[str, str]) -> Graph:
    """Which modules each module imports; sources by dotted name."""
    graph: Graph = {module: set() for module in sources}
    for module, source in sources.items():
        for name in imported(ast.parse(source), module):
            owner = name if name in graph else name.rpartition(".")[0]
            if owner in graph and owner != module:
                graph[module].add(owner)
    return graph


def room_of(module: str) -> str:
    """First folder or module inside the package; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def room_graph(graph: Graph) -> Graph:
    """Which rooms each room imports from."""
    rooms: Graph = {}
    for module, others in graph.items():
        rooms.setdefault(room_of(module), set()).update(map(room_of, others))
    return {room: others - {room, ""} for room, others in rooms.items() if room}


def circle(graph: Graph) -> list[str]:
    """Names along one circle of the graph, the first again at the end; empty if there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def graph_of(package: str) -> Graph:
    """`import_graph` of a package's files."""
    return import_graph({name: path.read_text("utf-8") for name, path in modules(PACKAGES[package]).items()})


def folders() -> Counter[str]:
    """How many modules each folder of the repository holds, `__init__` not counted."""
    files = [path for top in TOP for path in top.rglob("*.py") if path.name != "__init__.py"]
    return Counter(str(path.parent.relative_to(ROOT)) for path in files)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many parameters a function has, self and cls not counted."""
    a = function.args
    names = [item.arg for item in (*a.posonlyargs, *a.args)]
    own = names[:1] in (["self"], ["cls"])
    return len(names) - own + len(a.kwonlyargs) + (a.vararg is not None) + (a.kwarg is not None)


def many_parameters(limit: int) -> dict[str, int]:
    """Functions with more than `limit` parameters, as "path function"."""
    found = {}
    for path in (path for top in TOP for path in sorted(top.rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and parameters(node) > limit:
                found[f"{path.relative_to(ROOT)} {node.name}"] = parameters(node)
    return found


def main() -> None:
    """Print the table."""
    for package in PACKAGES:
        graph = graph_of(package)
        rooms = room_graph(graph)
        print(f"{package}: {len(graph)} modules in {len(rooms)} rooms")
        for name, found in (("modules", circle(graph)), ("rooms", circle(rooms))):
            print(f"  circle of {name}: {' -> '.join(found) or 'none'}")
        if not circle(rooms):
            print(f"  from the ground up: {' '.join(graphlib.TopologicalSorter(rooms).static_order())}")
    print("widest folders: " + ", ".join(f"{name} {count}" for name, count in folders().most_common(6)))
    print("functions with more than 8 parameters:")
    for name, count in many_parameters(8).items():
        print(f"  {count} {name}")


if __name__ == "__main__":
    main()
