"""Actions whose input is a pydantic model: made from a function, and described by its types and words.

Authors import this through `scaffolder.plugin`. What is wrong with an action is said when its module is imported, so
it is named before a template meets it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, get_type_hints

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.errors import PydanticUserError

from control.capability import Change
from scaffolder.actions.base import Action, Foresee, Input, Output, Work, nothing_outside
from scaffolder.errors import InputInvalid

Given = TypeVar("Given", bound=BaseModel)
Function = Callable[[Work, Given], BaseModel | None]
PlanOf = Callable[[Given], Iterable[Change]]
MAX_DEPTH = 6  # of models in models that a description follows: a model may hold itself
MAX_PROBLEMS = 10  # of one input that are told
_NAME = re.compile(r"[a-z][a-zA-Z0-9]*(?:-[a-zA-Z0-9]+)*(?::[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*)+")


class ActionInvalid(Exception):
    """An action that cannot be offered: what is wrong with it, for its author."""


@dataclass(frozen=True)
class TypedAction(Action):
    """The function never sees input that its types do not allow."""

    model: type[BaseModel] = BaseModel

    def check(self, given: Input) -> None:
        _read(self.name, self.model, given)


def action(
    name: str,
    *,
    example: str,
    plan: PlanOf[Given] | None,
    changes_files: bool = False,
    is_contained: bool = False,
    pretend: Function[Given] | None = None,
) -> Callable[[Function[Given]], TypedAction]:
    """Makes an action of a function of `Work` and a model; its docstring is the description.

    `plan` says in words what a call changes outside of the workspace, before anybody agrees to it and without secrets;
    None says that it changes nothing there. `example` is the YAML of one step. A dry run calls the function itself
    where the action `is_contained` (it calls nobody outside), else `pretend`, else nobody. Raises `ActionInvalid`.
    """

    def made(function: Function[Given]) -> TypedAction:
        taken, given_back = _models(name, function)
        return TypedAction(
            name=_checked_name(name),
            description=_description(name, function),
            schema=_schema(name, taken, "validation"),
            output=_output_schema(name, given_back) if given_back else {},
            perform=partial(_perform, name, function, taken),
            example=_checked_example(name, example),
            changes_files=changes_files,
            foresee=_foresee(name, plan, taken),
            is_contained=is_contained,
            pretend=partial(_perform, name, pretend, taken) if pretend else None,
            model=taken,
        )

    return made


def _models(name: str, function: Function[Given]) -> tuple[type[Given], type[BaseModel] | None]:
    """The models of the second argument and of what is returned."""
    try:
        hints = get_type_hints(function)
    except NameError as problem:
        raise ActionInvalid(f"{name}: the types of {function.__name__} cannot be read: {problem}.") from None
    arguments = list(inspect.signature(function).parameters)
    taken = hints.get(arguments[1]) if len(arguments) == 2 else None
    if not (isinstance(taken, type) and issubclass(taken, BaseModel)):
        raise ActionInvalid(f"{name}: write it as a function (work: Work, given: M), M a pydantic model.")
    back = hints.get("return", type(None))
    if back is not type(None) and not (isinstance(back, type) and issubclass(back, BaseModel)):
        raise ActionInvalid(f"{name}: it must return a pydantic model or None.")
    return taken, None if back is type(None) else back  # type: ignore[return-value]  # as bound by the caller


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ActionInvalid(f"{name!r} is no name of an action. Write it as company:thing:verb.")
    return name


def _description(name: str, function: Function[Given]) -> str:
    first = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
    if not first:
        raise ActionInvalid(f"{name} has no docstring. Its first paragraph is what people read.")
    return " ".join(first.split())


def _checked_example(name: str, example: str) -> str:
    text = inspect.cleandoc(example)
    try:
        step = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise ActionInvalid(f"{name}: the example is no YAML: {problem}") from None
    if not isinstance(step, Mapping) or step.get("action") != name:
        raise ActionInvalid(f"{name}: the example must be one step that begins with `action: {name}`.")
    return f"{text}\n"


def _schema(name: str, model: type[BaseModel], mode: Any) -> dict[str, Any]:
    try:
        whole = model.model_json_schema(mode=mode)
    except PydanticUserError as problem:
        raise ActionInvalid(
            f"{name}: {model.__name__} cannot be described as JSON Schema: {problem.message}"
        ) from None
    found: dict[str, Any] = _inlined(whole, whole.get("$defs", {}), MAX_DEPTH)
    return found


def _output_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = _schema(name, model, "serialization")
    if any(part.get("writeOnly") for part in _parts(schema)):
        raise ActionInvalid(
            f"{name}: the output {model.__name__} holds a secret, and outputs are kept in clear."
        )
    return schema


def _inlined(part: Any, models: Mapping[str, Any], depth: int) -> Any:
    """`part` with models in place of their references, and without the titles that pydantic makes up."""
    if isinstance(part, list):
        return [_inlined(item, models, depth) for item in part]
    if not isinstance(part, Mapping):
        return part
    if isinstance(ref := part.get("$ref"), str):
        if depth == 0:
            return {"type": "object"}
        rest = {key: value for key, value in part.items() if key != "$ref"}
        return _inlined({**models[ref.rpartition("/")[2]], **rest}, models, depth - 1)
    kept = {key: value for key, value in part.items() if key not in ("title", "$defs")}
    if "properties" in kept:
        named = {name: _inlined(one, models, depth) for name, one in kept["properties"].items()}
        kept = {**kept, "properties": named}
    return {
        key: value if key == "properties" else _inlined(value, models, depth) for key, value in kept.items()
    }


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _parts(item)


def _read(name: str, model: type[Given], given: Input) -> Given:
    """Raises `InputInvalid` with a sentence per field; values are left out of them, for they may be secret."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as problem:
        told = problem.errors(include_url=False, include_context=False, include_input=False)
        raise InputInvalid(dict(_told(name, one) for one in told[:MAX_PROBLEMS])) from None


def _told(name: str, problem: Any) -> tuple[str, str]:
    path = "input" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    if problem["type"] == "missing":
        return path, f"{path} is missing; {name} needs it."
    words = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return path, f"{path} does not fit {name}: {words}."


def _perform(name: str, function: Function[Given], model: type[Given], work: Work, given: Input) -> Output:
    read = _read(name, model, given)
    for secret in _secrets_in(read):
        work.hide(secret)
    made = function(work, read)
    return made.model_dump(mode="json", by_alias=True) if made else {}


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        yield from (secret for item in value.values() for secret in _secrets_in(item))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from (secret for item in value for secret in _secrets_in(item))


def _foresee(name: str, plan: PlanOf[Given] | None, model: type[Given]) -> Foresee:
    if plan is None:
        return nothing_outside

    def foresee(given: Input) -> list[Change]:
        return list(plan(_read(name, model, {**given, **_secrets_to_come(model, given)})))

    return foresee


def _secrets_to_come(model: type[BaseModel], given: Input) -> dict[str, str]:
    """No plan sees a secret: asterisks stand for those that are not there yet."""
    fields = model.model_fields.items()
    names = [
        field.alias or name for name, field in fields if field.annotation in (SecretStr, SecretStr | None)
    ]
    return {name: "***" for name in names if not given.get(name)}
