"""Small designs of the hardware's step, many at once, and the golden answers to compare with.

:class:`Bank` puts many :class:`fxlif.hdl.neuron.LIFStep` into one module: one packed stimulus for
all of them, a response of :data:`LANE_BITS` bits for each. Two ways to evaluate a bank:
:func:`simulate` (Amaranth's own simulator, about 11 us for each design and point, three times that
in stages, nothing to compile) and :class:`Compiled` (the Verilog of steps in stages, built by
Verilator with a main loop of its own: points cost next to nothing, the build costs about 0.1 s for
each design).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.back import verilog
from amaranth.hdl import Cat, Const, Elaboratable, Module, Signal
from amaranth.sim import Simulator

from fxlif import builds
from fxlif.cycles.pipeline import neuron_stages
from fxlif.hdl.neuron import LIFStep
from fxlif.params.base import FIXED_ROUNDINGS
from fxlif.params.leaks import Leak, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams
from fxlif.rule.step import NeuronState, step
from fxlif.sim.tools import simulators

Ints = npt.NDArray[np.int64]

#: All but one, so that the designs fill the lanes; ceiling has the walk of test_hdl_arithmetic.
ROUNDINGS = tuple(rounding for rounding in FIXED_ROUNDINGS if rounding != "ceiling")
STATE_BITS = 4
CURRENT_BITS = 6
REFRACTORY = 2
LANE_BITS = 32

#: The stimulus, lowest bit first: (name, bits, signed).
STIMULUS = (
    ("v", STATE_BITS, True),
    ("refractory", REFRACTORY.bit_length(), False),
    ("current", CURRENT_BITS, True),
    ("i_syn", STATE_BITS, True),
    ("theta", STATE_BITS, False),
    ("mantissa", STATE_BITS, True),
    ("random", STATE_BITS, False),
)


def small_leaks() -> tuple[Leak, ...]:
    """26 leaks; the shifts are small, so that ties and dead zones occur within four bits."""
    leaks: list[Leak] = [NoLeak(), LinearLeak(step=2)]
    for rounding, minimum in product(ROUNDINGS, (0, 1)):
        how: dict[str, Any] = {"rounding": rounding, "minimum_step": minimum}
        leaks.append(ShiftLeak(shift=2, **how))
        leaks.append(MultiShiftLeak(shifts=(1, 3), signs=(1, -1), **how))
        leaks.append(ScaleLeak(factor=5, shift=3, **how))
    return tuple(leaks)


LEAKS = small_leaks()


@dataclass(frozen=True)
class Design:
    """One neuron, and whether its threshold comes from a port."""

    neuron: NeuronParams
    threshold_port: bool = False

    @property
    def variables(self) -> frozenset[str]:
        """The parts of the stimulus that this design looks at."""
        used = {"current", *self.neuron.state_widths}
        used |= {"mantissa"} if self.threshold_port else set()
        return frozenset(used | {"random"} if self.neuron.random_bits else used)

    @property
    def latency(self) -> int:
        """In how many cycles a step answers: one for each stage but the last."""
        return len(neuron_stages(self.neuron)) - 1


#: (leak, overflow, compare, reset, (refractory, mode)): 26 * 2 * 2 * 2 * 3 = 624.
CORE_AXES = (
    range(len(LEAKS)),
    ("saturate", "wrap"),
    ("ge", "gt"),
    ("to_value", "subtract"),
    ((0, "clamp"), (REFRACTORY, "clamp"), (REFRACTORY, "mask")),
)
#: (v_floor, v_leak, exponential, adaptation, threshold_port): 32, the first of which is plain.
EXTRA_AXES = ((None, -5), (0, -3), (False, True), (False, True), (False, True))


def design(core: tuple[Any, ...], extra: tuple[Any, ...]) -> Design:
    """The small design of one point of :data:`CORE_AXES` and one of :data:`EXTRA_AXES`.

    The leaks of i_syn and theta are no axes of their own: they go through all 26 leaks as the
    other choices change.
    """
    leak, overflow, compare, reset, (refractory, mode) = core
    v_floor, v_leak, exponential, adapted, port = extra
    other = CORE_AXES[1].index(overflow) * 3 + ("ge", "gt").index(compare) * 5 + len(reset)
    synapse_leak = LEAKS[(leak * 7 + other + refractory) % len(LEAKS)]
    theta_leak = LEAKS[(leak * 11 + 3 * other + len(mode)) % len(LEAKS)]
    neuron = NeuronParams(
        leak=LEAKS[leak],
        v_leak=v_leak,
        v_threshold=2,
        v_reset=-2,
        v_floor=v_floor,
        compare=compare,
        reset=reset,
        overflow=overflow,
        refractory=refractory,
        refractory_mode=mode,
        synapse=ExponentialSynapse(leak=synapse_leak) if exponential else DeltaSynapse(),
        adaptation=Adaptation(increment=5, leak=theta_leak) if adapted else None,
        state_bits=STATE_BITS,
        threshold_bits=STATE_BITS,
        threshold_shift=1,
        current_bits=STATE_BITS,
        theta_bits=STATE_BITS,
    )
    return Design(neuron, port)


class Bank(Elaboratable):
    """Many steps that share one stimulus; in stages, each answers after its own latency."""

    def __init__(self, designs: Sequence[Design], *, staged: bool) -> None:
        self.designs = designs
        self.latencies = [each.latency if staged else 0 for each in designs]
        self.lanes = -(-len(designs) // 4) * 4  # whole 64-bit words
        self.latency = max(self.latencies)
        self.stimulus = Signal(sum(bits for _, bits, _ in STIMULUS))
        self.response = Signal(self.lanes * LANE_BITS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        given, at = {}, 0
        for name, bits, is_signed in STIMULUS:
            part = self.stimulus[at : at + bits]
            given[name] = part.as_signed() if is_signed else part
            at += bits
        lanes = []
        for number, each in enumerate(self.designs):
            unit = LIFStep(
                each.neuron, input_bits=CURRENT_BITS, threshold_port=each.threshold_port,
                staged=self.latency > 0,
            )  # fmt: skip
            m.submodules[f"step_{number}"] = unit
            m.d.comb += unit.current.eq(given["current"])
            for name in each.neuron.state_widths:
                m.d.comb += getattr(unit.state, name).eq(given[name])
            if each.threshold_port:
                m.d.comb += unit.threshold_mantissa.eq(given["mantissa"])
            if each.neuron.random_bits:
                m.d.comb += unit.random.eq(given["random"])
            answer = Cat(unit.next_state.as_value(), unit.spike)
            lanes.append(Cat(answer, Const(0, LANE_BITS - len(answer))))
        m.d.comb += self.response.eq(Cat(*lanes))
        return m

    def answers(self, raw: bytes) -> npt.NDArray[np.uint32]:
        """(points, lanes) answers from what was shown in each cycle, ``latency`` cycles more."""
        shown = np.frombuffer(raw, "<u4").reshape(-1, self.lanes)
        points = len(shown) - self.latency
        found = np.zeros((points, self.lanes), np.uint32)
        for lane, latency in enumerate(self.latencies):
            found[:, lane] = shown[latency : latency + points, lane]
        return found


def space_size(variables: frozenset[str]) -> int:
    """How many points :func:`whole_space` has."""
    size = 1
    for name, bits, _ in STIMULUS:
        if name in variables:
            size *= REFRACTORY + 1 if name == "refractory" else 1 << bits
    return size


def whole_space(variables: frozenset[str]) -> Ints:
    """Every stimulus that the variables allow, as packed words; the counter never exceeds R."""
    words, at = np.zeros(1, dtype=np.int64), 0
    for name, bits, _ in STIMULUS:
        if name in variables:
            values = np.arange(REFRACTORY + 1 if name == "refractory" else 1 << bits)
            words = (words[None, :] | (values << at)[:, None]).ravel()
        at += bits
    return words


def sampled_space(variables: frozenset[str], points: int, rng: np.random.Generator) -> Ints:
    """``points`` stimuli drawn evenly from the whole space, with repetition."""
    words, at = np.zeros(points, dtype=np.int64), 0
    for name, bits, _ in STIMULUS:
        if name in variables:
            top = REFRACTORY + 1 if name == "refractory" else 1 << bits
            words |= rng.integers(0, top, points) << at
        at += bits
    return words


def unpack(words: Ints) -> dict[str, Ints]:
    """Packed stimuli as one array for each variable."""
    values, at = {}, 0
    for name, bits, is_signed in STIMULUS:
        value = (words >> at) & ((1 << bits) - 1)
        values[name] = (
            np.where(value >> (bits - 1), value - (1 << bits), value) if is_signed else value
        )
        at += bits
    return values


def expected(each: Design, words: Ints) -> npt.NDArray[np.uint32]:
    """What the golden step answers, packed as the hardware's lane."""
    neuron, given = each.neuron, unpack(words)
    present = set(neuron.state_widths)
    zeros = np.zeros(len(words), dtype=np.int64)
    # A counter of one bit is given the low bit of 0..2.
    given["refractory"] &= (1 << neuron.refractory_bits) - 1
    state = NeuronState(*(given[n] if n in present else zeros for n in NeuronState._fields))
    threshold: Any = neuron.v_threshold
    if each.threshold_port:
        threshold = given["mantissa"] << neuron.threshold_shift
    after, spikes = step(neuron, state, given["current"] + neuron.bias, threshold, given["random"])
    packed, at = zeros, 0
    for name, bits in neuron.state_widths.items():
        value = getattr(after, name)
        low, high = neuron.ranges[name]
        assert low <= value.min(), f"{name} of the golden step leaves its range"
        assert value.max() <= high, f"{name} of the golden step leaves its range"
        packed = packed | (value & ((1 << bits) - 1)) << at
        at += bits
    return (packed | spikes.astype(np.int64) << at).astype(np.uint32)


