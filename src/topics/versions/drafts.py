"""Folders in the making and folders going away: hidden, so that no reader ever sees half a version.

.draft-x1y2z3/       being filled; becomes a version by one rename
.draft-x1y2z3.lock   held by the process that fills it: a draft whose lock is free has lost its maker
.pruned-VERSION-5f2/ was a version; hidden by one rename, then removed
.lock                held by whoever changes what the model's folder shows
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

_DRAFT, _GOING, _LOCK = ".draft-", ".pruned-", ".lock"
SOON, LONG = 5.0, 600.0
"""Seconds to wait for a lock before warning, and after that before giving up."""


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Lock the folder of a model for writing; the operating system releases it when the process dies.

    Raises:
        ModelError: another process held it for minutes.
    """
    held = FileLock(home / _LOCK)
    try:
        held.acquire(timeout=SOON)
    except Timeout:
        warnings.warn(f"waiting for {home / _LOCK}, held by another process", ModelWarning, stacklevel=3)
        try:
            held.acquire(timeout=LONG)
        except Timeout as error:
            raise ModelError(
                f"{home / _LOCK}: held by another process for too long; stop it, or try again later"
            ) from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def making(home: Path) -> Iterator[Path]:
    """Create a hidden folder; it is removed at the end unless it was renamed."""
    with lock(home):  # or a pruner could take the draft between its making and its locking
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
    """Hide a version if it exists; `remove` what is returned. Call under the lock."""
    if not os.path.lexists(folder):
        return []
    return [folder.rename(folder.with_name(f"{_GOING}{folder.name}-{uuid.uuid4().hex[:8]}"))]


def orphans(home: Path) -> list[Path]:
    """Find drafts whose maker died and what is left of removals.

    Without the lock, a draft that is just being made may be among them: not to be removed.
    """
    drafts = {path.with_suffix("") for path in home.glob(f"{_DRAFT}*")}
    return sorted(filter(_is_abandoned, drafts)) + sorted(home.glob(f"{_GOING}*"))


def remove(folder: Path) -> None:
    """Remove a hidden folder, and the lock beside it."""
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
