"""What a browser sent, as a tree. A control is called `v/<property>/<row>/…`; `~` and `/` in names are escaped.

Every control of the page sends something (unticked boxes through a hidden empty twin), so a path without texts was not
on the page: that question is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.http import QueryDict

from scaffolder.forms.schema import MAX_DEPTH, Path

PREFIX = "v/"
CHOICE_PREFIX = "choice/"
_ROW_DIGITS = 6


@dataclass
class Sent:
    texts: list[str] | None = None
    children: dict[str, Sent] = field(default_factory=dict)

    def at(self, part: str | int) -> Sent:
        return self.children.get(str(part), NOTHING)

    def rows(self) -> list[Sent] | None:
        """The rows in order; None when the array was not on the page."""
        if self.texts is None and not self.children:
            return None
        return [self.children[key] for key in sorted(filter(_is_row, self.children), key=int)]

    def is_blank(self) -> bool:
        return not any(text.strip() for text in self.texts or ()) and all(
            c.is_blank() for c in self.children.values()
        )


def _is_row(key: str) -> bool:
    return key.isdecimal() and len(key) <= _ROW_DIGITS


NOTHING = Sent()


def name_of(path: Path) -> str:
    return PREFIX + "/".join(_escape(str(part)) for part in path)


def path_of(name: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in name.removeprefix(PREFIX).split("/")]


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def read(post: QueryDict) -> Sent:
    root = Sent()
    for name in post:
        if name.startswith(PREFIX):
            parts = path_of(name)
            if len(parts) <= 2 * MAX_DEPTH:
                _node(root, parts).texts = [text.replace("\x00", "") for text in post.getlist(name)]
    return root


def read_choices(post: QueryDict) -> dict[str, int]:
    chosen = {
        name.removeprefix(CHOICE_PREFIX): str(post[name]) for name in post if name.startswith(CHOICE_PREFIX)
    }
    return {key: int(text) for key, text in chosen.items() if text.isdecimal() and len(text) < 4}


def _node(root: Sent, parts: list[str]) -> Sent:
    for part in parts:
        root = root.children.setdefault(part, Sent())
    return root


def add_row(root: Sent, name: str) -> None:
    """One more empty row to the array called `name`."""
    array = _node(root, path_of(name))
    array.texts = array.texts or [""]
    last = max((int(key) for key in array.children if _is_row(key)), default=-1)
    array.children[str(last + 1)] = Sent()


def remove_row(root: Sent, name: str) -> None:
    *parts, row = path_of(name)
    _node(root, parts).children.pop(row, None)


def drop_blank_rows(root: Sent) -> None:
    """Rows in which nothing was typed are no answers."""
    for node in _every(root):
        blank = [key for key, child in node.children.items() if _is_row(key) and child.is_blank()]
        if node.texts is not None:
            for key in blank:
                del node.children[key]


def _every(node: Sent) -> Iterator[Sent]:
    yield node
    for child in list(node.children.values()):
        yield from _every(child)
