# SPDX-License-Identifier: Apache-2.0
"""setup.py, package.xml and the code agree in each package."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from catkin_pkg.package import parse_package
from tests.test_import_rules import PACKAGES, ROOT, imported_modules

NAMES = sorted(PACKAGES)
# Python's import name -> rosdep key, for what rosdep knows.
ROSDEP = {
    "numpy": "python3-numpy", "scipy": "python3-scipy", "cv2": "python3-opencv", "PIL": "python3-pil",
    "yaml": "python3-yaml", "matplotlib": "python3-matplotlib", "psutil": "python3-psutil", "jinja2": "python3-jinja2",
    "filelock": "python3-filelock",
}  # fmt: skip


def manifest(name: str) -> Any:
    return parse_package(str(PACKAGES[name].parent / "package.xml"))


def setup_arguments(name: str) -> dict[str, Any]:
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(PACKAGES[name].parent / "setup.py"))
    return dict(setup.call_args.kwargs)


def trees(name: str) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(PACKAGES[name].rglob("*.py"))]


def code_version(name: str) -> str:
    tree = ast.parse((PACKAGES[name] / "__init__.py").read_text(encoding="utf-8"))
    values = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__version__"]  # type: ignore[attr-defined]
    return str(ast.literal_eval(values[0]))


def test_one_version_everywhere() -> None:
    versions = {(name, "package.xml"): manifest(name).version for name in NAMES}
    versions |= {(name, "setup.py"): setup_arguments(name)["version"] for name in NAMES}
    versions |= {(name, "__version__"): code_version(name) for name in NAMES}
    assert len(set(versions.values())) == 1, versions


@pytest.mark.parametrize("name", NAMES)
def test_manifest_is_valid(name: str) -> None:
    package = manifest(name)  # raises on an invalid file
    package.validate()
    assert package.name == name == setup_arguments(name)["name"]
    assert package.get_build_type() == "ament_python"
    assert package.licenses == ["Apache-2.0"]
    # colcon treats a package with a bad address as plain Python, with only a warning.
    assert all("@" in person.email and " " not in person.email for person in package.maintainers)
    assert (PACKAGES[name].parent / "resource" / name).exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_node_is_an_executable(name: str) -> None:
    scripts = dict(
        line.replace(" ", "").split("=") for line in setup_arguments(name)["entry_points"]["console_scripts"]
    )
    nodes = {path.stem for path in (PACKAGES[name] / "nodes").glob("*_node.py")}
    assert {script for script in scripts if script.endswith("_node")} == nodes
    for target in scripts.values():
        module, function = target.split(":")
        path = PACKAGES[name].parent / Path(*module.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, f"no {function} in {path}"


@pytest.mark.parametrize("name", NAMES)
def test_manifest_names_what_is_imported(name: str) -> None:
    """Own packages and messages exactly; libraries that rosdep knows, and rclpy, at least."""
    imported = {module.split(".")[0] for _, tree in trees(name) for _, module in imported_modules(tree, name)} - {name}
    declared = {dependency.name for dependency in manifest(name).exec_depends}
    ours = {module for module in imported if module in PACKAGES or module.endswith("_msgs") or module == "rclpy"}
    ours -= {"tf2_msgs", "vision_msgs"}  # used where installed
    needed = ours | {ROSDEP[module] for module in imported & ROSDEP.keys()}
    assert needed - declared == set(), f"{name}/package.xml lacks <exec_depend>"
    surplus = {d for d in declared if d in PACKAGES or d.endswith("_msgs") or d in ROSDEP.values()} - needed
    assert surplus == set(), f"{name}/package.xml declares what is not imported"


def test_every_requirement_is_pinned() -> None:
    folder = ROOT / "requirements"
    files = sorted(folder.glob("*.txt"))
    assert {
        "base.txt",
        "build.txt",
        "constraints.txt",
        "dev.txt",
        "pretrain.txt",
        "ray.txt",
        "ros.txt",
        "sourced-ros.txt",
        "train.txt",
    } == {f.name for f in files}
    loose = [
        f"{file.name}: {line}"
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#") and "==" not in line.split(";")[0]
    ]
    assert loose == []


def test_data_files_exist_and_reach_share() -> None:
    for name in NAMES:
        folder = PACKAGES[name].parent
        listed = {target: files for target, files in setup_arguments(name)["data_files"]}
        assert listed["share/ament_index/resource_index/packages"] == [f"resource/{name}"]
        assert all((folder / file).is_file() for files in listed.values() for file in files)
    shared = {target for target, files in setup_arguments("seal_bringup")["data_files"] if files}
    assert {f"share/seal_bringup/{part}" for part in ("launch", "config", "rviz", "foxglove")} <= shared


def test_parameter_tables_of_the_readmes_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Every parameter that a node declares stands in its package's README with its default."""
    script = runpy.run_path(str(ROOT / ".ci" / "parameters.py"))
    assert script["main"](check=True) == 0, capsys.readouterr().out
    for name in NAMES:
        text = (PACKAGES[name].parent / "README.md").read_text(encoding="utf-8")
        for node in (PACKAGES[name] / "nodes").glob("*_node.py"):
            assert f"### {node.stem}\n" in text
