"""Which locations a host's message concerns: those that read a changed file, and discoveries that may find others."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from django.db.models import Q, QuerySet

from catalog import selection
from catalog.hosts.integrations import GITHUB, Integration
from catalog.models import Location, SourceFile
from catalog.pushes import Change, Push
from catalog.targets import DEFAULT_FILE, has_wildcard

_DISCOVERY = {"github": Location.Type.GITHUB_DISCOVERY, "gitlab": Location.Type.GITLAB_DISCOVERY}
_PEOPLE = {"github": Location.Type.GITHUB_ORG, "gitlab": Location.Type.GITLAB_ORG}
MOST_PATHS = 500  # of one push that are looked up one by one; more are "any may have changed"


def concerned(integration: Integration, change: Push | Change) -> QuerySet[Location]:
    """The locations that are owed a read. Only of the host that signed: a body cannot speak for another."""
    if isinstance(change, Change):
        return _of_owner(integration, change.owner, change.what)
    if change.host != integration.host:
        return Location.objects.none()
    found = [*_single_files(integration, change), *_git(change), *_discoveries(integration, change)]
    return Location.objects.filter(pk__in=[location.pk for location in found])


def _of_owner(integration: Integration, owner: str, what: str) -> QuerySet[Location]:
    """What was registered for the owner, or for a group that it lies in."""
    type = (_PEOPLE if what == "people" else _DISCOVERY)[integration.type]
    parts = owner.lower().split("/")
    owners = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    found = [
        location.pk
        for location in Location.objects.filter(type=type)
        if _host_and_path(location.target)[0] == integration.host
        and _host_and_path(location.target)[1].lower() in owners
    ]
    return Location.objects.filter(pk__in=found)


def _host_and_path(target: str) -> tuple[str, str]:
    parts = urlsplit(target.partition("#")[0])
    return parts.netloc.lower(), parts.path.strip("/")


def _single_files(integration: Integration, push: Push) -> Iterator[Location]:
    """Web addresses of files of the repository: the location itself, what it points to, and what it pulls in."""
    dash = "" if integration.type == GITHUB else "-/"
    refs = [quote(push.branch, safe=""), *(["HEAD"] if push.is_default else [])]
    starts = [
        f"{scheme}://{push.host}/{push.repository}/{dash}{form}/{ref}/"
        for scheme in ("https", "http")
        for form in ("blob", "tree")
        for ref in refs
    ]
    if push.paths is None or len(push.paths) > MOST_PATHS:
        files, targets = _any(starts, "key__startswith"), _any(starts, "target__startswith")
    else:
        keys = [start + quote(path) for start in starts for path in push.paths]
        files, targets = Q(key__in=keys) | Q(reads__has_any_keys=keys), Q(target__in=keys)
    reading = SourceFile.objects.filter(files).values("location")
    yield from Location.objects.filter(Q(targets, type=Location.Type.URL) | Q(pk__in=reading))


def _any(starts: list[str], lookup: str) -> Q:
    condition = Q()
    for start in starts:
        condition |= Q(**{lookup: start})
    return condition


def _git(push: Push) -> Iterator[Location]:
    """Repositories that are cloned: their default branch is what is read."""
    if not push.is_default:
        return
    for location in Location.objects.filter(type=Location.Type.GIT, target__icontains=push.repository):
        url, _, path = location.target.partition("#")
        if _is_remote_of(url, push) and _reads_one_of(location, path or DEFAULT_FILE, push):
            yield location


def _is_remote_of(url: str, push: Push) -> bool:
    """`https://host/owner/name.git`, `git@host:owner/name.git` and the like."""
    parts = urlsplit(url if "://" in url else "ssh://" + url.replace(":", "/", 1))
    host = push.host.partition(":")[0]
    path = parts.path.strip("/").removesuffix(".git").lower()
    return (parts.hostname or "") == host and path == push.repository.lower()


def _reads_one_of(location: Location, path: str, push: Push) -> bool:
    if push.paths is None:
        return True
    if has_wildcard(path):
        return any(fnmatchcase(changed, path) for changed in push.paths) or _knows(location, push)
    is_below = any(changed == path or changed.startswith(f"{path.rstrip('/')}/") for changed in push.paths)
    return is_below or _knows(location, push)


def _knows(location: Location, push: Push) -> bool:
    keys = list(push.paths or ())
    return location.files.filter(Q(key__in=keys) | Q(reads__has_any_keys=keys)).exists()


def _discoveries(integration: Integration, push: Push) -> Iterator[Location]:
    """Those of the owner whose pattern the push adds a file to, or takes one from."""
    if not push.shape_changed:
        return
    owner = push.repository.rpartition("/")[0]
    for location in _of_owner(integration, owner, "repositories"):
        _, selected = selection.parse(location.target)
        is_read = push.branch == selected.branch if selected.branch else push.is_default
        if is_read and (push.paths is None or any(map(selected.matches, push.paths))):
            yield location
