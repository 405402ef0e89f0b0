"""Rule sets: read whole, refused with file and line, swapped at once, kept as revisions."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from control import policy, policy_sources
from control.errors import PolicyInvalid
from control.models import AuditEvent, PolicyRevision

ROLE = """\
apiVersion: portico.dev/v1
kind: Role
metadata: {name: logs}
rules: [{resources: [logs], verbs: [read]}]
"""
RULE = """\
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: logs}
spec:
  roles: [logs]
  subjects: [{kind: Group, name: support}]
  entities: "kind=component"
  environments: [production]
  maxDuration: 4h
  approval: {anyOf: [{owners: true}]}
"""


def write(folder: Path, *documents: str, name: str = "rules.yaml") -> Path:
    path = folder / name
    path.write_text("---\n".join(documents))
    return path


def problems_of(folder: Path, *documents: str) -> list[tuple[int, str]]:
    with pytest.raises(PolicyInvalid) as refusal:
        policy.load([write(folder, *documents)])
    return [(line, message) for _, line, message in refusal.value.problems]


def test_a_whole_set_is_read(tmp_path: Path) -> None:
    found = policy.load([write(tmp_path, ROLE, RULE)])
    assert found.roles["logs"].permissions == ("logs:read",)
    assert found.environments("logs") == ["production"]


def test_files_of_a_folder_are_one_set(tmp_path: Path) -> None:
    write(tmp_path, ROLE, name="a.yaml")
    write(tmp_path, RULE, name="b.yml")
    write(tmp_path, "this: is no rule", name="README.md")
    assert len(policy.load([tmp_path]).documents) == 2


@pytest.mark.parametrize(
    ("broken", "line", "words"),
    [
        (RULE.replace("environments:", "enviroments:"), 8, "enviroments is not a field here. Known: roles"),
        (
            RULE.replace("roles: [logs]", "roles: [lugs]"),
            5,
            "there is no Role lugs. Roles of this set: logs.",
        ),
        (RULE.replace("maxDuration: 4h", "maxDuration: forever"), 9, "“forever” is not a length of time"),
        (RULE.replace("  maxDuration: 4h\n", ""), 4, "maxDuration is missing: access always ends."),
        (RULE.replace("maxDuration: 4h", "maxDuration: 100d"), 9, "longer than 90\u00a0d"),
        (
            RULE.replace("maxDuration: 4h", "maxDuration: 4h\n  defaultDuration: 5h"),
            10,
            "defaultDuration is longer",
        ),
        (RULE.replace('"kind=component"', '"kind=,=x"'), 7, "entities is not a filter"),
        (RULE.replace('"kind=component"', '""'), 7, "entities must be a filter"),
        (RULE.replace('"kind=component"', "[]"), 7, "entities must be a filter"),
        (RULE.replace('"kind=component"', "7"), 7, "entities must be a filter"),
        (
            RULE.replace("  approval: {anyOf: [{owners: true}]}\n", ""),
            4,
            "approval is missing. Say who decides",
        ),
        (
            RULE.replace("{anyOf: [{owners: true}]}", "{anyOf: []}"),
            10,
            "must be a list with at least one entry",
        ),
        (RULE.replace("{owners: true}", "{kind: Everyone}"), 10, "Everyone cannot decide"),
        (RULE.replace("{owners: true}", "{owners: false}"), 10, "owners is not a field here"),
        (RULE.replace("[{owners: true}]", "[{owners: true}], count: 0"), 10, "count must be a whole number"),
        (
            RULE.replace("{kind: Group, name: support}", "{kind: Team, name: support}"),
            6,
            "kind must be Group, User",
        ),
        (
            RULE.replace("[{kind: Group, name: support}]", "[]"),
            6,
            "spec.subjects must be a list with at least one",
        ),
        (
            RULE.replace("roles: [logs]", "roles: [logs]\n  capabilities: [x]"),
            4,
            "name either roles or capabilities",
        ),
        (RULE.replace("portico.dev/v1", "portico.dev/v2"), 1, "apiVersion must be portico.dev/v1"),
        (RULE.replace("AccessRule", "AcessRule"), 2, "kind AcessRule: write one of Role, RoleBinding"),
        (RULE.replace("{name: logs}", "{}"), 3, "metadata.name must be text"),
        (RULE.replace("environments: [production]", "environments: []"), 8, "environments is empty"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_write(
    tmp_path: Path, broken: str, line: int, words: str
) -> None:
    offset = ROLE.count("\n") + 1
    found = problems_of(tmp_path, ROLE, broken)
    assert any(at == line + offset and words in message for at, message in found), found


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    broken = RULE.replace("4h", "soon").replace("kind: Group", "kind: Team").replace("[logs]", "[lugs]")
    assert len(problems_of(tmp_path, ROLE, broken)) == 3


def test_a_name_given_twice_is_refused_and_the_first_place_named(tmp_path: Path) -> None:
    ((line, words),) = problems_of(tmp_path, ROLE, ROLE)
    assert line == 8
    assert "Role logs exists already in" in words
    assert "rules.yaml, line 1. Rename one." in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Role\nkind: Role\n", "kind is written twice"),
        ("a: [1\n", "not valid YAML"),
        ("- just\n- a list\n", "must be a mapping"),
        ("a: &x [*x]\n", "aliases make this document too large"),
        ("", "there is no rule document here"),
    ],
)
def test_what_is_no_rule_document_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in message for _, message in problems_of(tmp_path, text))


def test_words_that_look_like_yes_or_a_date_stay_words(tmp_path: Path) -> None:
    found = policy.load(
        [write(tmp_path, ROLE.replace("[logs], verbs: [read]", "[on], verbs: [no, 2026-11-23]"))]
    )
    assert found.roles["logs"].permissions == ("on:no", "on:2026-11-23")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match=r"nowhere.yaml, line 1: cannot be read: No such file"):
        policy.load([tmp_path / "nowhere.yaml"])


def test_a_file_that_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"kind: Role\nname: \xff\n")
    with pytest.raises(PolicyInvalid, match="line 2: not UTF-8 text"):
        policy.load([path])


@pytest.mark.django_db
def test_publishing_puts_a_set_in_force_and_says_so_in_the_record(tmp_path: Path) -> None:
    revision = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    assert policy.in_force() == revision
    assert AuditEvent.objects.get(action="policy.published").summary == f"Rules {revision.short} are in force"
    assert revision.sources[0]["path"].endswith("rules.yaml")


@pytest.mark.django_db
def test_the_same_rules_again_are_the_same_revision_wherever_they_stand(tmp_path: Path) -> None:
    first = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    moved = write(tmp_path, "# A comment\n" + RULE, ROLE, name="other.yaml")
    assert policy.publish([moved], by=None) == first
    assert AuditEvent.objects.filter(action="policy.published").count() == 1


@pytest.mark.django_db
def test_a_set_with_a_mistake_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    good = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    with pytest.raises(PolicyInvalid):
        policy.publish([write(tmp_path, ROLE, RULE.replace("4h", "soon"))], by=None)
    assert policy.in_force() == good
    assert PolicyRevision.objects.count() == 1


@pytest.mark.django_db
def test_going_back_to_earlier_rules_is_a_new_revision(tmp_path: Path) -> None:
    first = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    policy.publish([write(tmp_path, ROLE)], by=None)
    back = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    assert (back.digest, back.pk != first.pk) == (first.digest, True)
    assert policy.parsed(back).rules


@pytest.mark.django_db
def test_a_fresh_portico_has_rules_for_templates_and_no_access() -> None:
    revision = policy_sources.publish_at_start()
    found = policy.parsed(revision)
    assert [rule.capabilities for rule in found.rules] == [frozenset({"scaffolder.run"})]
    assert not found.roles
    assert policy_sources.publish_at_start() == revision


@pytest.mark.django_db
def test_rules_that_somebody_published_stay_at_the_next_start(tmp_path: Path) -> None:
    mine = policy.publish([write(tmp_path, ROLE)], by=None)
    assert policy_sources.publish_at_start() == mine


def test_the_demo_rules_are_a_whole_set() -> None:
    found = policy.load([settings.BASE_DIR / "demo" / "policy"])
    assert "production-logs" in found.roles


# What a set must not hide


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: " + "[" * 60_000, "nested more than 50 levels deep"),
        ("a: " + "{b: " * 60_000, "nested more than 50 levels deep"),
        ("- " * 60_000, "nested more than 50 levels deep"),
        ("a: 1e999", "too large a number"),
        ('a: "\\0"', "a zero byte cannot be kept"),
    ],
)
def test_a_file_that_would_break_its_reader_is_refused_in_words(
    tmp_path: Path, text: str, words: str
) -> None:
    assert words in problems_of(tmp_path, text)[0][1]


def test_a_very_long_number_is_text(tmp_path: Path) -> None:
    labelled = ROLE.replace("{name: logs}", f"{{name: logs, labels: {{n: {'9' * 5000}}}}}")
    assert set(policy.load([write(tmp_path, labelled)]).roles) == {"logs"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("{name: logs}", "{name: logs@production}", "logs@production is no name"),
        ("{name: logs}", "{name: %s}" % ("x" * 64), "is no name"),
        ("{name: logs}", "{name: logs, title: %s}" % ("x" * 201), "longer than 200 letters"),
        ("environments: [production]", "environments: [pro@duction]", "pro@duction is no name"),
    ],
)
def test_names_that_pages_and_tables_cannot_hold_are_refused(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    found = problems_of(tmp_path, ROLE, RULE.replace(before, after))
    assert any(words in message for _, message in found)


def test_a_denial_of_a_capability_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    denial = (
        "apiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {name: freeze}\n"
        "spec:\n  subjects: [{kind: Everyone}]\n  capabilities: [scafolder.run]\n"
    )
    line, message = problems_of(tmp_path, ROLE, denial)[0]
    assert (line, message.split(".")[0]) == (11, "there is no capability scafolder")


def test_a_folder_that_cannot_be_read_is_a_problem_and_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ROLE)
    (tmp_path / "denials").mkdir()
    listed = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("denials"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PolicyInvalid, match="denials, line 1: cannot be read: Permission denied"):
        policy.load([tmp_path])


def test_capitals_in_the_ending_hide_no_file(tmp_path: Path) -> None:
    write(tmp_path, ROLE, name="ROLES.YAML")
    assert set(policy.load([tmp_path]).roles) == {"logs"}


def test_copies_that_kubernetes_and_git_keep_beside_the_files_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, ROLE)
    (tmp_path / "..2026_11_25").mkdir()
    write(tmp_path / "..2026_11_25", ROLE)
    assert len(policy.load([tmp_path]).documents) == 1


# manage.py rules


@pytest.mark.django_db
def test_rules_load_says_what_is_in_force(tmp_path: Path) -> None:
    said = StringIO()
    call_command("rules", "load", str(write(tmp_path, ROLE, RULE)), stdout=said)
    call_command("rules", "load", str(tmp_path), stdout=said)
    first, second = said.getvalue().splitlines()
    assert "are in force: 1 role, 0 bindings, 1 access rule, 0 deny rules, 0 rotas." in first
    assert "were in force already" in second


@pytest.mark.django_db
def test_rules_check_refuses_with_file_and_line_and_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, ROLE, RULE.replace("4h", "soon"))
    with pytest.raises(
        CommandError, match=r"line 14: maxDuration.*\n1 problem\. The rules in force have not"
    ):
        call_command("rules", "check", str(path))
    assert policy.in_force() is None
