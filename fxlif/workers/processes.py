"""An executor of processes of this machine, each with a thread here that hands it its work.

``concurrent.futures`` has one as well, but there a process that dies takes all work with it, nobody
learns at what it died, and those that run cannot be ended.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar

from .executor import WorkerDied, Workers

P = ParamSpec("P")
T = TypeVar("T")
#: Sent in place of work.
END = b""
#: One process begins at a time: with "fork" it would else hold the pipe of another one open.
_beginning = threading.Lock()


class Work(NamedTuple):
    """A call, and what becomes of it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: Future[Any]


class Processes(Workers):
    """``count`` processes, each begun when there is work for it; see :func:`.workers`."""

    def __init__(self, count: int, told: Callable[..., str], retries: int) -> None:
        self._told, self._retries = told, retries
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._running: set[BaseProcess] = set()
        self._closed = self._stopped = False
        # Daemons, so that they do not keep a program from its end; that ends the processes.
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        atexit.register(self.stop)

    @property
    def count(self) -> int:
        return len(self._threads)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()
        self._waiting.put(Work(fn, args, kwargs, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if not self._closed:
            self._closed = True
            if cancel_futures:
                self._cancel()
            for _ in self._threads:
                self._waiting.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def stop(self) -> None:
        self._stopped = True
        self._cancel()
        self.shutdown(wait=False)
        with _beginning:  # none begins from now on
            for process in self._running:
                process.kill()
        atexit.unregister(self.stop)

    def _cancel(self) -> None:
        with suppress(Empty):
            while True:
                work = self._waiting.get_nowait()
                if work is not None:
                    work.future.cancel()

    def _serve(self) -> None:
        """In a thread: one process after the other does what waits."""
        process: BaseProcess | None = None
        connection: Connection | None = None
        while (work := self._waiting.get()) is not None:
            if not work.future.set_running_or_notify_cancel():
                continue
            for left in range(self._retries, -1, -1):
                try:
                    if process is None or connection is None:
                        process, connection = self._begin()
                    connection.send_bytes(pickle.dumps(work[:3]))
                    good, value = pickle.loads(connection.recv_bytes())
                except (EOFError, ConnectionError):
                    if process is None or self._stopped:
                        good, value = False, CancelledError()
                        break
                    process.join()
                    self._running.discard(process)
                    how, process = ended(process.exitcode), None
                    told = self._told(work.function, *work.args, **work.kwargs)
                    good, value = False, WorkerDied(f"{told}: its process {how}")
                    if left:
                        print(f"fxlif: {value}; trying once more", file=sys.stderr)
                except Exception as error:  # what cannot be pickled, nor begun
                    good, value = False, error
                    break
                else:
                    break
            if good:
                work.future.set_result(value)
            else:
                work.future.set_exception(value)
            del work, value  # what was computed need not stay until there is more to do
        if process is not None and connection is not None:
            with suppress(ConnectionError):
                connection.send_bytes(END)
            process.join()
            self._running.discard(process)

    def _begin(self) -> tuple[BaseProcess, Connection]:
        """A new process and the way to it.

        Not forked: this process may have threads, of the progress bar or of numba.
        """
        with _beginning:
            if self._stopped:
                raise EOFError
            # The process inherits that Ctrl-C is not for it: what is to end it is this one. The
            # tracker, which the first process would begin, lets Ctrl-C through again.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            here, there = get_context("spawn").Pipe()
            process = get_context("spawn").Process(target=work_for, args=(there,))
            process.start()
            self._running.add(process)
            there.close()  # so that the end of the process ends the connection
            return process, here


def ended(code: int | None) -> str:
    """How a process ended, of its exit code."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def work_for(connection: Connection) -> None:
    """In a process of its own: do what comes, and send what comes of it."""
    end_with_parent()
    with suppress(EOFError):
        while (call := connection.recv_bytes()) != END:
            try:
                function, args, kwargs = pickle.loads(call)
                answer = pickle.dumps((True, function(*args, **kwargs)))
            except BaseException as error:
                error.add_note(f"In process {os.getpid()}:\n{traceback.format_exc().rstrip()}")
                try:
                    answer = pickle.dumps((False, error))
                    pickle.loads(answer)
                except Exception:  # an exception need not survive that
                    said = "".join(traceback.format_exception_only(error))
                    answer = pickle.dumps((False, RuntimeError(said)))
            connection.send_bytes(answer)


def end_with_parent() -> None:
    """Let this process end when the one that started it is gone, however that ended.

    It may be in the middle of hours of work.
    """
    parent = parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
