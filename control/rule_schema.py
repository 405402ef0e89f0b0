"""The shape of rule documents as a JSON Schema: for editors that complete and check, and for the reference.

`policy_schema` reads the documents and has the last word: it also knows what no shape can tell (`BEYOND_SHAPE`).
That both agree about the shape is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.capability import registry
from control.models import Decision
from control.policy_approval import (
    LONGEST_STAGE_NAME,
    MOST_COUNT,
    MOST_ESCALATIONS,
    MOST_PARTS,
    MOST_STAGES,
)
from control.policy_fields import API_VERSION, LONGEST_NAME, LONGEST_TITLE
from control.policy_when import MOST_CONDITIONS, MOST_ON_A_ROTA
from control.policy_windows import MOST_EXTENSIONS

Schema = dict[str, Any]

BEYOND_SHAPE = (
    "Names are unique for each kind, and roles and rotas that a document names exist in the set.",
    "Lengths of time are within their bounds: at most 90 d, a default not longer than the maximum.",
    "Steps of escalation are later one by one and before the request expires; a role that decides is not everybody's.",
    "Conditions are valid CEL, tickets valid RE2 patterns, time zones known, moments real.",
    "A rule for a capability that changes Portico itself needs somebody's approval.",
    "Rule tests that lie with the rules pass.",
)
_TEXT = r"\S"
_NAME = rf"^\s*[A-Za-z0-9]([A-Za-z0-9._-]{{0,{LONGEST_NAME - 2}}}[A-Za-z0-9])?\s*$"
_DURATION = (
    r"^\s*(?=\d)(\d{1,6} ?(d|days?)(?![a-z]),? ?(and )?)?(\d{1,6} ?(h|hours?|hrs?)(?![a-z]),? ?(and )?)?"
    r"(\d{1,6} ?(m|mins?|minutes?)(?![a-z]),? ?(and )?)?\s*$"
)
_FILTER = r"^(\s*,)*\s*[^\s,=][^,]*(,\s*([^\s,=][^,]*)?)*$"


def schema() -> Schema:
    """JSON Schema (draft 2020-12) of one document of any kind."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of Portico",
        "description": "One document. Beyond its shape: " + " ".join(BEYOND_SHAPE),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"kind": {"enum": list(KINDS)}},
        "allOf": [_when_kind(kind, make()) for kind, make in KINDS.items()],
        "$defs": _definitions(),
    }


def _when_kind(kind: str, body: Schema) -> Schema:
    known = {"required": ["kind"], "properties": {"kind": {"const": kind}}}
    return {"if": known, "then": body}


def _document(kind: str, description: str, fields: Schema, required: tuple[str, ...]) -> Schema:
    head = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, "metadata": _ref("metadata")}
    return {
        **_mapping(description, {**head, **fields}, ("apiVersion", "kind", "metadata", *required)),
        "title": kind,
    }


