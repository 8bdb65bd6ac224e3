"""PostgreSQL refuses to run as root: as whom it runs then, and where its files lie so that this user reaches them.

Nobody's folders are opened up for it: what the user can't reach (a clone in /root) is kept under ``OUTSIDE`` instead.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from localstack.child import Account, StartError

OUTSIDE = Path("/var/lib/adclicks")
USER = "nobody"
PLACE = "place"


def account_for(folder: Path) -> Account | None:
    """None: as who we are. As root: the owner of the data that ``folder`` has already, else ``nobody``."""
    if os.geteuid() != 0:
        return None
    data = folder / "data"
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise StartError(
            f"PostgreSQL does not run as root, and there is no user '{USER}' to run it as: "
            "run this as an ordinary user, or add one of that name."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def reachable_folder(folder: Path, account: Account | None) -> Path:
    """``folder``, or a folder under ``OUTSIDE`` that stands for it when ``account`` can't enter ``folder``."""
    if account is None:
        return folder
    if not can(account, "-x", folder.parent):
        return _outside(folder, account)
    if folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
    return folder


def reachable_copy(tree: Path, parts: tuple[str, ...], probe: str, version: str, account: Account | None) -> Path:
    """``tree``, or a copy of its ``parts`` under ``OUTSIDE`` when ``account`` can't execute ``tree/probe``."""
    if account is None or can(account, "-x", tree / probe):
        return tree
    target = OUTSIDE / "programs" / version
    if not target.exists():
        unfinished = _make(OUTSIDE / "programs" / f".{version}.{os.getpid()}")
        for part in parts:
            shutil.copytree(tree / part, unfinished / part, symlinks=True)
        # Another start may have been faster: then its copy is as good.
        if not target.exists():
            unfinished.rename(target)
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def erase_outside(folder: Path) -> None:
    """Removes what stands for ``folder`` under ``OUTSIDE``, if anything does."""
    shutil.rmtree(_stand_in(folder), ignore_errors=True)


def can(account: Account, test: str, path: Path) -> bool:
    """Whether ``account`` passes ``test(1)``'s ``-x``, ``-w`` … on ``path``. Asked for real: modes alone don't tell."""
    command = ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)]
    asked = subprocess.run(  # noqa: S603 - our own words
        command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False
    )
    return asked.returncode == 0


def _stand_in(folder: Path) -> Path:
    return OUTSIDE / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def _outside(folder: Path, account: Account) -> Path:
    """The stand-in belongs to this very ``folder``: after `make clean` the next start begins anew there too."""
    stand_in, place = _stand_in(folder), folder / PLACE
    token = place.read_text().split()[-1] if place.exists() else secrets.token_hex(8)
    owner = stand_in.with_suffix(".token")
    if not owner.exists() or owner.read_text() != token:
        shutil.rmtree(stand_in, ignore_errors=True)
        _make(stand_in)
        owner.write_text(token)
    place.write_text(f"{stand_in} {token}\n")
    os.chown(stand_in, account.uid, account.gid)
    return stand_in


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whatever the umask: the user has to pass through here.
        for passed in (OUTSIDE, folder):
            passed.chmod(0o755)
    except OSError as error:
        raise StartError(
            f"{folder} can't be made ({error.strerror}), and the user '{USER}' can't reach this clone: "
            "clone to where all users may enter, set ADCLICKS_DATA_DIR to such a folder, or run as an ordinary user."
        ) from error
    return folder