def explain(each: Design, word: int, found: int, wanted: int) -> str:
    """One mismatch in words."""
    given = {k: int(v[0]) for k, v in unpack(np.array([word])).items() if k in each.variables}
    lines = [f"{each}", f"stimulus {given}"]
    for title, lane in (("hardware", found), ("golden", wanted)):
        parts, at = {}, 0
        for name, bits in (*each.neuron.state_widths.items(), ("spike", each.neuron.spike_bits)):
            value = lane >> at & (1 << bits) - 1
            is_signed = name in ("v", "i_syn")
            parts[name] = value - (value >> (bits - 1) << bits) if is_signed else value
            at += bits
        lines.append(f"{title:8} {parts}, left over {lane >> at}")
    return "\n".join(lines)


@dataclass
class Tally:
    """What was compared: design-and-point pairs, and in how many of them the golden fires."""

    designs: int = 0
    compared: int = 0
    spikes: int = 0

    def check(self, each: Design, words: Ints, lane: npt.NDArray[np.uint32]) -> None:
        """Compare every bit of a design's lane with the golden step."""
        wanted = expected(each, words)
        assert lane.shape == wanted.shape == words.shape
        for at in np.flatnonzero(lane != wanted)[:1]:
            raise AssertionError(explain(each, int(words[at]), int(lane[at]), int(wanted[at])))
        self.compared += len(words)
        spike_at = sum(each.neuron.state_widths.values())
        self.spikes += int(np.count_nonzero(wanted >> spike_at))


