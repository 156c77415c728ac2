# SPDX-License-Identifier: Apache-2.0
"""Operators that put a fault into a function's syntax tree.

An operator finds its place by meaning: the n-th use of a name in the function, or the statement that assigns a name.
So a rewrite of the function keeps a mutation valid, or fails with one line that names function, operator and place.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Node = ast.AST
_LEAVES = {ast.Continue: "continue", ast.Return: "return", ast.Break: "break"}
_STRICT = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


@dataclass(frozen=True)
class Where:
    """A place in a function.

    Attributes:
        name: name, attribute or constant that is read there; None = the whole statement.
        assigns: name that the statement assigns; with `a, b = x, y` the part that is assigned to it.
        touching: name that occurs in the statement too, or "continue", "return", "break" that it leads to.
        nth: which of the places found, from 0; None = all of them.

    Assignments that only give another name (`depth = picture.depth`) are no places.
    """

    name: str | float | None = None
    assigns: str | None = None
    touching: str | None = None
    nth: int | None = 0

    def __str__(self) -> str:
        """The place in words."""
        parts = [f"`{self.name}`" if self.name is not None else "the statement"]
        parts += [f"assigned to `{self.assigns}`"] if self.assigns else []
        parts += [f"with `{self.touching}`"] if self.touching else []
        parts += ["everywhere"] if self.nth is None else ([f"number {self.nth + 1}"] if self.nth else [])
        return " ".join(parts)


@dataclass(frozen=True)
class Change:
    """One operator at one place.

    Attributes:
        operator: key of `OPERATORS`.
        where: the place.
        to: the operator's argument, {} = what is there.
    """

    operator: str
    where: Where
    to: str = ""

    def __str__(self) -> str:
        """As results/mutations.json has it."""
        return f"{self.operator}: {self.where}" + (f" -> {self.to}" if self.to else "")

    def apply(self, function: Node) -> None:
        """Put the fault into a function or class, in place.

        Raises:
            LookupError: if the place or what the operator needs is not there.
        """
        tree = _Tree(function)
        places = list(tree.places(self.where))
        if not places or (self.where.nth or 0) >= len(places):
            raise LookupError(f"{len(places)} places")
        for node in places if self.where.nth is None else [places[self.where.nth]]:
            OPERATORS[self.operator](tree, node, self.to)


class _Tree:
    """A function's nodes, each with its parent."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.parent = {child: node for node in ast.walk(root) for child in ast.iter_child_nodes(node)}

    def up(self, node: Node, *kinds: type[Node]) -> Node:
        """The nearest node of these kinds, from `node` upwards."""
        while not isinstance(node, kinds):
            if node is self.root:
                raise LookupError(f"no {' or '.join(kind.__name__ for kind in kinds)} around it")
            node = self.parent[node]
        return node

    def put(self, old: Node, new: Node) -> None:
        """`new` in the place of `old`."""
        parent = self.parent[old]
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                value[:] = [new if item is old else item for item in value]
        self.parent[new] = parent

    def places(self, where: Where) -> Iterator[Node]:
        """What `where` finds, in the order of the source."""
        for node in _in_order(self.root):
            if node is self.root or (isinstance(node, ast.stmt) if where.name is not None else not _is_plain(node)):
                continue
            if where.name is not None and not _reads(node, where.name):
                continue
            statement = self.up(node, ast.stmt)
            if self._only_renamed(statement, node):
                continue
            if where.assigns is not None and where.assigns not in self._assigned(statement, node):
                continue
            if where.touching is not None and where.touching not in _tokens(statement):
                continue
            yield node

    def _assigned(self, statement: Node, node: Node) -> set[str]:
        """Names that the part of the statement around `node` assigns, but for those that it only gives another name."""
        return {
            _base(target)
            for target, value in _pairs(statement)
            if (node is statement or value is None or any(node is part for part in ast.walk(value)))
            and not _renames(target, value)
        }

    def _only_renamed(self, statement: Node, node: Node) -> bool:
        """Whether `node` is the value in `name = node`, which gives it another name and uses it nowhere."""
        return any(node is value and _renames(target, value) for target, value in _pairs(statement))


def _pairs(statement: Node) -> list[tuple[Node, Node | None]]:
    """Targets of an assignment with their values; None = the value has no part for each target."""
    if isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        return [(statement.target, None)]
    if not isinstance(statement, ast.Assign):
        return []
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Tuple):
        return [(target, value)]
    values = value.elts if isinstance(value, ast.Tuple) else [None] * len(target.elts)
    return list(zip(target.elts, values, strict=True))


