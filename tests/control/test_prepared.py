"""Questions about one person that are made into SQL once per process."""

from __future__ import annotations

import pytest

from control import tokens
from control.models import ApiToken, User
from control.prepared import OfPerson
from tests import factories

pytestmark = pytest.mark.django_db


def _tokens_of(question: OfPerson, user: User) -> set[int]:
    return {pk for (pk,) in question.rows(user)}


def test_each_person_gets_the_answer_about_themselves() -> None:
    question = OfPerson(lambda user: ApiToken.objects.filter(user=user).values("pk"))
    maya, tomas = factories.user("maya.okafor"), factories.user("tomas.lind")
    of_maya, of_tomas = (tokens.issue(owner=one, by=one, name="nightly")[0] for one in (maya, tomas))
    assert _tokens_of(question, maya) == {of_maya.pk}
    assert _tokens_of(question, tomas) == {of_tomas.pk}
    assert _tokens_of(question, maya) == {of_maya.pk}


def test_a_question_that_looks_something_up_while_it_is_made_is_refused() -> None:
    """Its SQL would hold what was true of whoever asked first."""
    question = OfPerson(
        lambda user: ApiToken.objects.filter(user__in=list(User.objects.filter(pk=user.pk))).values("pk")
    )
    with pytest.raises(AssertionError, match="depends on more than who asks"):
        question.rows(factories.user("maya.okafor"))
