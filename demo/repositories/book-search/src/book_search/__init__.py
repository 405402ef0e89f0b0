"""Search over editions."""
