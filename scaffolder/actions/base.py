"""What an action is, and what it gets to work with. Actions themselves are the other modules of this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from jsonschema import Draft7Validator, ValidationError

from control.capability import Change
from control.models import Intent, User
from scaffolder.errors import InputInvalid
from scaffolder.templating import Budget
from scaffolder.workspace import Workspace

Input = Mapping[str, Any]
Output = Mapping[str, Any]


class Sources(Protocol):
    """Where skeletons come from: beside the template, or a repository of their own."""

    def fetch(self, url: str) -> AbstractContextManager[Path]:
        """A folder (or file) to read only. Raises `ActionFailed`."""


class Journal(Protocol):
    """The log of the run, as an action writes it. Secrets are masked below."""

    def command(self, text: str) -> None: ...

    def info(self, text: str) -> None: ...

    def warning(self, text: str) -> None: ...


class Effects(Protocol):
    """What a step has done outside, kept with the run until it ends."""

    def once(self, name: str, do: Callable[[str], Any]) -> Any:
        """As `Work.once`."""


class Waiting(Protocol):
    """Requests that a step makes in the name of who started the run; `ask` is given the run's own."""

    @property
    def has_asked(self) -> bool:
        """Whether an earlier try of this step asked already."""

    def asked(self, ask: Callable[[Intent], Intent]) -> Intent:
        """The request that this step made in an earlier try, else a new one."""

    def decided(self, ask: Callable[[Intent], Intent]) -> Intent:
        """As `asked`, once it is decided. Until then the run is put aside: raises `PutAside`, which nobody catches."""


@dataclass
class Work:
    """Everything that one call of an action may use."""

    workspace: Workspace
    sources: Sources
    journal: Journal
    requester: User
    requested_at: datetime  # one moment for all tries of a run, so that what they make is the same
    go_on: Callable[[], None]  # call between parts of long work; raises when the run was cancelled
    scratch: Callable[[], Path]  # makes a folder outside the workspace
    effects: Effects
    hide: Callable[[str], None]  # from here on this text is a secret: masked in log, outputs and errors
    waiting: Waiting | None = None  # None where nobody can be asked: in a dry run
    mask: Callable[[Any], Any] = lambda data: (
        data
    )  # puts *** in the place of secrets, for what others will read
    ahead: Callable[[], Sequence[Change]] = (
        tuple  # what the steps after this one will change, as far as it is known
    )
    entities: Mapping[str, Any] | None = (
        None  # by reference, in the place of the catalogue; tests bring theirs
    )
    template: Mapping[str, Any] = field(default_factory=dict)  # the document that the step stands in
    budget: Budget | None = None  # what all rendering together may cost, where somebody waits for it

    @property
    def template_title(self) -> str:
        metadata = self.template.get("metadata") or {}
        return str(metadata.get("title") or metadata.get("name") or "a template")

    def once(self, name: str, do: Callable[[str], Any]) -> Any:
        """What `do` returns; a later try of the same step gets what the first one did, and does nothing.

        `do` gets a key that is the same in every try. A worker may die after the effect and before it is written down,
        so hand the key on to systems that take one (`Idempotency-Key`), or look there before you make anything. `name`
        tells the effects of one step apart. What is returned must be JSON; it is kept sealed until the run ends.
        """
        return self.effects.once(name, do)


Perform = Callable[[Work, Input], Output]
Foresee = Callable[[Input], list[Change]]


def nothing_outside(given: Input) -> list[Change]:  # noqa: ARG001  the shape of Foresee
    return []


@dataclass(frozen=True)
class Action:
    """`schema` and `output` are JSON Schema. `foresee` says what changes outside the workspace.

    A dry run calls `pretend`, which writes into the log what would be done and gives the outputs that there would be;
    or `perform`, where the action `is_contained`: it changes nothing outside the workspace and calls nobody. An action
    with neither is not called at all, and its outputs are made up from `output`.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    perform: Perform
    example: str  # YAML of one step
    output: Mapping[str, Any] = field(default_factory=dict)
    changes_files: bool = False
    foresee: Foresee = nothing_outside
    is_contained: bool = False
    pretend: Perform | None = None
    origin: str = ""  # the package that it comes from, with its version; empty for Portico's own

    @property
    def changes_outside(self) -> bool:
        return self.foresee is not nothing_outside

    @cached_property
    def _validator(self) -> Draft7Validator:
        return Draft7Validator(dict(self.schema))

    def rehearse(self, work: Work, given: Input) -> Output:
        """What a dry run does in the place of `perform`: nothing outside of the workspace changes."""
        if self.pretend is not None:
            return self.pretend(work, given)
        return self.perform(work, given) if self.is_contained else made_up(self.output)

    def check(self, given: Input) -> None:
        """Raises `InputInvalid` with a sentence per field."""
        errors = sorted(
            self._validator.iter_errors(dict(given)), key=lambda error: list(map(str, error.absolute_path))
        )
        if errors:
            raise InputInvalid(dict(told(self.name, error) for error in errors))


_MADE_UP: Mapping[str, Any] = {"number": 1, "integer": 1, "boolean": True, "array": (), "object": {}}


def made_up(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs of the right type where the real ones cannot be known; texts are their names: `<entityRef>`."""
    found: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        kind = part.get("type", "string")
        value = _MADE_UP.get(kind, f"<{name}>") if isinstance(kind, str) else f"<{name}>"
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


_TYPES = {
    "string": "a text",
    "array": "a list",
    "object": "a map",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


def told(action: str, error: ValidationError) -> tuple[str, str]:
    """The place of an error, as `input.files[0].from`, and a sentence about it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    path = "input" + "".join(steps)
    wanted: Any = error.validator_value
    if error.validator == "required":
        given: Any = error.instance
        name = next((name for name in wanted if name not in given), "")
        return f"{path}.{name}", f"{path}.{name} is missing; {action} needs it."
    if error.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        return path, f"{path} must be {' or '.join(_TYPES.get(kind, kind) for kind in kinds)} for {action}."
    if error.validator == "anyOf" and all("required" in part for part in wanted):
        return path, f"{action} needs {' or '.join(part['required'][0] for part in wanted)}."
    # Never the value itself: it may be a secret.
    return path, f"{path} does not fit {action} ({error.validator})."


def object_schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Unknown inputs are let through: templates carry options of other versions."""
    return {"type": "object", "required": list(required), "properties": properties}


def text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


def texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}
