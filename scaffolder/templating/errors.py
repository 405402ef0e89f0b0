"""What can go wrong while a template is read or rendered, with the place and the words for its author."""

from __future__ import annotations

EXCERPT_LENGTH = 120  # characters of the source that an error quotes


class ScriptError(Exception):
    """A failure inside an expression, before its place is known; `evaluate` makes it a `TemplatingError`."""


class TemplatingError(Exception):
    """A template that cannot be read or rendered. `where` is a file or a field, `line` counts from 1."""

    def __init__(self, problem: str, *, where: str = "", line: int = 0, excerpt: str = "") -> None:
        self.problem, self.where, self.line, self.excerpt = problem, where, line, excerpt
        super().__init__(problem)

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.where, f"line {self.line}" if self.line else "") if part)
        quoted = f" In: {self.excerpt}" if self.excerpt else ""
        return f"{place}: {self.problem}{quoted}" if place else f"{self.problem}{quoted}"

    def at(self, where: str) -> TemplatingError:
        """The same error, with its place named by who knows it."""
        return TemplatingError(self.problem, where=where, line=self.line, excerpt=self.excerpt)


class LimitReached(TemplatingError):
    """Rendering was stopped because it took too long or grew too big."""


def excerpt_of(source: str, line: int) -> str:
    lines = source.split("\n")
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return text if len(text) <= EXCERPT_LENGTH else text[:EXCERPT_LENGTH] + "…"
