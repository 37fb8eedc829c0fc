"""Random stimulus reaches what is rare: faults planted in the Verilog that need it are found."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from designs import swap

from fxlif import CoreParams, NetworkParams, NeuronParams, save
from fxlif.cycles.control import NONE
from fxlif.engines import can_compile
from fxlif.sim import verify as verify_module
from fxlif.sim.failure import folder
from fxlif.sim.soak.phase import NAME
from fxlif.sim.soak.segments import SEGMENT, run_segment, target_of
from fxlif.sim.verify import DEFAULT_CYCLES, verify

pytestmark = pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
#: The threshold is near the upper end of the state: a neuron can go beyond either end.
CORE = CoreParams(
    n_inputs=8, n_neurons=4, lanes=2, max_events_per_input=2,
    weights=[[9, -3, 5, 6], [-8, 9, 4, -5], [7, 8, -9, 3], [6, -7, 8, 9]] * 2,
    neuron=NeuronParams(v_threshold=480, state_bits=10, reset="subtract"),
)  # fmt: skip

#: The core inside one that loses an input event where ``when`` holds. Of each cycle: an event is
#: taken, the output waits, nothing is offered.
AROUND = """
{head}
{ports}
  wire ready;
  wire tick = events_in_payload[{tick}];
  wire taken = events_in_valid & ready;
  wire waits = events_out_valid & ~events_out_ready;
  reg [31:0] count = 0;
  reg lose = 0;
  wire lost = lose & events_in_valid & ~tick;
  assign events_in_ready = ready;
  always @(posedge clk) begin
    count <= rst ? 0 : {count};
    lose <= ~rst & ((lose & ~(taken & ~tick)) | ({when}));
  end
  inner all (.events_in_valid(events_in_valid & ~lost), .events_in_ready(ready), {rest});
endmodule
"""


def losing(count: str, when: str) -> Callable[[str], str]:
    """An edit: of what follows when ``when`` holds, the core loses the first event."""

    def edit(verilog: str) -> str:
        found = re.search(r"module (\S+)\((.*?)\);(.*?)endmodule", verilog, re.DOTALL)
        assert found is not None
        name, ports, body = found.groups()
        head = f"module {name}({ports});"
        declared = re.findall(r"^  (?:input|output) .*;", body, re.MULTILINE)
        rest = ", ".join(
            f".{port}({port})"
            for port in ports.split(", ")
            if port not in ("events_in_valid", "events_in_ready")
        )
        around = AROUND.format(
            head=head, ports="\n".join(declared), tick=CORE.in_address_bits, count=count,
            when=when, rest=rest,
        )  # fmt: skip
        return verilog.replace(f"module {name}(", "module inner(", 1) + around

    return edit


def end(low: str, high: str) -> Callable[[str], str]:
    """An edit: at an end of its range a potential becomes what is named, and not the end."""
    return swap(r"(= (integrated_\d+)\[10\] \? )10'h200 : 10'h1ff;", rf"\g<1>{low} : {high};")


#: An edit of the Verilog, and the cycles within which it must be found.
FAULTS = {
    "after 256 stalled cycles": (losing("waits ? count + 1 : 0", "count == 255"), DEFAULT_CYCLES),
    "after 1000 idle cycles": (
        losing("events_in_valid ? 0 : count + 1", "count == 999"), DEFAULT_CYCLES,
    ),
    "after 256 events back to back": (
        losing("events_in_valid ? count + taken : 0", "taken & count == 255"), DEFAULT_CYCLES,
    ),
    "a potential wraps at its lower end": (end(r"\2[9:0]", "10'h1ff"), DEFAULT_CYCLES),
    "a potential wraps at its upper end": (end("10'h200", r"\2[9:0]"), DEFAULT_CYCLES),
    "after 65,536 ticks": (losing("count + (taken & tick)", "taken & count == 65535"), SEGMENT),
    "after 30,000 stalled cycles": (losing("waits ? count + 1 : 0", "count == 29999"), SEGMENT),
}  # fmt: skip


#: Of what only a whole segment meets, in the default run the one that takes fewer cycles.
LATE = "after 65,536 ticks"


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=pytest.mark.slow if each == LATE else ()) for each in FAULTS],
)
def test_a_rare_fault_is_found(fault: str, request: pytest.FixtureRequest) -> None:
    edit, cycles = FAULTS[fault]
    if cycles == SEGMENT:
        request.getfixturevalue("fast_libraries")
    segment = run_segment(target_of(CORE, edit=edit), 1, 0, cycles)
    assert segment.wrong != NONE


def test_without_a_fault_nothing_differs() -> None:
    """What stands around the core changes nothing where it loses nothing."""
    target = target_of(CORE, edit=losing("count", "1'b0"))
    assert run_segment(target, 1, 0, DEFAULT_CYCLES).wrong == NONE


@pytest.mark.slow
def test_a_rare_fault_is_found_by_a_plain_run_and_replayed(tmp_path, monkeypatch) -> None:
    """An event is lost after 65,536 TICKs: no cocotb run of 200,000 cycles has so many."""
    edit = losing("count + (taken & tick)", "taken & count == 65535")
    monkeypatch.chdir(tmp_path)
    network = NetworkParams.chain(CORE, name="rare")
    save(network, tmp_path / "design.toml")
    check, run_phase = verify_module.check, verify_module.run_phase
    monkeypatch.setattr(verify_module, "check", lambda *a, **k: check(*a, edit=edit, **k))
    monkeypatch.setattr(verify_module, "run_phase", lambda *a, **k: run_phase(*a, edit=edit, **k))
    found = verify(network, tmp_path / "design.toml", cycles=20_000)
    assert [reason.partition(":")[0] for reason in found.reasons] == [NAME]
    assert found.replay == "fxlif replay fxlif-failure-rare-1"
    assert folder.replay(found.folder).reproduced
