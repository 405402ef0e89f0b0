"""Where descriptors and templates are read from: one way to list, resolve and read, whatever a location is.

Files are named by keys: a path inside the location's tree, or a web address. The guards live below (`tree.py`,
`web.py`, `git.py`); what is read is understood in `reading.py`. `open_tree` and `fetch_tree` serve software templates.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from catalog import git, tree
from catalog.errors import Unreadable
from catalog.hosts import addresses
from catalog.hosts.files import Files
from catalog.models import Entity, Location
from catalog.targets import DEFAULT_FILE, TargetRefused, checked_target, fixed_part, has_wildcard, root_of
from catalog.tree import Tree
from catalog.web import Content, Validators

__all__ = ["Source", "Tree", "fetch_tree", "open_kept_tree", "open_source", "open_tree"]

_REPOSITORY_PAGE = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^/]+)/(?P<owner>[^/]+(?:/[^/]+)*?)/(?P<repo>[^/]+?)(?:\.git)?"
    r"(?:/(?:-/)?(?:tree|blob)/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?"
)


@dataclass(frozen=True)
class Source:
    """An opened location. `root` is None for web addresses.

    `is_whole`: its documents stand for themselves, so no placeholder in them is filled and no target followed.
    """

    entry: str  # path or pattern inside the tree, or the web address
    root: Path | None = None
    revision: str = ""
    files: Files = field(default_factory=Files)
    is_whole: bool = False

    def entries(self) -> list[str]:
        """The keys to begin with. Raises `Unreadable` when there is nothing."""
        return [self.entry] if self.root is None else tree.entries(self.root, self.entry)

    def read(self, key: str) -> bytes:
        """Raises `Missing` or `Unreadable`."""
        found = self.read_if_changed(key, None)
        if found is None:
            raise Unreadable(f"{key} was not sent. Try again later.")
        return found.data

    def read_if_changed(self, key: str, unless: Validators | None) -> Content | None:
        """None when the server says that it is as `unless` was made from. Raises `Missing` or `Unreadable`."""
        if is_web(key):
            return self.files.read_if_changed(key, unless)
        if self.root is None:
            raise Unreadable(
                f"{key} is no web address. A file that is read from the web can only name web addresses."
            )
        return Content(tree.read(self.root, key))

    def resolve(self, base: str, target: str) -> list[str]:
        """The keys that `target`, written in the file `base`, means: several for a pattern."""
        key = self._joined(base, target.strip())
        if len(key) > tree.LONGEST_PATH:
            raise Unreadable(f"{target[:80]}… is longer than {tree.LONGEST_PATH:,} characters.")
        if is_web(key) or self.root is None or not has_wildcard(key):
            return [key]
        return tree.entries(self.root, key)

    def _joined(self, base: str, target: str) -> str:
        if is_web(target):
            return target
        if not target or "\x00" in target or "://" in target:
            raise Unreadable(f"“{target}” is neither a path nor a web address. Write ./path or https://….")
        if target.startswith("/") and not addresses.parse(base):
            raise Unreadable(
                f"{target} is an absolute path. Write it relative to this file, beginning with ./"
            )
        if is_web(base):
            return addresses.joined(base, target)
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(base), target))
        if joined.startswith("../") or joined == "..":
            raise Unreadable(f"{target} leads out of what is read here. Keep the file inside.")
        return joined


def is_web(key: str) -> bool:
    return key.startswith(("https://", "http://"))


@contextmanager
def open_source(location: Location) -> Iterator[Source]:
    """The location, ready to read; a repository is fetched here. Raises `Unreadable`."""
    try:
        # Settings may have become narrower since it was registered.
        target = checked_target(location.type, location.target, outside_roots=location.is_outside_roots)
    except TargetRefused as error:
        raise Unreadable(str(error)) from error
    match location.type:
        case Location.Type.GIT:
            url, _, path = target.partition("#")
            with git.checkout(url) as checkout, Files() as files:
                yield Source(path.strip("/") or DEFAULT_FILE, checkout.path, checkout.commit, files)
        case Location.Type.FILE:
            root = root_for(Path(target))
            with Files() as files:
                yield Source(Path(target).relative_to(root).as_posix(), root, files=files)
        case _:
            with Files() as files:
                yield Source(target, files=files)


def root_for(path: Path) -> Path:
    """The folder that reading of `path` is confined to: the configured root, else the repository or folder around it.

    `path` may name that folder through a symbolic link; what is returned is a prefix of `path` as written.
    """
    fixed = fixed_part(path)
    folder = fixed if fixed.is_dir() else fixed.parent
    root = root_of(fixed)
    around = [folder, *folder.parents]
    if root is not None:
        return next((parent for parent in around if parent.resolve() == root.resolve()), folder)
    return next((parent for parent in around if (parent / ".git").exists()), folder)


@contextmanager
def open_tree(entity: Entity) -> Iterator[Tree]:
    """The files around the descriptor of `entity`, to read only: `base` is the folder that it lies in."""
    path = entity.source_path
    if is_web(path):
        with _repository(path) as opened:
            yield Tree(opened.root, opened.base.parent)
        return
    with open_source(entity.location) as source:
        if source.root is None:
            raise Unreadable(
                f"The files around {path} cannot be read. Register its repository as a git location."
            )
        root = source.root.resolve()
        yield Tree(root, root / posixpath.dirname(path))


@contextmanager
def open_kept_tree(entity: Entity) -> Iterator[Tree]:
    """As `open_tree`, as of the last read of the location and without any network: for pages."""
    location, path = entity.location, entity.source_path
    if location.type != Location.Type.GIT or is_web(path):
        if location.type != Location.Type.FILE or is_web(path):
            raise Unreadable(
                "The files around this descriptor are not kept. Register its repository as a git location."
            )
        with open_tree(entity) as opened:
            yield opened
        return
    with git.kept(location.target.partition("#")[0], location.revision) as checkout:
        root = checkout.path.resolve()
        yield Tree(root, root / posixpath.dirname(path))


@contextmanager
def fetch_tree(url: str, *, base: Tree) -> Iterator[Path]:
    """The folder (or file) that a template names: `./x` and `../x` inside the same tree, or a git repository.

    Addresses may be those of git, or of a repository's page: https://host/owner/repository/tree/branch/folder.
    """
    if not is_web(url) and "://" not in url and not url.startswith("git@"):
        yield base.inside(url)
        return
    with _repository(url) as opened:
        yield opened.base


@contextmanager
def _repository(url: str) -> Iterator[Tree]:
    """A repository named by its page or remote; `base` is the path that the page shows."""
    remote, ref, path = repository_of(url)
    with git.checkout(remote, ref) as checkout:
        root = checkout.path.resolve()
        yield Tree(root, tree.real_path(root, path or "."))


def repository_of(url: str) -> tuple[str, str, str]:
    """(remote, branch, path) of the address of a repository, or of a page of one. A branch is one part of the path."""
    page = _REPOSITORY_PAGE.fullmatch(url)
    if page is None:
        remote, _, path = url.partition("#")
        return remote, "HEAD", path.strip("/")
    pattern = settings.PORTICO_GIT_HOSTS.get(page["host"]) or settings.PORTICO_GIT_HOSTS.get(
        urlsplit(url).hostname or ""
    )
    remote = (
        pattern.format(owner=page["owner"], repo=page["repo"])
        if pattern
        else f"{page['scheme']}://{page['host']}/{page['owner']}/{page['repo']}.git"
    )
    return remote, page["ref"] or "HEAD", (page["path"] or "").strip("/")
