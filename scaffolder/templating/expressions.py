"""The expression grammar of Nunjucks 3: one method per level of precedence, loosest first."""

from __future__ import annotations

from dataclasses import replace

from scaffolder.templating import nodes as n
from scaffolder.templating.errors import TemplatingError
from scaffolder.templating.lexer import Lexer, Token
from scaffolder.templating.values import number

MAX_NESTED_BRACKETS = 30
_COMPARISONS = ("==", "===", "!=", "!==", "<", ">", "<=", ">=")
# Loosest first. Nunjucks parses one operator per level but writes most of them to JavaScript without
# brackets, whose precedence then counts; only // and ** become calls.
_ARITHMETIC = (("~", "+", "-"), ("*", "/", "%"), ("//",), ("**",))
_FLAT = {*_COMPARISONS, *_ARITHMETIC[0], *_ARITHMETIC[1]}
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}


class ExpressionParser:
    def __init__(self, lexer: Lexer) -> None:
        self.lexer = lexer
        self._ahead: list[Token] = []
        self._brackets = 0

    # Tokens

    def next(self) -> Token | None:
        return self._ahead.pop() if self._ahead else self.lexer.next()

    def peek(self) -> Token | None:
        if not self._ahead:
            token = self.lexer.next()
            if token is None:
                return None
            self._ahead.append(token)
        return self._ahead[-1]

    def peek_is(self, kind: str, *texts: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == kind and token.text in texts

    def skip(self, kind: str, text: str) -> bool:
        if self.peek_is(kind, text):
            self.next()
            return True
        return False

    def expect(self, kind: str, text: str) -> Token:
        """The next token, which must be of `kind`; `text` is its text, or what to call it."""
        token = self.next()
        fixed = kind == "operator" or text.startswith("end")
        if token is None or token.kind != kind or (fixed and token.text != text):
            raise self.fail(f"Expected {text} but found {_shown(token)}.", token)
        return token

    def fail(self, problem: str, token: Token | None = None) -> TemplatingError:
        return self.lexer.fail(problem, token.line if token else None)

    # Levels

    def expression(self) -> n.Node:
        body = self._or()
        if not self.skip("name", "if"):
            return body
        test = self._or()
        otherwise = self._or() if self.skip("name", "else") else None
        return n.InlineIf(body.line, test, body, otherwise)

    def _or(self) -> n.Node:
        node = self._and()
        while self.skip("name", "or"):
            node = n.Binary(node.line, "or", node, self._and())
        return node

    def _and(self) -> n.Node:
        node = self._not()
        while self.skip("name", "and"):
            node = n.Binary(node.line, "and", node, self._not())
        return node

    def _not(self) -> n.Node:
        token = self.peek()
        if token and self.skip("name", "not"):
            return _negated(self._not(), token.line)
        return self._in()

    def _in(self) -> n.Node:
        node = self._is()
        while self.peek_is("name", "in", "not"):
            negated = self.skip("name", "not")
            if not self.skip("name", "in"):
                raise self.fail("Expected `in` after `not`.", self.peek())
            node = n.Binary(node.line, "in", node, self._is())
            node = n.Unary(node.line, "not", node) if negated else node
        return node

    def _is(self) -> n.Node:
        node = self._compare()
        if not self.skip("name", "is"):
            return node
        negated = self.skip("name", "not")
        token = self.next()
        if token is None or token.kind not in ("name", "constant"):
            raise self.fail(f"Expected the name of a test after `is` but found {_shown(token)}.", token)
        arguments = self._signature() if self.peek_is("operator", "(") else n.Arguments(token.line, (), ())
        test = n.Is(token.line, node, token.text, arguments)
        return n.Unary(token.line, "not", test) if negated else test

    def _compare(self) -> n.Node:
        node = self._arithmetic(0)
        while self.peek_is("operator", *_COMPARISONS):
            operator = self.expect_any()
            node = n.Binary(node.line, operator, node, self._arithmetic(0))
        return node

    def expect_any(self) -> str:
        token = self.next()
        return token.text if token else ""

    def _arithmetic(self, level: int) -> n.Node:
        if level == len(_ARITHMETIC):
            return self._unary()
        node = self._arithmetic(level + 1)
        while self.peek_is("operator", *_ARITHMETIC[level]):
            operator = self.expect_any()
            node = n.Binary(node.line, operator, node, self._arithmetic(level + 1))
        return node

    def _unary(self, *, filters: bool = True) -> n.Node:
        token = self.peek()
        node: n.Node
        if token and self.peek_is("operator", "-", "+"):
            self.next()
            node = n.Unary(token.line, token.text, self._unary(filters=False))
        else:
            node = self.primary()
        while filters and self.skip("operator", "|"):
            node = n.Filtered(node.line, node, self.filter_call())
        return node

    def filter_call(self) -> n.FilterCall:
        name = self.expect("name", "the name of a filter (for a logical or, write `or`)")
        text = name.text
        while self.skip("operator", "."):
            text += "." + self.expect("name", "a name").text
        arguments = self._signature() if self.peek_is("operator", "(") else n.Arguments(name.line, (), ())
        return n.FilterCall(name.line, text, arguments)

    # Primaries

    def primary(self) -> n.Node:
        return self._postfix(self._atom())

    def _atom(self) -> n.Node:
        token = self.next()
        if token is None:
            raise self.fail("Expected an expression but the template ended.")
        match token.kind:
            case "string":
                return n.Literal(token.line, token.text)
            case "number":
                return n.Literal(token.line, number(float(token.text[:400])))
            case "constant":
                return n.Literal(token.line, _CONSTANTS[token.text])
            case "regex":
                pattern, _, flags = token.text[2:].rpartition("/")
                return n.RegexLiteral(token.line, pattern, flags)
            case "name":
                return n.Name(token.line, token.text)
        return self._bracketed(token)

    def _bracketed(self, token: Token) -> n.Node:
        self._brackets += 1
        if self._brackets > MAX_NESTED_BRACKETS:
            raise self.fail(
                f"More than {MAX_NESTED_BRACKETS} brackets are nested here. Make it simpler.", token
            )
        opened = token.text if token.kind == "operator" else ""
        if opened == "(":
            node = self._group()
        elif opened == "[":
            node = n.ListLiteral(token.line, self._items("]"))
        elif opened == "{":
            node = self._dict(token)
        else:
            raise self.fail(f"Expected an expression but found {_shown(token)}.", token)
        self._brackets -= 1
        return node

    def _group(self) -> n.Node:
        items = self._items(")")
        if not items:
            raise self.fail("The brackets () are empty.")
        return n.Group(items[-1].line, items[-1])

    def _items(self, closing: str) -> tuple[n.Node, ...]:
        items: list[n.Node] = []
        while not self.skip("operator", closing):
            if items:
                self.expect("operator", ",")
                if self.skip("operator", closing):
                    break
            items.append(self.expression())
        return tuple(items)

    def _dict(self, token: Token) -> n.Node:
        pairs: list[tuple[n.Node, n.Node]] = []
        while not self.skip("operator", "}"):
            if pairs:
                self.expect("operator", ",")
            key = self.primary()
            if isinstance(key, n.Name):
                key = n.Literal(key.line, key.name)
            self.expect("operator", ":")
            pairs.append((key, self.expression()))
        return n.DictLiteral(token.line, tuple(pairs))

    def _postfix(self, node: n.Node) -> n.Node:
        while token := self.peek():
            if self.peek_is("operator", "("):
                node = n.Call(token.line, node, self._signature())
            elif self.skip("operator", "["):
                node = self._index(node, token)
            elif self.skip("operator", "."):
                name = self.next()
                if name is None or name.kind not in ("name", "constant"):
                    raise self.fail(f"Expected a name after the dot but found {_shown(name)}.", name)
                node = n.Lookup(token.line, node, n.Literal(name.line, name.text))
            else:
                break
        return node

    def _index(self, node: n.Node, token: Token) -> n.Node:
        if not self.lexer.syntax.compat:
            key = self.expression()
            self.expect("operator", "]")
            return n.Lookup(token.line, node, key)
        parts: list[n.Node | None] = [None]
        while not self.skip("operator", "]"):
            if self.skip("operator", ":"):
                parts.append(None)
            else:
                parts[-1] = self.expression()
        if len(parts) == 1 and parts[0]:
            return n.Lookup(token.line, node, parts[0])
        start, stop, step = [*parts, None, None][:3]
        return n.Slice(token.line, node, start, stop, step)

    def _signature(self) -> n.Arguments:
        opened = self.expect("operator", "(")
        positional: list[n.Node] = []
        keywords: list[tuple[str, n.Node]] = []
        while not self.skip("operator", ")"):
            if positional or keywords:
                self.expect("operator", ",")
            argument = self.expression()
            if isinstance(argument, n.Name) and self.skip("operator", "="):
                keywords.append((argument.name, self.expression()))
            else:
                positional.append(argument)
        return n.Arguments(opened.line, tuple(positional), tuple(keywords))


def _negated(node: n.Node, line: int) -> n.Node:
    """`not a == b` is `(!a) == b` in Nunjucks, as JavaScript's `!` binds tighter than anything."""
    if isinstance(node, n.Binary) and node.operator in _FLAT:
        return replace(node, left=_negated(node.left, line))
    return n.Unary(line, "not", node)


def _shown(token: Token | None) -> str:
    return "the end" if token is None else repr(token.text)
