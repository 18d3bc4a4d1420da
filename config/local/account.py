"""Under which user PostgreSQL runs.

PostgreSQL refuses to run as root. Owns the way around it: the user `nobody` when that user can reach the
binaries and the data, else a user namespace in which root looks like `nobody`, else a clear refusal. An
ordinary user runs it as himself.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from config.local.errors import LocalError

_OVERFLOW_ID = 65534


class PopenAccount(TypedDict, total=False):
    """The part of Popen's options that changes the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user to run a child as: ids to change to, or a command to put in front, or neither."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def popen_options(self) -> PopenAccount:
        """Return the options of Popen that change to this user."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a file or a whole directory to this user; only root has anything to give."""
        if os.geteuid() != 0:
            return
        uid, gid = self.uid or 0, self.gid or 0
        if path.is_dir() and path.stat().st_uid != uid:
            for folder, _folders, files in os.walk(path):
                for name in files:
                    os.chown(Path(folder, name), uid, gid, follow_symlinks=False)
                os.chown(folder, uid, gid)
        os.chown(path, uid, gid)


SAME_ACCOUNT = Account()

_UNSHARE = ("unshare", "--user", f"--map-user={_OVERFLOW_ID}", f"--map-group={_OVERFLOW_ID}", "--")


def unprivileged_account(paths: Sequence[Path]) -> Account:
    """Return the account that may run PostgreSQL over these paths; raises LocalError when root has none."""
    if os.geteuid() != 0:
        return _own_account()
    uid, gid = _nobody()
    blocked = [path for path in paths if not reachable(path, uid, gid)]
    if not blocked:
        return Account(uid=uid, gid=gid)
    if _namespaces_work():
        return Account(prefix=_UNSHARE)
    raise LocalError(
        f"PostgreSQL does not run as root, and the user nobody cannot reach {blocked[0]}.\n"
        "Run this as an ordinary user, or move the project to a directory every user may enter "
        "(chmod o+x on each parent), or set DATABASE_URL to a server of your own."
    )


def _own_account() -> Account:
    """Return the user's own account; initdb wants a name, which a container's made-up user id has not."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        if _namespaces_work():
            return Account(prefix=_UNSHARE)
        raise LocalError(f"PostgreSQL needs a named user, and the id {os.geteuid()} has no entry in /etc/passwd.") from None
    return SAME_ACCOUNT


def reachable(path: Path, uid: int, gid: int) -> bool:
    """Say whether a user may enter every directory above a path."""
    return all(_may_enter(parent.stat(), uid, gid) for parent in path.resolve().parents if parent.exists())


def _may_enter(status: os.stat_result, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _OVERFLOW_ID, _OVERFLOW_ID
    return entry.pw_uid, entry.pw_gid


def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0
