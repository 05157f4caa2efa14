"""Lists and objects as programs write them into a field: JSON, Python, NumPy, bare brackets.

A shop's table should have plain text where its interface gives `{"id": 9, "name": "Clothing"}`.
What such a value is called is taken for it; one that has no name is not understood.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator
from typing import Any

from catalog.ingest.values.missing import MARKERS

# The keys under which interfaces of shops keep what a person reads, the first one present.
NAMES = ("name", "title", "label", "rendered", "display_name", "displayName", "value", "text")
AMOUNTS = ("amount", "price", "value", "text", "label", "name")
_CURRENCIES = ("currency", "currencyCode", "currency_code", "priceCurrency")

_BLANK = frozenset(("", *MARKERS))
_UNKNOWN = frozenset(("nan", "NaN", "inf", "null", "true", "false"))  # of JSON, in Python's braces
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[\[\],])|[uUbB]?(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=\s*[\s\],'"])
    |(?P<bare>[^\[\],]+))""",
    re.DOTALL | re.VERBOSE,
)


class NotUnderstoodError(ValueError):
    """A text that is no list or object, or an object without a name."""


def parsed(text: str) -> Any:
    """What a list or an object in a text is; raises `NotUnderstoodError` for any other text.

    Of a list without quotes, the members are what its commas separate.
    """
    text = text.strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if braces := re.fullmatch(r"\{([^:{}]*)\}", text):  # a set of Python's, a list of Postgres'
            text = f"[{braces[1]}]"
        value = python_literal(text) if "{" in text or text[:1] == "(" else _listed(text)
    if not isinstance(value, list | dict | tuple):
        raise NotUnderstoodError(text)
    return value


def python_literal(text: str) -> Any:
    """A value as Python prints it, without running anything; `nan` and JSON's words as well.

    Raises:
      NotUnderstoodError: if it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes in texts
            tree = ast.parse(text.strip(), mode="eval")
        return ast.literal_eval(_Known().visit(tree))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise NotUnderstoodError(text) from error


def names(value: Any, keys: tuple[str, ...] = NAMES) -> tuple[list[str], bool]:
    """The texts of a value, each once: its own, those of a list's members, an object's name.

    Args:
      value: as `parsed` gives it, or a member of that.
      keys: where an object has its name.

    Returns:
      The texts, and whether that is all, no object being without a name.
    """
    try:
        found = dict.fromkeys(_names(value, keys))
    except (RecursionError, ValueError):
        # Lists a thousand deep, a whole number of thousands of digits: nobody's names.
        return [], False
    return [name for name in found if name is not None], None not in found


def paths(value: Any) -> tuple[list[list[str]], bool]:
    """The category paths of a value: one, or one a member if all of a list's members are lists.

    Returns:
      The paths, and whether that is all, as in `names`.
    """
    members = value if isinstance(value, list | tuple) else ()
    if not members or not all(isinstance(member, list | tuple) for member in members):
        members = (value,)
    found = [names(member) for member in members]
    return [path for path, _ in found if path], all(whole for _, whole in found)


def _names(value: Any, keys: tuple[str, ...]) -> Iterator[str | None]:
    """The texts; `None` for an object without a name."""
    if isinstance(value, dict):
        named = next((value[key] for key in keys if not _is_blank(value.get(key))), None)
        if named is not None:
            found = list(_names(named, keys))
            text = ", ".join(filter(None, found))
            currency = next((str(value[key]) for key in _CURRENCIES if value.get(key)), "")
            yield (f"{text} {currency}".strip() if keys is AMOUNTS else text) if text else None
        elif not all(map(_is_blank, value.values())):
            yield None
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _names(member, keys)
    elif not _is_blank(value):
        # Two halves of a character that are written apart are joined, and one alone goes.
        text = str(value).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
        yield " ".join(text.split())


def _is_blank(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return not value
    if isinstance(value, float) and not math.isfinite(value):
        return True
    # Odoo has false for what it does not know.
    return value is None or value is False or str(value).strip() in _BLANK


class _Known(ast.NodeTransformer):
    """Names that other programs write for values become these."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in _UNKNOWN:
            return node
        return ast.Constant({"true": True, "false": False}.get(node.id))


def _listed(text: str) -> list[Any]:
    """A list in brackets: members apart by commas or, as NumPy has them, quotes by white space."""
    inner = re.fullmatch(r"(?:array\()?(\[.*\])(?:,\s*dtype=\w+)?\)?", text, re.DOTALL)
    if not inner:
        raise NotUnderstoodError(text)
    stack: list[list[Any]] = [[]]
    for token in _TOKEN.finditer(inner[1]):
        if token["mark"] == "[":
            stack.append([])
        elif token["mark"] == "]":
            if len(stack) < 2:
                raise NotUnderstoodError(text)
            stack[-2].append(stack.pop())
        elif token["string"]:
            stack[-1].append(python_literal(token["string"]))
        elif token["bare"] and (bare := token["bare"].strip()):
            stack[-1].append(bare)
    if len(stack) > 1 or len(stack[0]) != 1:
        raise NotUnderstoodError(text)
    return stack[0][0]
