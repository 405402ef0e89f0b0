"""The linter: each mistake is found at its line, and what is fine is left alone."""

# ruff: noqa: E501  one case a line reads best

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.tree import Tree
from portal.demo_repositories import DEMO
from scaffolder.linting import Finding, Severity, findings, lint_paths, lint_text, reports

HEAD = """apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: hello}
spec:
  type: service
"""
FORM = """  parameters:
    - title: What
      required: [name]
      properties:
        name: {type: string, title: Name}
        pass: {type: string, ui:field: Secret}
"""
SAY = """  steps:
    - id: say
      action: debug:log
      input: {message: "${{ parameters.name }}"}
"""
PUBLISH = """    - id: publish
      action: publish:gitea
      input: {repoUrl: "git.localhost?owner=a&repo=b", token: "${{ secrets.pass }}"}
"""


def lint(text: str, tree: Tree | None = None) -> list[Finding]:
    return lint_text(text, file="template.yaml", tree=tree)


def told(text: str, tree: Tree | None = None) -> list[str]:
    """`line:column severity rule`, and the message after it."""
    return [f"{one.line}:{one.column} {one.severity} {one.rule}: {one.message}" for one in lint(text, tree)]


def steps(text: str) -> str:
    return HEAD + FORM + "  steps:\n" + text


