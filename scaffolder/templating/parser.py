"""From tokens to nodes, with the grammar and the precedence of Nunjucks 3.

Left out on purpose: include, import, extends, block and call, which need other files or asynchronous code;
each is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from scaffolder.templating import nodes as n
from scaffolder.templating.errors import TemplatingError
from scaffolder.templating.expressions import ExpressionParser
from scaffolder.templating.lexer import PLAIN, Lexer, Syntax, Token

MAX_NESTED_TAGS = 40
_NOT_HERE = {"include", "import", "from", "extends", "block", "call", "asyncEach", "asyncAll", "ifAsync"}
_CACHED_TEMPLATES = 256


@lru_cache(maxsize=_CACHED_TEMPLATES)
def parse(source: str, syntax: Syntax = PLAIN) -> n.Body:
    """The nodes of `source`. Raises `TemplatingError` with the line."""
    parser = Parser(Lexer(source, syntax))
    try:
        body = parser.body(())
    except RecursionError:
        raise TemplatingError("This is nested too deeply to be read. Make it simpler.") from None
    return body


class Parser(ExpressionParser):
    """Text and tags; expressions are its base class."""

    _nested = 0
    _drop_leading_space = False

    def body(self, until: tuple[str, ...]) -> n.Body:
        """Nodes up to one of the tags `until`, whose name is left as the next token."""
        self._nested += 1
        if self._nested > MAX_NESTED_TAGS:
            raise self.fail(f"More than {MAX_NESTED_TAGS} tags are nested here. Make it simpler.")
        found: list[n.Node] = []
        while token := self.next():
            if token.kind == "block_start" and self.peek_is("name", *until):
                self._drop_leading_space = False
                self._nested -= 1
                return tuple(found)
            if node := self._part(token):
                found.append(node)
        if until:
            raise self.fail(f"The end of the template came before {{% {until[-1]} %}}.")
        self._nested -= 1
        return tuple(found)

    def _part(self, token: Token) -> n.Node | None:
        if token.kind == "data":
            return self._text(token)
        if token.kind == "comment":
            self._drop_leading_space = token.text[-3:-2] == "-"
            return None
        self._drop_leading_space = False
        if token.kind == "variable_start":
            expression = self.expression()
            self._drop_leading_space = self.expect("variable_end", "}}").trims
            return n.Output(token.line, expression)
        if token.kind == "block_start":
            return self._tag()
        raise self.fail(f"Unexpected {token.text!r}.", token)

    def _text(self, token: Token) -> n.Node | None:
        text, following = token.text, self.peek()
        if self._drop_leading_space:
            text = text.lstrip()
            self._drop_leading_space = False
        if following and (following.trims or following.text.startswith("{#-")):
            text = text.rstrip()
        return n.Text(token.line, text) if text else None

    def _tag(self) -> n.Node:
        name = self.expect("name", "a tag name")
        if name.text in _NOT_HERE:
            raise self.fail(f"{{% {name.text} %}} is not available: a template here has one file only.", name)
        tags: dict[str, Callable[[Token], n.Node]] = {
            "if": self._if,
            "for": self._for,
            "set": self._set,
            "switch": self._switch,
            "macro": self._macro,
            "filter": self._filter_block,
            "raw": self._raw,
            "verbatim": self._raw,
        }
        if name.text not in tags:
            raise self.fail(
                f"Unknown tag {{% {name.text} %}}. To keep it as it is, put it in {{% raw %}}.", name
            )
        return tags[name.text](name)

    def _end_tag(self) -> None:
        self._drop_leading_space = self.expect("block_end", "%}").trims

    def _close(self, tag: str) -> None:
        self.expect("name", tag)
        self._end_tag()

    def _if(self, opened: Token) -> n.Node:
        otherwise: n.Body = ()
        branches = []
        closing = "if"
        while closing in ("if", "elif", "elseif"):
            test = self.expression()
            self._end_tag()
            branches.append((test, self.body(("elif", "elseif", "else", "endif"))))
            closing = self.expect_any()
        if closing == "else":
            self._end_tag()
            otherwise = self.body(("endif",))
            self.expect("name", "endif")
        self._end_tag()
        return n.If(opened.line, tuple(branches), otherwise)

    def _for(self, opened: Token) -> n.Node:
        names = self._names()
        if not self.skip("name", "in"):
            raise self.fail("A loop reads {% for item in list %}: `in` is missing.")
        iterable = self.expression()
        self._end_tag()
        otherwise: n.Body = ()
        body = self.body(("else", "endfor"))
        if self.skip("name", "else"):
            self._end_tag()
            otherwise = self.body(("endfor",))
        self._close("endfor")
        return n.For(opened.line, names, iterable, body, otherwise)

    def _names(self) -> tuple[str, ...]:
        names = [self.expect("name", "a name").text]
        while self.skip("operator", ","):
            names.append(self.expect("name", "a name").text)
        return tuple(names)

    def _set(self, opened: Token) -> n.Node:
        names = self._names()
        if self.skip("operator", "="):
            value = self.expression()
            self._end_tag()
            return n.Set(opened.line, names, value, ())
        self._end_tag()
        body = self.body(("endset",))
        self._close("endset")
        return n.Set(opened.line, names, None, body)

    def _switch(self, opened: Token) -> n.Node:
        subject = self.expression()
        self._end_tag()
        otherwise: n.Body = ()
        cases = []
        self.body(("case", "default", "endswitch"))
        while self.skip("name", "case"):
            test = self.primary()
            self._end_tag()
            cases.append((test, self.body(("case", "default", "endswitch"))))
        if self.skip("name", "default"):
            self._end_tag()
            otherwise = self.body(("endswitch",))
        self._close("endswitch")
        return n.Switch(opened.line, subject, tuple(cases), otherwise)

    def _macro(self, opened: Token) -> n.Node:
        name = self.expect("name", "the macro's name").text
        self.expect("operator", "(")
        parameters: list[tuple[str, n.Node | None]] = []
        while not self.skip("operator", ")"):
            parameter = self.expect("name", "a parameter").text
            parameters.append((parameter, self.expression() if self.skip("operator", "=") else None))
            self.skip("operator", ",")
        self._end_tag()
        body = self.body(("endmacro",))
        self._close("endmacro")
        return n.Macro(opened.line, name, tuple(parameters), body)

    def _filter_block(self, opened: Token) -> n.Node:
        filters = [self.filter_call()]
        while self.skip("operator", "|"):
            filters.append(self.filter_call())
        self._end_tag()
        body = self.body(("endfilter",))
        self._close("endfilter")
        return n.FilterBlock(opened.line, tuple(filters), body)

    def _raw(self, opened: Token) -> n.Node:
        trims = self.expect("block_end", "%}").trims
        text = self.lexer.raw_until(opened.text)
        closing = self.expect("block_start", "{%")
        with self.lexer.keeping_newlines():
            self._close(f"end{opened.text}")
        text = text.lstrip() if trims else text
        return n.Text(opened.line, text.rstrip() if closing.trims else text)
