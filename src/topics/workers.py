"""One function for many shards: here, in processes of this machine, or on a Dask cluster; all by joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from topics.errors import UsageError, WorkerDiedError

T = TypeVar("T")
R = TypeVar("R")


def run(
    function: Callable[[T], R],
    tasks: Sequence[T],
    workers: int = 1,
    dask: str | None = None,
    *,
    ordered: bool = False,
    apart: bool = False,
) -> Iterator[R]:
    """Return what the function makes of each task, as it is done or in order.

    One worker, or one task, is done in this process, unless it is to be kept `apart`. `dask` is the address
    of a scheduler; the cluster has its own number of workers.

    Raises:
        WorkerDiedError: some process was killed; what is done is done.
        UsageError: there is no Dask, or no scheduler at this address.
    """
    if not dask and not apart and (workers <= 1 or len(tasks) <= 1):
        yield from map(function, tasks)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    generator = "generator" if ordered else "generator_unordered"
    with _backend(max(workers, 2), dask):  # joblib takes 1 for «in this process»
        # A shard is work for seconds: sent one by one, so that none waits behind another.
        results = Parallel(return_as=generator, batch_size=1)(delayed(function)(task) for task in tasks)
        try:
            yield from results
        except TerminatedWorkerError as error:
            raise WorkerDiedError("a worker was killed, most likely for want of memory") from error
        finally:
            results.close()


@contextmanager
def _backend(workers: int, dask: str | None) -> Iterator[None]:
    from joblib import parallel_config

    if not dask:
        with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
            yield
        return
    with _client(dask), parallel_config(backend="dask", n_jobs=-1):
        yield


@contextmanager
def _client(address: str) -> Iterator[None]:
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "Dask is not installed; install the extra: pip install 'newsroom-topics[dask]'"
        ) from error
    try:
        client = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{address}: no Dask scheduler answers there ({error}); check the address"
        ) from error
    with client:
        yield
