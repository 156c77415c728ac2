# SPDX-License-Identifier: Apache-2.0
"""The live page among the nodes of a run, and beside a run that is there already."""

from __future__ import annotations

import subprocess
from typing import Any

from seal_bringup.live.config import LiveConfig
from seal_bringup.stack.config import MAX_DOMAIN_ID, require_namespace
from seal_bringup.stack.node_specs import LIVE_NODE
from seal_perception.errors import InputError, SealError
from seal_perception.running.processes import module_command, safe_environment


def page_command(config: LiveConfig, namespace: str = "", domain_id: int = -1) -> None:
    """Run the live page until it is interrupted.

    Args:
        config: where.
        namespace: of the run.
        domain_id: ROS_DOMAIN_ID; -1 = that of the environment.

    Raises:
        InputError: if namespace or domain cannot be one.
        SealError: if the node failed; it has said why.
    """
    require_namespace(namespace)
    if not -1 <= domain_id <= MAX_DOMAIN_ID:
        raise InputError(f"--domain-id must be 0..{MAX_DOMAIN_ID}, or -1 for the environment's, got {domain_id}")
    env = safe_environment()
    if domain_id >= 0:
        env["ROS_DOMAIN_ID"] = str(domain_id)
    given: dict[str, Any] = {"live.address": config.address, "live.port": config.port}
    given["live.buttons"] = str(config.buttons).lower()
    words = ["--ros-args", *(word for name, value in given.items() for word in ("-p", f"{name}:={value}"))]
    if namespace.strip("/"):
        words += ["-r", f"__ns:=/{namespace.strip('/')}"]
    process = subprocess.Popen(module_command(LIVE_NODE, *words), env=env)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:  # the terminal has told the node too
            continue
    if code:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        raise SealError(f"the live page's node {how}; its last words stand above")
