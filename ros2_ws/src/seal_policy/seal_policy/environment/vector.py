# SPDX-License-Identifier: Apache-2.0
"""Many training environments at once, each in a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gymnasium
from gymnasium.vector import AsyncVectorEnv

from seal_perception.errors import InputError, SealError
from seal_perception.running import processes
from seal_policy.environment.environment import Action, Observed
from seal_policy.environment.threads import ONE_THREAD, environment

LOG = logging.getLogger(__name__)

PRELOAD = ("seal_policy.environment.one_thread", "seal_policy.environment.environment")
"""What a fork server imports once for all workers."""


class WorkerError(SealError):
    """A worker process has died; the text says which one and how."""


@dataclass(frozen=True)
class _InWorker:
    """Makes the environment; in a worker, keys pressed in the terminal are left to the process that owns it.

    gymnasium makes one environment in the owner too, which may itself be somebody's child process, or run in a thread.
    Variables that are set for the workers alone are as they were while it is made.
    """

    make_env: Callable[[], gymnasium.Env[Observed, Action]]
    owner_pid: int = field(default_factory=os.getpid)
    for_workers: tuple[str, ...] = ()

    def __call__(self) -> gymnasium.Env[Observed, Action]:
        if os.getpid() == self.owner_pid:
            with environment(dict.fromkeys(self.for_workers)):
                return self.make_env()
        else:
            import cv2

            cv2.setNumThreads(1)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            return self.make_env()


class VectorSealEnv(AsyncVectorEnv[Observed, Action]):
    """gymnasium's `AsyncVectorEnv` of `SealEnv`s that says which worker died, and leaves no process behind.

    Args:
        make_envs: one function per worker; must be picklable or importable.
        context: "forkserver" (workers share the memory of what is imported) or "spawn". Either way a worker's libraries
            keep to one thread, unless the environment says otherwise, and the script that makes this object must guard
            its start with `if __name__ == "__main__":`.
        preload: modules that the fork server imports beyond `PRELOAD`.
        options: for `AsyncVectorEnv` (autoreset_mode, max_concurrency, ...).

    Raises:
        InputError: if there is no worker, or the context is another.
        WorkerError: if a worker has died; also from `reset`, `step`, `call` and `set_attr`. After this or a worker's
            own error, all of them are ended. `close` ends the others and writes it to the log.
    """

    def __init__(
        self,
        make_envs: Sequence[Callable[[], gymnasium.Env[Observed, Action]]],
        context: str = "forkserver" if sys.platform != "win32" else "spawn",
        preload: Sequence[str] = (),
        **options: Any,
    ) -> None:
        if not make_envs:
            raise InputError("a vector of environments needs at least one, got none")
        if context not in ("forkserver", "spawn"):
            raise InputError(f"context must be forkserver or spawn (a fork copies running threads), got {context!r}")
        started_by = processes.context(context)
        if context == "forkserver":
            started_by.set_forkserver_preload([*PRELOAD, *preload])
        # A spawned worker imports the libraries itself: they take their threads from what it begins with.
        spawned = ONE_THREAD if context == "spawn" else {}
        wanted = {name: value for name, value in spawned.items() if name not in os.environ}
        workers = [_InWorker(make_env, for_workers=tuple(wanted)) for make_env in make_envs]
        with environment(wanted):
            super().__init__(workers, context=context, **options)

    def reset_async(self, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> None:
        """See `AsyncVectorEnv`."""
        with self._alive():
            super().reset_async(seed, options)

    def reset_wait(self, timeout: float | None = None) -> tuple[Observed, dict[str, Any]]:
        """See `AsyncVectorEnv`."""
        with self._alive():
            return super().reset_wait(timeout)

    def step_async(self, actions: Action) -> None:
        """See `AsyncVectorEnv`."""
        with self._alive():
            super().step_async(actions)

    def step_wait(self, timeout: float | None = None) -> Any:
        """See `AsyncVectorEnv`."""
        with self._alive():
            return super().step_wait(timeout)

    def call_async(self, name: str, /, *args: object, **kwargs: object) -> None:
        """See `AsyncVectorEnv`."""
        with self._alive():
            super().call_async(name, *args, **kwargs)

    def call_wait(self, timeout: float | None = None) -> tuple[Any, ...]:
        """See `AsyncVectorEnv`."""
        with self._alive():
            return super().call_wait(timeout)

    def set_attr(self, name: str, values: list[Any] | tuple[Any] | object) -> None:
        """See `AsyncVectorEnv`."""
        with self._alive():
            super().set_attr(name, values)

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """See `AsyncVectorEnv`; a worker that has died meanwhile does not keep the others from being ended."""
        try:
            with self._alive():
                super().close_extras(timeout, terminate)
        except WorkerError as error:
            LOG.warning("while closing: %s", error)

    def _check_spaces(self) -> None:
        with self._alive():
            super()._check_spaces()

    def _raise_if_errors(self, successes: Iterable[bool]) -> None:
        """Hand on the first error; departs from gymnasium: one line for a user's mistake, not three with a trace."""
        for _ in range(list(successes).count(False)):
            index, kind, value, trace = self.error_queue.get()
            self._end()
            if issubclass(kind, SealError):
                raise kind(f"worker {index} of {self.num_envs}: {value}")
            LOG.error("worker %d of %d:\n%s", index, self.num_envs, trace)
            raise kind(value)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Turn the end of a worker into one line; leave no process behind after it, or after Ctrl-C."""
        try:
            yield
        except (EOFError, ConnectionError) as error:
            text = self._obituary()
            self._end()
            raise WorkerError(text) from error
        except KeyboardInterrupt:
            self._end()
            raise

    def _obituary(self) -> str:
        for process in self.processes:
            process.join(0.5)
        dead = [(i, p.exitcode) for i, p in enumerate(self.processes) if p.exitcode is not None]
        if not dead:
            return f"a worker of {self.num_envs} has closed its pipe; all were ended"
        index, code = dead[0]
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; if the system killed it, memory may be short: use fewer workers" if code == -signal.SIGKILL else ""
        return f"worker {index} of {self.num_envs} died ({how}); the others were ended{hint}"

    def _end(self) -> None:
        """End all workers without asking them."""
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(3.0)
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self.parent_pipes:
            pipe.close()
        self.closed = True
