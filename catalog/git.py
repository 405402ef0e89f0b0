"""Repositories by `git`, kept as bare copies under PORTICO_HOME/cache/git and handed out as checked-out folders.

A checkout is never changed once it stands: its folder is named after the commit, readers hold a shared lock on it, and
what nobody reads any more goes when a newer one comes. git runs with no hooks, no submodules, no prompts, only the
protocols that are named here, and a time limit; addresses are judged like those of web readers and pinned.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from catalog.errors import Missing, Unreadable
from catalog.network import checked_addresses
from catalog.targets import TargetRefused, checked_git_url

FETCH_SECONDS = 120
CHECKOUT_SECONDS = 120
PACK_LIMIT_BYTES = 512 * 1024 * 1024  # of one fetch, by the limit on file size of the process
TREE_LIMIT_BYTES = 512 * 1024 * 1024
TREE_LIMIT_FILES = 200_000
KEEP_SECONDS = 3_600  # an old checkout that somebody may be about to open
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SAFE = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.askPass=", "core.longPaths=true"),
    *("protocol.allow=never", "fetch.recurseSubmodules=false", "submodule.recurse=false", "gc.auto=0"),
    *("http.followRedirects=false", "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false"),
    *("advice.detachedHead=false", "safe.bareRepository=all"),
)


@dataclass(frozen=True)
class Checkout:
    path: Path
    commit: str


@contextmanager
def kept(url: str, commit: str) -> Iterator[Checkout]:
    """The files of `commit` as an earlier `checkout` left them; no network. Raises `Missing` when they are gone."""
    folder = _folder_of(url)
    if not commit or not (folder / commit).is_dir():
        raise Missing("The files of this repository are not kept on this machine. Read its location again.")
    with _locked(folder / f"{commit}.lock", fcntl.LOCK_SH):
        yield Checkout(folder / commit, commit)


def _folder_of(url: str) -> Path:
    folder: Path = settings.PORTICO_HOME / "cache" / "git" / hashlib.sha256(url.encode()).hexdigest()[:32]
    return folder


@contextmanager
def checkout(url: str, ref: str = "HEAD") -> Iterator[Checkout]:
    """The files of `ref` (a branch, a tag; by default what the remote calls its head) as they are now.

    Raises `Unreadable`, or `Missing` when there is no such branch.
    """
    try:
        url = checked_git_url(url)
    except TargetRefused as error:
        raise Unreadable(str(error)) from error
    folder = _folder_of(url)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock", fcntl.LOCK_EX):
        commit = _fetch(folder, url, ref)
        tree = _checked_out(folder, commit)
        using = _open_lock(folder / f"{commit}.lock", fcntl.LOCK_SH)
        _sweep(folder, commit)
    try:
        yield Checkout(tree, commit)
    finally:
        os.close(using)


def author_of(url: str, commit: str) -> str:
    """The e-mail address of who wrote `commit`, as an earlier `checkout` fetched it. Raises `Unreadable`."""
    repository = _folder_of(checked_git_url(url)) / "repository.git"
    return _git(["show", "--no-patch", "--format=%ae", commit], repository=repository).strip()


def _fetch(folder: Path, url: str, ref: str) -> str:
    repository = folder / "repository.git"
    if not repository.exists():
        fresh = tempfile.mkdtemp(dir=folder, prefix="new-")
        _git(["init", "--quiet", "--bare", "--template=", fresh])
        Path(fresh).rename(repository)
    if ref.startswith("-") or not ref:
        raise Unreadable(f"“{ref}” is not the name of a branch.")
    _git(
        [
            *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--force"),
            *("--no-recurse-submodules", "--", url, f"+{ref}:refs/read/head"),
        ],
        repository=repository,
        remote=url,
    )
    return _git(["rev-parse", "--verify", "refs/read/head^{commit}"], repository=repository).strip()


def _checked_out(folder: Path, commit: str) -> Path:
    tree = folder / commit
    if tree.is_dir():
        return tree
    repository = folder / "repository.git"
    _refuse_huge(repository, commit)
    fresh = Path(tempfile.mkdtemp(dir=folder, prefix="new-"))
    index = fresh.with_suffix(".index")
    try:
        _git(
            [f"--work-tree={fresh}", "read-tree", "-u", "--reset", commit],
            repository=repository,
            seconds=CHECKOUT_SECONDS,
            index=index,
        )
        fresh.rename(tree)
    finally:
        index.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
    return tree


def _refuse_huge(repository: Path, commit: str) -> None:
    sizes = [
        line.split(None, 4)[3]
        for line in _git(["ls-tree", "-r", "-l", commit], repository=repository).splitlines()
    ]
    total = sum(int(size) for size in sizes if size.isdigit())
    if total > TREE_LIMIT_BYTES or len(sizes) > TREE_LIMIT_FILES:
        raise Unreadable(
            f"The repository has {len(sizes):,} files and {total:,} bytes; at most {TREE_LIMIT_FILES:,} files and "
            f"{TREE_LIMIT_BYTES:,} bytes are read. Put the catalogue files into one of their own."
        )


def _sweep(folder: Path, keep: str) -> None:
    """Old checkouts that nobody holds. Called under the exclusive lock of the folder."""
    for tree in folder.iterdir():
        if (
            not tree.is_dir()
            or tree.name in (keep, "repository.git")
            or time.time() - tree.stat().st_mtime < KEEP_SECONDS
        ):
            continue
        lock = folder / f"{tree.name}.lock"
        with suppress(BlockingIOError), _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(tree, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _open_lock(path: Path, operation: int) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, operation)
    except OSError:
        os.close(handle)
        raise
    return handle


@contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    handle = _open_lock(path, operation)
    try:
        yield
    finally:
        os.close(handle)


def _git(
    arguments: Sequence[str],
    *,
    repository: Path | None = None,
    remote: str = "",
    seconds: int = FETCH_SECONDS,
    index: Path | None = None,
) -> str:
    """Run git and return what it prints. Raises `Unreadable` with its last words."""
    options, environment = _for_remote(remote) if remote else ([], {})
    command = ["git", *(part for setting in (*_SAFE, *options) for part in ("-c", setting))]
    command += [f"--git-dir={repository}"] if repository else []
    environment |= {"GIT_INDEX_FILE": str(index)} if index else {}
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment() | environment,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_limit_file_size,  # one system call, between fork and exec
        )
    except FileNotFoundError as error:
        raise Unreadable("git is not installed on this server. Install it to read repositories.") from error
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)  # with the helpers that it started
        process.communicate()
        raise Unreadable(f"git took longer than {seconds} seconds. Try again later.") from error
    if process.returncode:
        raise _explained(errors, remote)
    return output


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (PACK_LIMIT_BYTES, PACK_LIMIT_BYTES))


def _environment() -> dict[str, str]:
    """The portal's own environment without what could redirect git; credentials come from its user's git settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }


