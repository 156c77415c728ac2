# SPDX-License-Identifier: Apache-2.0
"""Says what the robot is to look for, on behalf of threads that are not the node's."""

from __future__ import annotations

import queue
from concurrent.futures import Future, TimeoutError
from typing import Any

from std_msgs.msg import String

from seal_bringup.live.presses import Answer, nobody_searches
from seal_perception import messages as m

ANSWER_S = 3.0
"""The node's own thread is busy if it has not published by then; it does not do so later."""


class ObjectClient:
    """Publishes `object_goal` in the node's own thread.

    Args:
        node: a SealNode.
    """

    def __init__(self, node: Any) -> None:
        self._topic = node.advertise(String, m.OBJECT_GOAL, depth=10)
        self._asked: queue.SimpleQueue[tuple[str, Future[Answer]]] = queue.SimpleQueue()
        self._wake = node.create_guard_condition(self._send)

    def find(self, category: str) -> Answer:
        """Send the robot to look for a category, or to explore (empty), by any thread but the node's."""
        answer: Future[Answer] = Future()
        self._asked.put((category, answer))
        self._wake.trigger()
        try:
            return answer.result(timeout=ANSWER_S)
        except TimeoutError:
            if answer.cancel():
                return Answer(False, f"it was not sent within {ANSWER_S:.0f} s: the page's node is busy")
            return answer.result()  # it was sent at the last moment

    def _send(self) -> None:
        while not self._asked.empty():
            category, answer = self._asked.get_nowait()
            if not answer.set_running_or_notify_cancel():
                continue
            if not self._topic.get_subscription_count():
                answer.set_result(nobody_searches(category))
                continue
            try:
                self._topic.publish(String(data=category))
            except (RuntimeError, ValueError) as error:  # rclpy's: the context is gone, or no text
                answer.set_result(Answer(False, f"it could not be sent: {error}"))
            else:
                answer.set_result(Answer(True, f"asked to look for: {category}" if category else "asked to explore"))
