# SPDX-License-Identifier: Apache-2.0
"""Checks before the nodes start: values that no node accepts, a folder that already holds a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seal_bringup.live.config import LiveConfig, require_free
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_specs import NodeSpec, nodes_of
from seal_perception.errors import InputError, SealError
from seal_perception.files import write_json

BAG = "bag"
"""Folder of a run's bag."""
RESULTS = ("map.npz", "trajectory.json", "status.json", "truth.json", "coverage.json", "topdown.png")
"""Files that a run leaves beside its bag, and that the next one in the folder removes."""


OTHER_FOLDER = "name another folder by run_dir:="
"""What to do about a folder that is taken, for those who started a launch file."""


def check_run(
    config: StackConfig,
    overwrite: bool = False,
    what_to_do: str = "name another folder by --out, or add --overwrite to replace it",
) -> None:
    """Refuse a run that would fail, or would replace another.

    Args:
        config: of the run.
        overwrite: replace the run that the folder holds.
        what_to_do: end of the refusal of a folder that holds one.

    Raises:
        InputError: for the first thing found.
    """
    check_nodes(nodes_of(config))
    if not overwrite:
        refuse_taken(config.run_path, what_to_do)


def check_nodes(specs: Iterable[NodeSpec]) -> None:
    """Refuse values that a node would refuse after its start.

    Raises:
        InputError: for the first one.
    """
    for spec in specs:
        if (check := _CHECKS.get(spec.executable)) is not None:
            check(spec.parameters)


def refuse_taken(folder: Path, what_to_do: str) -> None:
    """Refuse a folder that holds files of a run, so that no recording is lost.

    Args:
        folder: of the run.
        what_to_do: end of the refusal's text.

    Raises:
        InputError: if it does; a folder with only logs and a configuration is free.
    """
    if there := [name for name in (BAG, *RESULTS) if (folder / name).exists()]:
        raise InputError(f"{folder} already holds a run ({', '.join(there)}); {what_to_do}")


def write_configuration(config: Any, path: Path) -> None:
    """Write a run's effective configuration beside its results, as JSON.

    Args:
        config: a dataclass.
        path: file to write; its folder is made.

    Raises:
        SealError: if that is impossible.
    """
    values = {key: str(v) if isinstance(v, Path) else v for key, v in dataclasses.asdict(config).items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, values)
    except OSError as error:
        raise SealError(f"cannot write into {path.parent}: {error.strerror or error}") from error


def _scene(parameters: dict[str, Any]) -> None:
    from sim_bridge.worlds import require_scene

    require_scene(parameters.get("scene", ""))


def _weights(parameters: dict[str, Any]) -> None:
    weights = str(parameters.get("weights", ""))
    if weights not in ("", "none", "coco", "seal-small"):
        from seal_perception.detector.coco_weights import coco_file
        from seal_perception.detector.facts import is_coco, read_metadata, resolve_weights

        if is_coco(weights):
            coco_file(weights)
        else:
            read_metadata(resolve_weights(weights))


def _policy(parameters: dict[str, Any]) -> None:
    from seal_policy.registry import make_policy

    make_policy(parameters.get("policy", "frontier"), weights=parameters.get("policy_weights", ""))


def _live(parameters: dict[str, Any]) -> None:
    address, port = str(parameters["live.address"]), int(parameters["live.port"])
    require_free(LiveConfig(address, port))


_CHECKS = {
    "sim_bridge_node": _scene,
    "fake_robot_node": _scene,
    "perception_node": _weights,
    "policy_node": _policy,
    "live_node": _live,
}
