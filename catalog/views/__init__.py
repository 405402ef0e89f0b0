"""The catalogue's pages, one module for each subject: lists, entities, search, locations."""