def _renames(target: Node, value: Node | None) -> bool:
    return isinstance(target, ast.Name) and isinstance(value, (ast.Name, ast.Attribute))


def _in_order(node: Node) -> Iterator[Node]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _is_plain(node: Node) -> bool:
    return isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return))


def _reads(node: Node, name: str | float) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is type(name) and node.value == name
    token = getattr(node, "id", getattr(node, "attr", None))
    return token == name and isinstance(getattr(node, "ctx", None), ast.Load)


def _base(target: Node) -> str:
    """The name that an assignment to `target` changes."""
    while isinstance(target, (ast.Subscript, ast.Starred)):
        target = target.value
    return getattr(target, "id", getattr(target, "attr", ""))


def _tokens(statement: Node) -> set[str]:
    """Names and attributes of a statement without its body, and how its body leaves."""
    body = [*getattr(statement, "body", []), *getattr(statement, "orelse", [])]
    found = {_LEAVES[type(item)] for item in body if type(item) in _LEAVES}
    for child in ast.iter_child_nodes(statement):
        if child not in body:
            found |= {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(child)}
    return found


def _expression(text: str, node: Node | None = None) -> ast.expr:
    return ast.parse(text.format(f"({ast.unparse(node)})") if node else text, mode="eval").body


def _replace(tree: _Tree, node: Node, to: str) -> None:
    tree.put(node, _expression(to, node))


def _round(tree: _Tree, node: Node, to: str) -> None:
    call = tree.up(node, ast.Call)
    whole = tree.parent[call]
    is_int = isinstance(whole, ast.Call) and getattr(whole.func, "id", "") == "int"
    tree.put(whole if is_int else call, _expression(f"round({ast.unparse(call.args[0])})"))


def _swap(tree: _Tree, node: Node, to: str) -> None:
    """Exchange what is read with `to`, in the whole statement."""
    first = ast.unparse(node)
    for item in list(ast.walk(tree.up(node, ast.stmt))):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load) and item.id in (first, to):
            item.id = to if item.id == first else first


def _swap_targets(tree: _Tree, node: Node, to: str) -> None:
    """Exchange the first two targets of `a, b, ... = ...`."""
    targets = node.targets[0].elts
    targets[0], targets[1] = targets[1], targets[0]


def _transpose(tree: _Tree, node: Node, to: str) -> None:
    """`a[i, j]` becomes `a[j, i]`, kept inside the array."""
    place = tree.up(node, ast.Subscript)
    i, j = (ast.unparse(index) for index in place.slice.elts)
    name = ast.unparse(place.value)
    place.slice = _expression(f"(min({j}, {name}.shape[0] - 1), min({i}, {name}.shape[1] - 1))")


def _strictness(tree: _Tree, node: Node, to: str) -> None:
    compare = tree.up(node, ast.Compare)
    compare.ops = [_STRICT[type(op)]() for op in compare.ops]


def _without(tree: _Tree, node: Node, to: str) -> None:
    """Leave out the operand or element that `node` belongs to."""
    while not isinstance(whole := tree.parent[node], (ast.BoolOp, ast.Tuple)) and not (
        isinstance(whole, ast.BinOp) and isinstance(whole.op, (ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr))
    ):
        if isinstance(whole, ast.stmt):
            raise LookupError("no operand")
        node = whole
    if isinstance(whole, ast.BinOp):
        tree.put(whole, whole.left if whole.right is node else whole.right)
    elif isinstance(whole, ast.Tuple):
        whole.elts.remove(node)
    else:
        whole.values.remove(node)
        if len(whole.values) == 1:
            tree.put(whole, whole.values[0])


def _without_lower_bounds(tree: _Tree, node: Node, to: str) -> None:
    """Every `a <= x < b` of the condition becomes `x < b`."""
    for compare in ast.walk(tree.up(node, ast.stmt).test):
        if isinstance(compare, ast.Compare) and len(compare.ops) == 2:
            compare.left, compare.ops, compare.comparators = (
                compare.comparators[0],
                compare.ops[1:],
                compare.comparators[1:],
            )


def _drop(tree: _Tree, node: Node, to: str) -> None:
    tree.put(tree.up(node, ast.stmt), ast.Pass())


def _condition(value: bool) -> Callable[[_Tree, Node, str], None]:
    def change(tree: _Tree, node: Node, to: str) -> None:
        tree.up(tree.parent[node], ast.If).test = ast.Constant(value)

    return change


