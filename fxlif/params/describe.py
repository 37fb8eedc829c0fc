"""What is shown of a parameter object: docstring, signature, short text and table.

All of it is made from the fields themselves: their types, limits, defaults and descriptions.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from inspect import Parameter, Signature
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic.fields import FieldInfo

#: With the margin of ``help()`` a line has 80 columns.
WIDTH = 76
#: A longer tuple is shown by its length.
MOST_ENTRIES = 16


def docstring(summary: str, fields: Mapping[str, FieldInfo]) -> str:
    """``summary``, and below it each of ``fields``: type, range, default and description."""
    paragraphs = (" ".join(each.split()) for each in summary.split("\n\n"))
    lines = ["\n\n".join(textwrap.fill(each, WIDTH) for each in paragraphs)]
    if set(fields) - {"kind"}:
        lines += ["", "Args:"]
    for name, field in _in_order(fields):
        must = "required" if field.is_required() else f"default {field.default!r}"
        about = f"{_either(_kinds(field.annotation, field.metadata))}, {must}"
        lines += textwrap.wrap(
            f"{name} ({about}): {field.description or ''}".rstrip(), WIDTH,
            initial_indent=" " * 4, subsequent_indent=" " * 8,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    if "kind" in fields:
        lines += ["", f'In a design file: kind = "{fields["kind"].default}".']
    lines += ["", "Raises:", "    FxlifError: a line for each mistake."]
    return "\n".join(lines)


def positional(fields: Mapping[str, FieldInfo]) -> list[str]:
    """The fields whose values may be given without their names, in this order."""
    return [name for name, field in fields.items() if field.kw_only is False]


def _in_order(fields: Mapping[str, FieldInfo]) -> list[tuple[str, FieldInfo]]:
    """The fields as a call names them: first those that need no name, and never ``kind``."""
    named = [(name, field) for name, field in fields.items() if name != "kind"]
    return sorted(named, key=lambda each: each[1].kw_only is not False)


def signature(fields: Mapping[str, FieldInfo]) -> Signature:
    """How an object of ``fields`` is made: names and defaults; types stand in the docstring."""
    plain = positional(fields)
    return Signature(
        [
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if name in plain else Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.is_required() else field.default,
            )
            for name, field in _in_order(fields)
        ]
    )


def chosen(
    values: Mapping[str, Any], fields: Mapping[str, FieldInfo]
) -> Iterator[tuple[str | None, Any]]:
    """What tells an object from others of its class: the first of the values that need no name,
    and all that are not at their defaults; as (name, or None where it needs none, value)."""
    plain = positional(fields)
    for name, field in _in_order(fields):
        if name not in values:
            continue  # an object that is not finished
        value = values[name]
        if name in plain[:1] or not is_default(field, value):
            yield None if name in plain else name, _brief(value)
        else:
            plain = []  # what follows one that is left out needs its name


def table(
    values: Mapping[str, Any], fields: Mapping[str, FieldInfo]
) -> Iterator[tuple[str, str, str]]:
    """Each field of an object: name, value and what it means."""
    for name, field in _in_order(fields):
        meaning, _, _ = (field.description or "").partition(" (docs/")
        yield name, repr(_brief(values[name])), meaning.replace("``", "")


def is_default(field: FieldInfo, value: Any) -> bool:
    """Whether ``value`` is what the field has where it is not given."""
    return type(field.default) is type(value) and bool(field.default == value)


class _Text(str):
    """A text that is shown without quotation marks."""

    __repr__ = str.__str__


def _brief(value: Any) -> Any:
    """``value``, or a text in its place where it is long: of an array its shape."""
    if isinstance(value, np.ndarray):
        return _Text(f"<{' x '.join(map(str, value.shape))} integers>")
    if isinstance(value, tuple) and len(value) > MOST_ENTRIES:
        return _Text(f"<{len(value):,} x {type(value[0]).__name__}>")
    return value


def _kinds(annotation: Any, metadata: list[Any]) -> list[str]:
    """The types that a value may have, with their ranges."""
    limits = list(_flat(metadata))
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kinds(inner[0], [*inner[1:], *limits])
    if origin is Literal:
        return [repr(choice) for choice in inner]
    if origin in (Union, UnionType):
        return [kind for each in inner for kind in _kinds(each, limits)]
    if origin is tuple:
        entries = [_either(_kinds(each, [])) for each in inner if each is not ...]
        if ... not in inner:
            return [f"({', '.join(entries)})"]
        return [f"tuple of{_limits(limits, 'min_length', 'max_length')} {entries[0]}"]
    if annotation is type(None):
        return ["None"]
    if annotation is Any:
        return ["array"]
    pattern = "".join(f" matching {p}" for each in limits if (p := getattr(each, "pattern", None)))
    return [f"{annotation.__name__}{pattern}{_limits(limits, 'ge', 'le')}"]


def _flat(metadata: list[Any]) -> Iterator[Any]:
    """What is known of a value's limits, those of a ``Field`` inside an annotation too."""
    for each in metadata:
        yield from each.metadata if isinstance(each, FieldInfo) else [each]


def _limits(limits: list[Any], lowest: str, highest: str) -> str:
    low, high = (
        next((_number(x) for each in limits if (x := getattr(each, name, None)) is not None), "")
        for name in (lowest, highest)
    )
    if high:
        return f" {low or 0}..{high}"
    return f" {low} or more" if low else ""


def _number(value: float) -> str:
    """``value``, the large ones as powers of two."""
    for less in (0, 1):
        size = abs(value) + less
        if isinstance(size, int) and size > 1 << 16 and size.bit_count() == 1:
            power = f"{'-' if value < 0 else ''}2^{size.bit_length() - 1}"
            return f"{power} - 1" if less else power
    return str(value)


def _either(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if choices[1:] else choices)
