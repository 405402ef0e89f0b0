"""How a broken rule of JSON Schema is told: what is wrong and what to type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.text import slugify

from scaffolder.forms.kinds import kind_of, label_of, option, type_of
from scaffolder.forms.schema import Path, Schema
from scaffolder.forms.validator import Broken, PatternUnusable, matches

_SHOWN = 60  # characters of an answer that a message repeats


def words_for(broken: Broken) -> str:
    return _BY_KEYWORD.get(broken.keyword, _unexplained)(broken)


def missing_words(schema: Schema, path: Path) -> str:
    label = label_of(schema, path)
    kind = kind_of(schema)
    if kind in ("select", "radio", "yesno", "checkboxes"):
        return f"{label} is missing. Choose one of the options."
    if kind in ("entity", "entities"):
        return f"{label} is missing. Choose from the list, or type a name."
    if kind == "rows":
        return f"{label} is empty. Add at least one."
    return f"{label} is missing. Type it here."


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return f"“{text[:_SHOWN]}…”" if len(text) > _SHOWN else f"“{text}”"


def _pattern(broken: Broken) -> str:
    schema, text, pattern = broken.schema, broken.value, broken.rule
    if broken.words == "pattern unusable":
        return f"The template's rule {pattern} cannot be applied. Tell the owner of the template."
    rule = option(schema, "help") or schema.get("description") or f"It must match {pattern}"
    words = f"{shown(text)} does not fit. {str(rule).strip().rstrip('.')}."
    return f"{words} Try {better}." if (better := suggestion(schema, text)) else words


def suggestion(schema: Schema, text: str) -> str:
    """The text as a plain name, if that is what the pattern takes."""
    better = slugify(text)[: schema.get("maxLength", 63)].strip("-")
    try:
        is_good = (
            len(better) >= schema.get("minLength", 1)
            and better != text
            and matches(schema["pattern"], better)
        )
    except PatternUnusable:
        return ""
    return better if is_good else ""


def _long(broken: Broken) -> str:
    over = len(broken.value) - broken.rule
    return f"Too long by {over:,}. At most {broken.rule:,} characters fit."


def _short(broken: Broken) -> str:
    return f"Too short. Type at least {broken.rule:,} characters."


def _range(broken: Broken) -> str:
    low, high = broken.schema.get("minimum"), broken.schema.get("maximum")
    if low is not None and high is not None:
        return f"{broken.value} is outside. Type a number from {low} to {high}."
    word = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}.get(
        broken.keyword, "less than"
    )
    return f"{broken.value} does not fit. Type {word} {broken.rule}."


def _few(broken: Broken) -> str:
    return f"That is {len(broken.value)}. At least {broken.rule} are needed."


def _many(broken: Broken) -> str:
    return f"That is {len(broken.value)}. At most {broken.rule} are taken; remove some."


def _twice(broken: Broken) -> str:
    rows = broken.value
    again = next((row for index, row in enumerate(rows) if row in rows[:index]), "")
    return f"{shown(again)} is there twice. Remove one."


def _fixed(broken: Broken) -> str:
    return "Tick this to go on." if broken.rule is True else f"This must be {shown(broken.rule)}."


def _type(broken: Broken) -> str:
    words = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "yes or no"}
    words |= {"array": "a list", "object": "a group of answers"}
    return f"{shown(broken.value)} is not {words.get(type_of(broken.schema), 'what is asked here')}."


def _unexplained(broken: Broken) -> str:
    if broken.keyword in ("oneOf", "anyOf"):
        groups = [" and ".join(part.get("required", [])) for part in broken.rule]
        if all(groups):
            return f"Answer one of these: {', or '.join(groups)}."
    return f"These answers do not fit together ({broken.words[:120]})."


_BY_KEYWORD: dict[str, Callable[[Broken], str]] = {
    "pattern": _pattern,
    "maxLength": _long,
    "minLength": _short,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _range),
    "multipleOf": lambda broken: f"{broken.value} does not fit. Type a multiple of {broken.rule}.",
    "minItems": _few,
    "maxItems": _many,
    "uniqueItems": _twice,
    "enum": lambda broken: f"{shown(broken.value)} is not one of the options. Choose one from the list.",
    "const": _fixed,
    "type": _type,
}
