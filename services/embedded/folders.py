"""Private files, the one-owner lock of a data folder, and whom servers run as under root."""

import fcntl
import os
import pwd
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from geo.errors import EmbeddedError
from services.embedded.processes import SystemUser

# Tried in this order under root: a user made for us, the database's own, then nobody's.
SERVER_USERS = ("straja", "postgres", "nobody")
PASSWORD_BYTES = 24  # 192 bits: nothing to guess, whatever the hash

_held: set[Path] = set()


def make_private(folder: Path, user: SystemUser | None = None) -> Path:
    """Make a folder with mode 0700, owned by `user` (None: by us), and return it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if user is not None:
            os.chown(folder, user.user_id, user.group_id)
    except OSError as error:
        raise EmbeddedError(
            f"folder {folder} cannot be made private ({error.strerror}): give another data "
            f"folder, or start as the user who owns this one."
        ) from error
    return folder


def write_private(path: Path, text: str, user: SystemUser | None = None) -> None:
    """Write a file with mode 0600 whole or not at all, on disk when this returns."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            if user is not None:
                os.fchown(file.fileno(), user.user_id, user.group_id)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_password() -> str:
    """Draw a password of 192 random bits, in letters safe in any file or address."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def server_user(existing: Path | None = None) -> SystemUser | None:
    """Choose whom a server runs as: None (ourselves) unless we are root.

    Args:
        existing: data of an earlier run; its owner, unless root, goes on owning it.

    Raises:
        EmbeddedError: when we are root and there is no other user.
    """
    if os.geteuid() != 0:
        return None
    entries: list[pwd.struct_passwd] = []
    if existing is not None and existing.exists() and (owner := existing.stat().st_uid) != 0:
        try:
            entries.append(pwd.getpwuid(owner))
        except KeyError as error:
            raise EmbeddedError(
                f"{existing} belongs to user id {owner}, which has no name on this machine, and "
                f"PostgreSQL needs one: add that user, or chown the folder to "
                f"{' or '.join(SERVER_USERS)}."
            ) from error
    for name in SERVER_USERS:
        try:
            entries.append(pwd.getpwnam(name))
        except KeyError:
            continue
    if not entries:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and there is no user {' or '.join(SERVER_USERS)}: "
            f"add one (useradd --system straja)."
        )
    first = entries[0]
    return SystemUser(first.pw_name, first.pw_uid, first.pw_gid)


def barrier(path: Path, user: SystemUser | None) -> Path | None:
    """Find the first folder on the way to `path` that `user` may not pass; None when all is open.

    Judged by owner, first group and mode bits; access lists are not read.
    """
    if user is None:
        return None
    for folder in [*reversed(path.resolve().parents)]:
        found = folder.stat()
        if found.st_uid == user.user_id:
            needed = stat.S_IXUSR
        elif found.st_gid == user.group_id:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return folder
    return None


class FolderLock:
    """Lets one process at a time run a server on a data folder.

    A POSIX record lock: it goes with its process, however that ends, and a forked worker that
    outlives it does not keep it.
    """

    def __init__(self, path: Path) -> None:
        """Name the lock's file; nothing is taken yet."""
        self._path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            EmbeddedError: when another process, or another server of this one, has it.
        """
        key = self._path.resolve()
        if key in _held:  # opening the file again would already give our own lock away
            raise EmbeddedError(f"{self._path} is taken by this very process: stop that one first.")
        try:
            handle = os.open(key, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"{self._path} cannot be opened ({error.strerror}): start as the user who owns "
                f"the data folder, or give another."
            ) from error
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise EmbeddedError(
                f"{self._path} is held by process {holder}: a service runs on this data folder "
                f"already; stop it, or give another data folder."
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle
        _held.add(key)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._handle is not None:
            _held.discard(self._path.resolve())
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        """Take it."""
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        self.release()
