from __future__ import annotations

import time
from typing import Any

import pytest

from scaffolder.templating import (
    LimitReached,
    Renderer,
    TemplatingError,
    check,
    is_true,
    render,
    render_value,
)

REPO = {"parameters": {"repoUrl": "git.localhost?owner=acme&repo=payout-reports", "name": "payout"}}


# Types of single expressions


@pytest.mark.parametrize("value", [True, False, 3, 0.5, ["a", {"b": None}], {"k": [1]}, "text"])
def test_a_single_expression_keeps_its_type(value: Any) -> None:
    assert render_value({"x": "${{ parameters.v }}"}, {"parameters": {"v": value}}) == {"x": value}


def test_an_expression_with_text_around_it_becomes_text() -> None:
    assert render_value("port ${{ parameters.v }}", {"parameters": {"v": 8080}}) == "port 8080"


def test_what_is_undefined_is_left_out_of_maps_and_null_in_lists() -> None:
    assert render_value({"a": "${{ no.such }}", "b": ["${{ no.such }}", 1]}, {}) == {"b": [None, 1]}


def test_an_inline_if_without_else_keeps_an_empty_text() -> None:
    assert render_value({"x": "${{ 'a' if parameters.on }}"}, {"parameters": {"on": False}}) == {"x": ""}


def test_keys_are_not_rendered() -> None:
    assert render_value({"${{ parameters.name }}": 1}, REPO) == {"${{ parameters.name }}": 1}


def test_steps_are_reached_with_dots_and_with_brackets() -> None:
    context = {"steps": {"publish": {"output": {"remoteUrl": "u"}}, "my-step": {"output": {"n": 1}}}}
    assert render_value("${{ steps.publish.output.remoteUrl }}", context) == "u"
    assert render_value("${{ steps['my-step'].output.n }}", context) == 1
    assert render_value({"x": "${{ steps['skipped'].output.n }}"}, context) == {}


# What Backstage adds


def test_parse_repo_url_gives_host_owner_and_repo() -> None:
    expected = {"host": "git.localhost", "owner": "acme", "repo": "payout-reports"}
    assert render_value("${{ parameters.repoUrl | parseRepoUrl }}", REPO) == expected
    assert render_value("${{ (parameters.repoUrl | parseRepoUrl).repo }}", REPO) == "payout-reports"
    assert render_value("${{ (parameters.repoUrl | parseRepoUrl)['owner'] }}", REPO) == "acme"
    assert render_value("${{ parameters.repoUrl | parseRepoUrl | pick('repo') }}", REPO) == "payout-reports"


def test_project_slug_is_owner_and_repo() -> None:
    assert render_value("${{ parameters.repoUrl | projectSlug }}", REPO) == "acme/payout-reports"


def test_parse_entity_ref_takes_its_defaults_from_the_argument() -> None:
    context = {"parameters": {"owner": "payments"}}
    expression = "${{ parameters.owner | parseEntityRef({defaultKind: 'group', defaultNamespace: 'teams'}) }}"
    assert render_value(expression, context) == {"kind": "group", "namespace": "teams", "name": "payments"}


def test_parse_entity_ref_without_a_kind_is_refused_in_words() -> None:
    with pytest.raises(TemplatingError, match="does not say of which kind"):
        render_value("${{ 'payments' | parseEntityRef }}", {})


def test_pick_follows_a_path_into_lists_and_maps() -> None:
    assert render_value("${{ m | pick('a[1].b') }}", {"m": {"a": [0, {"b": "deep"}]}}) == "deep"


@pytest.mark.parametrize(
    ("value", "holds"),
    [("a", True), ("", False), ([], False), ({}, True), (0, False), (None, False), (True, True), ([0], True)],
)
def test_an_if_holds_as_in_javascript_but_for_empty_lists(value: Any, holds: bool) -> None:
    assert is_true(value) is holds


# Errors


def test_an_error_names_the_file_the_line_and_the_expression() -> None:
    source = "one\ntwo ${{ values.x }}\nthree ${{ values.y || 'z' }}\n"
    with pytest.raises(TemplatingError) as caught:
        render(source, {"values": {}}, where="skeleton/README.md")
    words = str(caught.value)
    assert words.startswith("skeleton/README.md, line 3: ")
    assert "In: three ${{ values.y || 'z' }}" in words
    assert "write `or`" in words


