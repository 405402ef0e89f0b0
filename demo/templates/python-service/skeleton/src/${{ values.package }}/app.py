"""The routes of ${{ values.name }}."""

from . import http

NAME = "${{ values.name }}"

app = http.create(NAME)
