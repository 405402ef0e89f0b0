"""The queue's address: taken from the database settings, whatever characters they hold."""

from __future__ import annotations

import pytest
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from portal.broker import IN_DATABASE, conninfo, transport_options

DATABASE = {"HOST": "/run/portico", "PORT": 5432, "NAME": "portico", "USER": "postgres", "PASSWORD": ""}


@pytest.mark.parametrize("password", ["simple", "with space", "it's", "back\\slash", "p@ss/w:rd", "a=b"])
def test_the_client_of_the_queue_ends_up_with_the_password_as_it_is(password: str) -> None:
    config = PGMQConfig(conn_string=conninfo({**DATABASE, "PASSWORD": password}), init_extension=False)
    assert conninfo_to_dict(config.dsn)["password"] == password
    assert conninfo_to_dict(config.dsn)["host"] == "/run/portico"


def test_the_queue_lies_in_the_portals_database_by_default() -> None:
    options = transport_options(IN_DATABASE, DATABASE)
    assert "dbname=portico" in options["conn_string"]
    assert options["init_extension"] is False


def test_another_queue_keeps_its_own_address() -> None:
    assert "conn_string" not in transport_options("pgmq://u:p@queue.internal/jobs", DATABASE)
    assert "conn_string" not in transport_options("amqp://rabbit.internal", DATABASE)
