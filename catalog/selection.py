"""Which repositories of an organisation, and which files in them, a discovery is about: one line of text.

    https://github.com/acme#/catalog-info.yaml
    https://gitlab.com/acme/shop#/**/catalog-info.yaml?name=shop-*,web-*&not-topic=sandbox&archived=yes

After `#` the path, where `*` stands for a part of a name and `**/` for any folders; after `?` what a repository must
be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from catalog.hosts.listing import Repository


DEFAULT_PATH = "/catalog-info.yaml"
VISIBILITIES = frozenset({"public", "internal", "private"})
_OPTIONS = ("branch", "name", "topic", "not-topic", "visibility", "archived", "forks")
_YES, _NO = "yes", "no"
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class SelectionInvalid(ValueError):
    """A selection that makes no sense; the message says what to write."""


@dataclass(frozen=True)
class Selection:
    path: str = DEFAULT_PATH
    branch: str = ""  # empty: the default one of each repository
    names: tuple[str, ...] = ()  # patterns; empty: all
    topics: tuple[str, ...] = ()  # one of them is enough
    not_topics: tuple[str, ...] = ()  # none of them may be there
    visibilities: tuple[str, ...] = ()
    archived: bool = False
    forks: bool = False

    def takes(self, repository: Repository) -> bool:
        topics = {topic.lower() for topic in repository.topics}
        return (
            (self.archived or not repository.is_archived)
            and (self.forks or not repository.is_fork)
            and (not self.visibilities or repository.visibility in self.visibilities)
            and (not self.names or any(fnmatchcase(repository.name.lower(), n.lower()) for n in self.names))
            and (not self.topics or bool(topics & set(self.topics)))
            and not topics & set(self.not_topics)
        )

    @property
    def has_wildcard(self) -> bool:
        return "*" in self.path or "?" in self.path

    @property
    def folder(self) -> str:
        """The folder that a fixed path lies in, without slashes at its ends."""
        return self.path.strip("/").rpartition("/")[0]

    def matches(self, path: str) -> bool:
        """Is this path of a repository, without a slash in front, meant?"""
        return _pattern(self.path.lstrip("/")).fullmatch(path) is not None

    def __str__(self) -> str:
        lists = {
            "name": self.names,
            "topic": self.topics,
            "not-topic": self.not_topics,
            "visibility": self.visibilities,
        }
        said = [("branch", self.branch)] + [(name, ",".join(values)) for name, values in lists.items()]
        said += [("archived", _YES if self.archived else ""), ("forks", _YES if self.forks else "")]
        options = "&".join(f"{name}={quote(value, safe='*,/:')}" for name, value in said if value)
        return self.path + (f"?{options}" if options else "")


def parse(target: str) -> tuple[str, Selection]:
    """(address of the organisation or group, what of it). Raises `SelectionInvalid`."""
    url, _, written = target.partition("#")
    path, _, options = written.partition("?")
    return url.rstrip("/"), _selection(path.strip(), dict(parse_qsl(options, keep_blank_values=True)))


def owner_of(url: str) -> str:
    """`acme` of https://github.com/acme, `acme/shop` of https://gitlab.com/acme/shop. Raises `SelectionInvalid`."""
    parts = urlsplit(url)
    owner = parts.path.strip("/")
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.username:
        raise SelectionInvalid(
            f"“{url}” is not the address of an organisation. Write https://github.com/acme."
        )
    if not owner or not all(_OWNER.fullmatch(part) for part in owner.split("/")):
        raise SelectionInvalid(
            f"“{url}” names no organisation or group. Write its address, like https://github.com/acme."
        )
    return owner


def _selection(path: str, options: dict[str, str]) -> Selection:
    unknown = options.keys() - set(_OPTIONS)
    if unknown:
        raise SelectionInvalid(f"{', '.join(sorted(unknown))} is not known. Known: {', '.join(_OPTIONS)}.")
    visibilities = _words(options.get("visibility", ""))
    if not VISIBILITIES.issuperset(visibilities):
        raise SelectionInvalid("visibility is one or more of public, internal and private, by comma.")
    return Selection(
        path=_checked_path(path or DEFAULT_PATH),
        branch=options.get("branch", "").strip(),
        names=_words(options.get("name", "")),
        topics=tuple(word.lower() for word in _words(options.get("topic", ""))),
        not_topics=tuple(word.lower() for word in _words(options.get("not-topic", ""))),
        visibilities=visibilities,
        archived=_is_yes("archived", options),
        forks=_is_yes("forks", options),
    )


def _checked_path(path: str) -> str:
    path = "/" + path.lstrip("/")
    parts = path[1:].split("/")
    if not all(parts) or ".." in parts or "." in parts:
        raise SelectionInvalid(
            f"The path {path} is not one of a file. Write it like /catalog-info.yaml or /**/catalog-info.yaml."
        )
    if any("**" in part and part != "**" for part in parts) or parts[-1] == "**":
        raise SelectionInvalid(f"In {path}, ** must stand alone between slashes, before the name of a file.")
    return path


def _is_yes(name: str, options: dict[str, str]) -> bool:
    word = options.get(name, _NO).lower()
    if word not in (_YES, _NO):
        raise SelectionInvalid(f"{name} is {_YES} or {_NO}.")
    return word == _YES


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("".join(_expressions(path)))


def _expressions(path: str) -> Iterable[str]:
    for token in re.split(r"(\*\*/|\*|\?)", path):
        yield {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}.get(token) or re.escape(token)
