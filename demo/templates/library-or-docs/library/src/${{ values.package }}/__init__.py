"""${{ values.name }}: say in one sentence what it is for."""

__version__ = "0.1.0"
