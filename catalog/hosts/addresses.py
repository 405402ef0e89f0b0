"""The address of a file as its repository's page shows it: whose file it is, and what is written relative to it.

`https://HOST/owner/repository/blob/REF/path` on GitHub, `https://HOST/group/…/project/-/blob/REF/path` on GitLab;
`tree` and `raw` mean the same file. A REF is one part of the path: a branch with a slash is written with %2F. `HEAD` is
the default branch.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin

from catalog.errors import Unreadable
from catalog.hosts import integrations
from catalog.hosts.integrations import GITHUB, GITLAB

_FILE = re.compile(
    r"(?P<start>https?://(?P<host>[^/?#]+)/(?P<repository>[^/?#]+(?:/[^/?#]+)+?)/(?P<dash>-/)?(?:blob|tree|raw)"
    r"/(?P<ref>[^/?#]+)/)(?P<path>[^?#]+)"
)


@dataclass(frozen=True)
class FileAddress:
    start: str  # the address up to the path
    host: str
    repository: str  # `owner/name`, or all groups with the project
    ref: str
    path: str  # as on disk, nothing quoted
    host_type: str


def parse(url: str) -> FileAddress | None:
    """The parts of `url`, if it is a file of a host whose kind is known."""
    found = _FILE.fullmatch(url)
    if found is None:
        return None
    host = found["host"].lower()
    type = _type_of(host, has_dash=bool(found["dash"]))
    if not type or (type == GITHUB and found["repository"].count("/") != 1):
        return None
    return FileAddress(
        found["start"], host, found["repository"], unquote(found["ref"]), unquote(found["path"]), type
    )


def _type_of(host: str, *, has_dash: bool) -> str:
    if one := integrations.of_host(host, GITHUB, GITLAB):
        return one.type
    if has_dash or host == "gitlab.com":
        return GITLAB
    return GITHUB if host == "github.com" else ""


def joined(base: str, target: str) -> str:
    """The address that `target` means, written in the file at `base`: within its repository, where it has one."""
    address = parse(base)
    if address is None:
        return urljoin(base, target)
    folder = "" if target.startswith("/") else posixpath.dirname(address.path)
    path = posixpath.normpath(posixpath.join(folder, unquote(target).lstrip("/")))
    if path == ".." or path.startswith("../"):
        raise Unreadable(f"{target} leads out of the repository {address.repository}. Write a whole address.")
    return address.start + quote(path)


def file_address(repository_url: str, ref: str, path: str, host_type: str) -> str:
    """The address of a file's page, in the one spelling that locations found by a discovery have."""
    dash = "-/" if host_type == GITLAB else ""
    return f"{repository_url}/{dash}blob/{quote(ref, safe='')}/{quote(path)}"
