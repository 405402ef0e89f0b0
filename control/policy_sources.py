"""Where the rules of PORTICO_POLICY_PATHS are read: files and folders of this server, and git repositories.

All places are one set. A reading that fails, wherever, keeps the rules in force and is remembered for the page.
Who can fetch repositories registers itself: the guards of git live in a room above.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from control import clock, policy, policy_change
from control.errors import PolicyInvalid
from control.models import Intent, PolicyProposal, PolicyReading, PolicyRevision, State
from control.policy import Loaded

log = logging.getLogger(__name__)
_ONLY = 1  # the key of the one row


class SourceUnreadable(Exception):
    """A repository that could not be read this time; the message says why."""


@dataclass(frozen=True)
class Checkout:
    """The files of one commit, which nobody changes while it is open."""

    path: Path
    commit: str
    author_email: str


GitReader = Callable[[str, str], AbstractContextManager[Checkout]]
_readers: list[GitReader] = []


def register_git_reader(reader: GitReader) -> None:
    """`reader(url, ref)` raises `SourceUnreadable`; an empty `ref` is the head of the repository."""
    if reader not in _readers:
        _readers.append(reader)


@dataclass(frozen=True)
class GitPlace:
    """A folder or file in a repository: https://git.example.com/team/rules.git//policy?ref=main"""

    url: str
    path: str = ""
    ref: str = ""


def git_place(text: str) -> GitPlace:
    """Raises `PolicyInvalid` for what is no such address."""
    if _holds_secret(text):  # not repeated: what is said here is stored and shown
        words = "an address holds a name, password or token. Use git's credential helper, or an SSH key."
        raise PolicyInvalid([("PORTICO_POLICY_PATHS", 1, words)])
    address, _, query = text.partition("?")
    scheme, _, rest = address.partition("://")
    place, _, path = rest.partition("//") if scheme != "file" else _split_file(rest)
    known = parse_qs(query, keep_blank_values=True)
    if set(known) - {"ref"} or ".." in path.split("/"):
        raise PolicyInvalid(
            [(text, 1, "write it like https://git.example.com/team/rules.git//policy?ref=main.")]
        )
    return GitPlace(f"{scheme}://{place}", path.strip("/"), known.get("ref", [""])[-1])


