"""The devices that the flow knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import FxlifError


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device: how the tools are asked for it, and what it has.

    Attributes:
        name: as users write it.
        family: ``ecp5`` or ``ice40``, as in the tools' names.
        device: the option of nextpnr.
        packages: those that it comes in, the default first.
        resources: what there is of each of the kinds of cells that a core may need, as
            :func:`fxlif.hdl.flow.netlist.needed` counts them.
        target_mhz: what place and route is asked for: more than it can reach, so that it tries.
    """

    name: str
    family: str
    device: str
    packages: tuple[str, ...]
    resources: Mapping[str, int]
    target_mhz: int

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
        target_mhz=250,
    )  # fmt: skip


def _ice40(name: str, package: str, logic: int, memories: int, dsp: int, mhz: int) -> Target:
    # A logic cell is a LUT with a flip-flop behind it.
    resources = {"LUT": logic, "FF": logic, "RAM": memories, "DSP": dsp}
    return Target(
        name=f"ice40-{name}", family="ice40", device=name, packages=(package,),
        resources=resources, target_mhz=mhz,
    )  # fmt: skip


#: Name → device. Sources: Lattice's family data sheets (ECP5 FPGA-DS-02012, iCE40 LP/HX
#: FPGA-DS-02029, iCE40 UltraPlus FPGA-DS-02008); nextpnr's own counts are the same.
TARGETS = {
    target.name: target
    for target in (
        _ecp5("25k", ("CABGA256", "CABGA381"), 24_288, 56, 28),
        _ecp5("85k", ("CABGA381",), 83_640, 208, 156),
        _ice40("up5k", "sg48", 5_280, 30, 8, 60),
        _ice40("hx8k", "ct256", 7_680, 32, 0, 200),
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
