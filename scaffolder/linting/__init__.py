"""What is wrong with a template, found without running it: each finding with file, line, column and what to do.

    findings = lint_text(text, file="template.yaml", tree=Tree(root, base))
    findings = lint_paths([Path("templates")])

`document_checks.py` the envelope and the list of steps · `step_checks.py` actions and their input · `form_checks.py`
the questions · `reference_checks.py` what expressions name · `skeleton_checks.py` files beside the template. Errors are
what a run would stop at or do wrong; warnings what is likely not meant; hints what could be tidier.
"""

from __future__ import annotations

from scaffolder.linting.findings import Finding, Severity
from scaffolder.linting.running import lint_paths, lint_text

__all__ = ["Finding", "Severity", "lint_paths", "lint_text"]
