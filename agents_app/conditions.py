"""Conditions of routing rules and of flow steps: a line that an operator types, read, answered and explained. Pure.

    condition  =  condition and condition | condition or condition | not condition | comparison | name | True | False
    comparison =  operand (== != < <= > >= in, not in) operand …       for example 0.4 <= confidence_floor < 0.6
    operand    =  name | "text" | number | True | False | None | ("a", "list", 3)

Python's own parser reads the line and nothing of it is ever executed: what is not above is refused, with its place.
Values that nobody knows are None. They equal None and nothing else, are never smaller or greater, and hold nothing.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NoReturn

LONGEST = 300  # characters
DEEPEST = 10  # conditions inside conditions; nobody reads more
LONGEST_VALUE = 120  # characters of a value in a sentence; it may have come from outside
NOT_KNOWN = "not known"
FORM = 'Use and, or, not, == != < <= > >= in, names, "texts", numbers, True, False, None and lists such as ("a", "b").'

PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")
QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
NUMBER_LIKE = re.compile(r"(?<!\w)\d[\w.]*")
NUMBER = re.compile(r"\d+(\.\d*)?")
SLIPS = (
    (re.compile("[“”„«»‘’`]"), 'Put texts in straight quotes: "like this".'),  # noqa: RUF001 - the slip itself
    (re.compile(r"\b(AND|OR|NOT|IN)\b"), "Write and, or, not, in with small letters."),
    (re.compile(r"&|\||!(?!=)"), "Write and, or, not as words."),
    (re.compile(r"<>|=<|=>"), "Write != for different, <= and >= for at most and at least."),
    (re.compile(r"(?<![=!<>])=(?!=)"), "Write == to compare."),
    (re.compile(r"""["']"""), "Every text needs a quote before it and one behind it."),
    (re.compile(r"[()\[\]]"), "Every bracket that opens has to close."),
)
REFUSED = {
    ast.Call: "a call",
    ast.Subscript: "a place in a list",
    ast.BinOp: "a calculation (a hyphen in a name counts as minus)",
    ast.JoinedStr: "a text with placeholders",
    ast.NamedExpr: "naming a value",
    ast.IfExp: "a choice with if",
    ast.Lambda: "a function",
    ast.Dict: "something in curly brackets",
    ast.Set: "something in curly brackets",
}
SIGNS: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}


class ConditionInvalid(ValueError):
    """The line cannot be a condition. Says what is wrong, where (`column`, from 1) and how to write it."""

    def __init__(self, problem: str, column: int, mend: str) -> None:
        super().__init__(f"Column {column}: {problem} {mend}")
        self.column = column


@dataclass(frozen=True)
class Condition:
    """A line that was read. `names` are the dotted names it asks for; the empty line always holds."""

    text: str
    names: frozenset[str] = frozenset()
    tree: ast.expr | None = field(default=None, compare=False, repr=False)


def parse(text: str, known: Mapping[str, str] | Collection[str]) -> Condition:
    """Raises ConditionInvalid. `known` names may hold stars: step.*.confidence is known for every step."""
    line = text.strip()
    if not line:
        return Condition("")
    _check_letters(line)
    try:
        tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        _refuse_slip(line, error)
    except (ValueError, RecursionError, MemoryError):  # what Python's parser says of sources it cannot hold
        raise ConditionInvalid("this line cannot be read.", 1, FORM) from None
    reading = _Reading(line, tuple(known))
    reading.condition(tree, depth=1)
    return Condition(line, frozenset(reading.names), tree)


def holds(condition: Condition, values: Mapping[str, object]) -> bool:
    """Never raises: what cannot be compared (text < number, something in a number) does not hold.

    `values` by whole names, dots included; a name that is missing counts as None.
    """
    return condition.tree is None or bool(_value(condition.tree, values))


def explain(condition: Condition, values: Mapping[str, object]) -> str:
    """The values that decided, in words: “purpose is deep_research; earlier_run is not known”."""
    if condition.tree is None:
        return "nothing is asked"
    return "; ".join(dict.fromkeys(_decisive(condition.tree, values)))


