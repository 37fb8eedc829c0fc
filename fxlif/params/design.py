"""Design files: a network's parameters as TOML or JSON, both ways, with errors for people."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from ..arrays import short
from ..errors import FxlifError
from ..files import cannot, whole_file
from .base import Params
from .network import NetworkParams
from .neuron import NeuronParams

FORMS = (".toml", ".json")
#: A broken array may hold a mistake per entry; more of them are counted, not shown.
MAX_MISTAKES = 20
M = TypeVar("M", bound=BaseModel)


def _check_form(path: Path) -> None:
    if path.suffix not in FORMS:
        raise FxlifError.must_be(f"{path}: suffix", ", ".join(FORMS), path.suffix)


def load(path: str | Path) -> NetworkParams:
    """The network of a design file. Files that it names are looked for beside it.

    Raises:
        FxlifError: one line per mistake: file, key, what it must be and what it is.
    """
    return validated(NetworkParams, read_file(Path(path)), Path(path))


def load_hardware(path: str | Path) -> NetworkParams | NeuronParams:
    """The network of a design file, or the neuron of one that has a ``[neuron]`` table instead.

    Raises:
        FxlifError: as :func:`load`.
    """
    path = Path(path)
    raw = read_file(path)
    if not isinstance(raw, dict) or "neuron" not in raw:
        return validated(NetworkParams, raw, path)
    return validated(_NeuronFile, raw, path).neuron


class _NeuronFile(Params):
    """A design file that describes a single neuron."""

    neuron: NeuronParams


def read_file(path: Path) -> Any:
    """What stands in a design file, not yet validated."""
    _check_form(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FxlifError(
            f"{path}: no such file: fxlif init writes a design", key=str(path), value=path
        ) from None
    except OSError as error:
        raise cannot("read", path, error) from None
    except ValueError as error:
        raise FxlifError(f"{path}: cannot be read ({error})", key=str(path)) from None
    try:
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        kind = path.suffix[1:].upper()
        raise FxlifError(f"{path}: not valid {kind} ({error})", key=str(path)) from None


def validated(model: type[M], raw: Any, path: Path) -> M:
    """What stands in the file ``path`` as a model, or an error with a line for each mistake."""
    try:
        return model.model_validate(raw, context={"folder": path.parent})
    except ValidationError as error:
        raise explain(error, str(path), model) from None
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON lets one write
        raise FxlifError(f"{path}: text that is not Unicode ({error})", key=str(path)) from None


def save(design: NetworkParams | NeuronParams, path: str | Path) -> None:
    """Write a design file, whole or not at all; weights are written out in full."""
    path = Path(path)
    _check_form(path)
    described = _NeuronFile(neuron=design) if isinstance(design, NeuronParams) else design
    content = described.model_dump(mode="json", exclude_none=True)
    text = json.dumps(content, indent=1) if path.suffix == ".json" else tomli_w.dumps(content)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


# --- pydantic's errors as one line each -----------------------------------------------------------


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
        known = ", ".join(sorted({n for m in _locate(loc[:-1], root)[1] for n in m.model_fields}))
        return FxlifError(f"{key}: unknown key, not one of {known}", key=key, allowed=known)
    if kind == "union_tag_invalid":
        allowed, value = context["expected_tags"], value["kind"]
        return FxlifError.must_be(f"{key}.kind", allowed, value, found=short(value))
    if kind == "union_tag_not_found":
        return FxlifError.must_be(key, "a table with a 'kind'", value, found="one without")
    allowed = ALLOWED[kind].format(**context) if kind in ALLOWED else error["msg"]
    return FxlifError.must_be(key, allowed, value, found=short(value))


def explain(
    error: ValidationError, file: str = "", root: type[BaseModel] = NetworkParams
) -> FxlifError:
    """The error with one line per mistake, each with the file and the key."""
    found = error.errors(include_url=False)
    mistakes = [_mistake(mistake, root) for mistake in found[:MAX_MISTAKES]]
    return FxlifError.several(mistakes, file, len(found) - len(mistakes))