def _mapping(description: str, fields: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    shape: Schema = {
        "description": description,
        "type": "object",
        "properties": dict(fields),
        "additionalProperties": False,
    }
    return {**shape, "required": list(required)} if required else shape


def _text(description: str, *, longest: int = 0, needed: bool = False) -> Schema:
    """What need not be there may be null."""
    shape: Schema = {
        "description": description,
        "type": "string" if needed else ["string", "null"],
        "pattern": _TEXT,
    }
    if longest:
        shape["pattern"] = rf"^\s*\S([\s\S]{{0,{longest - 2}}}\S)?\s*$"
    return shape


def _list(description: str, items: Schema, *, least: int = 0, most: int = 0, needed: bool = False) -> Schema:
    shape: Schema = {
        "description": description,
        "type": "array" if needed else ["array", "null"],
        "items": items,
    }
    bounds = {"minItems": least, "maxItems": most}
    return shape | {name: bound for name, bound in bounds.items() if bound}


def _words(description: str, *, least: int = 0, needed: bool = False) -> Schema:
    return _list(description, {"type": "string", "pattern": _TEXT}, least=least, needed=needed)


def _number(description: str, least: int, most: int) -> Schema:
    return {"description": description, "type": "integer", "minimum": least, "maximum": most}


def _ref(name: str, description: str = "") -> Schema:
    found: Schema = {"$ref": f"#/$defs/{name}"}
    return {**found, "description": description} if description else found


def _definitions() -> Schema:
    return {
        "metadata": _mapping(
            "Names a document.",
            {
                "name": {
                    "description": f"Letters, digits and .-_ only, at most {LONGEST_NAME}; unique for its kind.",
                    "type": "string",
                    "pattern": _NAME,
                },
                "title": _text("What people read instead of the name.", longest=LONGEST_TITLE),
                "description": _text("One sentence for people."),
                "labels": {"description": "Yours; Portico does not read them."},
                "annotations": {"description": "Yours; Portico does not read them."},
            },
            ("name",),
        ),
        "duration": {
            "description": "A length of time: 30m, 4h, 1d, 2h30m.",
            "type": "string",
            "pattern": _DURATION,
        },
        "filter": {
            "description": "The catalogue's filter language, like kind=component,spec.type=service; a list means any.",
            "anyOf": [
                {"type": "string", "pattern": _FILTER},
                {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": _FILTER}},
            ],
        },
        "who": {
            "description": "{kind: Group, name: payments}, {kind: User, name: maya.okafor}, or {kind: Everyone}.",
            "anyOf": [_somebody("Group"), _somebody("User"), _everyone()],
        },
        "somebody": {
            "description": "{kind: Group, name: payments} or {kind: User, name: maya.okafor}.",
            "anyOf": [_somebody("Group"), _somebody("User")],
        },
        "decider": {
            "description": "{owners: true} for the owners of the entity, a group, or a person.",
            "anyOf": [
                _mapping("The owners of the entity.", {"owners": {"const": True}}, ("owners",)),
                _ref("somebody"),
            ],
        },
        "approver": {
            "description": "{owners: true}, a group, a person, {role: NAME} for its holders by a RoleBinding there, or "
            "{onCall: NAME} for whoever is on call when they decide.",
            "anyOf": [
                _mapping("The owners of the entity.", {"owners": {"const": True}}, ("owners",)),
                _mapping("Holders of a role.", {"role": _text("Name of a Role.", needed=True)}, ("role",)),
                _mapping(
                    "Who is on call.", {"onCall": _text("Name of an OnCall.", needed=True)}, ("onCall",)
                ),
                _ref("somebody"),
            ],
        },
        "part": _mapping("People who must agree.", _part_fields(), ("anyOf",)),
        "approval": _approval(),
        "person": _mapping(
            "Somebody of a test; no account is needed.",
            {
                "kind": {"description": "User.", "enum": ["User"]},
                "name": _text("Like maya.okafor.", needed=True),
                "groups": _words("Like support."),
            },
            ("name",),
        ),
        "given": _given(),
        "expect": _expect(),
    }


def _somebody(kind: str) -> Schema:
    letters = "".join(f"[{letter.lower()}{letter.upper()}]" for letter in kind)
    fields = {
        "kind": {"const": kind},
        "name": {"type": "string", "pattern": rf"^\s*({letters}:[^:]|[^:\s])[^:]*$"},
        "apiGroup": {"description": "Ignored, for documents that come from Kubernetes."},
    }
    return _mapping(f"A {kind.lower()}.", fields, ("kind", "name"))


def _everyone() -> Schema:
    fields = {"kind": {"const": "Everyone"}, "apiGroup": {"description": "Ignored."}}
    return _mapping("Everybody who is signed in.", fields, ("kind",))


def _part_fields() -> dict[str, Schema]:
    after = {
        "after": _ref("duration", "So long after its stage was reached; shorter than decideWithin."),
        "anyOf": _list("Who may decide too from then on.", _ref("approver"), least=1, needed=True),
    }
    step = _mapping("Who else is let in when nobody answers.", after, ("after", "anyOf"))
    return {
        "anyOf": _list("Who may decide.", _ref("approver"), least=1, needed=True),
        "count": _number("So many different people out of all of these; 1 when left out.", 1, MOST_COUNT),
        "escalation": _list("Later steps come later.", step, most=MOST_ESCALATIONS),
    }


def _approval() -> Schema:
    parts = {
        "allOf": _list(
            "Parts that must all agree, in any order.", _ref("part"), least=1, most=MOST_PARTS, needed=True
        )
    }
    distinct = {
        "distinct": {
            "description": "false lets one person count in several parts and stages; true when left out.",
            "type": "boolean",
        }
    }
    name = {"name": _text("What people read.", longest=LONGEST_STAGE_NAME)}
    stage = {
        "description": "People who must agree before the next stage is asked.",
        "anyOf": [
            _mapping("One part.", {**name, **_part_fields()}, ("anyOf",)),
            _mapping("Several parts.", {**name, **parts}, ("allOf",)),
        ],
    }
    stages = {"stages": _list("One after the other.", stage, least=1, most=MOST_STAGES, needed=True)}
    return {
        "description": "none allows at once; otherwise a part, or several of them. Nobody is nobody, never everybody.",
        "anyOf": [
            {"const": "none"},
            _ref("part"),
            _mapping("Several parts, side by side.", {**parts, **distinct}, ("allOf",)),
            _mapping("Several stages.", {**stages, **distinct}, ("stages",)),
        ],
    }


def _scope() -> Schema:
    return {
        "entities": {
            "anyOf": [_ref("filter"), {"type": "null"}],
            "description": "A filter; left out: every entity.",
        },
        "environments": _words("Left out: every environment.", least=1, needed=True)
        | {"items": {"type": "string", "pattern": _NAME}},
    }


def _role() -> Schema:
    rule = _mapping(
        "Permissions resource:verb, each with each.",
        {
            "resources": _words("Like logs.", least=1, needed=True),
            "verbs": _words("Like read.", least=1, needed=True),
        },
        ("resources", "verbs"),
    )
    outside = _mapping(
        "One membership in an outside system.",
        {
            "connector": _text("Its kind: postgresql.", longest=LONGEST_NAME, needed=True),
            "target": _text("Its name in PORTICO_CONNECTORS.", longest=LONGEST_NAME, needed=True),
            "role": _text("What is given there.", longest=LONGEST_NAME, needed=True),
        },
        ("connector", "target", "role"),
    )
    fields = {
        "rules": _list("What the right consists of.", rule, least=1, needed=True),
        "outside": _list("What changes in other systems while a grant holds.", outside),
    }
    return _document("Role", "What a person can hold.", fields, ("rules",))


def _binding() -> Schema:
    role = _mapping(
        "The role.",
        {
            "kind": {"description": "Role.", "const": "Role"},
            "name": _text("Name of a Role of the set.", needed=True),
            "apiGroup": {"description": "Ignored."},
        },
        ("name",),
    )
    fields = {
        "subjects": _list("Who holds it.", _ref("who"), least=1, needed=True),
        "roleRef": role,
        "spec": _mapping("Where.", _scope()),
    }
    return _document("RoleBinding", "What somebody holds without asking.", fields, ("subjects", "roleRef"))


def _access_rule() -> Schema:
    windows = {
        "maxDuration": _ref("duration", "The longest that may be asked for; needed for roles, at most 90d."),
        "defaultDuration": _ref("duration", "What the form starts with."),
        "startWithin": _ref("duration", "How far ahead a window may begin; left out: at once only."),
        "extensions": _mapping(
            "How often a window is made longer; left out: as often as agreed.",
            {
                "count": _number("So many windows may carry on a first one.", 0, MOST_EXTENSIONS),
                "total": _ref("duration", "How long all of them are together."),
            },
            ("count",),
        ),
        "breakGlass": _break_glass(),
    }
    scope = _scope()
    fields = {
        "roles": _words("Roles that may be asked for; this or capabilities."),
        "capabilities": _words(f"Other requests, like {', '.join(_capabilities())}; this or roles."),
        "subjects": _list("Who may ask.", _ref("who"), least=1, needed=True),
        **scope,
        **windows,
        "approval": _ref("approval", "Who must agree; needed."),
        "when": _conditions(),
        "timeZone": _text("The clock of time.… in conditions, like Europe/Berlin; left out: the portal's."),
        "reason": _reason(),
        "decideWithin": _ref("duration", "A request that nobody decides expires then; left out: after 7 d."),
    }
    spec = _mapping("Who may ask for what.", fields, ("subjects", "approval"))
    nothing = {"anyOf": [{"type": "null"}, {"type": "array", "maxItems": 0}]}
    some = {"type": "array", "minItems": 1}
    only_for_roles = [{"required": [name]} for name in ("environments", *windows)]
    spec["oneOf"] = [
        {"required": ["roles", "maxDuration"], "properties": {"roles": some, "capabilities": nothing}},
        {
            "required": ["capabilities"],
            "properties": {"capabilities": some, "roles": nothing},
            "not": {"anyOf": only_for_roles},
        },
    ]
    return _document(
        "AccessRule", "Who may ask for what, for how long, and who decides.", {"spec": spec}, ("spec",)
    )


def _break_glass() -> Schema:
    who = {"anyOf": _list("Who may review.", _ref("decider"), least=1, needed=True)}
    return _mapping(
        "Lets the people of the rule have its roles at once in an emergency.",
        {
            "maxDuration": _ref("duration", "At most 8h."),
            "reviewWithin": _ref("duration", "So long after the end; 24h when left out."),
            "reviewers": _mapping("Left out: the owners of the entity.", who, ("anyOf",)),
        },
        ("maxDuration",),
    )


def _capabilities() -> list[str]:
    return [name for name in registry.names() if name in ("scaffolder.run", "policy.change")]


def _conditions() -> Schema:
    one = _mapping(
        "One condition.",
        {
            "expression": _text("CEL; must be true.", needed=True),
            "title": _text("What people read instead of the expression; may show values in braces."),
            "message": _text("What somebody is told for whom it does not hold."),
        },
        ("expression",),
    )
    text = {"type": "string", "pattern": _TEXT}
    several = {"type": "array", "minItems": 1, "maxItems": MOST_CONDITIONS, "items": {"anyOf": [text, one]}}
    return {"description": "Conditions in CEL, each of which must hold.", "anyOf": [text, one, several]}


def _reason() -> Schema:
    return _mapping(
        "What the reason must be.",
        {
            "required": {"description": "Whether one is needed; true with ticket.", "type": "boolean"},
            "ticket": _text("A pattern (RE2) that must occur in it."),
            "hint": _text("Said at the field.", longest=200),
            "url": _text("Address of a ticket, with {ticket} in it.")
            | {"pattern": r"^\s*https?://[\s\S]*\{ticket\}"},
        },
    ) | {
        "if": {"required": ["url"], "properties": {"url": {"type": "string"}}},
        "then": {"required": ["ticket"], "properties": {"ticket": {"type": "string"}}},
    }


def _deny_rule() -> Schema:
    fields = {
        "roles": _words('Roles that nobody gets; ["*"] is all.'),
        "capabilities": _words('Other requests that are refused; ["*"] is all.'),
        "subjects": _list("Whom it refuses.", _ref("who"), least=1, needed=True),
        **_scope(),
        "message": _text("What they are told."),
    }
    spec = _mapping("What is refused to whom.", fields, ("subjects",))
    some = {"type": "array", "minItems": 1}
    spec["anyOf"] = [{"required": [name], "properties": {name: some}} for name in ("roles", "capabilities")]
    return _document("DenyRule", "What no other rule can allow.", {"spec": spec}, ("spec",))


def _bundle() -> Schema:
    fields = {
        "roles": _words("Roles that are asked for together, each by its own rule.", least=1, needed=True),
        "environments": _words("Where it is offered; left out: everywhere."),
    }
    return _document("Bundle", "A kit of roles; it gives nothing by itself.", fields, ("roles",))


def _on_call() -> Schema:
    people = _list("Groups and people.", _ref("somebody"), least=1, most=MOST_ON_A_ROTA, needed=True)
    override = _mapping(
        "Somebody else for a while.",
        {
            "from": _text("A time in the zone of the rota, like 2026-12-24T09:00.", needed=True),
            "until": _text("Later than from.", needed=True),
            "people": people,
        },
        ("from", "until", "people"),
    )
    fields = {
        "timeZone": _text("Like Europe/Berlin; left out: the portal's."),
        "start": _text("When the first shift begins, like 2026-11-02T09:00.", needed=True),
        "shift": _ref("duration", "How long each is on call, 1h to 90d."),
        "people": people | {"description": "Taken in turn, one for each shift."},
        "overrides": _list("Exceptions; the later counts.", override),
    }
    spec = _mapping("Who is on call when.", fields, ("start", "shift", "people"))
    return _document("OnCall", "A rota.", {"spec": spec}, ("spec",))


def _visibility_rule() -> Schema:
    fields = {
        "entities": _ref("filter", "What is hidden."),
        "visibleTo": _list("Who sees it besides owners and administrators; [] is nobody.", _ref("who")),
    }
    spec = _mapping("What is hidden from everybody else.", fields, ("entities", "visibleTo"))
    return _document("VisibilityRule", "Whom a part of the catalogue is shown to.", {"spec": spec}, ("spec",))


def _given() -> Schema:
    fields = {
        "subject": _ref("person", "Who asks."),
        "people": _list("Who is there to decide; left out: whoever a rule names.", _ref("person")),
        "entity": {
            "description": "As in catalog-info.yaml, or a reference like component:default/payments.",
            "anyOf": [
                {"type": "string", "pattern": ":"},
                {
                    "type": "object",
                    "required": ["kind", "metadata"],
                    "properties": {
                        "kind": {"type": "string", "pattern": "."},
                        "metadata": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {"name": {"type": "string", "pattern": "."}},
                        },
                    },
                },
            ],
        },
        "environment": _text("Where."),
        "role": _text("What is asked for; this or capability."),
        "capability": _text("Another request; this or role."),
        "duration": _ref("duration", "For how long; for roles."),
        "breakGlass": {"description": "Whether the glass is broken; for roles.", "type": "boolean"},
        "reason": _text("The reason that is given; left out: open."),
        "now": _text("The moment, like 2026-11-25T14:20:00+01:00; left out: a working day at noon, UTC."),
    }
    return _mapping("What holds in the test.", fields)


def _expect() -> Schema:
    fields = {
        "verdict": {"description": "What the rules say.", "enum": list(Decision.Verdict.values)},
        "rule": _text("The rule that decides."),
        "approvers": _words("Whom the rule names: payments, user:maya.okafor."),
        "approvals": {"description": "How many must agree.", "type": ["integer", "null"]},
        "deciders": _words("Which of given.people can decide."),
        "message": _text("A part of what people read."),
    }
    return _mapping("What must come out.", fields, ("verdict",))


def _rule_test() -> Schema:
    case = _mapping(
        "One case; what it gives itself counts before the given of all.",
        {
            "name": _text("What it is about.", needed=True),
            "given": _ref("given"),
            "expect": _ref("expect"),
        },
        ("name", "expect"),
    )
    fields = {
        "given": _ref("given", "Holds for all cases."),
        "expect": _ref("expect", "Without cases."),
        "cases": _list("Several cases.", case, least=1, needed=True),
    }
    document = _document("RuleTest", "What must stay true of the rules.", fields, ())
    document["oneOf"] = [{"required": ["cases"]}, {"required": ["expect"]}]
    return document


KINDS = {
    "Role": _role,
    "AccessRule": _access_rule,
    "RoleBinding": _binding,
    "DenyRule": _deny_rule,
    "Bundle": _bundle,
    "OnCall": _on_call,
    "VisibilityRule": _visibility_rule,
    "RuleTest": _rule_test,
}
