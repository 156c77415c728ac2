#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the parameter tables of the package READMEs from the nodes' own declarations.

    .venv/bin/python .ci/parameters.py          # writes the block between the two markers in each README
    .venv/bin/python .ci/parameters.py --check  # exit 1 and a line per README that is out of date

Nodes are read as syntax trees, so this needs no ROS; configuration dataclasses are imported from the cores.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [*sorted((ROOT / "ros2_ws" / "src").glob("*/")), ROOT / "sim_bridge"]
START, END = "<!-- parameters: written by .ci/parameters.py -->", "<!-- end of parameters -->"
PLAIN = (bool, int, float, str)
Row = tuple[str, str, str]


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


def attribute_texts(config: type) -> dict[str, str]:
    """Field -> its line under `Attributes:` in the docstring; fields may share a line."""
    texts: dict[str, str] = {}
    lines = re.split(r"\n\s*Attributes:\s*\n", config.__doc__ or "")[-1]
    for names, text in re.findall(r"^ {8}(\w[\w, ]*): (.*(?:\n {12,}.*)*)", lines, flags=re.MULTILINE):
        texts |= {name.strip(): " ".join(text.split()) for name in names.split(",")}
    return texts


def config_rows(module: str, name: str, prefix: str) -> Iterator[Row]:
    """One row per plain field, as seal_perception.nodes.params.declare_config declares them."""
    config = getattr(importlib.import_module(module), name)
    texts = attribute_texts(config)
    for field in dataclasses.fields(config):
        default = field.default
        if isinstance(default, PLAIN) or (isinstance(default, tuple) and all(isinstance(v, PLAIN) for v in default)):
            yield f"{prefix}.{field.name}", json.dumps(default), texts.get(field.name, "")


def rows_of(tree: ast.AST, where: dict[str, str]) -> Iterator[Row]:
    """Parameters declared in `tree`; functions `declare_...` of other node modules are followed."""
    for name, call in calls(tree):
        if name == "declare":
            parts = [ast.literal_eval(argument) for argument in call.args[1:]]
            default = "" if parts[1] == [""] else parts[1]
            yield parts[0], json.dumps(default), parts[2] if len(parts) > 2 else ""
        elif name == "declare_config":
            kind, prefix = call.args[1], ast.literal_eval(call.args[2])
            assert isinstance(kind, ast.Name)
            yield from config_rows(where[kind.id], kind.id, prefix)
        elif name.startswith("declare_") and name in where:
            path = module_path(where[name])
            helper = ast.parse(path.read_text(encoding="utf-8"))
            body = next(n for n in helper.body if isinstance(n, ast.FunctionDef) and n.name == name)
            yield from rows_of(body, origins(helper))


def module_path(module: str) -> Path:
    """File of a module of ours."""
    package = next(folder for folder in PACKAGES if folder.name == module.split(".")[0])
    return package / Path(*module.split(".")).with_suffix(".py")


def block(package: Path) -> str:
    """The tables of all nodes of a package."""
    parts = [START]
    for path in sorted((package / package.name / "nodes").glob("*_node.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        rows = list(dict.fromkeys(rows_of(tree, origins(tree))))
        parts.append(f"\n### {path.stem}\n\n{(ast.get_docstring(tree) or '').splitlines()[0]}\n")
        parts += ["| parameter | default | what |", "|---|---|---|"]
        parts += [f"| `{name}` | `{default}` | {text.replace('|', '/')} |" for name, default, text in rows]
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
