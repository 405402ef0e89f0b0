"""Hosts for tests: a real HTTP server that speaks the REST endpoints of GitHub and GitLab, from memory."""
