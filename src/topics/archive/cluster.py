"""Delivery of models to the workers of a Dask cluster: by a shared folder, or sent once per worker."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from topics.parallel import client
from topics.tagger import Tagger, TaggerRef
from topics.versions.registry import Version

_HOME = "topics-models"


class Sent(NamedTuple):
    """A tagger whose versions were sent to the worker's own folder."""

    ref: TaggerRef

    def load(self) -> Tagger:
        """Open the tagger; only inside a worker."""
        from distributed import get_worker

        models = Path(get_worker().local_directory) / _HOME
        return self.ref._replace(models=str(models)).load()


def delivered(ref: TaggerRef, versions: Sequence[Version], address: str) -> TaggerRef | Sent:
    """Return how workers open the tagger: from the folder in `ref` if all of them have it, else as sent.

    Raises:
        UsageError: there is no Dask, or no scheduler at this address.
    """
    with client(address) as scheduler:
        workers = scheduler.run(_all_exist, [str(version.folder) for version in versions])
        return ref if workers and all(workers.values()) else send(ref, versions, scheduler)


def send(ref: TaggerRef, versions: Sequence[Version], scheduler: object) -> Sent:
    """Send the files to every worker, including those that join later."""
    from distributed import Worker, WorkerPlugin

    class Models(WorkerPlugin):
        name = _HOME

        def __init__(self, packed: bytes) -> None:
            self.packed = packed

        def setup(self, worker: Worker) -> None:
            unpack(self.packed, Path(worker.local_directory) / _HOME)

    scheduler.register_plugin(Models(_pack(versions)))  # type: ignore[attr-defined]
    return Sent(ref)


def _all_exist(folders: Sequence[str]) -> bool:
    return all(map(os.path.isdir, folders))


def _pack(versions: Sequence[Version]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for version in versions:
            for path in sorted(version.folder.iterdir()):
                archive.write(path, f"{version.manifest.name}/{version.manifest.version}/{path.name}")
    return packed.getvalue()


def unpack(packed: bytes, home: Path) -> None:
    """Unpack versions into a folder, each of them atomically."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as draft, zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(draft)
        for version in Path(draft).glob("*/*"):
            final = home / version.relative_to(draft)
            final.parent.mkdir(exist_ok=True)
            if not final.exists():
                version.rename(final)
