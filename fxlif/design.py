"""Design files: a network's parameters as TOML or JSON, both ways, with errors for people."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from .errors import FxlifError
from .files import whole_file
from .params import NetworkParams

FORMS = (".toml", ".json")


def _check_form(path: Path) -> None:
    if path.suffix not in FORMS:
        raise FxlifError(f"{path}: found suffix {path.suffix!r}, allowed {', '.join(FORMS)}")


def load(path: str | Path) -> NetworkParams:
    """The network of a design file. Files that it names are looked for beside it.

    Raises :class:`FxlifError` with one line per mistake: file, key, what was found, what is allowed.
    """
    path = Path(path)
    _check_form(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FxlifError(f"{path}: no such file, allowed: a design (see fxlif init)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FxlifError(f"{path}: cannot be read ({error})") from None
    try:
        raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise FxlifError(f"{path}: not valid {path.suffix[1:].upper()} ({error})") from None
    try:
        return NetworkParams.model_validate(raw, context={"folder": path.parent})
    except ValidationError as error:
        raise FxlifError(explain(error, str(path))) from None


def save(network: NetworkParams, path: str | Path) -> None:
    """Write a design file, whole or not at all; weights are written out in full."""
    path = Path(path)
    _check_form(path)
    content = network.model_dump(mode="json", exclude_none=True)
    text = json.dumps(content, indent=1) if path.suffix == ".json" else tomli_w.dumps(content)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


# --- pydantic's errors as one line each -----------------------------------------------------------


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The parameter classes that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _locate(loc: tuple[int | str, ...]) -> tuple[str, list[type[BaseModel]]]:
    """A location as a key (``core[0].neuron.leak``), without the tags of unions, and what may
    stand there."""
    key, models = "", [NetworkParams] if loc else []
    models = [NetworkParams]
    for part in loc:
        tagged = [m for m in models if "kind" in m.model_fields]
        tags = {m.model_fields["kind"].default: m for m in tagged}
        if isinstance(part, int):
            key += f"[{part}]"
        elif len(models) > 1 and part in tags:
            models = [tags[part]]
        else:
            key += f".{part}" if key else part
            fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
            models = [model for annotation in fields for model in _models(annotation)]
    return key, models


def _one_line(error: Any) -> str:
    loc, kind, context = error["loc"], error["type"], error.get("ctx", {})
    key, _ = _locate(loc)
    found = repr(error["input"])
    found = found if len(found) <= 60 else f"{found[:57]}..."
    if kind == "value_error":
        message = str(context["error"])
        # The message of a whole table names the key inside it; that of a single key does not.
        if ": found" in message or message.startswith(("weights", "v_")):
            last = key.rpartition(".")[2]
            if message.startswith(last):
                key = key[: -len(last)].rstrip(".")
            return f"{key}.{message}" if key else message
        return f"{key}: {message}" if repr(error["input"]) in message else (
            f"{key}: found {found}, {message}"
        )
    if kind == "missing":
        return f"{key}: missing, allowed: a value, there is no default"
    if kind == "extra_forbidden":
        known = ", ".join(sorted({n for m in _locate(loc[:-1])[1] for n in m.model_fields}))
        return f"{key}: unknown key, allowed {known}"
    if kind == "union_tag_invalid":
        return f"{key}.kind: found {context['tag']!r}, allowed {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"{key}: found no 'kind', allowed a table with a 'kind'"
    allowed = {
        "greater_than_equal": "{ge} or more",
        "less_than_equal": "{le} or less",
        "literal_error": "{expected}",
        "int_type": "an integer",
        "string_type": "text",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "too_short": "{min_length} or more entries",
        "too_long": "{max_length} entries at most",
        "string_pattern_mismatch": "text that matches {pattern}",
    }.get(kind)
    reason = allowed.format(**context) if allowed else error["msg"]
    return f"{key}: found {found}, allowed {reason}"


def explain(error: ValidationError, file: str) -> str:
    """A validation error as one line per mistake, each with the file and the key."""
    return "\n".join(f"{file}: {_one_line(item)}" for item in error.errors(include_url=False))
