"""Forms from JSON Schema: what a template's `parameters` ask, as pages that people fill in.

    schema.py    the pages of a document, cleaned so that nothing in them can break a form
    order.py     keys in the order of the author's YAML
    kinds.py     which control a schema asks for, its options and words
    settle.py    conditional parts (dependencies, if/then/else, oneOf, allOf) decided for given answers
    sent.py      what a browser sent, as a tree
    reading.py   answers of one page: sent, given earlier, or the template's defaults
    checking.py  what is wrong with answers, in words, at the field
    fields.py    a page as controls to draw
    pickers.py   entities, owners and tags that may be chosen
    repo_url.py  `host?owner=o&repo=r`
    carrying.py  answers of earlier pages in one signed field
    review.py    all answers in words

The form decides nothing: whether a run may start is asked of `control.intents`.
"""