def by_variables(designs: Sequence[Design]) -> Iterator[tuple[frozenset[str], list[int]]]:
    """The designs, as indices, that share a space."""
    groups: dict[frozenset[str], list[int]] = {}
    for number, each in enumerate(designs):
        groups.setdefault(each.variables, []).append(number)
    yield from groups.items()


def simulate(
    designs: Sequence[Design], words: Ints, *, staged: bool = False
) -> npt.NDArray[np.uint32]:
    """(points, lanes) answers, by Amaranth's own simulator."""
    bank = Bank(designs, staged=staged)
    size = bank.lanes * LANE_BITS // 8
    raw: list[bytes] = []

    async def bench(ctx: Any) -> None:
        for word in words.tolist() + [0] * bank.latency:
            ctx.set(bank.stimulus, word)
            raw.append(ctx.get(bank.response).to_bytes(size, "little"))
            if staged:
                await ctx.tick()

    simulator = Simulator(bank)
    if staged:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return bank.answers(b"".join(raw))


MAIN = """
#include "Vtop.h"
#include <cstdint>
#include <cstdio>
int main() {
    Vtop top;
    uint32_t word;
    while (fread(&word, sizeof word, 1, stdin) == 1) {
        top.stimulus = word;
        top.clk = 0;
        top.eval();
        if (fwrite(&top.response, sizeof top.response, 1, stdout) != 1) return 1;
        top.clk = 1;
        top.eval();
    }
    return 0;
}
"""