def test_an_error_inside_a_loop_has_its_own_line() -> None:
    with pytest.raises(TemplatingError) as caught:
        render("{% for x in [1] %}\n\n${{ x.nothing() }}{% endfor %}", {})
    assert caught.value.line == 3
    assert "x.nothing() cannot be called" in str(caught.value)


def test_check_finds_every_syntax_error_of_a_document_with_its_place() -> None:
    found = check({"steps": [{"input": {"a": "${{ ok }}", "b": "${{ a || b }}"}}, {"if": "${{ 1 + }}"}]})
    assert [problem.where for problem in found] == ["steps[0].input.b", "steps[1].if"]


@pytest.mark.parametrize("tag", ["include 'x'", "import 'x' as y", "extends 'x'", "block a"])
def test_tags_that_need_other_files_are_refused_by_name(tag: str) -> None:
    with pytest.raises(TemplatingError, match="one file only"):
        render(f"{{% {tag} %}}", {})


# Nothing of Python can be reached


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "''.__class__.__mro__[1].__subclasses__()",
        "values.__init__.__globals__",
        "values['__class__']",
        "[].append.__self__",
        "range.__globals__",
        "range.call",
        "loop.__class__",
        "values.split.call",
        "'' | attr('__class__')",
        "values.constructor.constructor('return process')()",
        "''.constructor",
        "[].map(''.constructor)",
        "values.__proto__",
        "(1).__class__",
        "true.__class__",
        "'{0.__class__}'.format(1)",
        "'%s' % 1",
        "self",
        "cycler.__init__",
        "lipsum.__globals__['os'].popen('id').read()",
        "request.application.__globals__",
        "g.pop.__globals__",
        "joiner.__init__",
    ],
)
def test_no_expression_reaches_into_python(expression: str) -> None:
    try:
        output = render(f"${{{{ {expression} }}}}", {"values": {"a": "b"}})
    except TemplatingError:
        return
    assert output in ("", "NaN", "[function]")


def test_an_object_of_python_in_the_context_is_only_a_text() -> None:
    class Secretive:
        token = "s3cret"

        def __str__(self) -> str:
            return "shown"

    assert render("${{ values.o }}|${{ values.o.token }}", {"values": {"o": Secretive()}}) == "shown|"


