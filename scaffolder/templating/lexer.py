"""Cuts a template into tokens the way Nunjucks 3 does. Nothing is decoded or evaluated here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scaffolder.templating.errors import TemplatingError, excerpt_of

BLOCK_START, BLOCK_END = "{%", "%}"
COMMENT_START, COMMENT_END = "{#", "#}"
_SPACE = re.compile(r"[ \n\t\r\u00a0]+")
_WORD = re.compile(r"[^ \n\t\r\u00a0()\[\]{}%*\-+~/#,:|.<>=!]+")
_OPERATOR = re.compile(r"===|!==|==|!=|<=|>=|//|\*\*|[()\[\]{}%*\-+~/#,:|.<>=!]")
_REGEX = re.compile(r"r/((?:\\.|[^/\\\n])*)/([gimy]*)")
_DIGITS = re.compile(r"[0-9]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Token:
    """kind: data, comment, block_start, block_end, variable_start, variable_end, string, number, constant,
    name, regex or operator. `trims` is the dash of `{%-` and `-%}`."""

    kind: str
    text: str
    line: int
    trims: bool = False


@dataclass(frozen=True, slots=True)
class Syntax:
    """What differs between a skeleton, a template.yaml value and a cookiecutter template."""

    variable_start: str = "${{"
    variable_end: str = "}}"
    trim_blocks: bool = False
    lstrip_blocks: bool = False
    compat: bool = False  # cookiecutter: True, False, None and slices are known

    @classmethod
    def cookiecutter(cls, *, trim_blocks: bool = False, lstrip_blocks: bool = False) -> Syntax:
        return cls("{{", "}}", trim_blocks, lstrip_blocks, compat=True)


PLAIN = Syntax()


class Lexer:
    def __init__(self, source: str, syntax: Syntax) -> None:
        self.source, self.syntax = source, syntax
        self.position, self.line, self._in_code = 0, 1, False
        self._trims_newlines = syntax.trim_blocks
        starts = sorted((BLOCK_START, syntax.variable_start, COMMENT_START), key=len, reverse=True)
        self._start = re.compile("|".join(re.escape(start) for start in starts))

    def next(self) -> Token | None:
        """The next token, or None at the end."""
        if self.position >= len(self.source):
            return None
        return self._code() if self._in_code else self._data()

    def fail(self, problem: str, line: int | None = None) -> TemplatingError:
        at = self.line if line is None else line
        return TemplatingError(problem, line=at, excerpt=excerpt_of(self.source, at))

    def raw_until(self, tag: str) -> str:
        """Everything up to the matching `{% endtag %}`, whose opening stays to be read."""
        found = re.compile(rf"\{{%-?\s*(end)?{tag}\s*-?%\}}")
        depth, at = 1, self.position
        while match := found.search(self.source, at):
            depth += -1 if match[1] else 1
            at = match.end()
            if depth == 0:
                return self._take(match.start())
        raise self.fail(f"{{% {tag} %}} is never closed. Add {{% end{tag} %}}.")

    @contextmanager
    def keeping_newlines(self) -> Iterator[None]:
        """What Nunjucks does after `{% endraw %}`, whatever trimBlocks says."""
        self._trims_newlines = False
        try:
            yield
        finally:
            self._trims_newlines = self.syntax.trim_blocks

    def _take(self, end: int) -> str:
        text = self.source[self.position : end]
        self.position = end
        self.line += text.count("\n")
        return text

    def _data(self) -> Token:
        line, source = self.line, self.source
        match = self._start.match(source, self.position)
        if match and match[0] == COMMENT_START:
            return self._comment(line)
        if match:
            return self._open(match[0], line)
        begins_line = self.position == 0 or source[self.position - 1] == "\n"
        found = self._start.search(source, self.position)
        text = self._take(found.start() if found else len(source))
        if found and found[0] == BLOCK_START and self.syntax.lstrip_blocks and (begins_line or "\n" in text):
            text = _without_indent(text)
        return Token("data", text, line)

    def _comment(self, line: int) -> Token:
        end = self.source.find(COMMENT_END, self.position)
        if end < 0:
            raise self.fail("The comment {# is never closed. Add #}.", line)
        text = self._take(end + len(COMMENT_END))
        return Token("comment", text, line)

    def _open(self, start: str, line: int) -> Token:
        self._take(self.position + len(start))
        trims = self.source.startswith("-", self.position)
        if trims:
            self._take(self.position + 1)
        self._in_code = True
        return Token("block_start" if start == BLOCK_START else "variable_start", start, line, trims)

    def _code(self) -> Token | None:
        if space := _SPACE.match(self.source, self.position):
            self._take(space.end())
        line = self.line
        if self.position >= len(self.source):
            return None
        if closing := self._close(line):
            return closing
        current = self.source[self.position]
        if current in "\"'":
            return self._string(current, line)
        if regex := _REGEX.match(self.source, self.position):
            return Token("regex", self._take(regex.end()), line)
        if operator := _OPERATOR.match(self.source, self.position):
            return Token("operator", self._take(operator.end()), line)
        return self._word(line)

    def _close(self, line: int) -> Token | None:
        for end, kind in ((BLOCK_END, "block_end"), (self.syntax.variable_end, "variable_end")):
            for dash in ("", "-"):
                if self.source.startswith(dash + end, self.position):
                    self._take(self.position + len(dash + end))
                    self._in_code = False
                    if kind == "block_end" and self._trims_newlines:
                        self._skip_newline()
                    return Token(kind, end, line, bool(dash))
        return None

    def _skip_newline(self) -> None:
        for newline in ("\r\n", "\n"):
            if self.source.startswith(newline, self.position):
                self._take(self.position + len(newline))
                return

    def _string(self, quote: str, line: int) -> Token:
        at, source, parts = self.position + 1, self.source, []
        while at < len(source) and source[at] != quote:
            if source[at] == "\\" and at + 1 < len(source):
                at += 1
                parts.append(_ESCAPES.get(source[at], source[at]))
            else:
                parts.append(source[at])
            at += 1
        if at >= len(source):
            raise self.fail(f"The text that begins with {quote} is never closed.", line)
        self._take(at + 1)
        return Token("string", "".join(parts), line)

    def _word(self, line: int) -> Token:
        match = _WORD.match(self.source, self.position)
        if match is None:
            raise self.fail(f"Unexpected character {self.source[self.position]!r}.")
        word = self._take(match.end())
        if _DIGITS.fullmatch(word):
            return Token("number", word + self._fraction(), line)
        return Token("constant" if word in ("true", "false", "none", "null") else "name", word, line)

    def _fraction(self) -> str:
        if not self.source.startswith(".", self.position):
            return ""
        digits = _DIGITS.match(self.source, self.position + 1)
        return self._take(digits.end() if digits else self.position + 1)


def _without_indent(text: str) -> str:
    """`text` without the blanks of its last line, when that line is nothing else (lstripBlocks)."""
    head, newline, last = text.rpartition("\n")
    return head + newline if last and not last.strip() else text
