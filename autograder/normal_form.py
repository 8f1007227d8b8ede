"""A form of a student's answer that is the same for answers that differ in looks only."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache


def top_names(code: str) -> frozenset[str]:
    """Return the names that a piece of code defines at its top level; none if it doesn't parse."""
    tree = _parse(code)
    return frozenset(_bound(tree.body)) if tree else frozenset()


@lru_cache(maxsize=10_000)
def normal_form(code: str, keep: frozenset[str] = frozenset()) -> str | None:
    """Return a form of an answer that is the same for answers that differ in looks only.

    Comments, docstrings, annotations of functions, and imports at the top level are taken out.
    Names that the answer binds itself are numbered in the order in which they appear, each in its
    scope. Names at the top level that the task asks for keep theirs.

    Args:
        code: the answer.
        keep: the names at the top level that stay as they are.

    Returns:
        The form; None if the answer is no valid Python.
    """
    tree = _parse(code)
    if tree is None:
        return None
    tree.body = [one for one in tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]
    try:
        return ast.unparse(_Renamer(keep).visit(tree))
    except RecursionError:
        return None


def _parse(code: str) -> ast.Module | None:
    """Parse an answer, as a notebook would: lines of IPython's are left out if they disturb."""
    plain = re.sub(r"(?m)^([ \t]*)[%!].*$", r"\1pass", code)
    for source in dict.fromkeys((code, plain)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in strings: not of interest here
                return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that are bound in a scope, without those of the scopes in it."""
    names: set[str] = set()
    foreign: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            foreign.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        if isinstance(node, COMPREHENSIONS):  # a walrus in it binds outside
            names |= {
                one.target.id
                for one in ast.walk(node)
                if isinstance(one, ast.NamedExpr) and isinstance(one.target, ast.Name)
            }
        elif not isinstance(node, Scope):
            waiting.extend(ast.iter_child_nodes(node))
    return names - foreign


class _Renamer(ast.NodeTransformer):
    """Numbers the names that a piece of code binds, in the order in which they appear."""

    def __init__(self, keep: frozenset[str]):
        self.scopes: list[dict[str, str | None]] = []
        self.keep = keep
        self.count = 0

    def _name(self, name: str) -> str:
        """Return what a name is called now, by the innermost scope that binds it."""
        for scope in reversed(self.scopes):
            if name in scope:
                if scope[name] is None:
                    scope[name] = f"_{self.count}"
                    self.count += 1
                return scope[name]
        return name

    def _block(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        """Visit statements, and leave out texts that nobody reads: docstrings."""
        found = [self.visit(one) for one in nodes if not _is_text(one)]
        return found or [ast.Pass()]

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.scopes.append(dict.fromkeys(_bound(node.body) - self.keep))
        node.body = self._block(node.body)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._name(node.name)
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        node.returns = None
        self._defaults(node.args)
        self.scopes.append(dict.fromkeys(_bound(node.body) | set(_names(node.args))))
        self._arguments(node.args)
        node.body = self._block(node.body)
        self.scopes.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        self.scopes.append(dict.fromkeys({*_names(node.args), *_bound([node.body])}))
        self._arguments(node.args)
        node.body = self.visit(node.body)
        self.scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._name(node.name)
        node.bases = [self.visit(one) for one in node.bases]
        node.keywords = [self.visit(one) for one in node.keywords]
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        # What a class binds are attributes, which others use by their names
        self.scopes.append({name: name for name in _bound(node.body)})
        node.body = self._block(node.body)
        self.scopes.pop()
        return node

    def _comprehension(self, node: ast.AST) -> ast.AST:
        first = node.generators[0]
        first.iter = self.visit(first.iter)  # which is outside of its scope
        targets = [one.target for one in node.generators]
        self.scopes.append(dict.fromkeys(_bound(targets)))
        for number, one in enumerate(node.generators):
            one.target = self.visit(one.target)
            one.iter = self.visit(one.iter) if number else one.iter
            one.ifs = [self.visit(test) for test in one.ifs]
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                setattr(node, part, self.visit(getattr(node, part)))
        self.scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self._name(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = [self._name(name) for name in node.names]
        return node

    visit_Global = visit_Nonlocal

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for part in ("body", "orelse", "finalbody"):
            block = getattr(node, part, None)
            if isinstance(block, list):
                block[:] = [one for one in block if not _is_text(one)] or (
                    [ast.Pass()] if part == "body" else []
                )
        return super().generic_visit(node)

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(one) for one in arguments.defaults]
        arguments.kw_defaults = [one and self.visit(one) for one in arguments.kw_defaults]

    def _arguments(self, arguments: ast.arguments) -> None:
        for one in _each(arguments):
            one.arg, one.annotation, one.type_comment = self._name(one.arg), None, None


def _each(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg:
        yield arguments.kwarg


def _names(arguments: ast.arguments) -> list[str]:
    return [one.arg for one in _each(arguments)]


def _is_text(node: ast.AST) -> bool:
    """Tell whether a statement is a text and nothing else, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
