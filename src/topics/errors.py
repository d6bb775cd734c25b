"""The exceptions of `topics`, by what the caller can do about them.

    TopicsError
    ├── UsageError          a call or a setting is wrong: change it            (exit code 2)
    │   └── NotFittedError  predict before fit
    ├── DataError           an input cannot be used: fix the file              (exit code 3)
    ├── ModelError          a version cannot be used: name or train another    (exit code 4)
    ├── WorkerDiedError     a process was killed: check its memory and rows    (exit code 1)
    ├── OutputError         an output cannot be written: free some space       (exit code 1)
    └── StoppedError        a job was interrupted: resume it                   (exit code 130)

A message is one line: the wrong value, the valid values, the remedy.
"""

_LISTED = 20
"""Largest number of names in a message."""


class TopicsError(Exception):
    """Base class of all errors that `topics` raises."""

    exit_code = 1


class UsageError(TopicsError):
    """A call, an option or a setting is wrong."""

    exit_code = 2


class NotFittedError(UsageError):
    """An estimator was used before `fit`."""


class DataError(TopicsError):
    """An input cannot be used at all. A single bad row is a `Reject`, not an error."""

    exit_code = 3


class ModelError(TopicsError):
    """A version is missing, damaged, or made by an incompatible version of `topics`."""

    exit_code = 4


class WorkerDiedError(TopicsError):
    """A process of a job was killed, usually for lack of memory. Finished work is kept."""


class OutputError(TopicsError):
    """A job could not write its output. Finished work is kept."""


class StoppedError(TopicsError):
    """A job was interrupted by Ctrl-C. Finished work is kept."""

    exit_code = 130


class DataWarning(UserWarning):
    """An input can be used, but with a caveat."""


class ModelWarning(UserWarning):
    """A version can be used, but with a caveat."""


def counted(number: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def listed(names: object) -> str:
    """Format names for a message, at most twenty: `listed({"b", "a"})` -> `'a', 'b'`."""
    known = [repr(name) for name in sorted(map(str, names))]  # type: ignore[call-overload]
    more = [f"and {len(known) - _LISTED} more"] if len(known) > _LISTED else []
    return ", ".join(known[:_LISTED] + more) or "none"
