"""Where `{% set %}`, loops and macros keep their names."""

from __future__ import annotations

from scaffolder.templating.values import UNDEFINED, Undefined, Value


class Frame:
    """A scope. In Nunjucks, unlike in Jinja, `set` inside a loop changes the name of an outer scope, if
    there is one; a macro `isolates`: it reads outer names but does not change them."""

    def __init__(self, parent: Frame | None = None, *, isolates: bool = False) -> None:
        self.parent, self._isolates = parent, isolates
        self.variables: dict[str, Value] = {}

    def find(self, name: str) -> Value:
        frame: Frame | None = self
        while frame:
            if not isinstance(found := frame.variables.get(name, UNDEFINED), Undefined):
                return found
            frame = frame.parent
        return UNDEFINED

    def assign(self, name: str, value: Value) -> None:
        frame: Frame | None = self
        while frame and name not in frame.variables:
            frame = None if frame._isolates else frame.parent
        (frame or self).variables[name] = value
