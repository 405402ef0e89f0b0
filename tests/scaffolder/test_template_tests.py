"""Tests of templates: what is expected is compared, at its line, and nothing outside is needed."""

# ruff: noqa: E501  one case a line reads best

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import yaml
from django.core.management import CommandError, call_command

from portal.demo_repositories import DEMO
from scaffolder.template_tests.reading import read_tests
from scaffolder.template_tests.running import run
from tests.scaffolder import templates
from tests.scaffolder.templates import log_step, publish_step, template_step

FORM = {
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "default": 3},
        "team": {"type": "string", "ui:field": "OwnerPicker", "ui:options": {"allowArbitraryValues": False}},
        "key": {"type": "string", "ui:field": "Secret"},
    },
}
STEPS = [
    template_step(values={"name": "${{ parameters.name }}", "size": "${{ parameters.size }}"}),
    log_step("${{ secrets.key }}", id="big", **{"if": "${{ parameters.size > 10 }}"}),
    publish_step(),
]
OUTPUT = {"links": [{"title": "Repository", "url": "${{ steps.publish.output.remoteUrl }}"}]}
HEAD = "apiVersion: portico.dev/v1\nkind: TemplateTest\nmetadata: {name: service}\n"


@pytest.fixture
def home(folders: Path, tmp_path: Path) -> Path:
    made = tmp_path / "service"
    (made / "skeleton").mkdir(parents=True)
    (made / "skeleton" / "README.md").write_text("# ${{ values.name }}\n\nSize ${{ values.size }}\n")
    (made / "skeleton" / "logo.bin").write_bytes(b"\x00\x01")
    described = templates.document(STEPS, parameters=FORM, output=OUTPUT)
    (made / "template.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    return made


def failures(home: Path, text: str) -> list[str]:
    """`line: words` of all cases."""
    (home / "template.test.yaml").write_text(HEAD + text)
    cases, problems = read_tests([home])
    assert problems == []
    return [f"{failure.line}: {failure.words}" for result in run(cases) for failure in result.failures]


GIVEN = "given: {answers: {name: payout, team: group:default/anybody}}\n"


def expecting(home: Path, expect: str) -> list[str]:
    return failures(home, GIVEN + "expect:\n" + expect)


@pytest.mark.parametrize(
    "expect",
    [
        "  files: {README.md: \"# payout\\n\\nSize 3\"}",
        "  files: {README.md: {contains: payout, lacks: [reports, other]}}",
        "  exists: ['*.md', logo.bin]",
        "  absent: [src/**]",
        "  {skipped: [big], ran: [fetch, publish]}",
        "  changes: [repository halfmoon/payout]",
        "  output: {links: [{title: Repository}]}",
    ],
)  # fmt: skip
def test_what_comes_as_expected_passes(home: Path, expect: str) -> None:
    assert expecting(home, expect) == []


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("  files:\n    README.md: |\n      # payout\n\n      Size 4\n", "7: README.md is different: line 3 is “Size 3”, not “Size 4”."),
        ("  files: {README.md: '# payout'}", "6: README.md is different: it has 3 lines, not 1."),
        ("  files:\n    README.md:\n      contains:\n        - payout\n        - reports\n", "10: README.md does not contain “reports”."),
        ("  files:\n    README.md:\n      lacks: Size\n", "8: README.md contains “Size” in its line 3."),
        ("  files:\n    a.md: x\n", "7: There is no a.md. There are: README.md, logo.bin."),
        ("  files: {logo.bin: x}", "6: logo.bin is no text of a size that is compared."),
        ("  exists:\n    - '*.md'\n    - '*.rst'\n", "8: There is no *.rst. There are: README.md, logo.bin."),
        ("  exists: ['[z-a]']", "6: '[z-a]' is no pattern for files"),
        ("  absent: ['*.md']", "6: *.md should not be there, but there is README.md."),
        ("  skipped: [fetch]", "6: The step fetch is done."),
        ("  ran: [big]", "6: The step big is skipped."),
        ("  ran: [bigg]", "6: There is no step bigg. Steps are fetch, big, publish."),
        ("  changes: [nothing of it]", "6: Nothing outside changes with “nothing of it”: git.localhost: repository halfmoon/payout, branch main."),
        ("  output:\n    links:\n      - title: Repo\n", "8: output.links.0.title is 'Repository', not 'Repo'."),
        ("  output: {links: []}", "6: output.links is [{"),
        ("  errors: {name: fit}", "6: name is not refused. Fields that are: none."),
        ("  fails: filter", "6: A step should fail with “filter”, but no step fails."),
    ],
)  # fmt: skip
def test_what_is_different_is_told_at_its_line(home: Path, expect: str, expected: str) -> None:
    found = expecting(home, expect)
    assert len(found) == 1
    assert expected in found[0]


def test_answers_that_the_form_refuses_are_told_at_the_case_unless_they_are_expected(home: Path) -> None:
    given = "given: {answers: {name: 'A B'}}\n"
    assert "does not fit" in failures(home, given + "expect: {exists: [a]}\n")[0]
    assert failures(home, given + "expect: {errors: {name: does not fit}}\n") == []
    assert failures(home, given + "expect: {errors: {name: is missing}}\n")[0].startswith(
        "5: name is refused with:"
    )


def test_a_step_that_fails_is_told_unless_that_is_expected(home: Path) -> None:
    template = home / "template.yaml"
    template.write_text(template.read_text().replace("parameters.size > 10", "parameters.size | now"))
    line = template.read_text().split("\n").index("    if: ${{ parameters.size | now }}") + 1
    found = expecting(home, "  exists: [a]")
    assert found[0].startswith(f"1: Step 2 (big, line {line}) fails:")
    assert expecting(home, "  fails: There is no filter now") == []


