"""Folders in the making and folders going away: hidden, so that no reader ever sees half a version.

.draft-x1y2z3/       being filled; becomes a version by one rename
.draft-x1y2z3.lock   held by the process that fills it: a draft whose lock is free has lost its maker
.pruned-VERSION/     was a version; hidden by one rename, then removed
.lock                held by whoever changes what the model's folder shows
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_DRAFT, _GOING, _LOCK = ".draft-", ".pruned-", ".lock"


def lock(home: Path) -> FileLock:
    """Hold what changes the folder of a model; the operating system frees it when the process dies."""
    return FileLock(home / _LOCK)


@contextmanager
def making(home: Path) -> Iterator[Path]:
    """Make a hidden folder; what is left of it in the end, if it was not renamed, is removed."""
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


def hide(folder: Path) -> Path:
    """Take a version out of sight, at once; `remove` what is returned. Call under the lock."""
    return folder.rename(folder.with_name(f"{_GOING}{folder.name}"))


def orphans(home: Path) -> list[Path]:
    """Find drafts whose maker died and what is left of removals. Call under the lock."""
    drafts = {path.with_suffix("") for path in home.glob(f"{_DRAFT}*")}
    return sorted(filter(_is_abandoned, drafts)) + sorted(home.glob(f"{_GOING}*"))


def remove(folder: Path) -> None:
    """Remove a hidden folder, and the lock beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # a lock left behind harms nobody
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