# Limits


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
        "${{ range(100000000) }}",
        "${{ 'x'.repeat(1000000000) }}",
        "${{ 'x'.padStart(1000000000) }}",
        "${{ 'x' | center(1000000000) }}",
        "${{ 'a\nb' | indent(1000000000) }}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x ~ x %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x + x %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x.replaceAll('x', x) %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x | replace('x', x) %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x | replace('', x) %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = x.concat(x, x) %}{% endfor %}",
        "{% set x = 'xxxxxxxxxx' %}{% for i in range(60) %}{% set x = [x, x] | join(x) %}{% endfor %}",
        "{% set x = [1, 2] %}{% for i in range(60) %}{% set x = x.concat(x) %}{% endfor %}",
        "{% set x = [1, 2] %}{% for i in range(50) %}{% set x = [x, x] %}{% endfor %}${{ x | dump }}",
        "{% set x = [1, 2] %}{% for i in range(50) %}{% set x = [x, x] %}{% endfor %}${{ x }}",
        "{% set x = [] %}{% set y = x.push(x) %}${{ x }}",
        "{% set x = [] %}{% set y = x.push(x) %}${{ x | dump }}",
        "{% macro m() %}${{ m() }}{% endmacro %}${{ m() }}",
        "{% macro m() %}${{ m() }}${{ m() }}{% endmacro %}${{ m() }}",
        "{% set x %}{% for i in range(90000) %}${{ 'y'.repeat(1000) }}{% endfor %}{% endset %}",
        "${{ [[1]] | batch(1000000000, 'x') }}",
        "${{ [] | slice(1000000000) }}",
        "${{ 'x'.repeat(1000000).split('') }}",
        "{% set x = 'xx' %}{% for i in range(60) %}"
        "{% set x = x | truncate(x.length - 1, true, x) %}{% endfor %}",
        "{% set x = '€'.repeat(1000000) %}{% for i in range(9) %}{% set x = x | urlencode %}{% endfor %}",
        "{% set l = range(90000) %}{% set all = [] %}"
        "{% for i in range(4000) %}{% set _ = all.push(l.slice(0)) %}{% endfor %}",
        "{% set l = range(90000) %}{% set all = [] %}"
        "{% for i in range(4000) %}{% set _ = all.push(l | reverse) %}{% endfor %}",
        "{% set a = 'x'.repeat(4000000) %}{% set all = [] %}"
        "{% for i in range(60) %}{% set _ = all.push(a ~ i) %}{% endfor %}",
        # One comparison of such texts takes milliseconds, and sorting makes thousands of them.
        "{% set a = 'x'.repeat(4000000) %}{% set l = [a ~ '1', a ~ '2', a ~ '3'] %}"
        "{% for i in range(9) %}{% set l = l.concat(l) %}{% endfor %}${{ l | sort | length }}",
        "{% set a = 'x'.repeat(4000000) %}{% set l = [a ~ '1'] %}"
        "{% for i in range(16) %}{% set l = l.concat(l) %}{% endfor %}${{ l.includes(a ~ '2') }}",
    ],
)
@pytest.mark.slow
def test_growth_and_endless_loops_are_stopped(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(LimitReached):
        render(source, {})
    assert time.monotonic() - started < 12


def test_a_typed_value_cannot_grow_past_a_list_s_limit() -> None:
    with pytest.raises(LimitReached):
        render_value("${{ range(100000).concat(range(90000)) }}", {})


@pytest.mark.parametrize("source", ["${{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if 1 %}" * 5000])
def test_deep_nesting_is_refused_and_does_not_crash(source: str) -> None:
    with pytest.raises(TemplatingError):
        render(source, {})


def test_a_very_long_sum_is_refused_and_does_not_crash() -> None:
    with pytest.raises(TemplatingError, match="nested too deeply"):
        render("${{ " + " + ".join(["1"] * 20_000) + " }}", {})


def test_a_regular_expression_that_explodes_elsewhere_is_linear_here() -> None:
    started = time.monotonic()
    assert render("${{ text.replace(r/^(a+)+$/, 'x') }}", {"text": "a" * 50_000 + "!"}).endswith("!")
    assert time.monotonic() - started < 2


def test_changing_a_list_in_one_rendering_does_not_reach_the_next() -> None:
    context = {"values": {"tags": ["a"]}}
    assert render("{% set _ = values.tags.push('b') %}${{ values.tags }}", context) == "a,b"
    assert render("${{ values.tags }}", context) == "a"


@pytest.mark.parametrize(
    "text",
    ["<a" * 100_000, "<!--" * 50_000, "<!-- <a> " * 20_000, "x" + " " * 200_000 + "x", "<" * 200_000 + ">"],
)
@pytest.mark.parametrize("call", ["striptags", "striptags(true)"])
def test_taking_tags_out_is_linear(text: str, call: str) -> None:
    started = time.process_time()
    render("${{ text | " + call + " }}", {"text": text})
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><!-- <b> -->c", "ac"),
        ("a < b > c", "a < b > c"),
        ("<a_ >x<b1 y='z'>", "<a_ >x"),
        ("x<a", "x<a"),
        ("x<!-- y", "x<!-- y"),
        ("<!-- a > b", "<!-- a > b"),
        ("<a <!-- >-->", "-->"),
    ],
)
def test_tags_and_comments_are_taken_out(html: str, text: str) -> None:
    assert render("${{ html | striptags }}", {"html": html}) == text


@pytest.mark.parametrize(
    "expression",
    ["{} | parseEntityRef", "{name: 'x'} | parseEntityRef", "[1] | urlencode", "[[1]] | urlencode"],
)
def test_what_has_no_value_is_an_error_in_words(expression: str) -> None:
    with pytest.raises(TemplatingError, match=r"reference|pairs"):
        render(f"${{{{ {expression} }}}}", {})


def test_rounding_what_is_too_large_keeps_it() -> None:
    assert render("${{ x | round(300) }}", {"x": 1e300}) == "1e+300"


def test_replacing_few_of_few_costs_little_however_many_are_allowed() -> None:
    assert render("${{ 'aba' | replace('a', 'xyz', 999999999) }}", {}) == "xyzbxyz"


def test_data_that_is_nested_too_deeply_is_refused_in_words() -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(TemplatingError, match="nested too deeply"):
        Renderer({"values": deep})


def test_many_expressions_that_are_each_short_enough_end_together() -> None:
    renderer = Renderer({}, all_seconds=0.05)
    slow = "{% for i in range(20000) %}{% endfor %}"
    with pytest.raises(LimitReached, match="All of this takes longer"):
        renderer.data([slow + str(number) for number in range(200)])
