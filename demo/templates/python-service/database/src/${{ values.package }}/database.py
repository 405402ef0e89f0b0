"""One connection pool for the whole process."""

import os
from functools import cache
from importlib import import_module
from typing import Any


@cache
def pool() -> Any:
    """The pool of "${{ values.name }}"; DATABASE_URL says where it connects to."""
    return import_module("psycopg_pool").ConnectionPool(os.environ["DATABASE_URL"], max_size=8)
