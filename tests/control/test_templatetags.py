"""Tags that every page uses: signs, icons, people, times and measured drawings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import lucide
import pytest
from django.template import Context, Template
from django.utils import timezone

from control.templatetags.portico import KIND_ICONS, MARKS, SPRITE, icon_sprite, initials
from control.templatetags.times import age_words, clock_words

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday


def render(source: str, **context: Any) -> str:
    return Template("{% load portico times drawings %}" + source).render(Context(context))


@pytest.mark.parametrize("state", MARKS)
def test_a_mark_is_a_sign_and_a_word(state: str) -> None:
    html = render("{% mark state 'Running late' %}", state=state)
    assert f"#sign-{state}" in html
    assert "Running late" in html


def test_a_label_cannot_bring_markup_along() -> None:
    assert "<b>" not in render("{% mark 'ok' label %}{% tag label %}{% avatar label %}", label="<b>x")


def test_a_state_that_nobody_knows_is_shown_as_unknown() -> None:
    assert "#sign-unknown" in render("{% sign 'bogus' %}")


def test_icons_of_rows_refer_to_the_symbols_of_the_page() -> None:
    assert 'href="#icon-box"' in render("{% icon 'box' %}")
    assert 'id="icon-box"' in icon_sprite()
    assert set(KIND_ICONS.values()) <= set(SPRITE)


def test_other_icons_are_drawn_whole_and_hidden_from_screen_readers() -> None:
    html = render("{% icon 'search' 20 %}")
    assert 'class="icon"' in html
    assert 'width="20"' in html
    assert 'aria-hidden="true"' in html


def test_an_icon_that_does_not_exist_is_a_defect() -> None:
    with pytest.raises(lucide.IconDoesNotExist):
        render("{% icon 'no-such-icon' %}")


@pytest.mark.parametrize(
    ("kind", "type", "name"),
    [
        ("component", "service", "box"),
        ("Component", "Website", "app-window"),
        ("api", "", "braces"),
        ("whatever", "", "square-dashed"),
    ],
)
@pytest.mark.django_db
def test_every_kind_has_an_icon(kind: str, type: str, name: str) -> None:
    assert f"#icon-{name}" in render("{% kind_icon kind type %}", kind=kind, type=type)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Maya Okafor", "MO"), ("maya.okafor", "MO"), ("Cher", "CH"), ("", "?"), ("Ana de la Cruz", "AC")],
)
def test_initials_are_two_letters(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_an_agent_is_always_named_with_its_person() -> None:
    ines = SimpleNamespace(label="Ines Duarte", is_agent=False)
    agent = SimpleNamespace(label="release-agent", is_agent=True, acts_for=ines)
    html = render("{% person agent %}", agent=agent)
    assert "release-agent" in html
    assert "for Ines Duarte" in html
    assert "#icon-bot" in html


def test_what_nobody_did_was_done_by_portico() -> None:
    assert "Portico" in render("{% person nobody %}", nobody=None)


@pytest.mark.parametrize("reached", range(6))
def test_a_level_says_its_number_and_builds_as_many_columns(reached: int) -> None:
    html = render("{% level reached %}", reached=reached)
    assert f"Level {reached} of 5" in html
    assert html.count("is-built") == reached
    assert html.count("is-base") == 5 - reached


def test_references_are_taken_apart() -> None:
    assert (
        render("{{ ref|ref_kind }} {{ ref|ref_name }}", ref="component:default/payments")
        == "component payments"
    )
    assert render("{{ ref|ref_kind }}{{ ref|ref_name }}", ref="payments") == "payments"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=26), "26\u00a0min"),
        (timedelta(hours=3), "3\u00a0h"),
        (timedelta(hours=47), "47\u00a0h"),
        (timedelta(days=9), "9\u00a0d"),
        (timedelta(days=240), "8\u00a0mo"),
        (timedelta(days=800), "2\u00a0y"),
    ],
)
def test_an_age_is_one_number_and_one_unit(age: timedelta, words: str) -> None:
    assert age_words(age) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON.replace(hour=18, minute=4), "18:04"),
        (NOON - timedelta(days=3), "Fri\u00a012:00"),
        (NOON + timedelta(days=40), "2\u00a0Jan\u00a02027\u00a012:00"),
        (NOON - timedelta(days=11), "12\u00a0Nov\u00a012:00"),
    ],
)
def test_a_clock_names_the_day_only_when_it_is_another(moment: datetime, words: str) -> None:
    assert clock_words(moment, NOON) == words


def test_times_carry_the_full_moment() -> None:
    html = render("{% when moment 'ago' %}", moment=timezone.now() - timedelta(minutes=5))
    assert "5\u00a0min ago" in html
    assert "datetime=" in html
    assert "title=" in html


def test_nothing_is_said_about_a_moment_that_never_was() -> None:
    assert (
        render("{% when m %}{% clock m %}{% day m %}{% left m %}{% duration m %}{% took m %}", m=None) == ""
    )


def test_what_is_left_is_never_negative() -> None:
    assert "0\u00a0min" in render("{% left moment %}", moment=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0.24, "0.2\u00a0s"),
        (48, "48\u00a0s"),
        (60, "1\u00a0min"),
        (timedelta(seconds=72), "1\u00a0min\u00a012\u00a0s"),
        (7500, "2\u00a0h\u00a05\u00a0min"),
    ],
)
def test_work_that_ran_is_measured_in_the_unit_that_fits(length: Any, words: str) -> None:
    assert render("{% took length %}", length=length) == words


def test_counts_agree_with_their_noun() -> None:
    assert render("{{ 1|counted:'entity,entities' }}") == "1\u00a0entity"
    assert render("{{ 1284|counted:'entity,entities' }}") == "1,284\u00a0entities"
    assert render("{{ 2|counted:'run' }}") == "2\u00a0runs"


def window(now: datetime | None) -> str:
    return render("{% grant_window starts ends now %}", starts=NOON, ends=NOON + timedelta(hours=4), now=now)


def test_a_window_says_its_length_in_words() -> None:
    assert "4\u00a0h, from" in window(NOON)


def test_a_running_window_marks_now() -> None:
    html = window(NOON + timedelta(hours=1))
    assert "now 13:00" in html
    assert 'class="window-used" x="10.00%" y="40" width="20.00%"' in html


@pytest.mark.parametrize("now", [None, NOON - timedelta(minutes=1), NOON + timedelta(hours=4)])
def test_now_is_not_marked_outside_the_window(now: datetime | None) -> None:
    assert "window-now-words" not in window(now)


def test_a_window_that_is_over_is_used_up() -> None:
    assert 'class="window-used" x="10.00%" y="40" width="80.00%"' in window(NOON + timedelta(hours=5))


def test_a_window_that_ended_early_keeps_its_length_and_says_when() -> None:
    noon = {"starts": NOON, "ends": NOON + timedelta(hours=4)}
    html = render("{% grant_window starts ends ended=ended %}", ended=NOON + timedelta(hours=1), **noon)
    assert "4\u00a0h, from" in html
    assert "ended 13:00" in html


@pytest.mark.parametrize(
    ("sentence", "html"),
    [
        ("You are in group:default/support", "You are in <code>group:default/support</code>"),
        ("It matches kind=a,spec.type=b.", "It matches <code>kind=a,<wbr>spec.type=b</code>."),
        ("Left payments_logs_reader; gone", "Left <code>payments_logs_reader</code>; gone"),
        ("4\u00a0h is within the limit of 4\u00a0h", "4\u00a0h is within the limit of 4\u00a0h"),
        ("Rule production-logs: one of two", "Rule production-logs: one of two"),
        ("Found <b> in a=<b>", "Found &lt;b&gt; in <code>a=&lt;b&gt;</code>"),
    ],
)
def test_names_for_machines_are_mono_within_a_sentence(sentence: str, html: str) -> None:
    assert render("{{ sentence|codes }}", sentence=sentence) == html


def test_a_place_is_shown_in_its_last_two_parts_and_whole_as_its_title() -> None:
    place = "git:file:///srv/git/acme/payments.git#catalog-info.yaml"
    html = render("{{ sentence|codes }}", sentence=f"Found in {place}")
    assert html == f'Found in <code title="{place}">acme/payments</code>'


def test_the_hours_of_a_window_never_crowd() -> None:
    html = render("{% grant_window starts ends %}", starts=NOON, ends=NOON + timedelta(days=30))
    assert html.count('class="window-tick"') <= 8


def test_a_measure_shows_the_wait_only_when_there_is_one() -> None:
    assert "Approved" in render("{% measure '4 h' '6–14 min' %}")
    assert "Approved" not in render("{% measure '4 h' %}")


def test_the_small_window_marks_when_earlier_ones_ended() -> None:
    ends, at = NOON + timedelta(hours=2), NOON + timedelta(minutes=41)
    html = render("{% window_bar starts ends at 'when earlier ones ended' %}", starts=NOON, ends=ends, at=at)
    assert "when earlier ones ended" in html


@pytest.mark.parametrize(("minutes", "beside"), [(1, 36), (120, 0), (239, -36)])
def test_on_phones_the_label_of_now_stays_inside_the_page(minutes: int, beside: int) -> None:
    narrow = window(NOON + timedelta(minutes=minutes)).partition("is-narrow")[2]
    assert f'<svg x="{beside}" overflow="visible"><rect class="window-now"' in narrow
