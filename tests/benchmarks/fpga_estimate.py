"""Fits the model of `fxlif fpga --estimate`, and says how far it is off designs that it was not
fitted to.

    python tests/benchmarks/fpga_estimate.py --target ecp5-85k
    python tests/benchmarks/fpga_estimate.py --target ecp5-85k --fit

Needs `pip install '.[fpga]'`. Designs are drawn at random over all that the hardware has, by the
numbers that stand below; each is synthesised and packed, which is kept in the cache. Without
`--fit` the factors that ship are judged by the designs that they were not fitted to; with it they
are fitted anew to the others, and written: factors above 0 that make the sum of the squares of the
relative errors least.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fpga import digits, random_core, tinyodin
from scipy.optimize import nnls

from fxlif.hdl.flow import estimate
from fxlif.hdl.flow.features import features_of
from fxlif.hdl.flow.place import taken
from fxlif.hdl.flow.sweep import with_lanes
from fxlif.hdl.flow.targets import Target, target_of
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.params.core import CoreParams
from fxlif.params.neuron import NeuronParams
from fxlif.params.protocol import AnyParams
from fxlif.sim.soak.random_design import random_design
from fxlif.sim.soak.random_network import random_event_chain, random_network

#: Numbers of the designs that the model is fitted to, and of those that judge it.
FITTED, JUDGED = (*range(100, 107), *range(108, 160, 2)), range(1, 21)
LANES = (1, 1, 2, 4, 8)
#: The features that flip-flops are fitted by.
OF_REGISTERS = ("one", "register", "unread")


def drawn(number: int) -> AnyParams:
    """The design of a number: a core of a chain, or a network of cores that read rows."""
    rng = random.Random(number)
    if number % 4 == 3 or number % 16 == 1:
        draw = random_event_chain if number % 16 == 1 else random_network
        return supported(with_lanes(draw(rng), rng.choice(LANES)))
    core = random_design(rng, max_inputs=64, max_neurons=64).model_dump()
    core["lanes"] = min(rng.choice(LANES), core["n_neurons"])
    if number % 4 == 0:
        # A plain neuron with a leak, as most are.
        keys = ("leak", "state_bits", "weight_bits", "v_threshold", "threshold_bits",
                "threshold_shift", "lfsr")  # fmt: skip
        core["neuron"] = NeuronParams(**{key: core["neuron"][key] for key in keys})
    return supported(CoreParams(**core))


def plain() -> list[AnyParams]:
    """Designs as people have them, which the model is fitted to beside the random ones: those of
    ``fpga.py``."""
    cores = [random_core(lanes) for lanes in (1, 4, 8, 16)]
    return [supported(each) for each in (*cores, tinyodin(1), tinyodin(4), digits(8, 2))]


class Sample:
    """A design: what it is made of, and what it really takes."""

    def __init__(self, name: str, design: AnyParams, target: Target) -> None:
        started = time.process_time()
        self.bits, memories = features_of(design)
        self.seconds = time.process_time() - started
        self.blocks = estimate.blocks_of(memories, target.family)
        self.real = taken(generate(design), target)
        self.name = f"{name}: {', '.join(f'{c.n_neurons} / {c.lanes}' for c in design.cores)}"


def fitted(samples: Sequence[Sample], kind: str) -> dict[str, float]:
    """The factor of each feature."""
    names = sorted(OF_REGISTERS if kind == "FF" else {n for sample in samples for n in sample.bits})
    wanted = np.array([sample.real[kind] for sample in samples])
    given = np.array([[sample.bits[name] for name in names] for sample in samples])
    factors, _ = nnls(given / wanted[:, np.newaxis], np.ones(len(samples)))
    return {name: round(factor, 4) for name, factor in zip(names, factors.tolist(), strict=True)
            if factor > 0}  # fmt: skip


def judged(samples: Sequence[Sample], factors: Mapping[str, Mapping[str, float]]) -> list[float]:
    """Prints a line for each sample; the relative errors of the LUTs."""
    print(f"{'design: neurons / lanes':34}{'LUT':>7}{'est.':>7}{'':8}{'FF':>7}{'est.':>7}{'':8}"
          f"{'RAM':>5}{'est.':>5}{'s':>6}")  # fmt: skip
    errors = []
    for sample in samples:
        line = f"{sample.name[:33]:34}"
        for kind in estimate.KINDS:
            real, found = sample.real[kind], estimate.weighted(sample.bits, factors[kind])
            line += f"{real:7,}{found:7,}{found / real - 1:+8.1%}"
            if kind == "LUT":
                errors.append(round(found / real - 1, 4))
        print(f"{line}{sample.real['RAM']:5}{sample.blocks:5}{sample.seconds:6.2f}")
    return errors


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="ecp5-85k", help="a large device of the family")
    parser.add_argument("--fit", action="store_true", help="fit anew, and write the factors")
    parser.add_argument("--most", type=int, default=len(FITTED), help="fit to so many designs")
    given = parser.parse_args(arguments)
    target = target_of(given.target)
    others: dict[str, Any] = {}
    factors: Mapping[str, Mapping[str, float]]
    if given.fit:
        learned = [Sample(str(n), drawn(n), target) for n in FITTED[: given.most]]
        learned += [Sample("fpga.py", design, target) for design in plain()]
        factors = {kind: fitted(learned, kind) for kind in estimate.KINDS}
        judged(learned, factors)
    else:
        factors = estimate.model_of(target).factors
    errors = judged([Sample(str(n), drawn(n), target) for n in JUDGED], factors)
    if given.fit:
        path = Path(estimate.__file__).with_name(estimate.FILE)
        if path.exists():
            others = json.loads(path.read_text())
        others[target.family] = {
            "fitted": len(learned), "errors": sorted(errors), "factors": factors,
        }  # fmt: skip
        path.write_text(json.dumps(others, indent=1) + "\n")
        estimate.models.cache_clear()
    print(estimate.model_of(target).said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
