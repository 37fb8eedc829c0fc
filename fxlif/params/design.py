"""Design files: a network's parameters as TOML or JSON, both ways, with errors for people."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ValidationError

from ..errors import FxlifError, short
from ..files import as_path, cannot, whole_file
from .arrays import Beside
from .base import Params
from .core import CoreParams
from .mistakes import explain
from .network import NetworkParams
from .neuron import NeuronParams
from .protocol import AnyParams
from .topology import Dense, Sparse

FORMS = (".toml", ".json")
M = TypeVar("M", bound=BaseModel)
D = TypeVar("D", bound=Params)


def _check_form(path: Path) -> None:
    if path.suffix not in FORMS:
        raise FxlifError.must_be(f"{path}: suffix", ", ".join(FORMS), path.suffix)


def load(path: str | os.PathLike[str]) -> NetworkParams:
    """The network of a design file. Files that it names are looked for beside it.

    The JSON file that ``fxlif verilog`` writes is a design file as well.

    Raises:
        FxlifError: one line per mistake: file, key, what it must be and what it is.
    """
    path = as_path("path", path)
    raw, digest = _described(read_file(path))
    return _of_digest(validated(NetworkParams, raw, path), digest, path)


def load_hardware(path: str | os.PathLike[str]) -> NetworkParams | NeuronParams:
    """The network of a design file, or the neuron of one that has a ``[neuron]`` table instead.

    Raises:
        FxlifError: as :func:`load`.
    """
    path = as_path("path", path)
    raw, digest = _described(read_file(path))
    if not isinstance(raw, dict) or "neuron" not in raw:
        return _of_digest(validated(NetworkParams, raw, path), digest, path)
    return _of_digest(validated(_NeuronFile, raw, path).neuron, digest, path)


def _described(raw: Any) -> tuple[Any, str]:
    """A design file's content and "", or both parts of what ``fxlif verilog`` wrote: parameters in
    the form of a design file, and their digest."""
    if not isinstance(raw, dict) or "parameters_sha256" not in raw:
        return raw, ""
    parameters = raw.get("parameters")
    return {"neuron": parameters} if raw.get("kind") == "neuron" else parameters, raw[
        "parameters_sha256"
    ]


def _of_digest(design: D, digest: str, path: Path) -> D:
    """``design``, or an error where it has another digest than it shall have."""
    if digest and design.digest() != digest:
        allowed = f"{design.digest()!r}, that of the parameters and of the files that they name"
        raise FxlifError.must_be("parameters_sha256", allowed, digest).inside(path)
    return design


class _NeuronFile(Params):
    """A design file that describes a single neuron."""

    neuron: NeuronParams


def read_file(path: Path) -> Any:
    """What stands in a design file, not yet validated."""
    _check_form(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
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
        raise explain(error, model, str(path)) from None
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON lets one write
        raise FxlifError(f"{path}: text that is not Unicode ({error})", key=str(path)) from None


#: The arrays of a network of populations, which an outline leaves out.
_ARRAYS: dict[str, Any] = {
    "source": {"__all__": {"phases"}},
    "population": {"__all__": {"v_thresholds"}},
    "projection": {"__all__": {"synapses": {"weights", "delays", "matrix"}}},
}


def outline(design: AnyParams) -> str:
    """The parameters for people: the text of a design file, of its arrays the shape alone."""
    if not isinstance(design, NeuronParams | CoreParams | NetworkParams):
        return _outline_of_populations(design.network)
    neurons = [neuron.model_dump(mode="json", exclude_none=True) for neuron in design.neurons]
    content: dict[str, Any] = {"neuron": neurons[0] if design.kind == "neuron" else neurons}
    for core in design.cores:
        table = core.model_dump(mode="json", exclude_none=True, exclude={"weights", "v_thresholds"})
        table["weights"] = f"{core.n_inputs} x {core.n_neurons} integers"
        if core.v_thresholds is not None:
            table["v_thresholds"] = f"{core.n_neurons} integers"
        content = {"core": [*content.get("core", []), table]}
    return tomli_w.dumps(content)


def _outline_of_populations(network: NetworkParams) -> str:
    content = network.model_dump(
        mode="json", exclude_none=True, exclude={"core": True, "input": True, **_ARRAYS}
    )
    sizes = network.graph.sizes
    for table, projection in zip(content["projection"], network.projection, strict=True):
        given = projection.synapses
        if isinstance(given, Dense | Sparse):
            shape = f"{sizes[projection.source]} x {sizes[projection.target]}"
            table["synapses"]["weights"] = f"{shape} integers"
    return tomli_w.dumps(content)


def save(
    design: NetworkParams | NeuronParams,
    path: str | os.PathLike[str],
    *,
    inline: int = Beside.MOST_INLINE,
) -> None:
    """Write a design file, whole or not at all.

    Weights are written out in full; those of more than ``inline`` values to files beside it, which
    it names and which are its own: ``design.toml.HASH.npy``.

    Raises:
        FxlifError: another suffix, no design, or a file that cannot be written.
    """
    path = as_path("path", path)
    _check_form(path)
    if not isinstance(design, NetworkParams | NeuronParams):
        raise FxlifError.must_be(
            "design", "NetworkParams or NeuronParams", design, found=short(design)
        )
    described = _NeuronFile(neuron=design) if isinstance(design, NeuronParams) else design
    beside = Beside(path.name, inline)
    content = described.model_dump(mode="json", exclude_none=True, context={"beside": beside})
    text = json.dumps(content, indent=1) if path.suffix == ".json" else tomli_w.dumps(content)
    before = arrays_of(path)
    try:
        for name, array in beside.files.items():
            with whole_file(path.parent / name) as temporary:
                temporary.write_bytes(array)
        with whole_file(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except BaseException:
        unused = arrays_of(path) - before
        raise
    else:
        unused = before - beside.files.keys()
    finally:
        for name in unused:
            (path.parent / name).unlink(missing_ok=True)


def arrays_of(path: Path) -> set[str]:
    """The names of the files beside a design file that :func:`save` gave it."""
    if not path.parent.is_dir():
        return set()
    own = re.compile(re.escape(path.name) + r"\.[0-9a-f]{16}\.np[yz]")
    return {name for name in os.listdir(path.parent) if own.fullmatch(name)}