def _holds_secret(text: str) -> bool:
    """Over http a name before the @ may be a token alone; over ssh it is just a name."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return True
    return bool(parts.password) or ("@" in parts.netloc and parts.scheme != "ssh")


def _split_file(rest: str) -> tuple[str, str, str]:
    """`/srv/git/rules.git//policy`: the first slashes belong to the path."""
    place, separator, path = rest[1:].partition("//")
    return rest[:1] + place, separator, path


@dataclass
class _Opened:
    paths: list[Path] = field(default_factory=list)
    roots: dict[Path, str] = field(default_factory=dict)  # folder of a checkout → repository
    commits: dict[str, str] = field(default_factory=dict)
    author_email: str = ""

    def shown(self, path: Path) -> str:
        """Files of a repository by its name and their path in it."""
        for root, url in self.roots.items():
            if path.is_relative_to(root):
                return f"{url.rstrip('/').rpartition('/')[2]}/{path.relative_to(root)}"
        return str(path)


@contextmanager
def _opened(places: Sequence[str | Path]) -> Iterator[_Opened]:
    opened = _Opened()
    with ExitStack() as stack:
        for place in places:
            if isinstance(place, Path):
                opened.paths.append(place)
            else:
                _open_git(git_place(place), opened, stack)
        yield opened


def _open_git(place: GitPlace, opened: _Opened, stack: ExitStack) -> None:
    if not _readers:
        raise PolicyInvalid([(place.url, 1, "no part of this Portico can read repositories.")])
    try:
        checkout = stack.enter_context(_readers[0](place.url, place.ref))
    except SourceUnreadable as error:
        raise PolicyInvalid([(place.url, 1, f"cannot be read: {error}")]) from None
    root = checkout.path.resolve()
    target = root / place.path
    if problem := _unsafe(root, target):
        raise PolicyInvalid([(place.url, 1, problem)])
    opened.roots[root] = place.url
    opened.commits[place.url] = checkout.commit
    opened.author_email = checkout.author_email
    opened.paths.append(target)


def _unsafe(root: Path, target: Path) -> str:
    """A link could lead out of the repository, or hide what forbids something."""
    if not target.exists():
        return f"there is no {target.relative_to(root)} in it."
    above = [target, *target.parents]
    below = (Path(place, name) for place, folders, names in os.walk(target) for name in (*folders, *names))
    for path in (*above[: above.index(root)], *below):
        if path.is_symlink():
            return f"{path.relative_to(root)} is a symbolic link, which is not followed. Put the file itself there."
    return ""


def configured() -> Loaded:
    """What PORTICO_POLICY_PATHS names, else the rules that Portico ships. Raises `PolicyInvalid`."""
    return _configured()[0]


def _configured() -> tuple[Loaded, _Opened]:
    with _opened(settings.PORTICO_POLICY_PATHS or [policy.DEFAULT_PATH]) as opened:
        loaded = policy.load_whole(opened.paths, shown=opened.shown)
        commits = {url.rstrip("/").rpartition("/")[2]: commit for url, commit in opened.commits.items()}
        sources = [_with_commit(source, commits) for source in loaded.sources]
        return replace(loaded, sources=sources), opened


def _with_commit(source: dict[str, str], commits: dict[str, str]) -> dict[str, str]:
    commit = commits.get(source["path"].partition("/")[0])
    return {**source, "commit": commit} if commit else source


def has_git() -> bool:
    return any(not isinstance(place, Path) for place in settings.PORTICO_POLICY_PATHS)


def publish_at_start() -> PolicyRevision:
    """What PORTICO_POLICY_PATHS names; without it the shipped default, unless rules were published before.

    Raises `PolicyInvalid`, and then nothing has changed but that it is remembered.
    """
    if settings.PORTICO_POLICY_PATHS:
        return take_configured()
    return policy.in_force() or policy.publish([policy.DEFAULT_PATH], by=None)


def take_configured() -> PolicyRevision:
    """Read PORTICO_POLICY_PATHS now and put it in force, or propose it where a second person must agree.

    Returns what is in force then. Raises `PolicyInvalid`; whatever came of it is remembered for the page.
    """
    try:
        loaded, opened = _configured()
    except PolicyInvalid as refusal:
        _remember(problem=str(refusal))
        raise
    before = policy.in_force()
    if before and policy_change.needs_second_person(loaded, is_reviewed=True):
        proposal = policy_change.propose_as_portico(loaded, opened.author_email)
        _remember(opened.commits, proposal=proposal, problem=_refused(proposal))
        return before
    origin = PolicyRevision.Origin.GIT if opened.commits else PolicyRevision.Origin.FILES
    revision = policy.put_in_force(loaded, by=None, origin=origin)
    _remember(opened.commits)
    return revision


def _refused(proposal: PolicyProposal) -> str:
    """Why nobody was asked, where the rules do not let Portico itself ask; empty when somebody was."""
    denied = Intent.objects.filter(policy_proposal=proposal, state=State.DENIED).first()
    if denied is None:
        return ""
    message = denied.decisions.latest("id").explanation["message"]
    return (
        f"Other rules were read, and a second person must agree, but nobody could be asked: {message} A rule for "
        f"policy.change may name {{kind: User, name: portico/rules}} among its subjects."
    )


def read_again() -> None:
    """On schedule and by button: nothing is raised, for the page says how it went."""
    if not has_git():
        return
    try:
        take_configured()
    except PolicyInvalid as refusal:
        log.warning("the rules of PORTICO_POLICY_PATHS cannot be taken, those in force stay: %s", refusal)


def last_reading() -> PolicyReading | None:
    return PolicyReading.objects.select_related("proposal__intent").filter(pk=_ONLY).first()


def _remember(
    commits: dict[str, str] | None = None, *, problem: str = "", proposal: PolicyProposal | None = None
) -> None:
    now = clock.now()
    fields: dict[str, object] = {"read_at": now, "problem": problem}
    if commits is not None:
        fields |= {"succeeded_at": now, "commits": commits, "proposal": proposal}
    PolicyReading.objects.update_or_create(pk=_ONLY, defaults=fields)