def test_a_good_template_has_no_findings() -> None:
    assert told(HEAD + FORM + SAY + PUBLISH) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "error yaml"),
        ("kind: Component", "1:1 error yaml: There is no template here"),
        ("- a\n- b: *x\n", "error yaml"),
        (HEAD.replace("v1beta3", "v1beta2") + SAY, "1:13 error api-version: apiVersion is scaffolder"),
        (HEAD.replace("hello", "Hello World") + FORM + SAY, "3:18 error entity"),
        (HEAD + FORM, "error steps: This template has no steps"),
        (steps("    - nothing\n"), "13:7 error steps: Step 1 is not a map"),
        (steps("    - id: x\n"), "13:7 error action: Step 1 names no action"),
        (steps("    - action: fetch:templat\n"), "13:15 error action: Portico has no action fetch:templat. Did you mean fetch:template?"),
        (steps("    - {action: debug:log, input: [a]}\n"), "error input: The input of step 1 is not a map"),
        (steps("    - {action: debug:log, inputs: {}}\n"), "warning step-key: A step has no inputs; it is passed over. Did you mean input?"),
        (steps("    - {id: a, action: debug:log}\n    - {id: a, action: debug:log}\n"), "14:12 error step-id: Step 1 has the id a too"),
        (steps("    - action: fetch:plain\n"), "13:15 error input: input.url is missing"),
        (steps("    - action: fetch:plain\n      input:\n        url: [a]\n"), "15:9 error input: input.url must be a text"),
        (steps("    - action: debug:log\n      input:\n        mesage: a\n"), "15:17 warning unknown-input: debug:log takes no mesage; it is passed over. Did you mean message?"),
        (steps("    - action: debug:log\n      input:\n        foo: a\n"), "15:14 hint unknown-input: debug:log takes no foo"),
        (steps("    - {action: debug:log, if: true}\n"), "13:31 warning constant-if: The step always runs"),
        (steps("    - {action: debug:log, if: 'false'}\n"), "warning constant-if: “false” is a text, which is always true"),
        (steps("    - {action: debug:log, if: '${{ false }}'}\n"), "warning constant-if: The condition is constant"),
        (steps("    - {action: debug:log, if: '${{ parameters.name }} == 1'}\n"), "warning constant-if: With text around"),
        (steps("    - {action: debug:log, input: {message: '${{ parameters.name'}}\n"), "13:44 error expression"),
        (steps("    - {action: debug:log, input: {message: '${{ parameters.name | uper }}'}}\n"), "error filter: There is no filter uper. Did you mean upper?"),
        (steps("    - {action: debug:log, if: '${{ parameters.name is strng }}'}\n"), "error filter: There is no test strng after `is`. Did you mean string?"),
        (steps("    - {action: debug:log, input: {message: '${{ parameters.nme }}'}}\n"), "error unknown-parameter: The form asks nothing called nme, so this is empty. Did you mean name?"),
        (steps("    - {action: debug:log, if: '${{ parameters.nme }}'}\n"), "warning unknown-parameter"),
        (steps("    - {action: debug:log, input: {message: '${{ name }}'}}\n"), "warning unknown-name: There is no name here, so this is empty. Expressions know context, each, parameters, secrets, steps, user. Write parameters.name."),
        (steps("    - {action: debug:log, input: {message: '${{ steps.sy.output }}'}}\n"), "error unknown-step: There is no step with the id sy."),
        (HEAD + FORM + "  steps:\n    - {id: my-step, action: debug:log, if: '${{ steps.my-step.output }}'}\n", "Write steps['my-step']."),
        (steps("    - {id: a, action: debug:log, if: '${{ steps.a.output }}'}\n"), "error later-step: Step 1 (a) has not run yet here"),
        (HEAD + FORM + SAY + PUBLISH + "  output: {a: '${{ steps.publish.remoteUrl }}'}\n", "error unknown-output: A step has only output. Write steps.publish.output.remoteUrl."),
        (HEAD + FORM + SAY + PUBLISH + "  output: {a: '${{ steps.publish.output.remoteURL }}'}\n", "error unknown-output: publish:gitea has no output remoteURL, so this is empty. Did you mean remoteUrl?"),
        (HEAD + FORM + SAY + "  output: {a: '${{ steps.say.output.x }}'}\n", "error unknown-output: debug:log has no output x, so this is empty. It gives nothing."),
        (HEAD + FORM + SAY + "  output: {a: '${{ secrets.pass }}'}\n", "error secret: Outputs see no secrets"),
        (steps("    - {action: debug:log, if: '${{ secrets.pass }}'}\n"), "error secret: Conditions and loops see no secrets"),
        (steps("    - {action: debug:log, input: {message: '${{ secrets.pass }}'}}\n"), "warning secret: A secret in the log is masked"),
        (steps("    - {action: catalog:write, input: {entity: {a: '${{ secrets.pass }}'}}}\n"), "warning secret: The secret would stand in the files"),
        (steps("    - {action: debug:log, input: {message: '${{ secrets.other }}'}}\n"), "warning unknown-secret: The form asks for no secret other"),
        (steps("    - {action: debug:log, input: {message: '${{ parameters.pass }}'}}\n"), "error secret: pass is a secret, which is no parameter. Write secrets.pass."),
        (steps("    - {action: debug:log, input: {message: '${{ each.value }}'}}\n"), "error each: each is known only in the input of a step that has `each`."),
        (HEAD + FORM + "  steps: [{action: debug:log}]\n", "10:9 hint unused-parameter: No step uses the answer to name"),
        (HEAD + SAY.replace('"${{ parameters.name }}"', "x") + PUBLISH.replace("${{ secrets.pass }}", "ghp_123"), "error secret: A secret stands here in clear"),
        (steps("    - {action: github:webhook, input: {repoUrl: a, webhookUrl: 'http://ci.example', insecureSsl: true}}\n"), "warning unsafe: Events are sent to whoever answers there"),
        (steps("    - {action: github:webhook, input: {repoUrl: a, webhookUrl: 'http://ci.example'}}\n"), "warning unsafe: http:// is neither encrypted"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_at_its_place(text: str, expected: str) -> None:
    assert any(expected in line for line in told(text)), told(text)


QUESTION = HEAD + "  parameters:\n    properties:\n      name: {question}\n" + SAY


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("{ui:field: OwnrPicker}", "8:24 warning ui-field: Portico has no field OwnrPicker, so this is asked as a plain field. Did you mean OwnerPicker?"),
        ("{ui:widget: textara}", "warning ui-widget: There is no widget textara; the usual one is shown. Did you mean textarea?"),
        ("{ui:options: {widget: textara}}", "warning ui-widget"),
        ("{type: strng}", "error type: There is no type strng. Did you mean string?"),
        ("{type: string, pattern: '['}", "error pattern: This pattern cannot be read"),
        ("{type: string, pattern: '^a+$', default: b}", "warning default: The default “b” does not fit the pattern"),
        ("{type: string, enum: [a], default: b}", "warning default: The default “b” is none of the values"),
        ("{type: string, ui:field: Secret, default: b}", "error secret: The default of a secret stands in the template"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_question_is_found_at_its_place(question: str, expected: str) -> None:
    text = QUESTION.replace("{question}", question)
    assert any(expected in line for line in told(text)), told(text)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("[3]", "error form: spec.parameters, page 1 is not an object."),
        ("{required: [nme], properties: {name: {}}}", "error required: nme is required, but this page asks no such question. Did you mean name?"),
        ("[{properties: {name: {}}}, {properties: {name: {}}}]", "warning asked-twice: name is asked on an earlier page too"),
        ("{properties: {name: {}, dbPassword: {type: string}}}", "warning secret: dbPassword sounds like a secret"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_form_is_found(parameters: str, expected: str) -> None:
    text = HEAD + f"  parameters: {parameters}\n" + SAY
    assert any(expected in line for line in told(text)), told(text)


@pytest.mark.parametrize(
    "text",
    [
        steps("    - {action: fetch:plain, input: {url: '${{ parameters.name }}', targetPath: a}}\n"),
        steps("    - {action: debug:log, input: {message: '{% set a = parameters.name %}${{ a }}'}}\n"),
        steps("    - {action: debug:log, input: {message: '{% for a in parameters.name %}${{ a }}${{ loop.index }}{% endfor %}'}}\n"),
        steps("    - {action: debug:log, each: '${{ parameters.name }}', input: {message: '${{ each.value.x }}'}}\n"),
        steps("    - {action: debug:log, input: {message: '${{ parameters }}'}}\n"),
        steps("    - {action: debug:log, input: {message: '${{ parameters[user.ref] }}'}}\n"),
        steps("    - {action: debug:log, input: {message: '${{ parameters.name if parameters.name else 1 }}'}}\n"),
        steps("    - {action: debug:log, if: '${{ parameters.name and not parameters.name }}'}\n"),
        steps("    - {action: 'debug:log', input: {message: '{% if parameters.name %}x{% endif %}'}}\n"),
        HEAD + "  parameters: {properties: {a: {type: boolean}}, dependencies: {a: {oneOf: [{properties: {a: {const: true}, name: {}}}]}}}\n" + SAY,
        HEAD + "  parameters: {properties: {a: {type: boolean}}, if: {properties: {a: {const: true}}}, then: {properties: {name: {}}}}\n" + SAY,
        HEAD + "  parameters: {$yaml: ./form.yaml}\n" + SAY.replace("name", "whatever"),
    ],
)  # fmt: skip
def test_what_is_fine_is_left_alone(text: str) -> None:
    assert [line for line in told(text) if " hint placeholder" not in line] == []


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    skeleton = tmp_path / "skeleton"
    skeleton.mkdir()
    (skeleton / "good.md").write_text(
        "# ${{ values.name }}\n{% if values.more %}${{ values.more }}{% endif %}"
    )
    (skeleton / "bad.md").write_text("a\nb ${{ values.nme }}\n${{ parameters.name }}\n")
    (skeleton / "worse.md").write_text("a\n${{ values.name | uper }}\n{% if %}")
    (skeleton / "filter.md").write_text("\n${{ values.name | uper }}")
    (skeleton / "${{ values.nothing }}.md").write_text("x")
    (skeleton / "raw.bin").write_bytes(b"\x00${{ values.x")
    return Tree(tmp_path, tmp_path)


FETCH = (
    "    - {action: fetch:template, input: {url: ./skeleton, values: {name: '${{ parameters.name }}'}%s}}\n"
)


def test_skeletons_are_looked_at_too(tree: Tree) -> None:
    found = {(one.file, one.line, one.rule) for one in lint(steps(FETCH % ""), tree)}
    assert found == {
        ("skeleton/bad.md", 2, "unknown-value"),
        ("skeleton/bad.md", 3, "unknown-name"),
        ("skeleton/worse.md", 3, "expression"),
        ("skeleton/filter.md", 2, "filter"),
        ("skeleton/${{ values.nothing }}.md", 1, "unknown-value"),
    }


def test_a_single_file_that_is_rendered_is_looked_at(tree: Tree) -> None:
    step = "    - {action: fetch:template:file, input: {url: ./skeleton/bad.md, targetPath: a, values: {}}}\n"
    assert [(one.file, one.line) for one in lint(steps(step), tree) if one.rule == "unknown-value"] == [
        ("skeleton/bad.md", 2)
    ]


@pytest.mark.parametrize(
    "option",
    [", copyWithoutTemplating: ['**/*']", ", copyWithoutRender: ['*']", ", templateFileExtension: true"],
)
def test_files_that_are_not_rendered_are_not_looked_at(tree: Tree, option: str) -> None:
    assert lint(steps(FETCH % option), tree) == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("{action: fetch:template, input: {url: ./skeletn}}", "There is no file skeletn"),
        ("{action: fetch:template, input: {url: ./skeleton/good.md}}", "is a file; fetch:template takes a folder"),
        ("{action: fetch:plain:file, input: {url: ./skeleton, targetPath: a}}", "is a folder; fetch:plain:file takes a file"),
        ("{action: fetch:plain, input: {url: ..}}", "leads out of its folder"),
        ("{action: fetch:cookiecutter, input: {url: ./skeleton/good.md}}", "is a file; fetch:cookiecutter takes a folder"),
        ("{action: fetch:template:file, input: {url: ./skeleton, targetPath: a}}", "is a folder; fetch:template:file takes a file"),
    ],
)  # fmt: skip
def test_a_skeleton_that_is_not_there_is_told(tree: Tree, step: str, expected: str) -> None:
    assert any(
        "error missing-file" in line and expected in line for line in told(steps(f"    - {step}\n"), tree)
    )


def test_placeholders_are_filled_from_beside_and_those_that_cannot_be_are_told(tree: Tree) -> None:
    (tree.root / "form.yaml").write_text("properties: {name: {ui:field: Nobody}}")
    found = told(HEAD + "  parameters: [{$yaml: ./form.yaml}, {$yaml: ./none.yaml}]\n" + SAY, tree)
    assert any("6:16 warning ui-field" in line for line in found), found
    assert any("error placeholder: $yaml could not be read" in line for line in found)


def test_findings_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from scaffolder.linting import running

    monkeypatch.setattr(running, "MAX_FINDINGS", 2)
    many = steps(
        "".join(f"    - {{action: debug:log, input: {{foo: a}}, id: a{number}}}\n" for number in range(9))
    )
    found = lint(many + "    - {action: nothing}\n")
    assert [one.severity for one in found] == [Severity.HINT, Severity.ERROR]


@pytest.mark.parametrize(
    "text",
    [
        steps("    - {action: debug:log, input: {message: '${{ " + "1+" * 3_000 + "1 }}'}}\n"),
        steps("    - {action: debug:log, input: {message: '" + "${{ (" * 200 + "'}}\n"),
        HEAD + "  parameters: " + "{properties: {a: " * 40 + "{}" + "}}" * 40 + "\n" + SAY,
        HEAD + FORM + "  steps: " + "[" * 90 + "]" * 90 + "\n",
        HEAD.replace("{name: hello}", "[]") + SAY,
        "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata:\nspec: 3\n",
        HEAD + "  parameters: {properties: 3, required: 4, dependencies: [], allOf: {}}\n  steps: {a: b}\n  output: 3\n",
        HEAD + "  steps: [{action: 3, input: 4, if: [], each: {}}]\n",
    ],
)  # fmt: skip
def test_hostile_templates_are_told_and_crash_nothing(text: str) -> None:
    assert isinstance(told(text), list)


def command(*arguments: Any) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("template", "lint", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_names_files_and_fails_on_errors(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "template.yaml").write_text(HEAD + FORM + SAY + PUBLISH)
    (tmp_path / "catalog-info.yaml").write_text("kind: Component")
    assert command(tmp_path) == (0, "1 template: nothing found.\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text(steps("    - action: nothing:here\n"))
    code, text = command(tmp_path)
    assert code == 1
    assert f"{bad}:13:15: error [action] Portico has no action nothing:here." in text
    assert "2 templates: 1 error, 1 hint" in text


def test_the_command_names_files_of_skeletons_from_where_somebody_stands(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree.root)
    Path("template.yaml").write_text(steps(FETCH % ""))
    assert "\nskeleton/filter.md:2:1: error [filter]" in "\n" + command("template.yaml")[1]


def test_warnings_fail_only_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        steps("    - {action: debug:log, if: true, input: {message: '${{ parameters.name }}'}}\n")
    )
    assert command(path)[0] == 0
    assert command(path, "--strict")[0] == 1


def test_the_command_says_when_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no template below these paths"):
        command(tmp_path)
    with pytest.raises(CommandError, match="No such file"):
        command(tmp_path / "missing.yaml")


def test_findings_as_json_and_as_notes_of_github(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(steps("    - {action: 'a:b, 100%', input: {}}\n"))
    found = json.loads(command(path, "--format=json")[1])
    assert {one["rule"] for one in found} == {"action", "unused-parameter"}
    notes = command(path, "--format=github")[1]
    assert re.search(
        r"^::error file=.*template.yaml,line=13,col=16,title=action::Portico has no action a:b, 100%25\.",
        notes,
        re.M,
    )


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_bytes(b"\xff\xfa")
    assert "The file is not UTF-8 text" in command(path)[1]


def test_the_templates_of_the_demo_have_no_findings() -> None:
    files, found = lint_paths([DEMO / "templates"])
    assert len(files) == 3
    assert reports.as_text(found) == ""


def test_a_line_within_a_block_text_is_counted_from_the_block() -> None:
    positions = findings.Positions("a:\n  - |\n    one\n    two\nb: x", first_line=10)
    assert positions.of(["a", 0], 2) == (13, 1)
    assert positions.of(["a", 0]) == (12, 5)
    assert positions.of(["b"]) == (14, 4)
    assert positions.of(["c"]) == (10, 1)
