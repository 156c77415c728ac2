# SPDX-License-Identifier: Apache-2.0
"""The message of /tf and /tf_static, whose package is not everywhere."""

from __future__ import annotations

from typing import Any

from seal_perception.errors import MissingDependencyError


def tf_message(why: str, instead: str = "") -> Any:
    """The class tf2_msgs/msg/TFMessage.

    Args:
        why: what needs it; begins the error's text.
        instead: what to do where it is not to be had; ends the error's text.

    Raises:
        MissingDependencyError: if tf2_msgs is not installed; the text says how to install it.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        how = "install ros-$ROS_DISTRO-tf2-msgs" + (f", or {instead}" if instead else "")
        raise MissingDependencyError(f"{why}, and tf2_msgs is not installed: {how}") from error
    return TFMessage
