"""The devices that the flow knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import FxlifError

#: Kind of resource → what people call it.
CALLED = {"LUT": "LUTs", "FF": "flip-flops", "RAM": "block memories", "DSP": "multipliers"}


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """As GitHub shows it."""
        ends = ["--", *["--:"] * (len(self.columns) - 1)]
        lines = [self.columns, ends, *self.rows]
        return f"## {self.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device: how the tools are asked for it, and what it has.

    Attributes:
        name: as users write it.
        family: ``ecp5``, ``ice40`` or ``xilinx``, as in the tools' names.
        device: the option of nextpnr.
        packages: those that it comes in, the default first.
        resources: what there is of each of the kinds of cells that a core may need, as
            :func:`fxlif.hdl.flow.netlist.needed` counts them.
        target_mhz: what place and route is asked for: more than it can reach, so that it tries.
        memory_port: bits that a block memory reads in a clock cycle.
        options: of Yosys' command for the family.
        part: the whole name of the device, as its maker sells it.
    """

    name: str
    family: str
    device: str
    packages: tuple[str, ...]
    resources: Mapping[str, int]
    target_mhz: int
    memory_port: int
    part: str
    options: str = ""

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that it needs."""
        return ("yosys", f"nextpnr-{self.family}") if self.placed else ("yosys",)

    @property
    def called(self) -> Mapping[str, str]:
        """Kind of resource → what the device calls it."""
        return _CALLED[self.family]

    @property
    def memory_bits(self) -> int | None:
        """Bits that its block memories and its LUTs can hold; None: its size is not known."""
        if not self.resources:
            return None
        return self.memory_bits_of(self.resources["RAM"]) + self.resources["LUT"] * _LUT_BITS

    def memory_bits_of(self, blocks: int) -> int:
        """Bits of so many block memories."""
        return blocks * _BLOCK_BITS[self.family]

    @property
    def bitstream(self) -> str:
        """The suffix of its bitstreams."""
        return ".bit" if self.family == "ecp5" else ".bin"

    def constraints(self, name: str, mhz: float | None, clock: str = "clk") -> dict[str, str]:
        """File name → text: the clock of the design ``name`` for the device's tools, and a script
        where these are not run here."""
        mhz = mhz or self.target_mhz
        if self.family == "xilinx":
            period = f"create_clock -name {clock} -period {1000 / mhz:.3f} [get_ports {clock}]\n"
            return {f"{name}.xdc": period, f"{name}.tcl": _VIVADO.format(name=name, part=self.part)}
        if self.family == "ecp5":
            return {f"{name}.lpf": f'FREQUENCY PORT "{clock}" {mhz:g} MHZ;\n'}
        return {f"{name}.pcf": f"set_frequency {clock} {mhz:g}\n"}

    @property
    def placed(self) -> bool:
        """Whether the open tools place it."""
        return self.family in ("ecp5", "ice40")

    def package(self, name: str | None = None) -> str:
        """The package of this name; None: the default one.

        Raises:
            FxlifError: the device does not come in it.
        """
        if name is not None and name not in self.packages:
            raise FxlifError.unknown("package", f"package of {self.name}", name, self.packages)
        return name or self.packages[0]


def _ecp5(size: str, packages: tuple[str, ...], logic: int, memories: int, dsp: int) -> Target:
    resources = {"LUT": logic, "FF": logic, "RAM": memories, "DSP": dsp}
    return Target(
        name=f"ecp5-{size}", family="ecp5", device=size, packages=packages, resources=resources,
        target_mhz=250, memory_port=36, part=f"LFE5U-{'25' if size == '25k' else '85'}F",
    )  # fmt: skip


def _ice40(name: str, package: str, logic: int, memories: int, dsp: int, mhz: int) -> Target:
    # A logic cell is a LUT with a flip-flop behind it.
    resources = {"LUT": logic, "FF": logic, "RAM": memories, "DSP": dsp}
    return Target(
        name=f"ice40-{name}", family="ice40", device=name, packages=(package,),
        resources=resources, target_mhz=mhz, memory_port=16, part=f"iCE40{name.upper()}",
    )  # fmt: skip


#: Bits of a block memory, and of a LUT.
_BLOCK_BITS, _LUT_BITS = {"ecp5": 18_432, "ice40": 4_096}, 16
#: A LUT of an iCE40 is a logic cell with or without its flip-flop.
_CALLED = {
    "ecp5": {"LUT": "LUT (COMB)", "FF": "FF", "RAM": "RAM (DP16KD)", "DSP": "DSP (MULT18X18D)"},
    "ice40": {"LUT": "LUT (logic cells)", "FF": "FF, within them", "RAM": "RAM (4 kbit)",
              "DSP": "DSP (SB_MAC16)"},
    "xilinx": {"LUT": "LUT", "FF": "FF", "RAM": "RAM (18 kbit)", "DSP": "DSP48E1"},
}  # fmt: skip
#: Vivado's script: out of context, since a core has more ports than a device has pins.
_VIVADO = """# vivado -mode batch -source {name}.tcl, in this folder
set part {part}
read_verilog -sv {name}.v
read_xdc {name}.xdc
synth_design -top {name} -part $part -mode out_of_context
opt_design
place_design
route_design
report_utilization -hierarchical -file {name}_utilization.txt
report_timing_summary -file {name}_timing.txt
write_checkpoint -force {name}.dcp
"""
#: Name → device. Sources: Lattice's family data sheets (ECP5 FPGA-DS-02012, iCE40 LP/HX
#: FPGA-DS-02029, iCE40 UltraPlus FPGA-DS-02008); nextpnr's own counts are the same.
TARGETS = {
    target.name: target
    for target in (
        _ecp5("25k", ("CABGA256", "CABGA381"), 24_288, 56, 28),
        _ecp5("85k", ("CABGA381",), 83_640, 208, 156),
        _ice40("up5k", "sg48", 5_280, 30, 8, 60),
        _ice40("hx8k", "ct256", 7_680, 32, 0, 200),
        # The 7 series has one set of cells; the part is the script's alone, to be changed there.
        Target(
            name="xilinx-xc7",
            family="xilinx",
            device="xc7",
            packages=("",),
            resources={},
            target_mhz=100,
            memory_port=72,
            part="xc7a35tcpg236-1",
            options="-family xc7 -flatten -noiopad",
        ),
    )
}


def target_of(name: str) -> Target:
    """The device of this name.

    Raises:
        FxlifError: there is none.
    """
    if name not in TARGETS:
        raise FxlifError.unknown("target", "device", name, TARGETS)
    return TARGETS[name]


def too_much(takes: Mapping[str, int], target: Target) -> dict[str, int]:
    """Kind of resource → how many the device has too few for what a design takes."""
    there = target.resources
    return {kind: takes[kind] - there[kind] for kind in CALLED
            if kind in there and takes.get(kind, 0) > there[kind]}  # fmt: skip


def resources(title: str, used: Mapping[str, int], target: Target) -> Table:
    """A row for each resource of a device."""
    there = target.resources
    rows = tuple(
        (target.called[kind], f"{count:,}", f"{there[kind]:,}" if kind in there else "",
         f"{count / there[kind]:.1%}" if there.get(kind) else "")
        for kind, count in used.items()
    )  # fmt: skip
    return Table(title, ("resource", "used", "of", "share"), rows)
