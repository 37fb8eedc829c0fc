"""An executor of the workers of a Dask cluster."""

from __future__ import annotations

import logging
import pickle
import re
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from ..errors import FxlifError
from .executor import WorkerDied, Workers
from .source import source

P = ParamSpec("P")
T = TypeVar("T")
#: Seconds that a scheduler has to answer, and to have a worker.
PATIENCE = 10.0
ADDRESS = re.compile(r"(tcp|tls)://([^\s/:]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")


def cluster_address(text: str, key: str = "cluster") -> str:
    """``text``, if it may be the address of a Dask scheduler.

    Raises:
        FxlifError: it may not; ``key`` says where it stands.
    """
    if not ADDRESS.fullmatch(text):
        allowed = "the address of a Dask scheduler, such as tcp://host:8786"
        raise FxlifError.must_be(key, allowed, text)
    return text


class Cluster(Workers):
    """The workers of the scheduler at ``address``; see :func:`.workers`."""

    def __init__(self, address: str, told: Callable[..., str]) -> None:
        self._address, self._told, self._stopped = cluster_address(address), told, False
        try:
            client = import_module("distributed").Client
        except ImportError:
            raise FxlifError.not_installed("distributed", "'fxlif[cluster]'") from None
        # What it has to say of a connection or a worker that is gone is said here, in one line.
        self._loggers = [logging.getLogger(f"distributed{name}") for name in ("", ".client")]
        self._levels = [logger.level for logger in self._loggers]
        for logger in self._loggers:
            logger.setLevel(logging.CRITICAL)
        self._client: Any = None
        self._under_way: dict[str, str] = {}
        try:
            self._client = client(address, timeout=PATIENCE, set_as_default=False)
            self._client.subscribe_topic("all", self._event)
            self._client.wait_for_workers(1, timeout=PATIENCE)
            self._compare()
        except OSError as error:
            absent = "no answer" if self._client is None else "no worker"
            allowed = "a Dask scheduler that answers and has workers"
            found = f"{address} ({absent} within {PATIENCE:g} s)"
            raise FxlifError.must_be("cluster", allowed, address, found=found) from error
        except BaseException:
            self.stop()
            raise
        self._executor = self._client.get_executor()

    def _compare(self) -> None:
        """Refuse workers that have another fxlif, or none."""

        def found() -> str:  # goes there as code: nothing of fxlif need be there
            try:
                from fxlif.workers.source import source
            except ImportError as error:
                return f"none ({error})"
            return source()

        for worker, there in self._client.run(found, on_error="return").items():
            must_equal(source(), str(there), f"worker {worker} has")

    def _event(self, event: tuple[float, dict[str, Any]]) -> None:
        """Tell which work was under way at a worker that is gone; others do it again."""
        _, message = event
        if message.get("action") == "remove-worker" and not self._stopped:
            for key in message["processing-tasks"]:
                if told := self._under_way.get(key):
                    gone = f"its worker {message['worker']} is gone"
                    print(f"fxlif: {told}: {gone}", file=sys.stderr)

    @property
    def count(self) -> int:
        if self._client.status != "running":  # who submits more is told
            return 1
        with suppress(OSError):
            return max(1, sum(map(int, self._client.nthreads().values())))
        return 1

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._client.status != "running":  # what is submitted now might never end
            raise self._lost()
        told = self._told(fn, *args, **kwargs)
        call: bytes = import_module("cloudpickle").dumps((fn, args, kwargs))
        key = f"{told}-{uuid4().hex}"
        self._under_way[key] = told
        inner: Future[T] = self._executor.submit(called_there, source(), call, key=key)
        outer: Future[T] = Future()

        def done(inner: Future[T]) -> None:
            del self._under_way[key]
            if not outer.set_running_or_notify_cancel():
                return
            if inner.cancelled():
                outer.set_exception(self._lost())
            elif error := inner.exception():
                outer.set_exception(self._one_line(error, told))
            else:
                outer.set_result(inner.result())

        inner.add_done_callback(done)
        outer.add_done_callback(lambda outer: inner.cancel() if outer.cancelled() else None)
        return outer

    def _lost(self) -> FxlifError:
        what = f"{self._address}: the connection to the scheduler is lost"
        return FxlifError(what, key="cluster", value=self._address)

    def _one_line(self, error: BaseException, told: str) -> BaseException:
        """``error``, where it is not one of fxlif's but of the cluster's in fxlif's words."""
        if isinstance(error, import_module("distributed").KilledWorker):
            return WorkerDied(f"{told}: the workers of {self._address} that worked at it died")
        if isinstance(error, ModuleNotFoundError):
            return FxlifError(f"{told}: a worker of {self._address}: {error}", key="cluster")
        return error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait and not cancel_futures)

    def stop(self) -> None:
        if self._client is not None and not self._stopped:
            self._stopped = True
            if self._client.status == "running":  # the scheduler would complain in its log
                self._client.unsubscribe_topic("all")
            self._client.close()  # calls off what nobody waits for any more
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.setLevel(level)


def must_equal(here: str, there: str, whose: str) -> None:
    """Refuse a worker whose fxlif is not the caller's."""
    if there != here:
        raise FxlifError(
            f"cluster: {whose} {there}, and here is {here}: install the same on both",
            key="cluster", value=there, allowed=here,
        )  # fmt: skip


def called_there(source_here: str, call: bytes) -> Any:
    """On a worker, which may have come later than the others: make the call."""
    must_equal(source_here, source(), f"the worker on {socket.gethostname()} has")
    function, args, kwargs = pickle.loads(call)
    return function(*args, **kwargs)
