"""Constants of Verilog that may be lengths of time: those that something is compared with, to which
a counter is set, or to which it counts before it wraps.

The text is read, not elaborated (:mod:`.elaborated` does that): what it names may never be reached,
and what it hides in an expression of variables is not seen.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from .sources import verilog_files

#: What is no part of the logic: comments, strings, attributes (not the star of ``@(*)``).
_NO_LOGIC = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|@\s*\(\s*\*\s*\)|\(\*.*?\*\)', re.DOTALL
)
_DEFINE = re.compile(r"`define[ \t]+(\w+)(?:\([^)\n]*\))?((?:\\\n|[^\n])*)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*`(?:timescale|include|default_nettype|line)[^\n]*", re.MULTILINE)
_TOKEN = re.compile(
    r"(?:\d[\d_]*\s*)?'[sS]?[bodhBODH]\s*[0-9a-fA-F_xXzZ?]+|\d[\d_]*(?:\.\d+)?|`?\$?[A-Za-z_][\w$]*"
    r"|\\\S+|<<<|>>>|===|!==|<=|>=|==|!=|<<|>>|&&|\|\||\*\*|\+\+|--|[-+*/%]=|\S"
)
_LITERAL = re.compile(r"(\d[\d_]*)?\s*'[sS]?([bodhBODH])\s*([0-9a-fA-F_]+)|(\d[\d_]*)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
COMPARISONS = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">="})
#: What a constant expression may be made of, beside constants.
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "<<", ">>", "**", "(", ")"})
_CUTS = frozenset({";", "begin", "end", "else", "endcase", "endmodule"})
_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.floordiv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.Pow: operator.pow,
}  # fmt: skip
_CASTS = frozenset({"$signed", "$unsigned"})
_DECLARED = frozenset({
    "reg", "wire", "logic", "integer", "int", "bit", "input", "output", "inout", "var", "signed",
    "unsigned",
})  # fmt: skip
_CASES = frozenset({"case", "casez", "casex"})
_NAME = re.compile(r"[A-Za-z_][\w$]*|\\\S+")
#: Widths of what is declared without a range.
_WIDTHS = {"integer": 32, "int": 32}
#: By no more does a counter go on.
_STRIDE = 3
#: A sum may pass so many wires on its way back to its register.
_HOPS = 4
#: Of more bits nothing is a length.
_WIDEST = 64
_MOST = 1 << _WIDEST


#: The constants that have a name, each with the values that it may have.
Names = Mapping[str, set[int]]


class _Assignment(NamedTuple):
    """What takes a value, a whole register or wire, and the tokens of the value."""

    name: str
    value: list[str]


class _Module:
    """A module as statements, with what has a width in it and what takes which value."""

    def __init__(self, tokens: list[str], names: Names) -> None:
        self.tokens, self.names = tokens, names
        self.statements = list(_statements(tokens))
        self.assigns = [_assignment(statement) for statement in self.statements]
        self.widths = _widths(self.statements, names)
        self.assignments = [
            _Assignment(statement[at - 1], statement[at + 1 :])
            for statement, at in zip(self.statements, self.assigns, strict=True)
            if at > 0 and statement[at - 1] in self.widths
        ]
        #: Of each counter, the names of all that its next value passes.
        self.counters = self._counters()

    def _counters(self) -> dict[str, set[str]]:
        onto: dict[str, set[str]] = {}
        for name, value in self.assignments:
            for each in _whole(value):
                onto.setdefault(each, set()).add(name)
        found: dict[str, set[str]] = {}
        for name, value in self.assignments:
            for counter in self._stepped(value):
                passed, reached = {name}, {name}
                for _ in range(_HOPS):
                    if counter in reached:
                        found.setdefault(counter, set()).update(passed)
                        break
                    reached = {behind for each in reached for behind in onto.get(each, ())}
                    passed |= reached
        return found

    def _stepped(self, value: list[str]) -> Iterator[str]:
        """The names to which a value adds, or from which it takes, one or a few."""
        for at in range(1, len(value) - 1):
            if value[at] in ("+", "-"):
                if self._little(value, at + 1):
                    yield value[at - 1]
                elif value[at] == "+" and self._little(value, at - 1):
                    yield value[at + 1]

    def _little(self, value: list[str], at: int) -> bool:
        """Whether what stands at ``at`` is a small number or one bit."""
        token = value[at]
        if token == "(":
            return any(each in COMPARISONS for each in value[at : _behind(value, at, "(", ")")])
        meant = _meant(self.names, token)
        if meant:
            return 0 < max(meant) <= _STRIDE
        return token in ("|", "&", "!") or self.widths.get(token) == 1

    def compared(self) -> Iterator[int]:
        """What something is compared with."""
        for statement, assigns in zip(self.statements, self.assigns, strict=True):
            for at, token in enumerate(statement):
                if token not in COMPARISONS or at == assigns:
                    continue
                before, behind = statement[:at], statement[at + 1 :]
                low, left = self._low(before), _run(self.names, before[::-1])[::-1]
                if left[:1] == ["-"] and _operand(before[: -len(left)]):
                    left = left[1:]  # of `n - 3000 == 0` it is 3000
                for side in (_run(self.names, behind), left):
                    yield from (value << low for value in _values(self.names, side))

    def _low(self, tokens: list[str]) -> int:
        """The lowest bit of the part of a counter with which the tokens end."""
        if len(tokens) < 6 or tokens[-1] != "]" or tokens[-3] != ":":
            return 0
        low = _literal(tokens[-2])
        return low[0] if low and tokens[-6] in self.counters and low[0] < _WIDEST else 0

    def labels(self) -> Iterator[int]:
        """The labels of case statements."""
        for statement in self.statements:
            # Behind the head of the first one, every statement begins with its label.
            heads = [at for at, token in enumerate(statement) if token in _CASES]
            begin = _behind(statement, heads[-1] + 1, "(", ")") if heads else 0
            if ":" in statement[begin:]:
                label = statement[begin : statement.index(":", begin)]
                if all(each == "," or _meant(self.names, each) for each in label):
                    yield from (v for each in label for v in _meant(self.names, each))

    def set_to(self) -> Iterator[int]:
        """What counters are set to, or how far that is from where they wrap."""
        passed = {name for each in self.counters.values() for name in each} | self.counters.keys()
        for name, value in self.assignments:
            if name in passed:
                around = 1 << min(self.widths[name], _WIDEST)
                for each in (each for token in value for each in _meant(self.names, token)):
                    if each > _STRIDE:
                        yield each
                        yield around - each

    def wraps(self) -> Iterator[int]:
        """To what counters count before they, or one of their bits, begin anew."""
        for name in self.counters:
            if self.widths[name] < _WIDEST:
                yield 1 << self.widths[name]
        for at, token in enumerate(self.tokens[:-3]):
            if token in self.counters and self.tokens[at + 1] == "[" and self.tokens[at + 3] == "]":
                bits = _meant(self.names, self.tokens[at + 2])
                yield from (1 << bit for bit in bits if bit < _WIDEST)


class Constants(NamedTuple):
    """Constants that may be lengths, ascending, each once: those that stand in a text, and those to
    which counters count before they wrap."""

    named: tuple[int, ...] = ()
    wraps: tuple[int, ...] = ()


def lengths_in(sources: Mapping[str, str], least: int, most: int) -> Constants:
    """The constants from ``least`` to ``most`` that Verilog, file name → text, compares something
    with, sets a counter to, or counts to before a counter wraps."""
    text = _NO_LOGIC.sub(" ", "\n".join(sources[name] for name in verilog_files(sources)))
    defines = [(f"`{match[1]}", match[2]) for match in _DEFINE.finditer(text)]
    tokens = _TOKEN.findall(_DIRECTIVE.sub(" ", _DEFINE.sub(" ", text)))
    names: dict[str, set[int]] = {}
    split = [(name, _TOKEN.findall(body.replace("\\\n", " "))) for name, body in defines]
    for name, value in (*split, *_parameters(tokens)):
        names.setdefault(name, set()).update(_values(names, value))
    named, wraps = set[int](), set[int]()
    for part in (*_modules(_without_unrolled(tokens)), *([*body, ";"] for _, body in split)):
        module = _Module(part, names)
        named.update(*(module.compared(), module.labels(), module.set_to()))
        wraps.update(module.wraps())
    return Constants(*(
        tuple(sorted(value for value in values if least <= value <= most))
        for values in (named, wraps - named)
    ))  # fmt: skip


def _modules(tokens: list[str]) -> Iterator[list[str]]:
    begin = 0
    for at, token in enumerate(tokens):
        if token == "endmodule":
            yield tokens[begin:at]
            begin = at + 1
    yield tokens[begin:]  # empty, but in a text that is broken off


def _whole(value: list[str]) -> Iterator[str]:
    """The names of which one may be the whole value."""
    ends = ("?", ":", "(", ")")
    for at, token in enumerate(value):
        before, behind = value[at - 1] if at else ":", [*value[at + 1 : at + 2], ":"][0]
        if before in ends and behind in (":", ")"):
            yield token


def _without_unrolled(tokens: list[str]) -> list[str]:
    """The tokens without what no register counts: initial blocks and the heads of loops."""
    kept, at = list[str](), 0
    while at < len(tokens):
        if tokens[at] == "initial":
            at = _behind_statement(tokens, at + 1)
        elif tokens[at] == "for" and at + 1 < len(tokens):
            at = _behind(tokens, at + 1, "(", ")")
            kept.append(";")
        else:
            kept.append(tokens[at])
            at += 1
    return kept


def _behind_statement(tokens: list[str], at: int) -> int:
    """Where a statement ends that begins at ``at``."""
    while at < len(tokens) and tokens[at] in ("for", "if", "repeat", "while"):
        at = _behind(tokens, at + 1, "(", ")")
    if at < len(tokens) and tokens[at] == "begin":
        return _behind(tokens, at, "begin", "end")
    while at < len(tokens) and tokens[at] != ";":
        at += 1
    return at + 1


def _behind(tokens: list[str], at: int, opens: str, closes: str) -> int:
    """Behind which token a pair ends that opens at ``at``."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place] == opens) - (tokens[place] == closes)
        if depth == 0:
            return place + 1
    return len(tokens)


