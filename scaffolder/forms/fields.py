"""A page as controls to draw: what each shows, is called, explains and complains about. Draws nothing itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from scaffolder import markdown
from scaffolder.forms import kinds, pickers, repo_url
from scaffolder.forms.checking import Problems
from scaffolder.forms.deciding import deciding_names
from scaffolder.forms.defaults import MISSING
from scaffolder.forms.kinds import list_option, option, text_option, ui_field
from scaffolder.forms.reading import Reading
from scaffolder.forms.schema import Path, Schema
from scaffolder.forms.sent import CHOICE_PREFIX, name_of
from scaffolder.forms.settle import row_schema
from scaffolder.hosting import places

DRAWN_AS_SELECT = 25  # entities; more are searched
MOST_ROWS = 200  # of an array, drawn at once


@dataclass(frozen=True)
class Option:
    code: str
    label: str
    hint: str = ""
    disabled: bool = False
    chosen: bool = False
    group: str = ""


@dataclass
class Field:
    """One control. `kind` names its template; `text` is what its input shows."""

    kind: str
    path: Path
    name: str
    label: str
    required: bool = False
    text: str = ""
    description: SafeString | str = ""
    help: SafeString | str = ""
    hint: str = ""  # Portico's own words, quiet
    error: str = ""
    input_type: str = "text"
    placeholder: str = ""
    lines: int = 4
    autofocus: bool = False
    decides: bool = False  # other questions depend on the answer, so the page is drawn again when it changes
    step: str = ""
    longest: int | None = None
    checked: bool = False
    options: list[Option] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    search: str = ""  # signed question of a picker whose list is not whole
    may_add: bool = True
    may_remove: bool = True

    @property
    def id(self) -> str:
        return id_of(self.path) if not self.name.startswith(CHOICE_PREFIX) else _id(self.name)

    @property
    def template(self) -> str:
        return f"scaffolder/form/_{self.kind}.html"

    @property
    def described_by(self) -> str:
        ids = [f"{self.id}-error"] if self.error else []
        return " ".join([*ids, f"{self.id}-hint"] if self.description or self.help or self.hint else ids)

    @property
    def is_group(self) -> bool:
        """Several controls under one heading: a fieldset with a legend instead of a label."""
        return self.kind in ("radio", "yesno", "checkboxes", "group", "rows", "repo")

    @property
    def has_chosen(self) -> bool:
        return any(one.chosen for one in self.options)

    @property
    def is_optional(self) -> bool:
        return not self.required and self.kind not in ("note", "fixed", "group", "checkbox")


def id_of(path: Path) -> str:
    return _id("/".join(map(str, path)))


def _id(text: str) -> str:
    return "f-" + re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):x}_", text)


def fields_of(
    reading: Reading, catalogue: pickers.Catalogue, problems: Problems | None = None
) -> list[Field]:
    """The controls of a page, with its answers in them."""
    builder = _Builder(reading, catalogue, problems or {}, deciding_names(reading.page.schema))
    return builder.children(reading.schema, reading.values, ())


@dataclass
class _Builder:
    reading: Reading
    catalogue: pickers.Catalogue
    problems: Problems
    deciding: set[str]

    def children(self, schema: Schema, value: Any, path: Path) -> list[Field]:
        given = value if isinstance(value, dict) else {}
        required = schema.get("required", [])
        found = [self._choice(choice, path) for choice in schema.get("x-choices", ())]
        for name, part in kinds.ordered(schema):
            if kinds.kind_of(part) != "hidden":
                found.append(self.build(part, given.get(name, MISSING), (*path, name), name in required))
        return found

    def build(self, schema: Schema, value: Any, path: Path, required: bool) -> Field:
        made = Field(
            kind=kinds.kind_of(schema),
            path=path,
            name=name_of(path),
            label=kinds.label_of(schema, path),
            required=required,
            text=self._shown(value, path),
            description=markdown.line(text_option(schema, "description") or schema.get("description", "")),
            help=markdown.line(text_option(schema, "help")),
            hint=_unknown_hint(schema),
            error=self.problems.get(path, ""),
            placeholder=text_option(schema, "placeholder"),
            autofocus=option(schema, "autofocus") is True,
            decides=str(path[-1]) in self.deciding,
        )
        if complete := _COMPLETIONS.get(made.kind):
            complete(self, made, schema, value)
        return made

    def _shown(self, value: Any, path: Path) -> str:
        if path in self.reading.typed:
            return self.reading.typed[path]
        return "" if value is MISSING or value is None else kinds.code_of(value)

    def _choice(self, choice: dict[str, Any], path: Path) -> Field:
        titles: list[str] = choice["titles"]
        options = [Option(str(i), title, chosen=i == choice["chosen"]) for i, title in enumerate(titles)]
        name = CHOICE_PREFIX + choice["key"]
        return Field("select", path, name, "Which one", True, options=options, decides=True)

    def _text(self, made: Field, schema: Schema, value: Any) -> None:
        made.input_type = kinds.input_type(schema)
        made.longest = schema.get("maxLength")
        made.lines = min(max(_whole(option(schema, "rows"), 4), 2), 30)
        if examples := schema.get("examples"):
            made.options = [Option(str(one), str(one)) for one in examples]

    def _number(self, made: Field, schema: Schema, value: Any) -> None:
        made.step = "1" if kinds.type_of(schema) == "integer" else "any"

    def _checkbox(self, made: Field, schema: Schema, value: Any) -> None:
        made.checked = value is True

    def _chosen(self, made: Field, schema: Schema, value: Any) -> None:
        made.options = [
            Option(one.code, one.label, one.hint, one.disabled, value is not MISSING and one.value == value)
            for one in kinds.choices(schema)
        ]

    def _ticked(self, made: Field, schema: Schema, value: Any) -> None:
        given = value if isinstance(value, list) else []
        made.options = [
            Option(one.code, one.label, one.hint, one.disabled, one.value in given)
            for one in kinds.choices(schema["items"])
        ]

    def _group(self, made: Field, schema: Schema, value: Any) -> None:
        made.children = self.children(schema, value, made.path)

    def _rows(self, made: Field, schema: Schema, value: Any) -> None:
        given = value if isinstance(value, list) else []
        simple = kinds.kind_of(schema.get("items", {})) not in ("group", "rows")
        least = schema.get("minItems", 0)
        count = max(len(given), least, 1 if simple and not given else 0)
        for index in range(min(count, MOST_ROWS)):
            path = (*made.path, index)
            part = row_schema(schema, index, self.reading.choices, made.path)
            row = self.build(part, given[index] if index < len(given) else MISSING, path, True)
            row.label = f"{kinds.label_of(schema.get('items', {}), ()) or made.label} {index + 1}"
            row.decides = False
            made.children.append(row)
        made.may_add = (
            count < min(schema.get("maxItems", MOST_ROWS), MOST_ROWS)
            and option(schema, "addable") is not False
        )
        made.may_remove = count > max(least, 1 if simple else 0) and option(schema, "removable") is not False

    def _entity(self, made: Field, schema: Schema, value: Any) -> None:
        what = pickers.wanted(schema)
        offer = self.catalogue.offer(what)
        made.options = [self._entity_option(one, what, value) for one in offer.options]
        has_own = made.kind == "entity" and option(schema, "allowArbitraryValues") is not True
        if has_own and offer.is_whole and 0 < len(offer.options) <= DRAWN_AS_SELECT:
            made.kind = "entity_select"
            if made.text and not any(one.chosen for one in made.options):
                made.options.append(Option(made.text, made.text, chosen=True, group="Not in the catalogue"))
        elif made.kind == "entities" and offer.is_whole and 0 < len(offer.options) <= DRAWN_AS_SELECT:
            made.kind = "checkboxes"
        else:
            self._searched(made, offer, what, value)

    def _searched(self, made: Field, offer: pickers.Offer, what: pickers.Wanted, value: Any) -> None:
        made.search = pickers.seal(what)
        if isinstance(value, list):
            made.text = "\n".join(map(str, value))
        if not offer.options:
            made.hint = (
                "The catalogue has nothing of this kind yet. Type a reference such as group:default/name."
            )
        elif not offer.is_whole:
            made.hint = f"Type to search; the first {len(offer.options)} are offered at once."

    def _entity_option(self, one: pickers.EntityOption, what: pickers.Wanted, value: Any) -> Option:
        label = one.label if len(what.kinds) <= 1 else f"{one.label} ({one.ref.partition(':')[0]})"
        chosen = one.ref in value if isinstance(value, list) else one.ref == value
        return Option(one.ref, label, one.name, chosen=chosen, group="Yours" if one.own else "")

    def _tags(self, made: Field, schema: Schema, value: Any) -> None:
        made.text = " ".join(map(str, value)) if isinstance(value, list) else ""
        made.hint = "Separate them by blanks."
        made.options = [Option(tag, tag) for tag in self.catalogue.tags]

    def _json(self, made: Field, schema: Schema, value: Any) -> None:
        if value is not MISSING and made.path not in self.reading.typed:
            made.text = json.dumps(value, indent=2, ensure_ascii=False)
        made.hint = made.hint or 'Write JSON, for example {"name": "value"}.'

    def _repo(self, made: Field, schema: Schema, value: Any) -> None:
        host, parts = repo_url.split(made.text)
        hosts = repository_hosts(schema)
        host = host or (hosts[0] if hosts else "")
        made.children = [self._part(made, "host", "Host", host, hosts)]
        limits = {
            "owner": "allowedOwners",
            "organization": "allowedOrganizations",
            "project": "allowedProjects",
        }
        for part in repo_url.parts_for(host):
            offered = list_option(schema, limits.get(part.name, "allowedRepos"))
            text = parts.get(part.name, "") or (offered[0] if len(offered) == 1 else "")
            made.children.append(self._part(made, part.name, part.label, text, offered))
        made.children[0].decides = True
        if host and host not in places.hosts():
            made.hint = f"Portico has no address for {host} yet, so only the template itself can reach it."

    def _part(self, repo: Field, name: str, label: str, text: str, offered: list[str]) -> Field:
        path = (*repo.path, name)
        options = [Option(one, one, chosen=one == text) for one in offered]
        kind = "select" if options else "text"
        return Field(kind, path, name_of(path), label, True, text=text, options=options, error="")


_COMPLETIONS = {
    **dict.fromkeys(("text", "textarea"), _Builder._text),
    **dict.fromkeys(("select", "radio", "yesno"), _Builder._chosen),
    **dict.fromkeys(("entity", "entities"), _Builder._entity),
    "number": _Builder._number,
    "checkbox": _Builder._checkbox,
    "checkboxes": _Builder._ticked,
    "group": _Builder._group,
    "rows": _Builder._rows,
    "tags": _Builder._tags,
    "json": _Builder._json,
    "repo": _Builder._repo,
}


def repository_hosts(schema: Schema) -> list[str]:
    """Hosts of the template that can be published to; all of the template's if none can; all if it names none."""
    known = places.hosts()
    allowed = list_option(schema, "allowedHosts")
    return [host for host in allowed if host in known] or allowed or known


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _unknown_hint(schema: Schema) -> str:
    name = ui_field(schema)
    return (
        f"Made for the field {name}, which Portico does not have. Type the value."
        if _is_unknown(name)
        else ""
    )


def _is_unknown(name: str) -> bool:
    return bool(name) and name not in kinds.KNOWN_FIELDS


def every(fields: list[Field]) -> Iterator[Field]:
    for one in fields:
        yield one
        yield from every(one.children)
