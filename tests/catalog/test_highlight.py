"""Source text as HTML, line by line."""

from __future__ import annotations

from catalog.highlight import COLOUR_LIMIT_BYTES, source_lines


def test_hostile_text_is_escaped_coloured_or_not() -> None:
    for language in ("yaml", "no-such-language"):
        html = "".join(line.html for line in source_lines("a: <script>alert(1)</script>", language).lines)
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_a_text_too_long_to_colour_is_escaped_and_whole() -> None:
    source = source_lines("a: <b>\n" * (COLOUR_LIMIT_BYTES // 7 + 10), "yaml")
    assert source.lines[0].html == "a: &lt;b&gt;"
    assert not source.cut


def test_each_line_keeps_its_number_in_the_file_and_its_problem() -> None:
    lines = source_lines(
        "kind: Component\n\nspec:\n  type: service\n", "yaml", first=11, problems={13: "No owner."}
    ).lines
    assert [line.number for line in lines] == [11, 12, 13, 14]
    assert [line.number for line in lines if line.problem] == [13]


def test_a_value_over_several_lines_keeps_one_element_for_each() -> None:
    text = 'description: |\n  one\n  two\nquoted: "three\n  four"'
    html = [line.html for line in source_lines(text, "yaml").lines]
    assert len(html) == 5
    assert all(line.count("<span") == line.count("</span>") for line in html)
