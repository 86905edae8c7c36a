"""A sign of life that the operating system keeps: a lock on a file beside the store, gone the moment its process is.

It must not be trusted for more than it says. It proves that a holder's process has ended, so that nobody waits for
the rest of a dead holder's lease; that a living holder may still write is decided by epochs alone. The file is never
removed: a lock on a removed file and one on its successor would both be held.
"""

from __future__ import annotations

import errno
import os
import sys

if sys.platform != "win32":
    import fcntl

__all__ = ["ProcessLock"]

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


class ProcessLock:
    """The lock at `path`. Not reentrant and not for several threads; two instances in one process exclude each
    other."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this instance holds it."""
        return self._descriptor is not None

    def take(self) -> bool | None:
        """True: held now. False: a living process holds it. None: this place has no such locks."""
        if self._descriptor is not None:
            return True
        if sys.platform == "win32":
            return None  # leases then run by their time alone
        descriptor: int | None = None
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if descriptor is not None:
                os.close(descriptor)
            return False if error.errno in _TAKEN and descriptor is not None else None
        self._descriptor = descriptor
        return True

    def let_go(self) -> None:
        """Give it up; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
