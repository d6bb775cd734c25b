"""Hidden folders of versions being created or removed, so that readers never see part of a version.

.draft-x1y2z3/       being filled; becomes a version by one rename
.draft-x1y2z3.lock   held by the process that fills it; if the lock is free, that process died
.pruned-VERSION-5f2/ was a version; hidden by one rename, then removed
.lock                held by the process that changes the model's folder
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from topics.errors import ModelError, ModelWarning

_DRAFT, _REMOVED, _LOCK = ".draft-", ".pruned-", ".lock"
WARN_AFTER, GIVE_UP_AFTER = 5.0, 600.0
"""Seconds to wait for a lock before warning, and after that before giving up."""


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Lock the folder of a model for writing; the operating system releases the lock if the process dies.

    Warns (ModelWarning) after `WARN_AFTER` seconds of waiting.

    Raises:
        ModelError: another process holds the lock for `GIVE_UP_AFTER` seconds more.
    """
    file_lock = FileLock(home / _LOCK)
    try:
        file_lock.acquire(timeout=WARN_AFTER)
    except Timeout:
        warnings.warn(f"waiting for {home / _LOCK}, held by another process", ModelWarning, stacklevel=3)
        try:
            file_lock.acquire(timeout=GIVE_UP_AFTER)
        except Timeout as error:
            raise ModelError(
                f"{home / _LOCK}: held by another process for too long; stop it, or try again later"
            ) from error
    try:
        yield
    finally:
        file_lock.release()


@contextmanager
def create(home: Path) -> Iterator[Path]:
    """Create a hidden folder; it is removed at the end unless it was renamed."""
    with lock(home):  # lest the draft be pruned before it is locked
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=home))
        guard = _guard(draft)
        try:
            guard.acquire()
        except OSError:
            remove(draft)
            raise
    try:
        yield draft
    finally:
        guard.release()
        remove(draft)


def hide(folder: Path) -> list[Path]:
    """Hide a version if it exists; return the hidden folder, for `remove`. Call under the lock."""
    if not os.path.lexists(folder):
        return []
    return [folder.rename(folder.with_name(f"{_REMOVED}{folder.name}-{uuid.uuid4().hex[:8]}"))]


def orphans(home: Path) -> list[Path]:
    """List drafts of processes that died, and remains of removals.

    Without the lock, a draft that is just being created may be among them; it must not be removed.
    """
    drafts = {path.with_suffix("") for path in home.glob(f"{_DRAFT}*")}
    return sorted(filter(_is_abandoned, drafts)) + sorted(home.glob(f"{_REMOVED}*"))


def remove(folder: Path) -> None:
    """Remove a hidden folder and its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # a leftover lock is harmless
        folder.with_suffix(_LOCK).unlink()


def _guard(draft: Path) -> FileLock:
    return FileLock(draft.with_suffix(_LOCK))


def _is_abandoned(draft: Path) -> bool:
    guard = _guard(draft)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        return False
    guard.release()
    return True
