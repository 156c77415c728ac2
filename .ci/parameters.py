#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the parameter tables of the package READMEs from the nodes' own declarations.

    .venv/bin/python .ci/parameters.py          # writes the block between the two markers in each README
    .venv/bin/python .ci/parameters.py --check  # exit 1 and a line per README that is out of date

Nodes are read as syntax trees, so this needs no ROS; configuration dataclasses are imported from the cores, and their
fields say what they are (seal_perception.parameters).
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from seal_perception.parameters import Parameter, parameters_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [*sorted((ROOT / "ros2_ws" / "src").glob("*/")), ROOT / "sim_bridge"]
START, END = "<!-- parameters: written by .ci/parameters.py -->", "<!-- end of parameters -->"
Row = tuple[Parameter, bool]
"""A parameter, and whether it may change while the node runs."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Calls of plain names, in the order of the text."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for node in sorted(found, key=lambda n: (n.lineno, n.col_offset)):
        yield node.func.id, node


def origins(tree: ast.AST) -> dict[str, str]:
    """Imported name -> module it comes from, imports inside functions included."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def config_rows(module: str, name: str, prefix: str) -> Iterator[Row]:
    """One row per plain field, as seal_perception.nodes.params.declare_config declares them."""
    for known in parameters_of(getattr(importlib.import_module(module), name)):
        yield dataclasses.replace(known, name=f"{prefix}.{known.name}"), False


def rows_of(tree: ast.AST, where: dict[str, str]) -> Iterator[Row]:
    """Parameters declared in `tree`; functions `declare_...` of other node modules are followed."""
    for name, call in calls(tree):
        if name == "declare":
            parts = [ast.literal_eval(argument) for argument in call.args[1:]]
            options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
            changeable = options.pop("changeable", False)
            yield Parameter(*parts, **options), changeable
        elif name == "declare_config":
            kind, prefix = call.args[1], ast.literal_eval(call.args[2])
            assert isinstance(kind, ast.Name)
            yield from config_rows(where[kind.id], kind.id, prefix)
        elif name.startswith("declare_") and name in where:
            path = module_path(where[name])
            helper = ast.parse(path.read_text(encoding="utf-8"))
            body = next(n for n in helper.body if isinstance(n, ast.FunctionDef) and n.name == name)
            yield from rows_of(body, origins(helper))


def rows_of_file(path: Path) -> list[Row]:
    """The parameters of the node in this file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(rows_of(tree, origins(tree)))


def module_path(module: str) -> Path:
    """File of a module of ours."""
    package = next(folder for folder in PACKAGES if folder.name == module.split(".")[0])
    return package / Path(*module.split(".")).with_suffix(".py")


def row_text(known: Parameter, changeable: bool) -> str:
    """One row of a table."""
    default = json.dumps("" if known.default == [""] else known.default)
    what = known.description.replace("|", "/") + (" (may change while the node runs)" if changeable else "")
    return f"| `{known.name}` | `{default}` | {known.range_text} | {what} |"


def block(package: Path) -> str:
    """The tables of all nodes of a package."""
    parts = [START]
    for path in sorted((package / package.name / "nodes").glob("*_node.py")):
        rows = [row_text(known, changeable) for known, changeable in rows_of_file(path)]
        parts.append(f"\n### {path.stem}\n")
        parts += ["| parameter | default | range | what |", "|---|---|---|---|"]
        parts += dict.fromkeys(rows)
    return "\n".join([*parts, "", END])


def main(check: bool) -> int:
    """Write or check every README that has the markers; returns the exit status."""
    stale = []
    for package in PACKAGES:
        readme = package / "README.md"
        text = readme.read_text(encoding="utf-8")
        if START not in text:
            continue
        new = text[: text.index(START)] + block(package) + text[text.index(END) + len(END) :]
        if new != text:
            stale.append(str(readme.relative_to(ROOT)))
            if not check:
                readme.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name} {'is out of date: run .ci/parameters.py' if check else 'written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
