"""The scripts for Vivado, run by Tcl with stand-ins for Vivado's commands: there is no Vivado here.

A stand-in knows the options of its command and what must be there for it: files in the folder,
ports of the Verilog. Whether Vivado does what is wanted is not shown.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from designs import make

from fxlif import NetworkParams, NeuronParams
from fxlif.hdl.bus.files import bus_files
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate

tkinter = pytest.importorskip("tkinter")

NETWORK = supported(NetworkParams(
    name="little", core=(make(4, 4, 2, NeuronParams(v_threshold=60, state_bits=8)),)
))  # fmt: skip
#: Command → its options, in a word of letters: those with a value behind them, and flags.
COMMANDS = {
    "read_verilog": ({}, {"-sv"}),
    "read_xdc": ({}, {}),
    "synth_design": ({"-top", "-part", "-mode"}, {}),
    "opt_design": ({}, {}),
    "place_design": ({}, {}),
    "route_design": ({}, {}),
    "report_utilization": ({"-file"}, {"-hierarchical"}),
    "report_timing_summary": ({"-file"}, {}),
    "write_checkpoint": ({}, {"-force"}),
    "create_clock": ({"-name", "-period"}, {}),
    "get_ports": ({}, {}),
    "create_project": ({}, {"-in_memory"}),
    "add_files": ({}, {}),
    "set_property": ({}, {}),
    "current_fileset": ({}, {}),
    "ipx::package_project": (
        {"-root_dir", "-vendor", "-library", "-taxonomy"}, {"-import_files"}),
    "ipx::current_core": ({}, {}),
    "ipx::infer_bus_interfaces": ({}, {}),
    "ipx::infer_bus_interface": ({}, {}),
    "ipx::get_bus_interfaces": ({"-of_objects"}, {}),
    "ipx::add_bus_parameter": ({}, {}),
    "ipx::associate_bus_interfaces": ({"-busif", "-clock"}, {}),
    "ipx::create_xgui_files": ({}, {}),
    "ipx::update_checksums": ({}, {}),
    "ipx::save_core": ({}, {}),
}  # fmt: skip


class Vivado:
    """A Tcl whose commands write down their options (``-top`` → ``little``) and what else they are
    given, as ``calls``; what they return is called after them."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[tuple[str, dict[str, str], list[str]]] = []
        tcl = tkinter.Tcl()
        tcl.eval("namespace eval ipx {}")
        for command in COMMANDS:
            tcl.createcommand(command, lambda *words, of=command: self.called(of, words))
        self.split = tcl.splitlist
        self.run = tcl.eval
        self.folder = folder

    def called(self, command: str, words: tuple[str, ...]) -> str:
        valued, flags = COMMANDS[command]
        options, rest, left = {}, [], list(map(str, words))
        while left:
            word = left.pop(0)
            assert not word.startswith("-") or word in valued or word in flags, (command, word)
            if word in valued:
                options[word] = left.pop(0)
            elif word not in flags:
                rest.append(word)
        self.calls.append((command, options, rest))
        return f"<{command} {' '.join(rest)}>"

    def script(self, name: str) -> None:
        self.run((self.folder / name).read_text())

    def of(self, command: str) -> list[tuple[dict[str, str], list[str]]]:
        return [(options, rest) for name, options, rest in self.calls if name == command]


def put(folder: Path, files: dict[str, bytes]) -> set[str]:
    """The files in a folder; the ports of the Verilog."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    text = (folder / "little.v").read_text()
    top = re.search(r"^module little\b.*?^endmodule", text, re.MULTILINE | re.DOTALL)[0]
    return set(re.findall(r"^\s*(?:input|output)\s+(?:\w+ )?(?:\[\d+:0\] )?(\w+);", top, re.M))


def test_synthesis_of_a_design(tmp_path):
    texts = target_of("xilinx-xc7").constraints("little", 200)
    made = generate(NETWORK)
    ports = put(tmp_path, made.files() | {k: text.encode() for k, text in texts.items()})
    vivado = Vivado(tmp_path)
    vivado.script("little.tcl")
    (read,), (constraints,), (synth,) = map(vivado.of, ("read_verilog", "read_xdc", "synth_design"))
    assert [read[1], constraints[1]] == [["little.v"], ["little.xdc"]]
    assert synth[0]["-top"] == made.top
    assert synth[0]["-part"] == target_of("xilinx-xc7").part
    order = [name for name, _, _ in vivado.calls]
    assert order.index("read_xdc") < order.index("synth_design") < order.index("route_design")
    # The constraints are Tcl too.
    vivado.script("little.xdc")
    ((clock, _),) = vivado.of("create_clock")
    assert float(clock["-period"]) == 5
    assert vivado.of("get_ports") == [({}, ["clk"])]
    assert "clk" in ports


def test_package_of_a_design_on_axi(tmp_path):
    ports = put(tmp_path, bus_files(NETWORK, "axi", "little"))
    vivado = Vivado(tmp_path)
    vivado.script("little_package.tcl")
    ((_, given),) = vivado.of("add_files")
    files = set(vivado.split(given[0]))
    assert files <= {file.name for file in tmp_path.iterdir()}
    # All that the Verilog reads is in the package.
    read = set(re.findall(r'(\w+\.mem)"', (tmp_path / "little.v").read_text()))
    assert files == {"little.v", *read}
    assert read
    assert vivado.of("set_property")[0][1][:2] == ["top", "little"]
    # Buses are found by the names of their ports, <bus>_<signal>; a stream is one by these.
    buses = [options["-busif"] for options, _ in vivado.of("ipx::associate_bus_interfaces")]
    for bus in buses:
        signals = {port[len(bus) + 1 :] for port in ports if port.startswith(f"{bus}_")}
        assert {"tdata", "tvalid", "tready", "tlast"} <= signals or {
            *(f"{channel}{wire}" for channel in ("aw", "w", "b", "ar", "r")
              for wire in ("valid", "ready")),
            "awaddr", "araddr", "wdata", "wstrb", "rdata", "bresp", "rresp",
        } <= signals, bus  # fmt: skip
    assert {port.rsplit("_", 1)[0] for port in ports if "_" in port} == set(buses)
    assert {*(rest[0] for _, rest in vivado.of("ipx::infer_bus_interface"))} == {"clk", "rst"}
    assert {"clk", "rst"} <= ports
    assert [name for name, _, _ in vivado.calls][-1] == "ipx::save_core"
