# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: arguments of a configuration, nodes that are watched, how a run ends.

The parts that need no `launch` are in seal_bringup.stack.launching.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.events import Shutdown
from launch_ros.actions import Node

from launch import LaunchDescription
from seal_bringup.stack.launching import Config, keywords_of, launch_arguments, read_arguments, require_good_end
from seal_bringup.stack.node_specs import NodeSpec
from seal_perception.errors import SealError


def described(
    kind: type[Config], run: Callable[[Config], list[Any]], offered: Collection[str] = ()
) -> LaunchDescription:
    """A launch description with the fields of a configuration as arguments.

    Args:
        kind: the configuration.
        run: makes the actions of a run, when launch knows the values of the arguments.
        offered: the arguments; empty = all fields.
    """
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=list(choices) or None)
        for name, default, text, choices in launch_arguments(kind, offered)
    ]

    def begin(context: Any, *_: Any) -> list[Any]:
        return run(read_arguments(kind, context.launch_configurations))

    return LaunchDescription([*declared, OpaqueFunction(function=begin)])


def ends(reason: str, after_s: float = 0.0) -> Any:
    """The action that ends the launch, at once or after some seconds."""
    over = EmitEvent(event=Shutdown(reason=reason))
    return TimerAction(period=after_s, actions=[over]) if after_s else over


def watched(
    process: Any, name: str, over: Any = None, may_end: Collection[str] = (), log: Path | None = None
) -> RegisterEventHandler:
    """The watch of a process: its end is an error of the launch unless something else ends that already.

    Args:
        process: the action that starts it.
        name: its name in messages.
        over: action that follows its end with status 0; None = that is an error, too.
        may_end: names of processes that may end with status 0 while the run goes on.
        log: file of its output; None = there is none.
    """
    leaders = [] if over is None else [name]

    def on_exit(event: Any, context: Any) -> list[Any]:
        if context.is_shutdown or not require_good_end(name, event.returncode, leaders, may_end, log):
            return []
        return [over]

    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=on_exit))


def logged(process: Any, path: Path) -> RegisterEventHandler:
    """Writes what a process says to a file too, as the runner does."""
    file = path.open("wb", buffering=0)  # open until launch ends

    def write(event: Any) -> None:
        file.write(event.text)

    return RegisterEventHandler(OnProcessIO(target_action=process, on_stdout=write, on_stderr=write))


def started(
    specs: Iterable[NodeSpec],
    run_dir: Path | str,
    leader: str = "",
    over: Any = None,
    may_end: Collection[str] = (),
    variables: Mapping[str, str] | None = None,
) -> list[Any]:
    """The nodes, each with its watch and its log.

    Args:
        specs: the nodes.
        run_dir: folder of the run; the logs are `log/<node>.log` in it.
        leader: name of the node whose end with status 0 is followed by `over`.
        over: see `watched`.
        may_end: see `watched`.
        variables: of the nodes' environment, beside that of launch; None = the DDS profile alone.

    Raises:
        SealError: if the folder cannot be written.
    """
    folder, actions = Path(run_dir) / "log", []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for keywords in keywords_of(specs, variables):
            node, name = Node(**keywords), keywords["name"]
            log = folder / f"{name}.log"
            actions += [
                logged(node, log),
                watched(node, name, over if name == leader else None, may_end, log),
                node,
            ]
    except OSError as error:
        raise SealError(f"cannot write into {folder}: {error.strerror or error}") from error
    return actions
