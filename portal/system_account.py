"""The system account that PostgreSQL runs as when Portico is started by root, whom PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "portico"
_BORROWED = "nobody"  # where accounts cannot be made


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """May others pass every folder above `path`? (The account is in no group but its own.)"""
        return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)

    def can_run(self, program: Path) -> bool:
        return program.stat().st_mode & 0o005 == 0o005 and self.can_reach(program)


def account_for_server() -> Account | None:
    """None for an ordinary user: the server then runs as them."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _make()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make() -> pwd.struct_passwd:
    if shutil.which("useradd"):
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME],
            check=False,
            capture_output=True,
        )
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return pwd.getpwnam(_BORROWED)


def current_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""  # a number without a name, as some containers start with
