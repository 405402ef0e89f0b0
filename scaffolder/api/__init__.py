"""Runs of templates as Backstage's clients ask for them (plugin-scaffolder-backend 4 and its published OpenAPI)."""
