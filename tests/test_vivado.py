"""The scripts for Vivado, run by a Tcl with stand-ins for Vivado's commands: there is no Vivado
here.

A stand-in knows the options of its command and what must be there for it: files in the folder,
ports of the Verilog. Whether Vivado does what is wanted is not shown. The Tcl is a small one, of
just what the scripts are written in, since many a Python comes without; where there is Tcl's own,
it runs them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from designs import make

from fxlif import NetworkParams, NeuronParams
from fxlif.hdl.bus.files import bus_files
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate

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


#: What a script of ours is made of: a list in braces, a command in brackets, a bare word.
WORD = re.compile(r"[ \t]*(?:\{([^{}]*)\}|\[([^][]*(?:\[[^][]*\][^][]*)*)\]|([^\s{}\[\]\"\\;]+))")


class SmallTcl:
    """Comments, commands of a line each, ``set``, ``foreach``, ``$name``, braces and brackets; all
    else is refused."""

    def __init__(self) -> None:
        self.commands: dict[str, Callable[..., str]] = {"set": self._set, "foreach": self._foreach}
        self.variables: dict[str, str] = {}
        self.createcommand = self.commands.__setitem__

    def splitlist(self, text: str) -> list[str]:
        return text.split()

    def eval(self, script: str) -> str:
        """What the last command returns."""
        left, answer = script, ""
        while left := left.lstrip():
            if left.startswith("#"):
                left = left.partition("\n")[2]
                continue
            words, left = self._words(left)
            assert words[0] in self.commands, words[0]
            answer = self.commands[words[0]](*words[1:])
        return answer

    def _words(self, text: str) -> tuple[list[str], str]:
        """The words of the first line, and what comes behind it."""
        words, at = [], 0
        while found := WORD.match(text, at):
            list_, command, bare = found.groups()
            if list_ is not None:
                words.append(list_)
            elif command is not None:
                words.append(self.eval(command))
            else:
                words.append(re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], bare))
            at = found.end()
        left = text[at:].lstrip(" \t")
        assert not left or left[0] == "\n", f"no Tcl that this one knows: {left.splitlines()[0]}"
        return words, left

    def _set(self, name: str, value: str) -> str:
        self.variables[name] = value
        return value

    def _foreach(self, name: str, values: str, body: str) -> str:
        for value in self.splitlist(values):
            self.variables[name] = value
            self.eval(body)
        return ""


def tcls() -> list[Any]:
    """The small Tcl, and Tcl's own where Python has it."""
    try:
        import tkinter
    except ImportError:
        return [SmallTcl()]
    whole = tkinter.Tcl()
    whole.eval("namespace eval ipx {}")
    return [SmallTcl(), whole]


class Vivado:
    """A Tcl whose commands write down their options (``-top`` → ``little``) and what else they are
    given, as ``calls``; what they return is called after them."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[tuple[str, dict[str, str], list[str]]] = []
        self.folder, self.tcls = folder, tcls()
        for tcl in self.tcls:
            for command in COMMANDS:
                tcl.createcommand(command, lambda *words, of=command: self.called(of, words))

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
        """Run a script in each Tcl, which must all call the same."""
        before, after = self.calls, []
        for tcl in self.tcls:
            self.calls = []
            tcl.eval((self.folder / name).read_text())
            after.append(self.calls)
        assert all(calls == after[0] for calls in after)
        self.calls = before + after[0]

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
    files = set(given[0].split())
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
