"""Plain names: what every identifier of generated Verilog is called, and that no two become one."""

from __future__ import annotations

import re

import pytest
from designs import ADAPTIVE, CORES, RICH, SIMPLE, UNEVEN, make

from fxlif.hdl.names import plain, plain_names
from fxlif.hdl.verilog import generate
from fxlif.params.design import save
from fxlif.params.network import NetworkParams


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "events_in__valid": "events_in_valid",
        "events_in__payload.address": "events_in_payload_address",
        "trace__state[2].v": "trace_state_2_v",
        "$5": "n5",
        "current$14": "current_14",
        "$auto$a.cc:2:x$1": "auto_a_cc_2_x_1",
        "top.core_0.step_1": "top_core_0_step_1",
        "[": "n",
    }.items(),
)
def test_a_name_keeps_its_words(name: str, expected: str) -> None:
    assert plain(name) == expected


TEXT = r"""
module \top.part (a__b, \reg );
  // a__b and \a.b stay in a comment
  input a__b;
  wire a_b;
  wire \a.b ;
  wire \reg ;
  wire [3:0] \x$1  = 4'hb__0, h__0 = 4'sb__1;
  (* note = "a__b \a.b " *)
  assign \a.b  = \a.b [0] & a_b & \reg ;
endmodule

module top(p__q, \end );
  input p__q;
  wire p_q, \p.q , \p[q] , p_q_2;
  \top.part part (.a__b(p__q), .\reg (p_q));
  assign \p.q  = \p[q]  ^ p_q_2 ? \end : \top.part ;
endmodule
"""


def test_a_text_by_hand() -> None:
    assert (
        plain_names(TEXT, "top", ["p__q"])
        == r"""
module top_part(a_b_3, reg_2);
  // a__b and \a.b stay in a comment
  input a_b_3;
  wire a_b;
  wire a_b_2;
  wire reg_2;
  wire [3:0] x_1 = 4'hb__0, h_0 = 4'sb__1;
  (* note = "a__b \a.b " *)
  assign a_b_2 = a_b_2[0] & a_b & reg_2;
endmodule

module top(p_q, end_2);
  input p_q;
  wire p_q_5, p_q_3, p_q_4, p_q_2;
  top_part part (.a_b_3(p_q), .reg_2(p_q_5));
  assign p_q_3 = p_q_4 ^ p_q_2 ? end_2: top_part;
endmodule
"""
    )


CHAIN = NetworkParams(name="end", core=(UNEVEN, make(7, 3, 2, SIMPLE)))


@pytest.mark.parametrize("params", [ADAPTIVE, RICH, UNEVEN, CHAIN, *CORES.values()])
def test_generated_names_are_plain(params) -> None:  # type: ignore[no-untyped-def]
    text = re.sub(r'"[^"]*"|//.*|/\*.*?\*/', "", generate(params, trace=True).verilog)
    text = text.replace("module \\end (", "module top (")  # the name is the user's
    assert "\\" not in text
    assert "__" not in text
    assert "[-1:0]" not in text  # a signal of no bits, which Verilator refuses
    declared = re.findall(r"(?ms)^module (\w+).*?^endmodule", text)
    assert len(declared) == len(set(declared))
    for module in re.findall(r"(?ms)^module \w+ ?\(.*?^endmodule", text):
        # Yosys declares a port twice, with its direction and as a net or register.
        nets = re.findall(r"(?m)^  (?:wire|reg) (?:\[\d+:\d+\] )?(\w+)", module)
        assert len(nets) == len(set(nets))


def test_a_network_that_is_called_as_a_word_of_verilog_is_told_so(run, tmp_path) -> None:
    for name, bus in (("small", ()), ("smaller", ("--bus", "axi"))):
        network = NetworkParams(name=name, core=(make(2, 2, 1, SIMPLE),))
        save(network, tmp_path / "net.json")
        ran = run("verilog", "net.json", "-o", name, *(bus or ("--bench-cycles", 0)))
        assert ran.code == 0, ran.err
        assert (f"{name!r} is a word of Verilog" in ran.err) == (name != "smaller")
