"""Tests of templates, as documents beside them: answers that are given, and the files, outputs and refusals to come.

`reading.py` reads TemplateTest documents · `running.py` runs them as dry runs, in a world that the test describes: no
database, no network, no effect · `comparing.py` says what is different.
"""
