"""What a name in the documents stands for, told by the sources alone: nothing is imported."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def exists(dotted: str) -> bool:
    """Whether `package.module.name.attribute` is a module, or something defined in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if (path := _source(tuple(parts[:length]))) is not None:
            return _defined(_body(path), parts[length:])
    return False


def version(dotted: str) -> int:
    """The version that a module gives to a name: a number, or the `version` of what it calls."""
    module, _, name = dotted.rpartition(".")
    for statement in _body(_source(tuple(module.split(".")))):
        if name not in _bound(statement):
            continue
        if isinstance(statement, ast.ImportFrom):
            return version(f"{statement.module}.{name}")
        if isinstance(statement.value, ast.Call):
            named = {word.arg: word.value for word in statement.value.keywords}
            return ast.literal_eval(named["version"])
        return ast.literal_eval(statement.value)
    raise LookupError(dotted)


def _source(parts: tuple[str, ...]) -> Path | None:
    folder = ROOT.joinpath(*parts)
    candidates = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


@lru_cache
def _body(path: Path) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(path.read_text()).body)


def _defined(body: tuple[ast.stmt, ...], names: list[str]) -> bool:
    """Whether the first name is bound here; of a class, whether it binds the next one, too."""
    if not names:
        return True
    for statement in body:
        if names[0] not in _bound(statement):
            continue
        if isinstance(statement, ast.ImportFrom) and statement.module:
            return exists(".".join([statement.module, *names]))
        if len(names) == 1:
            return True
        return isinstance(statement, ast.ClassDef) and _defined(tuple(statement.body), names[1:])
    return False


def _bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Assign():
            return {name.id for t in statement.targets for name in ast.walk(t) if _is_name(name)}
        case ast.AnnAssign():
            return {name.id for name in ast.walk(statement.target) if _is_name(name)}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name for alias in statement.names}
        case ast.If() | ast.With() | ast.Try():
            return {name for inner in statement.body for name in _bound(inner)}
    return set()


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)
