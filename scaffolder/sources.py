"""Where a run's skeletons come from: the repository of its template, opened once, and others that steps name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.errors import Unreadable
from catalog.models import Entity
from catalog.sources import Tree, fetch_tree, open_tree
from scaffolder.errors import ActionFailed


class TemplateSources:
    """Open while steps run. The template's own tree is read when the first step needs it."""

    def __init__(self, template_ref: str) -> None:
        self._ref = template_ref
        self._stack = ExitStack()
        self._tree: Tree | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def fetch(self, url: str) -> Iterator[Path]:
        with ExitStack() as opened:
            try:
                found = opened.enter_context(fetch_tree(url, base=self._own_tree()))
            except Unreadable as problem:
                raise ActionFailed(f"{url} cannot be fetched. {problem}") from None
            yield found

    def _own_tree(self) -> Tree:
        if self._tree is None:
            entity = Entity.objects.select_related("location").filter(ref=self._ref).first()
            if entity is None:
                raise ActionFailed(
                    f"The template {self._ref} is no longer in the catalogue, so its files cannot be read. Register it "
                    "again, then run this again."
                )
            self._tree = self._stack.enter_context(open_tree(entity))
        return self._tree
