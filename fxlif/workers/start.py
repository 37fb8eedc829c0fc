"""Starts workers and ends them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .executor import Workers, called


@contextmanager
def workers(
    processes: int | None = None,
    cluster: str | None = None,
    *,
    told: Callable[..., str] = called,
    retries: int = 1,
) -> Iterator[Workers]:
    """An executor of new processes of this machine or, with ``cluster``, of a Dask cluster.

    At the end of the ``with`` block it waits for what was submitted. If the block is left by an
    exception, Ctrl-C for one, processes are ended at once, and a cluster's work is called off.

    A worker that dies loses nothing but its own piece of work. In a process of this machine that is
    done again ``retries`` times, and a line on stderr says which it was; a cluster gives it to
    others, as often as its setting ``distributed.scheduler.allowed-failures`` allows.

    Args:
        processes: how many; None: one per core. A cluster has its own number.
        cluster: the address of its scheduler, ``tcp://HOST:PORT``. Its workers must have the same
            fxlif, to the source.
        told: names a piece of work, called as ``told(function, *args, **kwargs)``.
        retries: of a process that dies; after them, the future raises :class:`WorkerDied`.

    Raises:
        FxlifError: the cluster's package is not installed; its address is none, or does not
            answer; it has no workers, or one with another fxlif.
    """
    pool: Workers
    if cluster is not None:
        from .cluster import Cluster

        pool = Cluster(cluster, told)
    else:
        from .processes import Processes

        pool = Processes(processes or os.cpu_count() or 1, told, retries)
    try:
        yield pool
        pool.shutdown()
    finally:
        pool.stop()
