"""YAML that reads the same by the rules of 1.1 and 1.2."""

from __future__ import annotations

from typing import Any

import yaml

from catalog.yaml12 import typed


class _Dumper(yaml.SafeDumper):
    """Texts that one of the two would take for a number or a truth are quoted."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the signature is PyYAML's
        return True


def _text_node(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if not isinstance(typed(value), str):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text_node)


def dumped(data: Any) -> str:
    """One document."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def all_dumped(documents: list[Any]) -> str:
    """Several, each after its `---`."""
    return "".join(f"---\n{dumped(one)}" for one in documents) if len(documents) > 1 else dumped(documents[0])
