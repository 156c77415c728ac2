# SPDX-License-Identifier: Apache-2.0
"""No process that is started runs code of the current folder, and all of them are started by one module."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seal_perception.running import processes

ROOT = Path(__file__).resolve().parents[2]
HOUSE = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "house.py")))
NEEDED_EARLY = ("queue", "socket", "tempfile", "numpy", "runpy")
"""Modules that a fresh interpreter, a worker or a node imports before it does anything else."""


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """A folder with files that are called like modules, and tell when they are run."""
    for name in NEEDED_EARLY:
        (tmp_path / f"{name}.py").write_text(f"open('RAN', 'a').write('{name} ')\nraise SystemExit('shadowed')\n")
    return tmp_path


def _ran(folder: Path) -> str:
    return (folder / "RAN").read_text() if (folder / "RAN").exists() else ""


def test_the_shadows_do_run_where_nothing_keeps_them_out(shadows: Path) -> None:
    """What the other tests find is not for want of trying."""
    subprocess.run([sys.executable, "-c", "import queue"], cwd=shadows, capture_output=True)
    assert _ran(shadows) == "queue "


@pytest.mark.parametrize(
    "command",
    [
        processes.code_command("import queue, socket, sys; print(sys.argv[1:])"),
        processes.module_command("json.tool", "--help"),
    ],
)
def test_a_command_keeps_out_of_the_current_folder(shadows: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=shadows, capture_output=True, text=True)
    assert done.returncode == 0 and _ran(shadows) == "", done.stderr


def test_a_module_gets_its_arguments_as_by_dash_m(tmp_path: Path) -> None:
    (tmp_path / "said.json").write_text('{"a": [1, 2]}')
    command = processes.module_command("json.tool", "--compact", "said.json")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"a": [1, 2]}


_WORKERS = """
import multiprocessing, os, sys
def work(n):
    return n * n
if __name__ == "__main__":
    from seal_perception.running.processes import context
    os.chdir({folder!r})
    made = {context}
    with made.Pool(1) as pool:
        print(pool.map(work, [3]))
"""


def _work(shadows: Path, script: Path, made: str) -> subprocess.CompletedProcess[str]:
    script.write_text(_WORKERS.format(folder=str(shadows), context=made))
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_keep_out_of_the_current_folder(
    shadows: Path, tmp_path_factory: pytest.TempPathFactory, method: str
) -> None:
    done = _work(shadows, tmp_path_factory.mktemp("script") / "main.py", f"context({method!r})")
    assert done.stdout.strip() == "[9]" and _ran(shadows) == "", done.stderr


def test_workers_of_plain_multiprocessing_do_not(shadows: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One worker, not a pool, which would start it again and again."""
    one = "multiprocessing.get_context('spawn').Process(target=work, args=(2,)); made.start(); sys.exit()"
    _work(shadows, tmp_path_factory.mktemp("script") / "main.py", one)
    assert _ran(shadows) != ""


def test_an_environment_has_no_empty_part_in_its_path() -> None:
    env = processes.safe_environment({"PYTHONPATH": ":/opt/ros::/more:", "LANG": "C"})
    assert env == {"PYTHONPATH": "/opt/ros:/more", "LANG": "C", "PYTHONSAFEPATH": "1"}
    assert "PYTHONPATH" not in processes.safe_environment({})


def _starts(tree: ast.AST) -> list[int]:
    """Lines that start a Python process by other means than `seal_perception.running.processes`."""
    found = []
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        by_hand = ("multiprocessing.get_context", "multiprocessing.Process", "multiprocessing.Pool", "os.system")
        if text == "sys.executable" or text in by_hand or text.startswith(("os.exec", "os.spawn", "os.posix_spawn")):
            found.append(node.lineno)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ProcessPoolExecutor":
            words = [ast.unparse(argument) for argument in (*node.args, *(k.value for k in node.keywords))]
            if not any(word.startswith("context(") for word in words):
                found.append(node.lineno)
    return found


def test_every_python_process_is_started_through_one_module() -> None:
    lost = {}
    for folder in HOUSE.PACKAGES.values():
        for path in folder.rglob("*.py"):
            lines = _starts(ast.parse(path.read_text(encoding="utf-8")))
            if lines and path.name != "processes.py":
                lost[str(path.relative_to(ROOT))] = lines
    assert lost == {}


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run([sys.executable, '-m', 'x'])", "multiprocessing.get_context('spawn')",
        "ProcessPoolExecutor(2)", "os.execv('python', [])",
    ],
)  # fmt: skip
def test_other_ways_to_start_one_are_found(source: str) -> None:
    assert _starts(ast.parse(source)) == [1]
    assert _starts(ast.parse("ProcessPoolExecutor(2, context('fork')); subprocess.run(['git', 'status'])")) == []


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_leave_busy_cores_to_others_unless_told_otherwise(given: dict[str, str], spins: str | None) -> None:
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    # Before torch is loaded: afterwards it would be too late.
    code = "import sys, os, seal_perception; assert 'torch' not in sys.modules; print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(spins)
