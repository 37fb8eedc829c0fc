"""The files of a design in C: what ``fxlif export-c`` writes."""

from __future__ import annotations

import re
from importlib.resources import files

from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from .cycles import cycle_parts
from .network import NetworkText
from .neuron import NeuronText


def template(name: str, **parts: str) -> str:
    """A shipped file, with each ``@PART@`` of it filled in, indented as it is."""
    text = files("fxlif.export_c").joinpath(name).read_text()

    def filled(found: re.Match[str]) -> str:
        indent = found[1]
        return "\n".join(
            indent + line if line else line for line in parts[found[2]].rstrip("\n").split("\n")
        )

    text = re.sub(r"(?m)^( *)@([A-Z_]+)@$", filled, text)
    return re.sub(r"@([A-Z_]+)@", lambda found: parts[found[1]], text)


def _named(text: str, name: str) -> str:
    """``text`` with the design's name in place of NAME."""
    return re.sub(r"(?<![A-Za-z0-9])NAME(?![A-Za-z0-9])", name, text)


#: The files beside NAME.h and NAME.c, by the kind of design in place of KIND.
_BESIDE = {
    "NAME_dpi.h": "KIND_dpi.h", "NAME_dpi.c": "KIND_dpi.c", "NAME_pkg.sv": "KIND_pkg.sv",
    "NAME_example.sv": "KIND_example.sv", "NAME.mk": "network.mk",
}  # fmt: skip
#: What random numbers of an example start from.
_SEED = "32'd2463534242"


def files_of(design: NetworkParams | NeuronParams, name: str) -> dict[str, str]:
    """By name, the files of a design that is called ``name``.

    Raises:
        FxlifError: something that C has no golden model for.
    """
    if isinstance(design, NeuronParams):
        kind, parts = "neuron", _neuron(design)
    else:
        kind, parts = "network", _network(design)
    made = {"NAME.h": template(f"{kind}.h", **parts), "NAME.c": parts["SOURCE"]}
    for file, source in _BESIDE.items():
        made[file] = template(source.replace("KIND", kind), **parts)
    return {_named(file, name): _named(text, name) for file, text in made.items()}


def _network(design: NetworkParams) -> dict[str, str]:
    made = NetworkText(design)
    names = [each.population.name for each in made.populations]
    inputs = max(1, design.n_inputs)
    parts = dict.fromkeys(_CYCLES, "") if without_cycles(design) else _cycles(made)
    return parts | {
        "POPULATIONS": "\n".join(
            f"#define NAME_population_{each} {k}" for k, each in enumerate(names)
        ),
        "NUMBERS": "\n".join(
            f"localparam int population_{each} = {k};" for k, each in enumerate(names)
        ),
        "FIELDS": made.fields, "IN_BITS": str(design.in_address_bits), "DRAWN": _SEED,
        "OUT_BITS": str(design.out_address_bits), "INPUTS": str(inputs),
        "EVENTS": str(min(16, max(2, inputs // 2))),
        "SOURCE": f'#include "NAME.h"\n\n{template("words.c")}{made.source}{parts["CYCLES_C"]}',
    }  # fmt: skip


#: What a chain has in its files for what its ports show, by the part of them: the template.
_CYCLES = {
    "CYCLES": "cycles.h", "CYCLES_C": "cycles.c", "CYCLES_DPI": "cycles_dpi.h",
    "CYCLES_BODY": "cycles_dpi.c", "CYCLES_IMPORTS": "cycles_pkg.sv",
    "CYCLES_LOOK": "cycles_example.sv",
}  # fmt: skip


def without_cycles(design: NetworkParams | NeuronParams) -> str:
    """Why the C of a design does not say what its ports show in each clock cycle; empty where it
    does."""
    if isinstance(design, NeuronParams):
        return ""
    if not design.core:
        return "population: must be cores of a chain, for clock cycles in C"
    for k, core in enumerate(design.core):
        if core.readable:
            return f"core[{k}].readable: must be false, for clock cycles in C"
    return ""


def _cycles(made: NetworkText) -> dict[str, str]:
    parts = cycle_parts(made)
    return {part: template(file, **parts) for part, file in _CYCLES.items()}


def _neuron(neuron: NeuronParams) -> dict[str, str]:
    made = NeuronText(neuron)
    words = template("words.c") if neuron.random_bits else ""
    body = template("neuron.c", **made.parts)
    state, low = [], 0
    for name, bits in neuron.state_widths.items():
        place = f"state[{low} +: {bits}]"
        value = f"$signed({place})" if name in ("v", "i_syn") else place
        state.append(f'compare("{name}", longint\'({value}), NAME_dpi_state(0, {name.upper()}));')
        low += bits
    span = max(8, abs(neuron.v_threshold))
    return made.parts | {
        "SOURCE": f'#include "NAME.h"\n\n{words}{made.step.text}\n{body}',
        "CURRENT_BITS": str(neuron.current_bits), "SPIKE_BITS": str(neuron.spike_bits),
        "STATE_BITS": str(low), "STATE": "\n".join(state), "SPAN": str(span),
        "BELOW": str(span // 4), "DRAWN": _SEED,
    }  # fmt: skip
