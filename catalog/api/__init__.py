"""The catalogue's REST API as Backstage's clients speak it (plugin-catalog-backend 4 and its published OpenAPI)."""
