# SPDX-License-Identifier: Apache-2.0
"""Asks for permission to drive, or for a stop, on behalf of threads that are not the node's."""

from __future__ import annotations

import queue
from concurrent.futures import Future, TimeoutError
from typing import Any

from std_srvs.srv import SetBool, Trigger

from seal_bringup.live.server import ENABLE, Answer
from seal_perception import messages as m

ANSWER_S = 3.0
"""An answer that takes longer is none."""


class ExploreClient:
    """Calls `explore/enable` and `explore/stop` in the node's own thread.

    Args:
        node: a SealNode.
    """

    def __init__(self, node: Any) -> None:
        self._enable = node.create_client(SetBool, m.ENABLE)
        self._stop = node.create_client(Trigger, m.STOP_EXPLORING)
        self._asked: queue.SimpleQueue[tuple[str, Future[Answer]]] = queue.SimpleQueue()
        self._open: dict[Future[Answer], tuple[Any, Any]] = {}
        self._wake = node.create_guard_condition(self._send)

    def ask(self, what: str) -> Answer:
        """Start (`ENABLE`) or stop the robot and wait for the answer, by any thread but the node's."""
        answer: Future[Answer] = Future()
        self._asked.put((what, answer))
        self._wake.trigger()
        try:
            return answer.result(timeout=ANSWER_S)
        except TimeoutError:
            answer.cancel()
            self._wake.trigger()
            return Answer(False, f"no answer within {ANSWER_S:.0f} s: if the robot moves, stop it by hand")

    def _send(self) -> None:
        for given_up in [answer for answer in self._open if answer.cancelled()]:
            client, future = self._open.pop(given_up)
            client.remove_pending_request(future)
        while not self._asked.empty():
            what, answer = self._asked.get_nowait()
            if what == ENABLE and answer.cancelled():
                continue  # who asked was told that it was not done: it must not start later; a stop may
            client = self._enable if what == ENABLE else self._stop
            if not client.service_is_ready():
                nobody = f"nobody serves {client.srv_name}: is a robot's or a paced run there?"
                _give(answer, Answer(False, nobody))
                continue
            future = client.call_async(SetBool.Request(data=True) if what == ENABLE else Trigger.Request())
            self._open[answer] = (client, future)
            future.add_done_callback(lambda done, to=answer: self._on_answer(to, done))

    def _on_answer(self, answer: Future[Answer], done: Any) -> None:
        if self._open.pop(answer, None) is not None:
            reply = done.result()
            _give(answer, Answer(bool(reply.success), str(reply.message)))


def _give(answer: Future[Answer], value: Answer) -> None:
    """Answer who asked, if they still wait."""
    if answer.set_running_or_notify_cancel():
        answer.set_result(value)
