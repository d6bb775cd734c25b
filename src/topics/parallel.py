"""Map a function over tasks: in this process, in several, or on a Dask cluster; all with joblib."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from topics.errors import UsageError, WorkerDiedError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = "10s"
"""Time limit for a Dask scheduler to answer."""
_GLANCE = 1.0
"""Seconds between two checks of a worker whether its parent is alive."""


def run(
    function: Callable[[T], R],
    tasks: Iterable[T],
    workers: int = 1,
    dask: str | None = None,
    *,
    ordered: bool = False,
    apart: bool = False,
) -> Iterator[R]:
    """Yield the results of a function, as they are ready or in order.

    With one worker or one task the work is done in this process, unless it is to be kept `apart`. Tasks may
    be an iterator of any length, which is read a little ahead of the results. `dask` is the address of a
    scheduler; the cluster has its own number of workers.

    Raises:
        WorkerDiedError: a process was killed; results so far were yielded.
        UsageError: Dask is not installed, or no scheduler answers at this address.
    """
    alone = workers <= 1 or (isinstance(tasks, Sized) and len(tasks) <= 1)
    if not dask and not apart and alone:
        yield from map(function, tasks)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    generator = "generator" if ordered else "generator_unordered"
    with _backend(max(workers, 2), dask):  # joblib takes 1 for «in this process»
        # A task takes seconds: sent one by one, none waits behind another.
        # A cluster gets all at once, since tasks are small: a machine that joins later finds work.
        ahead = "all" if dask else "2 * n_jobs"
        results = Parallel(return_as=generator, batch_size=1, pre_dispatch=ahead)(
            delayed(_call)(function, task, None if dask else os.getpid()) for task in tasks
        )
        try:
            for result in results:  # noqa: UP028 - `yield from` would close them itself
                yield result
        except Exception as error:
            # Dask's KilledWorker is not imported: Dask is an optional dependency.
            if not isinstance(error, TerminatedWorkerError) and type(error).__name__ != "KilledWorker":
                raise
            raise WorkerDiedError("a worker was killed, most likely because memory ran out") from error
        finally:
            with warnings.catch_warnings():  # of abandoned tasks
                warnings.simplefilter("ignore", UserWarning)
                results.close()


def do(tasks: Iterable[Callable[[], R]], workers: int = 1) -> list[R]:
    """Call functions without arguments and return their results in order; see `run`."""
    return list(run(_done, tasks, workers, ordered=True))


def _done(task: Callable[[], R]) -> R:
    return task()


@contextmanager
def starting(prepare: Callable[[T], object], task: T, workers: int) -> Iterator[None]:
    """Start the processes that `run` will use, and call `prepare` in them, while the caller is busy.

    If one fails or dies, `run` starts another. A single worker needs no process.
    """
    if workers <= 1:
        yield
        return
    import joblib  # noqa: F401 - not in the thread: the caller may be importing as well

    def start() -> None:
        # Processes started by this thread ignore Ctrl-C from the beginning.
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            from multiprocessing import resource_tracker

            resource_tracker.ensure_running()  # started later, it would lift the mask
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        for _ in run(prepare, [task] * workers, workers):
            pass

    with ThreadPoolExecutor(1) as beside:
        beside.submit(start)
        yield


def _call(function: Callable[[T], R], task: T, parent: int | None) -> R:
    if parent:
        _serve(parent)
    return function(task)


@cache
def _serve(parent: int) -> None:
    """Prepare a worker process: it leaves Ctrl-C to its parent and exits as soon as its parent does.

    Otherwise it would wait for work for five minutes, holding memory and the parent's pipes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # The parent waits for it, and an orderly exit takes a fifth of a second.
    atexit.register(os._exit, 0)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    os._exit(1)


@contextmanager
def _backend(workers: int, dask: str | None) -> Iterator[None]:
    from joblib import parallel_config

    if not dask:
        with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
            yield
        return
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:
            # Keep joblib from running in this process when the cluster has one worker at the moment.
            return int(max(2, super().effective_n_jobs(n_jobs)))

    with client(dask) as scheduler, parallel_config(backend=Cluster(client=scheduler), n_jobs=-1):
        yield


@contextmanager
def client(address: str) -> Iterator[Client]:
    """Connect to the Dask scheduler at an address.

    Raises:
        UsageError: Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "Dask is not installed; install the extra: pip install 'newsroom-topics[dask]'"
        ) from error
    try:
        scheduler = Client(address, timeout=_PATIENCE)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{address}: no Dask scheduler answers there ({error}); check the address"
        ) from error
    with scheduler:
        yield scheduler
