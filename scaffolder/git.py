"""Making one commit of a folder and pushing it, with git as a tool that reads no settings of anybody.

A commit is made of the files, the words, the person and the moment that they are given, nothing else, so doing it
twice gives the same commit. Reading repositories is `catalog.git`.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from catalog.errors import Unreadable
from catalog.network import checked_addresses
from catalog.targets import TargetRefused, checked_git_url, root_of
from scaffolder.errors import ActionFailed

COMMAND_SECONDS = 120
PUSH_SECONDS = 300
_POLL_SECONDS = 0.2
_MAX_SAID = 400  # characters of git's words that an error repeats
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)))[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}(?<![./])")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_SAFE = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.askPass=", "core.autocrlf=false"),
    *("core.excludesFile=/dev/null", "core.attributesFile=/dev/null"),
    *(
        "core.fileMode=true",
        "core.symlinks=true",
        "commit.gpgSign=false",
        "gc.auto=0",
        "protocol.allow=never",
    ),
    *(
        "http.followRedirects=false",
        "submodule.recurse=false",
        "push.recurseSubmodules=no",
        "core.safecrlf=false",
    ),
)


class NameTaken(ActionFailed):
    """The remote holds something else than what is to be pushed."""


@dataclass(frozen=True)
class Person:
    name: str
    email: str


@dataclass(frozen=True)
class Login:
    """A name and a token, told to one host over http(s) in a header: never in an address, argument or message."""

    user: str
    token: str = field(repr=False)

    def environment(self, origin: str) -> dict[str, str]:
        """Settings of git that only its own process sees, and that no other host is told."""
        basic = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{origin}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }


@dataclass(frozen=True)
class Remote:
    """A repository that may be pushed to. `is_made_here`: a bare repository on this machine, created when missing.

    Without `login`, git asks the credential helper or SSH key of the user that runs the worker.
    """

    url: str
    is_made_here: bool = False
    login: Login | None = None

    @property
    def scheme(self) -> str:
        return self.parts.scheme

    @property
    def parts(self) -> SplitResult:
        """`git@host:path` is short for ssh://git@host/path."""
        return urlsplit(self.url if "://" in self.url else "ssh://" + self.url.replace(":", "/", 1))

    @property
    def label(self) -> str:
        """`owner/name`, for people."""
        return "/".join(self.url.removesuffix(".git").replace(":", "/").split("/")[-2:])


def checked_remote(url: str, *, is_made_here: bool = False, is_configured: bool = False) -> Remote:
    """Raises `ActionFailed` for what git must not be given. `is_configured`: from PORTICO_GIT_HOSTS."""
    try:
        url = checked_git_url(url)
    except TargetRefused as refusal:
        raise ActionFailed(f"The repository cannot be written to. {refusal}") from None
    remote = Remote(url, is_made_here)
    if remote.scheme not in ("https", "ssh", "file") and not is_configured:
        raise ActionFailed(f"{url} is not written to over {remote.scheme}. Use https:// or ssh://.")
    return remote


def checked_branch(name: str) -> str:
    if not _BRANCH.fullmatch(name):
        raise ActionFailed(f"{name!r} cannot be the name of a branch. Use letters, digits, - and /.")
    return name


def create_bare(remote: Remote) -> None:
    """Make the repository of a file:// remote, whole or not at all; nothing when it is there."""
    target = Path(urlsplit(remote.url).path)
    if root_of(target) is None:
        raise ActionFailed(f"{remote.url} is outside the folders for repositories (PORTICO_FILE_ROOTS).")
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    try:
        _git(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(fresh)])
        fresh.chmod(0o755)
        fresh.rename(target)
    except OSError:
        if not target.exists():  # somebody else made it meanwhile: theirs is as good
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


