#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Link what an editable install leaves out: data files into the environment's share/, nodes into its lib/.

    .ci/link_share.py PREFIX PACKAGE_FOLDER...

pip installs console scripts to bin/ and, for an editable package, no data files; ROS looks for share/<package> and
lib/<package>. The lists come from each setup.py itself. Links, so that an edited launch file counts at once.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch


def setup_arguments(package: Path) -> dict[str, Any]:
    """What the package's setup.py passes to setuptools.setup."""
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(package / "setup.py"))
    return dict(setup.call_args.kwargs)


def link(target: Path, place: Path) -> None:
    """Make `place` a link to `target`, whatever was there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def link_package(prefix: Path, package: Path) -> None:
    """Link one package's data files and node executables; links of files that are gone go too."""
    arguments = setup_arguments(package)
    name = arguments["name"]
    shutil.rmtree(prefix / "share" / name, ignore_errors=True)
    shutil.rmtree(prefix / "lib" / name, ignore_errors=True)
    for folder, files in arguments["data_files"]:
        for file in files:
            link((package / file).resolve(), prefix / folder / Path(file).name)
    for script in arguments["entry_points"]["console_scripts"]:
        executable = script.split("=")[0].strip()
        if executable.endswith("_node"):
            place = prefix / "lib" / name / executable
            link(Path(os.path.relpath(prefix / "bin" / executable, place.parent)), place)


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        link_package(Path(sys.argv[1]).resolve(), Path(argument))
