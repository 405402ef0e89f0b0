"""What differs between two rule sets, document by document, with the lines that do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import PurePath

from control.policy_text import text_of
from control.policy_yaml import Document

CONTEXT_LINES = 3  # around each difference


@dataclass(frozen=True)
class Line:
    """`sign` is + (only in the later set), - (only in the earlier), a blank (in both) or … (lines left out)."""

    sign: str
    text: str


@dataclass(frozen=True)
class DocumentChange:
    how: str  # added | removed | changed
    kind: str
    name: str
    title: str
    place: str  # file and line of the later one, or of the one that was removed
    lines: tuple[Line, ...]

    @property
    def added(self) -> int:
        return sum(line.sign == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.sign == "-" for line in self.lines)


def changes(before: Iterable[Document], after: Iterable[Document]) -> list[DocumentChange]:
    """Documents that were added, changed or removed, in the order of the later set. A move to another file is none."""
    old, new = _by_name(before), _by_name(after)
    found = [_changed(old.get(key), document) for key, document in new.items()]
    gone = [_removed(document) for key, document in old.items() if key not in new]
    return [*(change for change in found if change), *gone]


def _by_name(documents: Iterable[Document]) -> dict[tuple[str, str], Document]:
    return {(kind_of(document), name_of(document)): document for document in documents}


def kind_of(document: Document) -> str:
    return str(document.data.get("kind", ""))


def name_of(document: Document) -> str:
    return str(document.data.get("metadata", {}).get("name", ""))


def title_of(document: Document) -> str:
    return str(document.data.get("metadata", {}).get("title") or name_of(document))


def place_of(document: Document) -> str:
    """“production.yaml, line 12”."""
    return f"{PurePath(document.path).name}, line {document.line}"


def _changed(before: Document | None, after: Document) -> DocumentChange | None:
    if before is None:
        return _change("added", after, [Line("+", text) for text in _lines(after)])
    if before.data == after.data:
        return None
    return _change("changed", after, list(_differences(_lines(before), _lines(after))))


def _removed(document: Document) -> DocumentChange:
    return _change("removed", document, [Line("-", text) for text in _lines(document)])


def _change(how: str, document: Document, lines: list[Line]) -> DocumentChange:
    return DocumentChange(
        how, kind_of(document), name_of(document), title_of(document), place_of(document), tuple(lines)
    )


def _lines(document: Document) -> list[str]:
    return text_of(document.data).splitlines()


def _differences(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    end = 0
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if group[0][1] > end:
            yield Line("…", "")
        for tag, first, last, start, stop in group:
            if tag == "equal":
                yield from (Line(" ", text) for text in old[first:last])
                continue
            yield from (Line("-", text) for text in old[first:last])
            yield from (Line("+", text) for text in new[start:stop])
        end = group[-1][2]
    if end < len(old):
        yield Line("…", "")