class Repository:
    """git's own data in a folder of its own; the files stay where they are."""

    def __init__(self, data: Path, files: Path, *, go_on: Callable[[], None]) -> None:
        self._data, self._files, self._go_on = data, files, go_on

    def commit(self, message: str, *, author: Person, at: datetime) -> str:
        """The commit of everything in the folder, and its hash. Files that .gitignore names stay out."""
        self._run(["init", "--quiet", "--template=", "--initial-branch=main"])
        self._run(["add", "--all", "--", "."])
        return self._committed(self._run(["write-tree"]).strip(), message, author, at)

    def commit_onto(self, head: str, message: str, *, author: Person, at: datetime, even_empty: bool) -> str:
        """The commit that puts the files over those of `head`, which was fetched.

        Where that changes nothing it is `head` itself, or a commit without changes with `even_empty`.
        """
        self._run(["read-tree", head])
        self._run(["add", "--no-all", "--", "."])
        tree = self._run(["write-tree"]).strip()
        if not even_empty and tree == self._run(["rev-parse", f"{head}^{{tree}}"]).strip():
            return head
        return self._committed(tree, message, author, at, parent=head)

    def _committed(self, tree: str, message: str, author: Person, at: datetime, *, parent: str = "") -> str:
        who = {"NAME": author.name, "EMAIL": author.email, "DATE": at.strftime("%Y-%m-%dT%H:%M:%S%z")}
        environment = {
            f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()
        }
        onto = ["-p", parent] if parent else []
        return self._run(
            ["commit-tree", tree, *onto, "-F", "-"], environment=environment, text=message
        ).strip()

    def fetch(self, remote: Remote, branch: str) -> str:
        """The newest commit of a branch, without those before it."""
        self._run(["init", "--quiet", "--template=", "--initial-branch=main"])
        options = ["--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"]
        self._run(["fetch", *options, "--", remote.url, f"refs/heads/{branch}"], remote=remote)
        return self._run(["rev-parse", "FETCH_HEAD"]).strip()

    def push_onto(self, commit: str, remote: Remote, branch: str) -> None:
        """Move a branch forward to `commit`, or begin it there. git refuses what would drop somebody's work."""
        self._run(
            ["push", "--quiet", "--no-verify", "--", remote.url, f"{commit}:refs/heads/{branch}"],
            remote=remote,
        )

    def push(self, commit: str, remote: Remote, branch: str) -> bool:
        """Make `branch` of the remote this commit. False when it is already; `NameTaken` when it is something else."""
        heads = self.heads(remote)
        if heads.get(f"refs/heads/{branch}") == commit:
            return False
        if heads:
            raise NameTaken(_taken(remote))
        target = f"{commit}:refs/heads/{branch}"
        try:
            self._run(["push", "--quiet", "--no-verify", "--", remote.url, target], remote=remote)
        except ActionFailed:
            if self.heads(remote).get(f"refs/heads/{branch}", commit) != commit:
                raise NameTaken(_taken(remote)) from None
            raise
        return True

    def heads(self, remote: Remote) -> dict[str, str]:
        """The branches of the remote, as `refs/heads/NAME`, and their commits."""
        listed = self._run(["ls-remote", "--heads", "--", remote.url], remote=remote)
        pairs = (line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
        return {ref: commit for commit, ref in pairs}

    def _run(
        self,
        arguments: Sequence[str],
        *,
        remote: Remote | None = None,
        environment: Mapping[str, str] | None = None,
        text: str = "",
    ) -> str:
        places = [f"--git-dir={self._data}", f"--work-tree={self._files}"]
        return _git(
            [*places, *arguments],
            remote=remote,
            environment=environment,
            text=text,
            folder=self._files,
            go_on=self._go_on,
        )


def _taken(remote: Remote) -> str:
    return (
        f"The name {remote.label} is taken: {remote.url} already holds something else. Start a new run with another "
        "name, or empty that repository and run this one again."
    )


def _git(
    arguments: Sequence[str],
    *,
    remote: Remote | None = None,
    environment: Mapping[str, str] | None = None,
    text: str = "",
    folder: Path | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> str:
    """Run git and return what it prints. Raises `ActionFailed` with its last words."""
    options, own = _for_remote(remote) if remote else ([], {})
    command = ["git", *(part for setting in (*_SAFE, *options) for part in ("-c", setting)), *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**_environment(remote), **own, **(environment or {})},
        cwd=folder,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    output, errors = _waited(process, text, PUSH_SECONDS if remote else COMMAND_SECONDS, go_on)
    if process.returncode:
        raise _explained(errors, remote)
    return output


def _waited(
    process: subprocess.Popen[str], text: str, seconds: float, go_on: Callable[[], None]
) -> tuple[str, str]:
    """What the process says; it is killed with its helpers when it takes too long or the run is cancelled."""
    ends_at, given = time.monotonic() + seconds, text or None
    try:
        while True:
            try:
                return process.communicate(given, timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                given = None
                go_on()
                if time.monotonic() > ends_at:
                    raise ActionFailed(f"git took longer than {seconds:g} s. Try again later.") from None
    except BaseException:
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise


def _environment(remote: Remote | None) -> dict[str, str]:
    """Nobody's settings for what makes the commit; for the network the user's own, which hold the credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nobody = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "GIT_ASKPASS": "", "LC_ALL": "C"}
    needs_credentials = remote is not None and remote.scheme != "file" and not remote.login
    return kept | quiet | ({} if needs_credentials else nobody)


def _for_remote(remote: Remote) -> tuple[list[str], dict[str, str]]:
    """Settings that open one protocol and pin the host to an address that was judged."""
    allowed = [f"protocol.{remote.scheme}.allow=always", "protocol.ext.allow=never"]
    if remote.scheme == "file":
        return allowed, {}
    parts = remote.parts
    own = remote.login.environment(f"{parts.scheme}://{parts.netloc}") if remote.login else {}
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[remote.scheme]
    if is_configured_host(parts.netloc.rpartition("@")[2]):
        return allowed, _ssh(host) if remote.scheme == "ssh" else own
    try:
        address = checked_addresses(host, port)[0]
    except Unreadable as refusal:
        raise ActionFailed(f"{remote.url} cannot be reached. {refusal}") from None
    if remote.scheme == "ssh":
        return allowed, _ssh(host, address)
    shown = f"[{address}]" if ":" in address else address
    return [*allowed, f"http.curloptResolve={host}:{port}:{shown}", "http.proxy="], own


def _ssh(host: str, address: str = "") -> dict[str, str]:
    pinned = f" -o HostName={shlex.quote(address)} -o HostKeyAlias={shlex.quote(host)}" if address else ""
    return {"GIT_SSH_COMMAND": f"ssh -o BatchMode=yes -o ConnectTimeout=10 -o ProxyCommand=none{pinned}"}


def is_configured_host(netloc: str) -> bool:
    """Whether the operator named this host as one to publish to."""
    hosts = {
        urlsplit(pattern).netloc.rpartition("@")[2].lower() for pattern in settings.PORTICO_GIT_HOSTS.values()
    }
    return netloc.lower() in hosts


def _explained(errors: str, remote: Remote | None) -> ActionFailed:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    words = next(
        (line for line in lines if line.startswith(("fatal: ", "error: "))),
        lines[0] if lines else "no reason",
    )
    words = words.removeprefix("fatal: ").removeprefix("error: ")[:_MAX_SAID].rstrip(".")
    where = f" with {remote.url}" if remote else ""
    if any(
        sign in errors
        for sign in ("could not read Username", "Authentication failed", "Permission denied", "error: 403")
    ):
        if remote and remote.login:
            return ActionFailed(
                f"{remote.url} does not let the token write. Give the token of PORTICO_INTEGRATIONS the right to."
            )
        return ActionFailed(
            f"Portico may not write to {remote.url if remote else 'the repository'}. Set up git's credential helper or "
            "an SSH key for the user that runs the worker."
        )
    if "does not appear to be a git repository" in errors or "not found" in errors:
        return ActionFailed(f"There is no repository{where}: {words}. Create it first, or check the name.")
    return ActionFailed(f"git could not do its work{where}: {words}.")
