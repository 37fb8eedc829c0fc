"""The files of a design on a bus: Verilog, its images, and the registers in four forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ...cycles.access import AddressMap
from ...errors import FxlifError
from ...host.registers import RegisterMap
from ...params.protocol import AnyCores
from ..verilog import converted
from .serial import SerialTop
from .tops import AxiTop, WishboneTop
from .uart import LEAST_CYCLES

#: The tops, by what their bus is called.
TOPS: dict[str, Callable[..., Any]] = {"axi": AxiTop, "wishbone": WishboneTop, "serial": SerialTop}


def bus_files(
    design: AnyCores, bus: str, name: str, *, bit_cycles: int | None = None
) -> dict[str, bytes]:
    """File name → content of ``design`` with a top called ``name``, on the bus of this name.

    ``bit_cycles``: clock cycles of a bit on the serial line.

    Raises:
        FxlifError: there is no such bus, or a bit is given where there is no line, or takes fewer
            cycles than the receiver needs.
    """
    if bus not in TOPS:
        raise FxlifError.unknown("--bus", "bus", bus, TOPS)
    if (bus == "serial") != (bit_cycles is not None):
        allowed = "given with --bus serial, and with that alone"
        raise FxlifError.must_be("--bit-cycles", allowed, bit_cycles)
    if bit_cycles is not None and bit_cycles < LEAST_CYCLES:
        raise FxlifError.must_be("--bit-cycles", f"{LEAST_CYCLES} or more", bit_cycles)
    more = {} if bit_cycles is None else {"bit_cycles": bit_cycles}
    top = TOPS[bus](design, name, **more)
    text, images = converted(top, name)
    texts = {
        f"{name}.v": text,
        **{file: image.text for file, image in images.items()},
        **register_files(design, top.registers, {"bus": bus, **more}),
        f"{name}.core": fusesoc_core(name, list(images)),
    }
    if bus == "axi":
        texts[f"{name}_package.tcl"] = vivado_package(name, list(images))
    return {file: content.encode() for file, content in texts.items()}


def register_files(
    design: AnyCores, registers: RegisterMap, more: dict[str, Any]
) -> dict[str, str]:
    """File name → text of the registers of a design, as a table, for C, Python and JSON; ``more``:
    what the last one says beside them, and beside the addresses of the window."""
    name = registers.design
    described = {
        "design": name, "parameters_sha256": registers.digest, **more,
        "address_bits": registers.address_bits, "window": registers.window,
        "registers": registers.described(), **AddressMap(design.cores).described(),
    }  # fmt: skip
    return {
        f"{name}_registers.md": registers.markdown(),
        f"{name}_registers.h": registers.c_header(),
        f"{name}_registers.py": registers.python_class(),
        f"{name}_registers.json": json.dumps(described, indent=1) + "\n",
    }


def fusesoc_core(name: str, images: list[str]) -> str:
    """The description of a design for FuseSoC (CAPI2)."""
    memories = "".join(f"      - {file} : {{file_type : user, copyto : {file}}}\n"
                       for file in images)  # fmt: skip
    return f"""\
CAPI=2:
name: fxlif:designs:{name}:1.0.0
description: A network of integrate-and-fire neurons
filesets:
  rtl:
    files:
      - {name}.v : {{file_type : verilogSource}}
{memories}targets:
  default:
    filesets: [rtl]
    toplevel: {name}
"""


def vivado_package(name: str, images: list[str]) -> str:
    """A script that makes an IP of Vivado's catalogue from a design on AXI."""
    files = " ".join([f"{name}.v", *images])
    return f"""\
# vivado -mode batch -source {name}_package.tcl, in this folder
create_project -in_memory
add_files {{{files}}}
set_property top {name} [current_fileset]
ipx::package_project -root_dir ip -vendor fxlif -library designs -taxonomy /UserIP -import_files
set core [ipx::current_core]
ipx::infer_bus_interfaces xilinx.com:interface:axis_rtl:1.0 $core
ipx::infer_bus_interfaces xilinx.com:interface:aximm_rtl:1.0 $core
ipx::infer_bus_interface clk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface rst xilinx.com:signal:reset_rtl:1.0 $core
set polarity [ipx::add_bus_parameter POLARITY [ipx::get_bus_interfaces rst -of_objects $core]]
set_property value ACTIVE_HIGH $polarity
foreach bus {{s_axis m_axis s_axi}} {{
  ipx::associate_bus_interfaces -busif $bus -clock clk $core
}}
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
"""
