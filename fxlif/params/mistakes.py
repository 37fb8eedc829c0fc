"""Pydantic's errors as lines for people: the key, what it must be, what it is."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..errors import FxlifError, short

#: A broken array may hold a mistake per entry; more of them are counted, not shown.
MAX_MISTAKES = 20


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The parameter classes that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _locate(loc: tuple[int | str, ...], root: type[BaseModel]) -> tuple[str, list[type[BaseModel]]]:
    """A location as a key (``core[0].neuron.leak``), without the tags of unions, and the tables
    that may stand there, none for a plain value."""
    key = ""
    models: list[type[BaseModel]] = [root]
    for part in loc:
        tags = {m.model_fields["kind"].default: m for m in models if "kind" in m.model_fields}
        if isinstance(part, int):
            key += f"[{part}]"
        elif len(models) > 1 and part in tags:
            models = [tags[part]]
        else:
            key += f".{part}" if key else part
            fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
            models = [model for annotation in fields for model in _models(annotation)]
    return key, models


#: Pydantic's kind of error → what is allowed.
ALLOWED = {
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_unicode": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "dataclass_type": "a table",
    "unexpected_keyword_argument": "left out",
    "model_attributes_type": "a table with a 'kind'",
    "too_short": "a list of {min_length} entries or more",
    "too_long": "a list of {max_length} entries at most",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def _mistake(error: Any, root: type[BaseModel]) -> FxlifError:
    """One of pydantic's errors, its key counted from ``root``."""
    loc, kind, value, context = error["loc"], error["type"], error["input"], error.get("ctx", {})
    key, models = _locate(loc, root)
    if kind == "value_error":
        cause = context["error"]
        if not isinstance(cause, FxlifError):
            cause = FxlifError(str(cause), value=value)
        if models:  # about a whole table: its key is one inside it
            return cause.under(key)
        return FxlifError(f"{key}: {cause}", key=key, value=cause.value, allowed=cause.allowed)
    if kind == "missing":
        return FxlifError(f"{key}: missing, there is no default", key=key, allowed="a value")
    if kind == "extra_forbidden":
        known = {name for model in _locate(loc[:-1], root)[1] for name in model.model_fields}
        return FxlifError.unknown(key, "parameter", str(loc[-1]), sorted(known))
    if kind == "union_tag_invalid":
        allowed, value = context["expected_tags"], value["kind"]
        return FxlifError.must_be(f"{key}.kind", allowed, value, found=short(value))
    if kind == "union_tag_not_found":
        return FxlifError.must_be(key, "a table with a 'kind'", value, found="one without")
    return FxlifError.must_be(key, allowed_by(error), value, found=short(value))


def allowed_by(error: Any) -> str:
    """What would have been right, in words, where one of pydantic's errors is about a value."""
    kind = error["type"]
    return ALLOWED[kind].format(**error.get("ctx", {})) if kind in ALLOWED else error["msg"]


def _each(error: Any) -> list[Any]:
    """One of pydantic's errors, for each mistake by itself: a table within may have several."""
    context = error.get("ctx", {})
    causes = getattr(context.get("error"), "mistakes", ())
    return [{**error, "ctx": {**context, "error": cause}} for cause in causes] or [error]


def explain(error: ValidationError, root: type[BaseModel], file: str = "") -> FxlifError:
    """The error with one line per mistake in a ``root``, each with the file and the key."""
    found = [each for one in error.errors(include_url=False) for each in _each(one)]
    mistakes = [_mistake(mistake, root) for mistake in found[:MAX_MISTAKES]]
    return FxlifError.several(mistakes, file, len(found) - len(mistakes))