def fill(text: str, values: Mapping[str, object]) -> str:
    """Puts values in the places of {name}; what is not known is called so. Other braces stay as they are written."""
    return PLACEHOLDER.sub(lambda found: _words(values.get(found[1])), text)


# --- reading


def _check_letters(line: str) -> None:
    """What Python's parser would warn of, forgive or leave out without a word."""
    if len(line) > LONGEST:
        problem = f"the line has {len(line)} characters; at most {LONGEST} are read."
        raise ConditionInvalid(problem, LONGEST + 1, "Make it two rules.")
    if hidden := next((at for at, letter in enumerate(line, start=1) if not letter.isprintable()), 0):
        raise ConditionInvalid("an invisible character or a line break.", hidden, "Delete it, or type the line again.")
    bare = QUOTED.sub(lambda found: " " * len(found[0]), line)
    if "\\" in line:
        raise ConditionInvalid("a backslash means nothing here.", line.index("\\") + 1, "Leave it out.")
    if "#" in bare:
        raise ConditionInvalid("what follows # would not count.", bare.index("#") + 1, "Put remarks into the reason.")
    for found in NUMBER_LIKE.finditer(bare):
        if not NUMBER.fullmatch(found[0]):
            mend = "Write digits with at most one point, such as 30 or 0.6, and a space after them."
            raise ConditionInvalid(f"“{found[0]}” is no number.", found.start() + 1, mend)


def _refuse_slip(line: str, error: SyntaxError) -> NoReturn:
    """The mend is for the first usual slip that the line shows."""
    bare = QUOTED.sub(lambda found: " " * len(found[0]), line)
    slip = next(((found.start() + 1, mend) for pattern, mend in SLIPS if (found := pattern.search(bare))), None)
    column, mend = slip or (min(max(error.offset or 1, 1), len(line)), FORM)
    raise ConditionInvalid("the line cannot be read here.", column, mend) from None


@dataclass
class _Reading:
    """A walk over a parsed line that meets only what a condition may hold, and collects the names."""

    line: str
    known: tuple[str, ...]
    names: set[str] = field(default_factory=set)

    def condition(self, node: ast.expr, *, depth: int) -> None:
        if depth > DEEPEST:
            self.refuse(node, f"more than {DEEPEST} conditions inside each other.", "Make it two rules.")
        match node:
            case ast.BoolOp():
                for each in node.values:
                    self.condition(each, depth=depth + 1)
            case ast.UnaryOp(op=ast.Not()):
                self.condition(node.operand, depth=depth + 1)
            case ast.Compare():
                self.comparison(node)
            case ast.Constant(value=True | False | None):
                pass
            case ast.Constant() | ast.Tuple() | ast.List():
                self.alone(node)
            case _:
                self.name(node)

    def comparison(self, node: ast.Compare) -> None:
        for each in (node.left, *node.comparators):
            self.operand(each)
        for sign, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, ast.Is | ast.IsNot):
                self.refuse(node, "“is” compares nothing here.", "Write == or !=, as in earlier_run == None.")
            if isinstance(sign, ast.In | ast.NotIn) and isinstance(right, ast.Constant | ast.UnaryOp):
                mend = f"A list of one is written with a comma: ({self.said(right)},)."
                self.refuse(right, "in needs a list or a name.", mend)

    def operand(self, node: ast.expr) -> None:
        match node:
            case ast.Tuple() | ast.List():
                for each in node.elts:
                    if not _is_constant(each):
                        self.refuse(each, "only texts and numbers can stand in a list.", 'Such as ("a", "b").')
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                mend = 'Compare each name by itself: industry == "fintech" or industry == "health".'
                self.refuse(node, "a condition cannot be compared.", mend)
            case _ if not _is_constant(node):
                self.name(node)

    def name(self, node: ast.expr) -> None:
        name = _dotted(node)
        if not name:
            what = REFUSED.get(type(node), "this")
            self.refuse(node, f"{what} cannot stand in a condition.", FORM)
        if not any(_fits(name, pattern) for pattern in self.known):
            self.refuse(node, f"{name} is not known.", self.nearest(name))
        self.names.add(name)

    def nearest(self, name: str) -> str:
        """What may have been meant: a known name, one of Python's own words, or a text without its quotes."""
        names = (*(_starless(pattern, name) for pattern in self.known), "True", "False", "None")
        plain = {each.casefold(): each for each in names}
        found = get_close_matches(name.casefold(), plain, n=1)
        meant = f"Did you mean {plain[found[0]]}? " if found else ""
        quoted = "" if "." in name else f'A text stands in quotes: "{name}". '
        return f"{meant}{quoted}Known names: {', '.join(self.known) or 'none'}."

    def alone(self, node: ast.expr) -> NoReturn:
        mend = 'Compare it with a name, each time: industry == "fintech" or industry == "health".'
        self.refuse(node, f"{self.said(node)} stands alone, so it would always answer the same.", mend)

    def said(self, node: ast.expr) -> str:
        """As it stands in the line. Python counts bytes there, people count letters."""
        return self.line.encode()[node.col_offset : node.end_col_offset].decode()

    def refuse(self, node: ast.expr, problem: str, mend: str) -> NoReturn:
        before = self.line.encode()[: node.col_offset]
        raise ConditionInvalid(problem, len(before.decode()) + 1, mend)


