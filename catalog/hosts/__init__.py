"""Hosts of repositories (GitHub, GitLab and servers like them) and what is asked of their REST APIs.

`integrations.py` which hosts there are, with their secrets · `client.py` one API with its limits · `kept.py` answers
that are asked for again only if they changed · `addresses.py`, `files.py` single files · `github.py`, `gitlab.py` the
endpoints, in the terms of `listing.py`.
"""
