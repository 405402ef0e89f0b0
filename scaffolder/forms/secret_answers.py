"""Secrets: asked on the last page, handed over apart from the values, never carried, stored in clear or shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scaffolder import markdown
from scaffolder.forms import checking, pickers
from scaffolder.forms.fields import Field
from scaffolder.forms.kinds import is_secret, kind_of, label_of, option, text_option
from scaffolder.forms.schema import Path, Schema

PREFIX = "secret/"
# Backstage sends people through the host's sign-in for it. The portal's own token does the work of those who give none.
_TOKEN: Schema = {
    "type": "string",
    "title": "Your token at the host of the repository",
    "description": "With it the repository is made in your name. Left empty, Portico uses its own.",
}


@dataclass(frozen=True)
class SecretQuestion:
    """`name` is the key below `secrets` in the template's expressions: the property's own name, as in Backstage."""

    name: str
    path: Path
    schema: Schema
    required: bool


def questions(schema: Schema, path: Path = ()) -> Iterator[SecretQuestion]:
    """The secrets that a settled schema asks for, not within rows."""
    required = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        if is_secret(part):
            yield SecretQuestion(name, (*path, name), part, name in required)
            continue
        if key := _asks_for_token(part):
            yield SecretQuestion(key, (*path, name, key), _TOKEN, required=False)
        yield from questions(part, (*path, name))


def _asks_for_token(schema: Schema) -> str:
    """The secret that `ui:options.requestUserCredentials` of a repository picker wants the person's own token in."""
    wish = option(schema, "requestUserCredentials")
    key = wish.get("secretsKey") if isinstance(wish, dict) and kind_of(schema) == "repo" else None
    return key if isinstance(key, str) else ""


def problems_of(
    asked: list[SecretQuestion], given: Mapping[str, str], catalogue: pickers.Catalogue
) -> dict[str, str]:
    found: dict[str, str] = {}
    for question in asked:
        secret = given.get(question.name, "")
        if not secret and question.required:
            found[question.name] = f"{label_of(question.schema, question.path)} is missing. Type it here."
        elif secret:
            rules = {word: part for word, part in question.schema.items() if not word.startswith("ui:")}
            # A message may repeat the answer, so a secret gets one that cannot.
            if checking.problems_of({**rules, "type": "string"}, secret, catalogue):
                found[question.name] = f"This does not fit. {_rule(question.schema)}"
    return found


def _rule(schema: Schema) -> str:
    known = schema.get("description") or text_option(schema, "help")
    lengths = [f"at least {schema['minLength']}"] if "minLength" in schema else []
    lengths += [f"at most {schema['maxLength']}"] if "maxLength" in schema else []
    return known or (
        f"It has {' and '.join(lengths)} characters." if lengths else "Look it up and type it again."
    )


def fields_of(asked: list[SecretQuestion], problems: Mapping[str, str]) -> list[Field]:
    return [
        Field(
            "secret_input",
            question.path,
            PREFIX + question.name,
            label_of(question.schema, question.path),
            question.required,
            description=markdown.line(question.schema.get("description", "")),
            help=markdown.line(text_option(question.schema, "help")),
            error=problems.get(question.name, ""),
            input_type="password",
        )
        for question in asked
    ]