def _clamp(tree: _Tree, node: Node, to: str) -> None:
    """A guard `if u < low or u >= high: return` becomes `u = max(u, low)` and `u = min(u, high - 1)`."""
    guard = tree.up(node, ast.If)
    lines = []
    for compare in guard.test.values:
        name, bound = ast.unparse(compare.left), ast.unparse(compare.comparators[0])
        below = isinstance(compare.ops[0], ast.Lt)
        lines.append(f"{name} = max({name}, {bound})" if below else f"{name} = min({name}, {bound} - 1)")
    tree.put(guard, ast.If(ast.Constant(True), ast.parse("\n".join(lines)).body, []))


def _last_argument(tree: _Tree, node: Node, to: str) -> None:
    call = tree.up(node, ast.Call)
    tree.put(call, call.args[-1])


def _append_argument(tree: _Tree, node: Node, to: str) -> None:
    tree.up(node, ast.Call).args.append(_expression(to))


def _argument(tree: _Tree, node: Node, to: str) -> None:
    tree.up(node, ast.Call).args[0] = _expression(to)


def _return_now(tree: _Tree, node: Node, to: str) -> None:
    tree.put(node, ast.Return(node.value))


def _otherwise(tree: _Tree, node: Node, to: str) -> None:
    choice = tree.up(node, ast.IfExp)
    tree.put(choice, choice.orelse)


def _every_turn(tree: _Tree, node: Node, to: str) -> None:
    """Repeat the innermost loop around the statement at the end of every turn of the loop over `to`."""
    inner = tree.up(node, ast.For)
    outer = tree.up(tree.parent[inner], ast.For)
    while ast.unparse(outer.target) != to:
        outer = tree.up(tree.parent[outer], ast.For)
    outer.body.append(copy.deepcopy(inner))


def _everywhere(tree: _Tree, node: Node, to: str) -> None:
    """An assignment to some places goes to all places."""
    target = node.targets[0]
    if not isinstance(target, ast.Subscript):
        raise LookupError("no subscript")
    target.slice = ast.Slice()


def _also(tree: _Tree, node: Node, to: str) -> None:
    compare = tree.up(node, ast.Compare)
    tree.put(compare, _expression(f"({ast.unparse(compare)}) and ({to})"))


def _wrap(kind: type[Node]) -> Callable[[_Tree, Node, str], None]:
    def change(tree: _Tree, node: Node, to: str) -> None:
        whole = tree.up(node, kind)
        if isinstance(whole, ast.Return):
            whole = whole.value
        tree.put(whole, _expression(to, whole))

    return change


def _last_maximum(tree: _Tree, node: Node, to: str) -> None:
    """`a.argmax(axis=1)` finds the last of equal columns."""
    name = ast.unparse(node.value)
    tree.put(tree.up(node, ast.Call), _expression(f"({name}.shape[1] - 1 - {name}[:, ::-1].argmax(axis=1))"))


def _sign(tree: _Tree, node: Node, to: str) -> None:
    minus = tree.up(node, ast.UnaryOp)
    tree.put(minus, minus.operand)


OPERATORS: dict[str, Callable[[_Tree, Node, str], None]] = {
    "replace": _replace,
    "floor to round": _round,
    "swap": _swap,
    "swap targets": _swap_targets,
    "swap subscripts": _transpose,
    "< to <= and back": _strictness,
    "leave out": _without,
    "no lower bounds": _without_lower_bounds,
    "drop the statement": _drop,
    "condition always true": _condition(True),
    "condition never true": _condition(False),
    "clamp in place of leaving": _clamp,
    "last argument in place of the call": _last_argument,
    "first argument": _argument,
    "one more argument": _append_argument,
    "return it at once": _return_now,
    "always the other value": _otherwise,
    "in every turn of the loop": _every_turn,
    "all places": _everywhere,
    "one more condition": _also,
    "change the element": _wrap(ast.Subscript),
    "change what is returned": _wrap(ast.Return),
    "last of equal maxima": _last_maximum,
    "without its sign": _sign,
}


def function_of(module: ast.Module, name: str) -> Node:
    """The function or class `name` ("function", "Class" or "Class.method") of a module.

    Raises:
        LookupError: if there is none.
    """
    node: Node = module
    for part in name.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        found = [item for item in getattr(node, "body", []) if isinstance(item, kinds) and item.name == part]
        if not found:
            raise LookupError(f"no function {name}")
        node = found[0]
    return node
