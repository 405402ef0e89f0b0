"""Portico from a terminal: a client of its REST API that imports nothing of the portal."""
