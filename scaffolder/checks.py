"""What `manage.py check` says about actions of installed packages. A bad one is left out, so Portico starts with it."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning

from scaffolder import actions


def packages_of_actions(**_: Any) -> list[CheckMessage]:
    hint = "Templates that use it are refused by its name. Correct the package, then start Portico again."
    return [Warning(str(problem), hint=hint, id="scaffolder.W001") for problem in actions.problems()]