class Compiled:
    """A bank as Verilog, built by Verilator; the cache of builds keeps it.

    Not by :func:`fxlif.sim.tools.simulators.build`: what cocotb needs (every signal visible from
    outside) makes a build of so many modules about ten times slower. No bench.
    """

    def __init__(self, designs: Sequence[Design]) -> None:
        bank = Bank(designs, staged=True)
        self._bank = bank
        text = verilog.convert(
            bank, name="top", ports=[bank.stimulus, bank.response], emit_src=False,
            strip_internal_attrs=True,
        )  # fmt: skip
        found = simulators.find("verilator")
        assert found.path is not None
        environment = {**os.environ, "PATH": f"{found.path}{os.pathsep}{os.environ['PATH']}"}
        environment.pop("MAKEFLAGS", None)
        # A few designs are soon simulated, and compile fastest in one file as they are.
        few = len(designs) < 100
        split, optimised = (("--output-split", "0"), "-O0") if few else ((), "-O1")

        def call(*command: str) -> None:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"

        def make(folder: Path) -> None:
            (folder / "top.v").write_text(text)
            (folder / "main.cpp").write_text(MAIN)
            build = folder / "build"
            build.mkdir()
            simulators.give_runtime(found, build, ("", "_threads"))
            call(
                str(shutil.which("verilator", path=environment["PATH"])), "--cc", "-O3",
                "-Wno-lint", "--x-assign", "unique", *split, "--top-module", "top",
                "--Mdir", str(build), "--exe", str(folder / "main.cpp"), str(folder / "top.v"),
            )  # fmt: skip
            call(
                "make", "-C", str(build), "-f", "Vtop.mk", f"PYTHON3={sys.executable}",
                "CFG_CXXFLAGS_PCH_I=-include",
                f"OPT_FAST={optimised}", "OPT_GLOBAL=-O0", "OPT_SLOW=-O0",
            )  # fmt: skip
            (build / "Vtop").rename(folder / "Vtop")
            shutil.rmtree(build)

        recipe = builds.Recipe(
            kind="steps", tools={"verilator": found.version}, used=("Vtop",),
            inputs={"top.v": text, "recipe": Path(__file__).read_text()},
        )  # fmt: skip
        self._program = str(builds.entry(recipe, make) / "Vtop")

    def answer(self, words: Ints) -> npt.NDArray[np.uint32]:
        """(points, lanes) answers."""
        stimulus = np.append(words, np.zeros(self._bank.latency)).astype("<u4").tobytes()
        raw = subprocess.run([self._program], input=stimulus, capture_output=True, check=True)
        return self._bank.answers(raw.stdout)


def check_compiled(
    designs: Sequence[Design], *, most: int, sample: int, seed: int,
    block: int = 1 << 15,
) -> Tally:  # fmt: skip
    """All designs in their own whole space, or ``sample`` points where it exceeds ``most``."""
    compiled = Compiled(designs)
    tally = Tally(designs=len(designs))
    rng = np.random.default_rng(seed)
    due = 0
    for variables, members in by_variables(designs):
        if space_size(variables) <= most:
            words = whole_space(variables)
            assert len(np.unique(words)) == len(words) == space_size(variables)
        else:
            words = sampled_space(variables, sample, rng)
        due += len(words) * len(members)
        for start in range(0, len(words), block):
            part = words[start : start + block]
            lanes = compiled.answer(part)
            for number in members:
                tally.check(designs[number], part, lanes[:, number])
    assert tally.compared == due
    return tally


def sample_of_extras(each: int, seed: int) -> list[Design]:
    """``each`` designs for each of the 31 combinations of :data:`EXTRA_AXES` but the plain one.

    The 26 leaks take turns; everything else of :data:`CORE_AXES` is drawn.
    """
    rng = random.Random(seed)
    leaks = [leak for _ in range(each * 31 // 26 + 1) for leak in rng.sample(range(26), 26)]
    designs = []
    for extra in list(product(*EXTRA_AXES))[1:]:
        for _ in range(each):
            core = (leaks.pop(), *(rng.choice(axis) for axis in CORE_AXES[1:]))
            designs.append(design(core, extra))
    return designs
