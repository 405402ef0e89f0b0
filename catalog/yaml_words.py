"""What the YAML parser's complaints mean, and what to do about each, in plain words."""

from __future__ import annotations

import yaml

# The beginning of libyaml's problem text → what to tell people.
_MEANINGS = {
    "mapping values are not allowed": (
        "A colon starts a key here, where none may stand. Put the value in quotes, or check the indentation."
    ),
    "could not find expected ':'": (
        "This is neither a key nor part of a value: a colon is missing, or the indentation is wrong."
    ),
    "did not find expected key": "A key was expected here. Check the indentation, and quotes that are not closed.",
    "did not find expected '-' indicator": "A list item was expected here. Check the indentation of the list.",
    "did not find expected node content": (
        "A value was expected here. Put text that begins with a special character in quotes."
    ),
    "did not find expected ',' or ']'": "A list in [ ] is not closed, or a comma is missing.",
    "did not find expected ',' or '}'": "A mapping in { } is not closed, or a comma is missing.",
    "did not find expected <document start>": "The document goes on after its end. Check the indentation.",
    "found character that cannot start any token": (
        "No value can begin with this character. Put it in quotes; indent with blanks, not tabs."
    ),
    "found unexpected end of stream": "A quote is opened and not closed.",
    "found undefined alias": "This alias (*) names an anchor (&) that is not above it.",
    "block sequence entries are not allowed": "A list cannot begin here. Put it on a line of its own.",
    "found unknown escape character": (
        "There is no such escape in double quotes. Use single quotes, or write two backslashes for one."
    ),
    "found a tab character": "A tab stands where blanks must indent. Replace it.",
    "found duplicate anchor": "Two anchors (&) have the same name.",
    "found unexpected document indicator": "A quote is opened and not closed before the document ends.",
}


def explained(error: yaml.MarkedYAMLError) -> str:
    """One or two sentences; the parser's own words where we have no better ones."""
    problem = error.problem or "it cannot be read"
    for beginning, meaning in _MEANINGS.items():
        if problem.startswith(beginning):
            return meaning
    context = f" {error.context}" if error.context else ""
    return f"Not valid YAML{context}: {problem}."
