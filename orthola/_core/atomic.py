"""A file that is replaced as a whole: whenever the process is killed, there is an old or a new one.

The new one is written beside it, as a hidden ``.part`` file that is locked meanwhile. The lock ends
with the process; so a part that nobody holds was left by a killed one, and the next call that comes
to its end sweeps it away. Where there are no such locks (Windows), open files cannot be removed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` where the block ends without an error.

    A link is followed, and the permissions of the old file are kept.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    part, file = _locked_part(folder, name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                shutil.copymode(target, part)
            if os.name == "posix":  # while it is locked: nobody takes it for abandoned
                os.replace(part, target)
        if os.name != "posix":
            os.replace(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    _sync_folder(folder)
    _sweep(folder, name)


def _locked_part(folder: str, name: str) -> tuple[str, BinaryIO]:
    while True:
        part = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.part")
        file = open(part, "xb")  # noqa: SIM115
        # Another process may have seen it before it was locked, and have removed it.
        if _lock(file) and (os.name != "posix" or os.fstat(file.fileno()).st_nlink):
            return part, file
        file.close()


def _lock(file: BinaryIO, *, wait: bool = True) -> bool:
    """Whether this process has it now; without locks in the system or its disk: always."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return wait
    return True


def _sweep(folder: str, name: str) -> None:
    """Remove the parts of `name` that killed processes have left."""
    abandoned = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part")
    for entry in os.listdir(folder or os.curdir):
        if not abandoned.fullmatch(entry):
            continue
        part = os.path.join(folder, entry)
        with suppress(OSError):  # gone meanwhile, or of another user
            with open(part, "r+b") as file:
                free = _lock(file, wait=False)
                if free and os.name == "posix":
                    os.unlink(part)
            if free and os.name != "posix":
                os.unlink(part)


def _sync_folder(folder: str) -> None:
    """Make the new name last through a power failure, where folders can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse
            os.fsync(handle)
    finally:
        os.close(handle)