def test_a_case_s_own_answers_count_before_those_of_all(home: Path) -> None:
    text = GIVEN + (
        "cases:\n"
        "  - {name: one, given: {answers: {name: other}}, expect: {files: {README.md: {contains: other}}}}\n"
        "  - {name: two, given: {answers: {size: 11}}, expect: {ran: [big], files: {README.md: {contains: payout}}}}\n"
    )
    assert failures(home, text) == []


def test_person_and_entities_are_those_of_the_test(home: Path) -> None:
    steps = [
        {"id": "find", "action": "catalog:fetch", "input": {"entityRef": "component:default/ledger"}},
        {"action": "catalog:write", "input": {"entity": {"who": "${{ user.ref }} ${{ user.entity.metadata.name }}", "what": "${{ steps.find.output.entity.spec.type }}"}}},
    ]  # fmt: skip
    (home / "template.yaml").write_text(yaml.safe_dump(templates.document(steps)))
    given = (
        "given:\n  user: {name: maya, entity: {metadata: {name: maya}}}\n"
        "  entities: [{kind: Component, metadata: {name: ledger}, spec: {type: service}}]\n"
    )
    expect = (
        "expect: {files: {catalog-info.yaml: {contains: ['who: user:default/maya maya', 'what: service']}}}\n"
    )
    assert failures(home, given + expect) == []
    assert "There is no component:default/ledger" in failures(home, expect)[0]


def test_placeholders_are_filled_from_beside_the_template(home: Path) -> None:
    described = {**templates.document([log_step("x")]), "kind": "Template"}
    described["spec"]["steps"] = [{"$yaml": "./step.yaml"}]
    (home / "template.yaml").write_text(yaml.safe_dump(described))
    assert "step.yaml" in failures(home, "expect: {ran: [hello]}\n")[0]
    (home / "step.yaml").write_text("{id: hello, action: debug:log}")
    assert failures(home, "expect: {ran: [hello]}\n") == []


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("kind: Component", "holds no document of kind: Template"),
        ("a: [", "line 2"),
        ("kind: Template\napiVersion: x\n", "is written for x"),
    ],
)
def test_a_template_that_cannot_be_tried_fails_its_cases(home: Path, template: str, expected: str) -> None:
    (home / "template.yaml").write_text(template)
    assert expected in failures(home, "expect: {exists: [a]}\n")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("template: ./none.yaml\nexpect: {exists: [a]}\n", "There is no template"),
        ("expect: {}\n", "expect says nothing"),
        ("expect: {exist: [a]}\n", "exist is not a field here. Known: files, exists"),
        ("", "expect is missing"),
        ("expect: {exists: [a]}\ncases: [{name: a, expect: {exists: [a]}}]\n", "expect stands in each case"),
        ("cases: []\n", "cases must be a list with at least one entry"),
        ("given: {answers: [a]}\nexpect: {exists: [a]}\n", "answers must be a map"),
        ("given: {entities: [{kind: A}]}\nexpect: {exists: [a]}\n", "an entity needs kind and metadata.name"),
        ("expect: {files: {a: {}}}\n", "say what a holds"),
        ("expect: {files: {a: {contains: 3}}}\n", "contains must be a text"),
        ("expect: {files: {a: {equals: 3}}}\n", "equals must be text"),
        ("expect: {errors: {a: b}, exists: [a]}\n", "expect errors alone"),
        ("expect: [\n", "not valid YAML"),
    ],
)
def test_a_test_that_cannot_be_read_is_told_with_its_line(home: Path, text: str, expected: str) -> None:
    (home / "template.test.yaml").write_text(HEAD + text)
    _, problems = read_tests([home / "template.test.yaml"])
    assert any(expected in words and line > 0 for _, line, words in problems), problems


def command(*arguments: Any) -> str:
    out = StringIO()
    call_command("template", "test", *map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_tells_what_passed(home: Path) -> None:
    (home / "template.test.yaml").write_text(HEAD + GIVEN + "expect: {exists: [README.md]}\n")
    assert command(home) == "passed  service\n1 case passed.\n"
    assert command(home, "--quiet") == "1 case passed.\n"


def test_the_command_fails_and_reports_for_ci(home: Path) -> None:
    test = home / "template.test.yaml"
    test.write_text(HEAD + GIVEN + "expect: {exists: [other.md]}\n")
    with pytest.raises(CommandError, match="1 of 1 case failed"):
        command(home, "--junit", home / "report.xml")
    failure = Xml.parse(home / "report.xml").find(".//failure")
    assert failure is not None
    assert failure.attrib["type"] == "TemplateTest"
    assert "There is no other.md" in failure.attrib["message"]


def test_the_command_runs_nothing_when_a_test_is_wrong(home: Path) -> None:
    (home / "template.test.yaml").write_text(HEAD + "expect: {}\n")
    with pytest.raises(CommandError, match="1 problem in these tests"):
        command(home)


def test_the_command_says_when_there_is_no_test(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no TemplateTest"):
        command(tmp_path)


def demo_results() -> Mapping[str, tuple[Any, ...]]:
    cases, problems = read_tests([DEMO / "templates"])
    assert problems == []
    return {result.case.title: result.failures for result in run(cases)}


def test_the_tests_of_the_demo_s_templates_pass(folders: Path) -> None:
    results = demo_results()
    assert len(results) == 7
    assert {title: found for title, found in results.items() if found} == {}