def _parameters(tokens: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Names and values of parameters: where they are declared, and ``.NAME(value)``."""
    inside = False
    for at, token in enumerate(tokens[:-3]):
        if token in ("parameter", "localparam", "defparam"):
            inside = True
        elif token in (";", "module") or (token == ")" and tokens[at + 1] == "("):
            inside = False
        elif inside and tokens[at + 1] == "=":
            yield token, _up_to(tokens, at + 2)
        elif token == "." and tokens[at + 2] == "(" and _constant(tokens[at + 3]):
            yield tokens[at + 1], tokens[at + 3 : _behind(tokens, at + 2, "(", ")") - 1]


def _up_to(tokens: list[str], at: int) -> list[str]:
    """The tokens from ``at`` up to what ends a value."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place] in "([{") - (tokens[place] in ")]}")
        if depth < 0 or (depth == 0 and tokens[place] in (",", ";")):
            return tokens[at:place]
    return tokens[at:]


def _constant(token: str) -> bool:
    return _LITERAL.fullmatch(token) is not None


@lru_cache(maxsize=1 << 16)
def _literal(token: str) -> tuple[int, int] | None:
    """The value of a number and its bits (0: not said); None of any other token, and of a number
    that is too large for a length."""
    found = _LITERAL.fullmatch(token)
    if found is None:
        return None
    digits, base = (found[4], 10) if found[4] else (found[3], _BASES[found[2].lower()])
    try:
        value, bits = int(digits.replace("_", ""), base), int((found[1] or "0").replace("_", ""))
    except ValueError:  # digits that the base has not, or thousands of them
        return None
    return (value, bits) if value < _MOST else None


def _meant(names: Names, token: str) -> set[int]:
    """The values that a token may stand for, as a number or by its name."""
    literal = _literal(token)
    return names.get(token, set()) if literal is None else {literal[0]}


def _values(names: Names, tokens: list[str]) -> set[int]:
    """The values of a constant expression; where it is none, of the constants in it."""
    tokens = [token for token in tokens if token not in _CASTS]
    meant = [_meant(names, token) for token in tokens]
    if len(tokens) > 1 and all(v or t in _ARITHMETIC for t, v in zip(tokens, meant, strict=True)):
        text = " ".join(str(max(v)) if v else t for t, v in zip(tokens, meant, strict=True))
        try:
            return {_evaluated(ast.parse(text, mode="eval").body)}
        except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
            pass  # the last two: thousands of operands
    return set().union(*meant) if meant else set()


def _evaluated(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluated(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _evaluated(node.left), _evaluated(node.right)
        if isinstance(node.op, ast.LShift | ast.Pow) and not 0 <= right <= 64:
            raise ValueError(right)
        value = _OPERATORS[type(node.op)](left, right)
        if abs(value) < _MOST:
            return value
    raise ValueError(ast.dump(node))


def _statements(tokens: list[str]) -> Iterator[list[str]]:
    """The tokens cut where a statement may end."""
    begin = 0
    for at, token in enumerate(tokens):
        if token in _CUTS:
            if at > begin:
                yield tokens[begin:at]
            begin = at + 1


def _assignment(statement: list[str]) -> int:
    """Where the sign of an assignment stands in a statement; -1 where there is none."""
    depth = 0
    for at, token in enumerate(statement):
        depth += (token in "([{") - (token in ")]}")
        if depth == 0 and (token == "=" or token == "<="):
            return at
    return -1


def _operand(tokens: list[str]) -> bool:
    """Whether what is subtracted from may stand at the end of the tokens."""
    return bool(tokens) and (tokens[-1] == "]" or _NAME.fullmatch(tokens[-1]) is not None)


def _run(names: Names, tokens: Iterable[str]) -> list[str]:
    """The constant expression with which tokens begin, in either direction."""
    run = list[str]()
    for token in tokens:
        if not (token in _ARITHMETIC or token in _CASTS or _meant(names, token)):
            break
        run.append(token)
    return run


def _widths(statements: Iterable[list[str]], names: Names) -> dict[str, int]:
    """How many bits what is declared has, where its range is one of constants."""
    widths = dict[str, int]()
    for statement in statements:
        for begin, token in enumerate(statement):
            if token in _DECLARED and not (begin and statement[begin - 1] in _DECLARED):
                _declare(statement, begin, names, widths)
    return widths


def _declare(statement: list[str], begin: int, names: Names, widths: dict[str, int]) -> None:
    at, width = begin + 1, _WIDTHS.get(statement[begin], 1)
    while at < len(statement) and statement[at] in _DECLARED:
        at += 1
    if at < len(statement) and statement[at] == "[":
        end = _behind(statement, at, "[", "]")
        if ":" not in statement[at:end]:
            return
        colon = statement.index(":", at)
        tops = _values(names, statement[at + 1 : colon])
        ends = _values(names, statement[colon + 1 : end - 1])
        if not (tops and ends):
            return
        width, at = abs(max(tops) - min(ends)) + 1, end
    while at < len(statement) and _NAME.fullmatch(statement[at]):
        if statement[at] in _DECLARED:
            break
        widths[statement[at]] = width
        at += len(_up_to(statement, at + 1)) + 2