def _for_remote(url: str) -> tuple[list[str], dict[str, str]]:
    """Settings that open one protocol and pin the host to an address that was judged."""
    # git@host:path is short for ssh://git@host/path
    parts = urlsplit(url if "://" in url else "ssh://" + url.replace(":", "/", 1))
    scheme, host = parts.scheme, parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(scheme, 0)
    allowed = [f"protocol.{scheme}.allow=always"]
    if scheme == "file":
        return allowed, {}
    address = checked_addresses(host, port)[0]
    shown = f"[{address}]" if ":" in address else address
    if scheme in ("https", "http"):
        return [*allowed, f"http.curloptResolve={host}:{port}:{shown}", "http.proxy="], {}
    if scheme == "ssh":
        ssh = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ProxyCommand=none -o ForwardAgent=no"
        # A shell reads this: what a resolver takes for a name is no protection.
        pinned = f"-o HostName={shlex.quote(address)} -o HostKeyAlias={shlex.quote(host)}"
        return allowed, {"GIT_SSH_COMMAND": f"{ssh} {pinned}"}
    return [*allowed, f"url.git://{shown}:{port}/.insteadOf=git://{parts.netloc}/"], {}


def _explained(errors: str, remote: str) -> Unreadable:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    first = next(
        (line for line in lines if line.startswith("fatal: ")), lines[0] if lines else "no reason given"
    )
    words = first.removeprefix("fatal: ")
    where = f" from {remote}" if remote else ""
    if "couldn't find remote ref" in errors:
        return Missing(f"There is no such branch{where}, or the repository is empty: {words}.")
    if any(
        sign in errors for sign in ("could not read Username", "Authentication failed", "Permission denied")
    ):
        return Unreadable(
            f"The repository cannot be read{where} without signing in. Set up git's credential helper or an SSH key "
            "for the user that runs the portal."
        )
    return Unreadable(f"git could not read{where}: {words.rstrip('.')}.")
