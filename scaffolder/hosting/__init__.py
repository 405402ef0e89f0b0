"""Repositories on hosts with a REST API: which one is meant, what its host is asked, and what is pushed to it.

`places.py` the repository of a `repoUrl` · `api.py` its REST API, with every refusal in words · `github.py`,
`gitlab.py` what each is asked · `pushing.py` first commits, and commits on branches of what is there. What each action
wants is in `scaffolder.actions`.
"""
