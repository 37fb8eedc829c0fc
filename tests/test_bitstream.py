"""What is read back of a bitstream is held against what was placed and against the netlist; the
tools that make one and take it apart are those of ``test_flow.py``."""

from __future__ import annotations

import re

import pytest

from fxlif.hdl.flow.bitstream import ONES, read_back, smallest
from fxlif.hdl.flow.netlist import Netlist

#: A majority of three inputs, and what it becomes when the third and the fourth change places.
MAJORITY, MOVED = 0xE8E8, 0xFCC0
#: Where iCE40 has the bits of a truth table among the 20 of a cell, by Project IceStorm.
PLACES = (4, 14, 15, 5, 6, 16, 17, 7, 3, 13, 12, 2, 1, 11, 10, 0)


def netlist(**cells: tuple[str, dict[str, int]]) -> Netlist:
    made = {
        name: {
            "type": kind,
            "parameters": {key: f"{value:b}" for key, value in given.items()},
            "connections": {pin: [number] for number, pin in enumerate("ABCD")},
        }
        for name, (kind, given) in cells.items()
    }
    return Netlist("top", {"cells": made, "ports": {}})


def ice40(table: int, memory: int, wire: str = "1") -> str:
    """A tile whose cell 1 has this table, and a block memory with one row."""
    rows = [["0"] * 54 for _ in range(16)]
    for k, at in enumerate(PLACES):
        rows[2 + at // 10][36 + at % 10] = str(table >> k & 1)
    rows[9][3] = wire
    tile = "\n".join("".join(row) for row in rows)
    words = "\n".join([f"{memory:064x}", *["0" * 64] * 15])
    return f".comment x\n.device 8k\n.logic_tile 1 1\n{tile}\n.ram_data 8 1\n{words}\n.sym 3 net\n"


def ecp5(table: int, memory: int, wire: str = "1") -> str:
    word = "" if table == ONES else f"word: SLICEA.K1.INIT {table:016b}\n"
    words = "\n".join(["000 " * 8] * 255)
    return f""".device LFE5U-25F
.tile R2C3:PLC2
arc: N1_V02N0101 H01E010{wire}
arc: F0 F5A_SLICE
{word}enum: SLICEA.MODE LOGIC
.bram_init 3
{memory & 511:03x} {memory >> 9:03x} 000 000 000 000 000 000
{words}
"""


FAMILIES = {
    "ice40": (ice40, ("SB_LUT4", "LUT_INIT"), ("SB_RAM40_4K", "INIT_0")),
    "ecp5": (ecp5, ("LUT4", "INIT"), ("DP16KD", "INITVAL_00")),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_in_a_bitstream_is_compared(family: str) -> None:
    text, (lut, init), (memory, row) = FAMILIES[family]
    design = netlist(table=(lut, {init: MAJORITY}), words=(memory, {row: 0x155AA}))
    as_placed = text(MOVED, 0x155AA)
    compared, wrong = read_back(family, design, as_placed, as_placed)
    assert (compared["LUTs"], compared["block memories"]) == (1, 1)
    assert wrong == []
    # What is in it is not what was placed: a table, a wire, a word of a memory.
    for found in (text(MOVED ^ 4, 0x155AA), text(MOVED, 0x155AA, wire="0")):
        assert read_back(family, design, as_placed, found)[1]
    assert read_back(family, design, as_placed, text(MOVED, 0x155AB))[1][-2:] == [
        "words: what it holds is in none of the block memories",
        "a block memory holds what is in none of the netlist",
    ]
    # What was placed is in it, and is not the netlist.
    (wrong,) = read_back(family, design, text(MOVED ^ 4, 0x155AA), text(MOVED ^ 4, 0x155AA))[1]
    assert wrong == "table: what it holds is in none of the LUTs"
    two = netlist(one=(memory, {row: 0x155AA}), other=(memory, {row: 0x155AA}))
    assert len(read_back(family, two, as_placed, as_placed)[1]) == 1


@pytest.mark.parametrize(
    ("family", "header"), [("ice40", ".ram_data 8 {}"), ("ecp5", ".bram_init {}")]
)
def test_memories_that_changed_places_are_found(family: str, header: str) -> None:
    text, _, (memory, row) = FAMILIES[family]
    design = netlist(one=(memory, {row: 5}), other=(memory, {row: 6}))

    def of(first: int, second: int) -> str:
        one = text(ONES if family == "ecp5" else 0, first)
        number = re.search(re.escape(header.format("")) + r"(\d+)", one)[1]
        other = text(0, second).partition(header.format(number))[2]
        return f"{one}{header.format(number + '7')}{other}"

    assert read_back(family, design, of(5, 6), of(5, 6))[1] == []
    assert len(read_back(family, design, of(5, 6), of(6, 5))[1]) == 2


def test_truth_tables_are_equal_when_their_inputs_change_places() -> None:
    assert smallest(MAJORITY) == smallest(MOVED) != smallest(MAJORITY ^ 1)
    assert len({smallest(table) for table in (0xAAAA, 0xCCCC, 0xF0F0, 0xFF00)}) == 1


def test_what_is_left_of_a_truth_table_whose_input_is_constant() -> None:
    design = netlist(table=("LUT4", {"INIT": MAJORITY}))
    design.cells["table"]["connections"]["D"] = ["0"]
    design.cells["table"]["connections"]["B"] = ["1"]
    an_or = ecp5(0xFAFA, 0)  # of A and C
    assert read_back("ecp5", design, an_or, an_or) == (
        {"arcs of the routing": 1, "LUTs": 1}, [],
    )  # fmt: skip
    design.cells["table"]["connections"]["B"] = ["0"]
    assert read_back("ecp5", design, an_or, an_or)[1]


def test_what_nobody_placed_is_found() -> None:
    wrong = read_back("ice40", netlist(), ice40(MOVED, 0), ice40(MOVED, 0) + ".ram_data 8 3\n1\n")
    assert wrong[1][0] == ".ram_data 8 3: is not as placed"


@pytest.mark.parametrize("tile", ["MIB_R4C0:PLL0_UL", "MIB_R37C0:ECLK_L"])
def test_arcs_that_set_no_bits_may_be_missing_and_others_not(tile: str) -> None:
    """What the clock of a PLL comes from where no switch is set, which each board's design has."""
    kind = tile.rpartition(":")[2]
    default, other = {
        "PLL0_UL": ("E1_REFCLK1 E1_JREFCLK1_0", "E1_REFCLK1 E1_JREFCLK1_3"),
        "ECLK_L": ("W2_JECLK0 W2_SYNCECLK0", "W2_JECLK0 W2_JBRGECLK0"),
    }[kind]
    config = f".device LFE5U-25F\n.tile {tile}\n{{}}enum: A B\n"
    placed, missing = config.format(f"arc: {default}\n"), config.format("")
    changed = config.format(f"arc: {other}\n")
    assert read_back("ecp5", netlist(), placed, missing)[1] == []
    assert read_back("ecp5", netlist(), placed, changed)[1] == [
        f".tile {tile}: arc: {other}: was not placed"
    ]
    assert read_back("ecp5", netlist(), changed, missing)[1] == [
        f".tile {tile}: arc: {other}: is missing"
    ]
