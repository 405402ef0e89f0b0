"""The documentation folder of an entity, as `backstage.io/techdocs-ref` names it: which pages it has, and one of them.

Read from the files that are kept of the entity's location; nothing is built and no plug-in runs. `mkdocs.yml` gives the
order and titles of pages where it can be read as plain data. Markdown becomes HTML in `documentation.py`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog import tree, yaml12
from catalog.documentation import PAGE_LIMIT_BYTES, Page, render_page
from catalog.errors import Missing, Unreadable
from catalog.models import Entity
from catalog.sources import open_kept_tree

PAGES_LIMIT = 300
_INDEXES = ("index.md", "README.md", "readme.md")


@dataclass(frozen=True)
class PageLink:
    path: str
    title: str
    depth: int = 0


@dataclass(frozen=True)
class Docs:
    links: list[PageLink]
    path: str
    page: Page


def read_docs(entity: Entity, ref: str, path: str) -> Docs:
    """The page at `path` (or the first one) of the folder that `ref` names. Raises `Missing` or `Unreadable`."""
    scheme, _, folder = ref.partition(":")
    if scheme != "dir":
        raise Unreadable(
            "Portico shows documentation that lies beside the descriptor: backstage.io/techdocs-ref: dir:."
        )
    with open_kept_tree(entity) as files:
        start = files.inside(folder or ".").relative_to(files.root.resolve()).as_posix()
        root, settings = _docs_root(files.root, start)
        names = _pages(files.root, root)
        if not names:
            return _readme(files.root, start)
        chosen = (
            path if path in names else "" if path else next((n for n in _INDEXES if n in names), names[0])
        )
        if not chosen:
            raise Missing(f"There is no page {path} in this documentation. Choose one of the others.")
        return Docs(_links(names, settings), chosen, _page(files.root, root, chosen))


def _docs_root(root: Path, start: str) -> tuple[str, dict[str, Any]]:
    """(folder of the pages, mkdocs.yml as data); `docs` unless mkdocs.yml names another."""
    settings: dict[str, Any] = {}
    for name in ("mkdocs.yml", "mkdocs.yaml"):
        try:
            found = yaml12.load(tree.read(root, posixpath.join(start, name)).decode("utf-8", "replace"))
        except (Unreadable, yaml12.YamlError):
            continue
        settings = found if isinstance(found, dict) else {}
        break
    named = settings.get("docs_dir")
    folder = (
        named
        if isinstance(named, str) and ".." not in named.split("/") and not named.startswith("/")
        else "docs"
    )
    return posixpath.normpath(posixpath.join(start, folder)), settings


def _pages(root: Path, folder: str) -> list[str]:
    try:
        real = tree.real_path(root, folder)
    except Unreadable:
        return []
    found = sorted(path.relative_to(real).as_posix() for path in real.rglob("*.md") if path.is_file())
    return [name for name in found if "/." not in f"/{name}"][:PAGES_LIMIT]


def _readme(root: Path, start: str) -> Docs:
    """Without a docs folder the README beside the descriptor is the documentation."""
    for name in ("README.md", "readme.md", "index.md"):
        try:
            return Docs([], name, _page(root, start, name))
        except Missing:
            continue
    raise Missing("There is neither a docs folder with Markdown files nor a README.md. Add docs/index.md.")


def _page(root: Path, folder: str, path: str) -> Page:
    text = tree.read(root, posixpath.join(folder, path))[:PAGE_LIMIT_BYTES].decode("utf-8", "replace")
    return render_page(text, path)


def _links(names: list[str], settings: dict[str, Any]) -> list[PageLink]:
    """The order of mkdocs.yml first, then what it leaves out."""
    listed = list(_from_nav(settings.get("nav"), set(names), 0))
    rest = [name for name in names if name not in {link.path for link in listed}]
    rest.sort(key=lambda name: (name not in _INDEXES, name))
    return listed + [PageLink(name, _title_of(name), name.count("/")) for name in rest]


def _from_nav(nav: object, names: set[str], depth: int) -> Iterator[PageLink]:
    for entry in nav if isinstance(nav, list) and depth < 4 else []:
        if isinstance(entry, str) and entry in names:
            yield PageLink(entry, _title_of(entry), depth)
        for title, target in entry.items() if isinstance(entry, dict) else ():
            if isinstance(target, str) and target in names:
                yield PageLink(target, str(title), depth)
            yield from _from_nav(target, names, depth + 1)


def _title_of(path: str) -> str:
    """`life-of-a-payment.md` as "Life of a payment"; an index has the name of its folder."""
    stem = path.removesuffix(".md")
    if posixpath.basename(path) in _INDEXES:
        stem = posixpath.dirname(path) or "Start"
    words = posixpath.basename(stem).replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]
