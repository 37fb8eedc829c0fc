"""The files of a design in C: what ``fxlif export-c`` writes."""

from __future__ import annotations

import re
from importlib.resources import files

from ..layout import HardwareNetwork
from ..params.core import CoreParams
from ..params.network import NetworkParams, Population
from ..params.neuron import NeuronParams
from .cycles import cycle_parts
from .graph import graph_parts
from .network import NetworkText
from .neuron import NeuronText
from .writes import numbers


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


def _with_words(source: str) -> str:
    """Some C with those functions of ``words.c`` before it that it calls, itself or by others of
    them: compilers warn of one that none calls."""
    functions = template("words.c").rstrip("\n").split("\n\n")
    for function in reversed(functions):
        name = re.findall(r"(?m)^static inline \w+ (\w+)\(", function)[0]
        if re.search(rf"\b{name}\(", source):
            source = f"{function}\n\n{source}"
    return source


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


def files_of(
    design: NetworkParams | NeuronParams, name: str, hardware: HardwareNetwork | None = None
) -> dict[str, str]:
    """By name, the files of a design that is called ``name``; ``hardware`` of a network of
    populations, without which they do not say what its ports show in each clock cycle.

    Raises:
        FxlifError: something that C has no golden model for.
    """
    if isinstance(design, NeuronParams):
        kind, parts = "neuron", _neuron(design)
    else:
        kind, parts = "network", _network(design, hardware)
    made = {"NAME.h": template(f"{kind}.h", **parts), "NAME.c": parts["SOURCE"]}
    for file, source in _BESIDE.items():
        made[file] = template(source.replace("KIND", kind), **parts)
    return {_named(file, name): _named(text, name) for file, text in made.items()}


def _network(design: NetworkParams, hardware: HardwareNetwork | None) -> dict[str, str]:
    made = NetworkText(design)
    names = [each.population.name for each in made.populations]
    inputs = max(1, design.n_inputs)
    parts = _cycles(made, hardware) | _writes(made)
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
        "SOURCE": '#include "NAME.h"\n\n' + _with_words(made.source + parts["CYCLES_C"]),
    }  # fmt: skip


def _writes(made: NetworkText) -> dict[str, str]:
    """What is in the files for what can be written."""
    if not made.written:
        none = dict.fromkeys(("WRITES", "WRITES_DPI", "WRITES_IMPORTS", "WRITE_PORT"), "")
        return none | {"WRITES_BODY": template("reset_dpi.c"), "FIRST": "Must be called first."}
    parts = {
        "WRITE_DEFINES": numbers("#define NAME_WRITE_{} {}", "\n"),
        "WRITE_NUMBERS": numbers("WRITE_{} = {}", ", "),
    }
    return {
        "WRITES": template("writes.h", **parts), "WRITES_DPI": template("writes_dpi.h"),
        "WRITES_BODY": template("writes_dpi.c"), "FIRST": "What was written stays.",
        "WRITES_IMPORTS": template("writes_pkg.sv", **parts),
        "WRITE_PORT": "      .write_valid(1'b0), .write_payload('0),",
    }  # fmt: skip


#: What is in the files for what the ports show, by the part of them: the templates, of which KIND
#: is ``cycles`` of a chain, ``graph`` of another network.
_CYCLES = {
    "CYCLES": "cycles.h", "CYCLES_C": "control.c KIND.c shown.c", "CYCLES_DPI": "cycles_dpi.h",
    "CYCLES_BODY": "cycles_dpi.c", "CYCLES_IMPORTS": "cycles_pkg.sv",
    "CYCLES_LOOK": "cycles_example.sv",
}  # fmt: skip


def no_access(design: NetworkParams | NeuronParams) -> str:
    """Why the C of a design can not say what its ports show in each clock cycle: something of it
    can be read or written; else empty."""
    if isinstance(design, NeuronParams):
        return ""
    found: dict[str, CoreParams | Population] = {
        f"core[{k}]": core for k, core in enumerate(design.core)
    }
    found |= {f"population[{k}]": each for k, each in enumerate(design.population)}
    for key, part in found.items():
        if part.readable:
            return f"{key}.readable: must be false, for clock cycles in C"
        if part.writable:
            return f"{key}.writable: must be empty, for clock cycles in C"
    return ""


def _cycles(made: NetworkText, hardware: HardwareNetwork | None) -> dict[str, str]:
    design = made.design
    if no_access(design) or not (design.core or hardware):
        return dict.fromkeys(_CYCLES, "")
    if hardware is None or design.core:
        kind, parts = "cycles", cycle_parts(made)
    else:
        kind, parts = "graph", graph_parts(made, hardware)
    return {
        part: "".join(template(file, **parts) for file in given.replace("KIND", kind).split())
        for part, given in _CYCLES.items()
    }


def _neuron(neuron: NeuronParams) -> dict[str, str]:
    made = NeuronText(neuron)
    body = template("neuron.c", **made.parts)
    state, low = [], 0
    for name, bits in neuron.state_widths.items():
        place = f"state[{low} +: {bits}]"
        value = f"$signed({place})" if name in ("v", "i_syn") else place
        state.append(f'compare("{name}", longint\'({value}), NAME_dpi_state(0, {name.upper()}));')
        low += bits
    span = max(8, abs(neuron.v_threshold))
    return made.parts | {
        "SOURCE": '#include "NAME.h"\n\n' + _with_words(f"{made.step.text}\n{body}"),
        "CURRENT_BITS": str(neuron.current_bits), "SPIKE_BITS": str(neuron.spike_bits),
        "STATE_BITS": str(low), "STATE": "\n".join(state), "SPAN": str(span),
        "BELOW": str(span // 4), "DRAWN": _SEED,
    }  # fmt: skip
