"""What synthesis made of a design is proved equal to its Verilog; what it did wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from designs import SIMPLE, make

from fxlif.errors import FxlifError
from fxlif.hdl.flow.netlist import Cell, Netlist
from fxlif.params.design import load
from fxlif.params.neuron import NeuronParams
from fxlif.shipped import DESIGNS
from fxlif.sim.prove.mapped.memories import memory_of
from fxlif.sim.prove.mapped.run import off_clock, prove_netlist
from fxlif.sim.report.findings import Findings

CORE = make(4, 6, 2, SIMPLE)
Edit = Callable[[Netlist], object]


def outcomes(found: Findings) -> dict[str, str]:
    """What did not pass, by its name."""
    return {check.name: check.outcome for check in found.checks if check.outcome != "passed"}


def cell_of(netlist: Netlist, *kinds: str, called: str = "") -> Cell:
    return next(c for n, c in netlist.cells.items() if c["type"] in kinds and called in n)


def swap(bits: list[object], first: int, second: int) -> None:
    bits[first], bits[second] = bits[second], bits[first]


def a_lut(netlist: Netlist) -> None:
    parameters = cell_of(netlist, "LUT4", "SB_LUT4")["parameters"]
    name = "INIT" if "INIT" in parameters else "LUT_INIT"
    turned = {"0": "1", "1": "0", "x": "x"}
    parameters[name] = "".join(turned[bit] for bit in parameters[name])


def a_reset(netlist: Netlist) -> None:
    cell = cell_of(netlist, "TRELLIS_FF", "SB_DFFESR", called="queue.pushed")
    if cell["type"] == "TRELLIS_FF":
        cell["parameters"]["REGSET"] = "SET"
    else:
        cell["type"] = "SB_DFFESS"
        for of in (cell["connections"], cell["port_directions"]):
            of["S"] = of.pop("R")


def an_address(pins: str, cell: str) -> Edit:
    """Two bits of an address changed over, of DP16KD ADx4 and ADx5."""

    def edit(netlist: Netlist) -> None:
        nets = netlist.cells[cell]["connections"]
        if "RADDR" in nets:
            swap(nets[{"A": "WADDR", "B": "RADDR"}[pins]], 0, 1)
        else:
            first = 5 if netlist.cells[cell]["parameters"]["DATA_WIDTH_A"].endswith("100100") else 4
            low, high = f"AD{pins}{first}", f"AD{pins}{first + 1}"
            nets[low], nets[high] = nets[high], nets[low]

    return edit


def contents(netlist: Netlist) -> None:
    """Two bits of a word that differ changed over."""
    parameters = netlist.cells["weights_44.weights_0.words.0.0"]["parameters"]
    name = next(name for name in ("INITVAL_00", "INIT_0") if name in parameters)
    bits = list(parameters[name])
    last = max(k for k, bit in enumerate(bits[1:], 1) if {bit, bits[k - 1]} == {"0", "1"})
    swap(bits, last, last - 1)
    parameters[name] = "".join(bits)


def a_clock(netlist: Netlist) -> None:
    cell = cell_of(netlist, "TRELLIS_FF", "SB_DFF")
    if cell["type"] == "SB_DFF":
        cell["type"] = "SB_DFFN"
    else:
        cell["parameters"]["CLKMUX"] = "INV"


def a_reset_at_once(netlist: Netlist) -> None:
    """Of a flip-flop that nothing reads while it is reset."""
    cell = cell_of(netlist, "TRELLIS_FF", "SB_DFFSR", called="dropped_")
    if cell["type"] == "TRELLIS_FF":
        assert cell["parameters"]["SRMODE"] == "LSR_OVER_CE"
        cell["parameters"]["SRMODE"] = "ASYNC"
    else:
        cell["type"] = "SB_DFFR"


FAULTS: dict[str, tuple[Edit, str]] = {
    "a LUT": (a_lut, ""),
    "a reset value": (a_reset, "flip-flops of queue"),
    "an address to write": (an_address("A", "neurons.states.0.0"), "memory neurons.states"),
    "an address to read": (an_address("B", "totals.totals.0.0"), "memory totals.totals"),
    "contents": (contents, "memory weights_44.weights_0.words"),
    "a clock": (a_clock, "clock"),
    "a reset between two edges": (a_reset_at_once, "clock"),
}


def test_a_neuron_is_proved_on_its_cells_and_a_wrong_lut_is_found() -> None:
    found = prove_netlist(SIMPLE, name="neuron", target="ice40-hx8k")
    assert found.passed, found.reasons
    assert {"netlist: power-up", "netlist: clock", "netlist: outputs",
            "netlist: flip-flops of (top)"} == {check.name for check in found.checks}  # fmt: skip
    assert found.figures["flip-flops"] == 11
    wrong = prove_netlist(SIMPLE, name="neuron", target="ice40-hx8k", edit=a_lut)
    assert set(outcomes(wrong).values()) == {"failed"}


@pytest.mark.slow  # synthesis, and seven readings by Yosys of each netlist
@pytest.mark.parametrize("target", ["ecp5-25k", "ice40-hx8k"])
def test_a_core_is_proved_on_its_cells_and_each_fault_is_found(target: str) -> None:
    found = prove_netlist(CORE, name="core", target=target)
    assert found.passed, found.reasons
    memories = [check.detail for check in found.checks if "memory" in check.name]
    assert len(memories) == 4
    assert sum("192 bits of contents equal" in detail for detail in memories) == 1
    for name, (edit, where) in FAULTS.items():
        wrong = outcomes(prove_netlist(CORE, name="core", target=target, edit=edit))
        assert any(where in check for check in wrong), f"{name}: {wrong}"


@pytest.mark.slow  # synthesis, and two minutes
def test_flip_flops_without_a_name_are_found_also_where_they_depend_on_each_other() -> None:
    """Twelve of 5,353 have none: four of ten that are found depend on each other. The others hold
    upper bits of an address beside memories deeper than a cell, which are not understood."""
    design = load(DESIGNS["recurrent"])
    found = prove_netlist(design, name="recurrent", target="ice40-hx8k")
    assert outcomes(found) == {
        "netlist: what stands for nothing in the Verilog": "unknown",
        "netlist: flip-flops of core_0.synapses": "unknown",
    }
    nothing = next(check for check in found.checks if "stands for nothing" in check.name)
    lines = nothing.detail.splitlines()
    assert sum(line.startswith("flip-flop ") for line in lines) == 2
    assert all("synapses_1.synapses_1_" in line for line in lines)


@pytest.mark.slow  # synthesis
def test_a_multiplier_of_ecp5_is_proved_and_swapped_bits_of_its_product_are_found() -> None:
    leak = {"kind": "decay", "factor": 200, "shift": 8}
    neuron = NeuronParams.model_validate({"leak": leak, "state_bits": 12})

    def changed(netlist: Netlist) -> None:
        nets = cell_of(netlist, "MULT18X18D")["connections"]
        nets["P9"], nets["P10"] = nets["P10"], nets["P9"]

    right = prove_netlist(neuron, name="scaled", target="ecp5-25k")
    assert outcomes(right) == {}
    wrong = prove_netlist(neuron, name="scaled", target="ecp5-25k", edit=changed)
    assert outcomes(wrong) == {"netlist: flip-flops of (top)": "failed"}


@pytest.mark.parametrize("target", ["ecp5", "ice40"])
def test_what_is_reset_between_two_edges_is_not_on_the_clock(target: str) -> None:
    nets: dict[str, list[int | str]] = {"CLK" if target == "ecp5" else "C": [2]}
    reset = "LSR" if target == "ecp5" else "R"
    kinds = [("TRELLIS_FF", {"SRMODE": "LSR_OVER_CE"}), ("TRELLIS_FF", {"SRMODE": "ASYNC"})]
    if target == "ice40":
        kinds = [("SB_DFFESR", {}), ("SB_DFFER", {})]
    cells = {
        f"{k} {name}": {"type": kind, "parameters": of, "connections": nets | {reset: net},
                        "port_directions": {}}
        for k, (kind, of) in enumerate(kinds)
        for name, net in {"by a net": [3], "never": ["0"]}.items()
    }  # fmt: skip
    text = {"ports": {"clk": {"direction": "input", "bits": [2]}}, "cells": cells, "netnames": {}}
    found = off_clock(Netlist.read(json.dumps({"modules": {"top": text}}), "top"))
    assert found == ["1 by a net", "1 never"][: 1 + (target == "ice40")]


def test_a_flip_flop_that_stands_for_nothing_is_never_green() -> None:
    def edit(netlist: Netlist) -> None:
        """One more flip-flop, in front of an output."""
        cell = cell_of(netlist, "SB_DFFESR")
        (net,) = cell["connections"]["Q"]
        more = next(netlist.new_nets())
        cell["connections"]["Q"] = [more]
        netlist.cells["another"] = {
            **cell, "type": "SB_DFF", "connections": {"C": cell["connections"]["C"],
                                                      "D": [more], "Q": [net]},
            "port_directions": {"C": "input", "D": "input", "Q": "output"},
        }  # fmt: skip

    found = prove_netlist(SIMPLE, name="neuron", target="ice40-hx8k", edit=edit)
    assert not found.passed
    unknown = [check for check in found.checks if check.outcome == "unknown"]
    nothing, other = unknown
    assert nothing.name == "netlist: what stands for nothing in the Verilog"
    assert "flip-flop" in nothing.detail
    assert "depends on what stands for nothing" in other.detail
    assert "failed" not in outcomes(found).values()


def test_a_net_that_nothing_drives_is_not_taken_for_the_register_of_its_name() -> None:
    def edit(netlist: Netlist) -> None:
        del netlist.cells["spike_SB_DFFESR_Q"]

    found = prove_netlist(SIMPLE, name="neuron", target="ice40-hx8k", edit=edit)
    assert outcomes(found) == {"netlist: outputs": "failed"}


@pytest.mark.parametrize("width", [1, 2, 4, 9, 18, 36])
def test_each_bit_of_a_memory_of_ecp5_lies_at_a_place_of_its_own(width: int) -> None:
    nets = {f"DOB{k}": [10 + k] for k in range(18)} | {f"DOA{k}": [30 + k] for k in range(18)}
    cell = {"type": "DP16KD", "connections": {**nets, "CLKB": [2], "CEB": ["1"]},
            "parameters": {f"DATA_WIDTH_{side}": f"{width:032b}" for side in "AB"}}  # fmt: skip
    (port,) = memory_of(cell).reads
    words = 1 << len(port.address)
    places = {port.place(word, position) for word in range(words) for position in range(width)}
    assert len(places) == words * width == (1 << 14 if width < 9 else 9 << 11)
    assert max(places) < 9 << 11


def test_a_memory_that_is_used_otherwise_is_refused() -> None:
    parameters = {"DATA_WIDTH_A": f"{36:b}", "DATA_WIDTH_B": f"{9:b}"}
    with pytest.raises(ValueError, match="widths 36 and 9"):
        memory_of({"type": "DP16KD", "connections": {}, "parameters": parameters})


@pytest.mark.parametrize("pin", ["CLKA", "WEB", "CEB", "OCEB", "RSTB"])
def test_a_pin_of_a_memory_that_is_inverted_is_refused(pin: str) -> None:
    nets = {"CLKA": [2], "CLKB": [2]}
    right = {"type": "DP16KD", "connections": nets, "parameters": {f"{pin}MUX": pin}}
    assert memory_of(right).bits == 0
    with pytest.raises(ValueError, match=f"{pin} is inverted"):
        memory_of({**right, "parameters": {f"{pin}MUX": "INV"}})


def test_what_is_wrong_with_the_netlist_to_prove_is_named(run) -> None:
    with pytest.raises(FxlifError) as error:
        prove_netlist(SIMPLE, name="neuron", target="xilinx-xc7")
    assert error.value.key == "--netlist"
    ran = run("prove", "digits", "--netlist", "ecp5-25k", "--theorems", "step")
    assert ran.code == 2
    assert "--theorems: must be left out with --netlist" in ran.err
