"""What can go wrong, named by what the caller can do about it.

    TopicsError
    ├── UsageError          a call or a configuration is wrong: change it      (exit code 2)
    │   └── NotFittedError  predict before fit
    ├── DataError           an input cannot be used: fix the file              (exit code 3)
    ├── ModelError          a version cannot be used: name or train another    (exit code 4)
    ├── WorkerDiedError     a process of a job was killed: look at its rows    (exit code 1)
    ├── OutputError         a disk is full or cannot be written: make room     (exit code 1)
    └── StoppedError        a job was stopped from outside: start it again     (exit code 130)

A message is one line: the value that is wrong, the values that would be right, the remedy.
"""

_LISTED = 20
"""Names listed in a message, which must stay one line."""


class TopicsError(Exception):
    """Any error that `topics` raises on purpose."""

    exit_code = 1


class UsageError(TopicsError):
    """A call, an option or a configuration is wrong."""

    exit_code = 2


class NotFittedError(UsageError):
    """An estimator was used before `fit`."""


class DataError(TopicsError):
    """An input cannot be used at all. A single bad row is a `Reject`, not an error."""

    exit_code = 3


class ModelError(TopicsError):
    """A version is missing, damaged, or was made for another `topics`."""

    exit_code = 4


class WorkerDiedError(TopicsError):
    """A process of a job was killed, as a machine does that runs out of memory. What is done is done."""


class OutputError(TopicsError):
    """A job could not write. What is done is done."""


class StoppedError(TopicsError):
    """A job was stopped by Ctrl-C. What is done is done."""

    exit_code = 130


class DataWarning(UserWarning):
    """An input can be used, with a caveat."""


class ModelWarning(UserWarning):
    """A version can be used, with a caveat."""


def counted(number: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def listed(names: object) -> str:
    """Known values for a message, of hundreds the first twenty: `listed({"b", "a"})` -> `'a', 'b'`."""
    found = [repr(name) for name in sorted(map(str, names))]  # type: ignore[call-overload]
    more = [f"and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return ", ".join(found[:_LISTED] + more) or "none"
