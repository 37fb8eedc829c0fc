"""Fits the model of `fxlif fpga --estimate`, and says how far it is off designs that it was not
fitted to.

    python tests/benchmarks/fpga_estimate.py --target ecp5-85k --fit
    python tests/benchmarks/fpga_estimate.py --target ice40-hx8k --fit
    python tests/benchmarks/fpga_estimate.py --target ecp5-85k

Needs `pip install '.[fpga]'`. Designs are drawn at random over all that the hardware has, by the
numbers that stand below; each is synthesised and packed, which is kept in the cache. With `--fit`
the factors are fitted and written: those from 0 up that make the sum of the squares of the
relative errors least. Each of the designs `HELD_OUT` is judged by factors that were fitted to all
the others.
Without `--fit` the factors that ship are judged by designs that they were never fitted to, which
is written beside them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from fpga import random_core
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

#: Numbers of the designs that are held out one by one, of those that judge what ships, and of those
#: that the model of a family is fitted to beside the first.
HELD_OUT = range(1, 21)
JUDGED = range(401, 421)
FITTED = {
    "ecp5": (
        100, 101, 102, 104, 105, 106, 112, 113, 114, 118, 120, *range(201, 221), 301, 302, 304, 305,
        306, 308, 309, 310, 312, 313, 314, 316, 317, 318, 320, 322, 324, 325, 326, 328,
    ),
    "ice40": range(201, 221),
}  # fmt: skip
LANES = (1, 1, 2, 4, 8)
#: The features that LUTs, and flip-flops, are fitted by.
FEATURES = {
    "LUT": ("add", "beyond", "chain", "compare", "constant", "lut", "multiply", "narrow",
            "register", "reset", "shared"),
    "FF": ("one", "register", "unread"),
}  # fmt: skip


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
    """Designs as people have them, which the model of ECP5 is fitted to beside the random ones:
    some of ``fpga.py``."""
    return [supported(each) for each in (random_core(1), random_core(4))]


class Sample:
    """A design: what it is made of, and what it really takes."""

    def __init__(self, name: str, design: AnyParams, target: Target) -> None:
        started = time.process_time()
        self.bits, memories = features_of(design)
        if target.resources["DSP"]:  # which the tools use
            del self.bits["multiply"]
        self.seconds = time.process_time() - started
        self.blocks = estimate.blocks_of(memories, target.family)
        # What the device has is no bound here: nothing is placed.
        self.real = taken(generate(design), replace(target, resources={}))
        self.kind = type(design).__name__
        self.name = f"{name}: {', '.join(f'{c.n_neurons} / {c.lanes}' for c in design.cores)}"


def fitted(samples: Sequence[Sample], kind: str) -> dict[str, float]:
    """The factor of each feature."""
    names = FEATURES[kind]
    wanted = np.array([sample.real[kind] for sample in samples])
    given = np.array([[sample.bits[name] for name in names] for sample in samples])
    factors, _ = nnls(given / wanted[:, np.newaxis], np.ones(len(samples)))
    return {name: round(factor, 4) for name, factor in zip(names, factors.tolist(), strict=True)
            if factor > 0}  # fmt: skip


def factors_of(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """The factors of each kind of resource."""
    return {kind: fitted(samples, kind) for kind in estimate.KINDS}


def judged(sample: Sample, factors: Mapping[str, Mapping[str, float]]) -> float:
    """Prints a line; the relative error of the LUTs."""
    line = f"{sample.name[:33]:34}"
    errors = []
    for kind in estimate.KINDS:
        real, found = sample.real[kind], estimate.weighted(sample.bits, factors[kind])
        errors.append(found / real - 1)
        line += f"{real:7,}{found:7,}{errors[-1]:+8.1%}"
    print(f"{line}{sample.real['RAM']:5}{sample.blocks:5}{sample.seconds:6.2f}  {sample.kind}",
          flush=True)  # fmt: skip
    return round(errors[0], 4)


def write(family: str, made: Mapping[str, Any]) -> None:
    """Ship a model of a family."""
    path = Path(estimate.__file__).with_name(estimate.FILE)
    path.write_text(json.dumps({**json.loads(path.read_text()), family: made}, indent=1) + "\n")
    estimate.models.cache_clear()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="ecp5-85k", help="a large device of the family")
    parser.add_argument("--fit", action="store_true", help="fit anew, and write the factors")
    given = parser.parse_args(arguments)
    target = target_of(given.target)
    print(f"{'design: neurons / lanes':34}{'LUT':>7}{'est.':>7}{'':8}{'FF':>7}{'est.':>7}{'':8}"
          f"{'RAM':>5}{'est.':>5}{'s':>6}")  # fmt: skip
    if not given.fit:
        model = estimate.model_of(target)
        errors = [judged(Sample(str(n), drawn(n), target), model.factors) for n in JUDGED]
        fresh = sorted(errors)
        write(target.family, {**asdict(model), "fresh": fresh})
        print(replace(model, fresh=tuple(fresh)).said)
        return 0
    samples = [Sample(str(n), drawn(n), target) for n in (*HELD_OUT, *FITTED[target.family])]
    if target.family == "ecp5":
        samples += [Sample("fpga.py", design, target) for design in plain()]
    errors = [
        judged(samples[k], factors_of([*samples[:k], *samples[k + 1 :]]))
        for k in range(len(HELD_OUT))
    ]
    made = {
        "command": f"{Path(sys.argv[0]).as_posix()} --target {target.name} --fit",
        "fitted": len(samples), "errors": sorted(errors), "factors": factors_of(samples),
    }  # fmt: skip
    write(target.family, made)
    print(estimate.model_of(target).said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
