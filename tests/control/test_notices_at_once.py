"""Two workers at the same thing at the same moment: one mail, one happening, and everybody is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from control import mail
from control.models import Delivery, Happening, Notice, User
from control.notices import News, tell
from tests.locks import wait_until_somebody_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)
SAID = News("test.said", "decided", "the-key", "t", "Said", "/")


def apart(do: Callable[[], Any]) -> Any:
    """On a connection of its own, as another process would."""
    try:
        return do()
    finally:
        connection.close()


def test_what_is_owed_is_put_into_one_mail(maya: User) -> None:
    tell(SAID, [maya.pk])
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert mail._gather_for(maya.pk)
            second = pool.submit(apart, lambda: mail._gather_for(maya.pk))
            wait_until_somebody_waits_for_a_lock()
        assert second.result() is False
    assert Delivery.objects.count() == 1
    assert Notice.objects.get().mail == Delivery.objects.get()


def test_the_same_thing_said_twice_at_once_is_one_happening_that_both_sides_hear_of(
    maya: User, tomas: User
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            tell(SAID, [maya.pk])
            second = pool.submit(apart, lambda: tell(SAID, [maya.pk, tomas.pk]))
            wait_until_somebody_waits_for_a_lock()
        second.result()
    assert Happening.objects.count() == 1
    assert sorted(Notice.objects.values_list("user", flat=True)) == sorted([maya.pk, tomas.pk])