def _is_constant(node: ast.expr) -> bool:
    """A text, a number with or without a minus, True, False or None; not bytes, complex numbers or dots."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        return isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (str, int, float, bool))


def _dotted(node: ast.expr) -> str:
    """The name with its dots; empty for everything else."""
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def _fits(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(want in ("*", part) for part, want in zip(parts, wanted, strict=True))


def _starless(pattern: str, name: str) -> str:
    """The pattern with the name's own parts in the places of its stars, where both are as long."""
    parts, wanted = name.split("."), pattern.split(".")
    if len(parts) != len(wanted):
        return pattern
    return ".".join(part if want == "*" else want for part, want in zip(parts, wanted, strict=True))


# --- answering


def _value(node: ast.expr, values: Mapping[str, object]) -> object:
    match node:
        case ast.BoolOp(op=ast.And()):
            return all(_value(each, values) for each in node.values)
        case ast.BoolOp():
            return any(_value(each, values) for each in node.values)
        case ast.UnaryOp(op=ast.Not()):
            return not _value(node.operand, values)
        case ast.Compare():
            return _compares(node, values)
        case ast.Name() | ast.Attribute():
            return values.get(_dotted(node))
        case _:
            return ast.literal_eval(node)


def _compares(node: ast.Compare, values: Mapping[str, object]) -> bool:
    said = [_value(each, values) for each in (node.left, *node.comparators)]
    pairs = zip(node.ops, said[:-1], said[1:], strict=True)
    try:
        return all(SIGNS[type(sign)](left, right) for sign, left, right in pairs)
    except (TypeError, ArithmeticError):  # text < number, x in a number; a Decimal that is no number
        return False


def _decisive(node: ast.expr, values: Mapping[str, object]) -> Iterator[str]:
    """Of “and” that fails the parts that fail, of “or” that holds the parts that hold; else all parts."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _decisive(node.operand, values)
    elif isinstance(node, ast.BoolOp):
        answer = bool(_value(node, values))
        for each in node.values:
            if bool(_value(each, values)) == answer:
                yield from _decisive(each, values)
    else:
        yield from _told(node, values)


def _told(node: ast.expr, values: Mapping[str, object]) -> Iterator[str]:
    sides = (node.left, *node.comparators) if isinstance(node, ast.Compare) else (node,)
    names = [name for each in sides if (name := _dotted(each))]
    if not names:
        yield f"{ast.unparse(node)} {'always' if _value(node, values) else 'never'} holds"
    yield from (f"{name} is {_words(values.get(name))}" for name in names)


def _words(value: object) -> str:
    """A value as a sentence says it, on one line and of bounded length."""
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        value = f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, Collection) and not isinstance(value, str):
        value = ", ".join(_words(each) for each in value)
    said = " ".join(str(value).split()) or "empty"
    return said if len(said) <= LONGEST_VALUE else f"{said[: LONGEST_VALUE - 1]}…"
