# SPDX-License-Identifier: Apache-2.0
"""Asks for permission to drive, or for a stop, on behalf of threads that are not the node's."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from typing import Any

from std_srvs.srv import SetBool, Trigger

from seal_bringup.live.presses import ENABLE, STOP, Answer
from seal_perception import messages as m

ANSWER_S = 3.0
"""An answer that takes longer is none."""
_MOST_UNWANTED = 8


class ExploreClient:
    """Calls `explore/enable` and `explore/stop` in the node's own thread, in the order in which they were asked for.

    A start that nobody waits for any more, or that a stop came after, is undone by a stop: at once, and again if the
    gate still says that it was done.

    Args:
        node: a SealNode.
    """

    def __init__(self, node: Any) -> None:
        self._enable = node.create_client(SetBool, m.ENABLE)
        self._stop = node.create_client(Trigger, m.STOP_EXPLORING)
        self._asked: queue.SimpleQueue[tuple[str, Future[Answer]]] = queue.SimpleQueue()
        self._open: dict[Future[Answer], tuple[Any, Any]] = {}
        self._unwanted: dict[Future[Answer], Any] = {}  # starts; the answers are awaited, and lead to a stop
        self._undoing: Any = None
        self._wake = node.create_guard_condition(self._send)

    def ask(self, what: str) -> Callable[[], Answer]:
        """Begin to start (`ENABLE`) or stop the robot, by any thread but the node's; the result then waits for it."""
        answer: Future[Answer] = Future()
        self._asked.put((what, answer))
        self._wake.trigger()
        return lambda: self._result(answer)

    def _result(self, answer: Future[Answer]) -> Answer:
        try:
            return answer.result(timeout=ANSWER_S)
        except TimeoutError:
            if not answer.cancel():
                return answer.result()  # it came at the last moment
            self._wake.trigger()
            return Answer(False, f"no answer within {ANSWER_S:.0f} s: if the robot moves, stop it by hand")

    def _send(self) -> None:
        for given_up in [answer for answer in self._open if answer.cancelled()]:
            client, future = self._open.pop(given_up)
            if client is self._enable:
                self._no_more(given_up, future)
                self._undo()
            else:
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
            if what == STOP:
                for start in [answer for answer, (kind, _) in self._open.items() if kind is self._enable]:
                    _give(start, Answer(False, "a stop came after this start"))
                    self._no_more(start, self._open.pop(start)[1])
            future = client.call_async(SetBool.Request(data=True) if what == ENABLE else Trigger.Request())
            self._open[answer] = (client, future)
            future.add_done_callback(lambda done, to=answer: self._on_answer(to, done))

    def _no_more(self, answer: Future[Answer], future: Any) -> None:
        """Remember that nobody wants this start any more; the newest ones alone, should the gate never answer."""
        self._unwanted[answer] = future
        while len(self._unwanted) > _MOST_UNWANTED:
            self._enable.remove_pending_request(self._unwanted.pop(next(iter(self._unwanted))))

    def _undo(self) -> None:
        """Stop the robot, whoever reads the answer: nobody wants a start that may have been done."""
        if self._undoing is not None:
            self._stop.remove_pending_request(self._undoing)
        self._undoing = self._stop.call_async(Trigger.Request())

    def _on_answer(self, answer: Future[Answer], done: Any) -> None:
        client, _ = self._open.pop(answer, (None, None))
        unwanted = self._unwanted.pop(answer, None) is not None or (client is self._enable and answer.cancelled())
        if client is None and not unwanted:
            return
        reply = done.result()
        if unwanted and reply.success:
            self._undo()
        _give(answer, Answer(bool(reply.success), str(reply.message)))


def _give(answer: Future[Answer], value: Answer) -> None:
    """Answer who asked, if they still wait."""
    if not answer.done() and answer.set_running_or_notify_cancel():
        answer.set_result(value)
