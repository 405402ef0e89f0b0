"""What a location's type and target may be, and the one spelling under which it is registered.

Only says whether the words make sense and are allowed; whether the place answers is found out by reading it.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.conf import settings

from catalog import selection
from catalog.errors import Unreadable
from catalog.hosts import integrations
from catalog.models import Location

DEFAULT_FILE = "catalog-info.yaml"
# `ext::` and every other helper of git that runs programs stays out because it is not named here.
GIT_SCHEMES = frozenset({"https", "http", "ssh", "git", "file"})
_SCP_STYLE = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^/\s-]\S*)")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|[0-9A-Fa-f:.]+")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x20\x7f]")
_TOKEN_NAMES = frozenset({"token", "access_token", "private_token", "job_token", "auth_token", "api_key"})
_GLOB = re.compile(r"[*?\[]")


DISCOVERIES = {Location.Type.GITHUB_DISCOVERY: "github", Location.Type.GITLAB_DISCOVERY: "gitlab"}
ORG_SOURCES = {Location.Type.GITHUB_ORG: "github", Location.Type.GITLAB_ORG: "gitlab"}


class TargetRefused(ValueError):
    """A target that cannot be registered; the message says what to write instead."""


def checked_target(type: str, target: str, *, outside_roots: bool) -> str:
    """The spelling to register `target` under. Raises `TargetRefused`."""
    target = target.strip()
    if not target:
        raise TargetRefused("The target is empty. Write a path, a web address or a git address.")
    if len(target) > 2000:
        raise TargetRefused("The target is longer than 2,000 characters.")
    match type:
        case Location.Type.FILE:
            return _checked_file(target, outside_roots=outside_roots)
        case Location.Type.URL:
            return checked_url(target)
        case Location.Type.GIT:
            url, _, path = target.partition("#")
            return f"{checked_git_url(url)}#{path}" if path else checked_git_url(url)
        case Location.Type.GITHUB_DISCOVERY | Location.Type.GITLAB_DISCOVERY:
            return _checked_discovery(DISCOVERIES[Location.Type(type)], target)
        case Location.Type.GITHUB_ORG | Location.Type.GITLAB_ORG:
            return _checked_owner(ORG_SOURCES[Location.Type(type)], target.partition("#")[0].rstrip("/"))
        case Location.Type.BACKSTAGE:
            return _checked_portal(target)
    raise TargetRefused(
        f"“{type}” is not a type of location. Choose one of {', '.join(Location.Type.values)}."
    )


def _checked_discovery(host_type: str, target: str) -> str:
    try:
        url, selected = selection.parse(target)
    except selection.SelectionInvalid as error:
        raise TargetRefused(str(error)) from error
    return f"{_checked_owner(host_type, url)}#{selected}"


def _checked_owner(host_type: str, url: str) -> str:
    """The address of an organisation, user or group of a host that is set up."""
    checked_url(url)
    try:
        owner = selection.owner_of(url)
        integrations.for_address(url, host_type)
    except (selection.SelectionInvalid, Unreadable) as error:
        raise TargetRefused(str(error)) from error
    if host_type == integrations.GITHUB and "/" in owner:
        raise TargetRefused(f"{url} is a repository. Name its organisation or user, or register it as git.")
    return url


def _checked_portal(target: str) -> str:
    """The address of a portal; behind `#` filters in the language of its API, with ; between them."""
    url, _, filters = target.partition("#")
    url = checked_url(url).rstrip("/").removesuffix("/api/catalog")
    if "?" in url:
        raise TargetRefused(
            "Leave out what follows the question mark. Filters go behind #, like #kind=component."
        )
    found = [part.strip() for part in filters.split(";") if part.strip()]
    return f"{url}#{';'.join(found)}" if found else url


def _checked_file(target: str, *, outside_roots: bool) -> str:
    target = target.removeprefix("file://")
    if "\x00" in target:
        raise TargetRefused("The path holds a zero byte. Write it again by hand.")
    path = Path(target)
    if not path.is_absolute():
        raise TargetRefused(f"“{target}” is not an absolute path. Begin it with /.")
    fixed = fixed_part(path)
    if not outside_roots and root_of(fixed) is None:
        roots = ", ".join(str(root) for root in settings.PORTICO_FILE_ROOTS) or "none"
        raise TargetRefused(
            f"{target} is outside the folders that may be read (PORTICO_FILE_ROOTS: {roots}). Move it there, or ask "
            "whoever runs this server to register it with manage.py register_location."
        )
    return str(path)


def fixed_part(path: Path) -> Path:
    """`path` up to its first part with a wildcard."""
    parts = path.parts
    wild = next((i for i, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return Path(*parts[:wild])


def has_wildcard(path: str) -> bool:
    return bool(_GLOB.search(path))


def root_of(path: Path) -> Path | None:
    """The folder of PORTICO_FILE_ROOTS that holds `path`, symbolic links followed."""
    resolved = path.resolve()
    return next(
        (root for root in settings.PORTICO_FILE_ROOTS if resolved.is_relative_to(root.resolve())), None
    )


def checked_url(url: str) -> str:
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TargetRefused(f"“{url}” is not a web address. Begin it with https://.")
    return url


def checked_git_url(url: str) -> str:
    """A remote that git may be given: a known protocol, a host, no password, nothing that looks like an option."""
    url = url.strip()
    if not url:
        raise TargetRefused(
            "The git address is empty. Write one like https://git.example.com/team/repository.git."
        )
    if _SCP_STYLE.fullmatch(url):
        return url
    parts = _split(url)
    if parts.scheme not in GIT_SCHEMES:
        raise TargetRefused(f"“{url}” is not a git address. Begin it with https:// or ssh://.")
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or root_of(Path(parts.path)) is None:
            raise TargetRefused(f"{url} is outside the folders that may be read (PORTICO_FILE_ROOTS).")
    elif not is_host(parts.hostname or ""):
        raise TargetRefused(
            f"“{url}” names no host. Write it like https://git.example.com/team/repository.git."
        )
    return url


def is_host(name: str) -> bool:
    """A host name or address and nothing else: what resolvers take for a name may hold what a shell or git reads."""
    return _HOST.fullmatch(name) is not None


def _split(url: str) -> SplitResult:
    if _CONTROL_CHARACTERS.search(url):
        raise TargetRefused("The address holds a blank or a control character. Write %20 for a blank.")
    try:
        parts = urlsplit(url)
        holds_token = _holds_token(parts)
        parts.port  # noqa: B018  raises for a port that is no number
    except ValueError:  # its words repeat parts of the address, perhaps of a password
        raise TargetRefused("This address cannot be read. Check its host and port.") from None
    if holds_token:
        raise TargetRefused(
            "Leave names, passwords and tokens out of the address: it is stored and shown in clear. Use git's "
            "credential helper, or an SSH key."
        )
    return parts


def _holds_token(parts: SplitResult) -> bool:
    """Over http a name before the @ may be a token alone (https://ghp_…@github.com/…), as may a parameter."""
    has_name = parts.scheme in {"http", "https"} and parts.username is not None
    return (
        has_name
        or parts.password is not None
        or any(name.lower() in _TOKEN_NAMES for name, _ in parse_qsl(parts.query))
    )
