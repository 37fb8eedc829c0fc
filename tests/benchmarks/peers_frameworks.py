"""fxlif's profiles of training frameworks beside the frameworks themselves, bit for bit.

A framework computes in floats. Every potential, weight and decay is drawn such that floats are
exact (decays of 1/2 and 3/4, few steps, multiples of 2^20), so any difference is one of order,
compare or reset. It needs torch, snntorch, norse and sinabs, which fxlif's tests do not install:

    pip install torch==2.13.0 snntorch==1.0.0 norse==1.1.0 sinabs==3.1.3
    python tests/benchmarks/peers_frameworks.py --record tests/evidence/frameworks.jsonl
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fxlif import LIFPopulation, Recorder, profiles

#: Potentials are multiples of it: each step halves them at most twice.
UNIT = 1 << 20
N, STEPS, DESIGNS = 1000, 10, 10
SCALE = UNIT
#: Of each design, how many neurons are recorded.
KEPT = 3
Peer = Callable[[torch.Tensor], Iterator[tuple[torch.Tensor, torch.Tensor]]]


def snntorch_peer(beta: float, threshold: float, alpha: float | None, reset: str) -> Peer:
    """(spikes, potential) of each step, as snnTorch's Leaky or Synaptic."""
    import snntorch

    def run(currents: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if alpha is None:
            leaky = snntorch.Leaky(beta=beta, threshold=threshold, reset_mechanism=reset)
            mem = torch.zeros(N, dtype=torch.float64)
            for current in currents:
                spikes, mem = leaky(current, mem)
                yield spikes, mem
        else:
            cell = snntorch.Synaptic(
                alpha=alpha, beta=beta, threshold=threshold, reset_mechanism=reset
            )
            syn = mem = torch.zeros(N, dtype=torch.float64)
            for current in currents:
                spikes, syn, mem = cell(current, syn, mem)
                yield spikes, mem

    return run


def norse_peer(
    keeps: float, keeps_syn: float, threshold: float, v_leak: float, v_reset: float
) -> Peer:
    """(spikes, potential) of each step, as Norse's feed-forward LIF."""
    from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step

    wide = {"dtype": torch.float64}
    parameters = LIFParameters(
        tau_mem_inv=torch.tensor(1 - keeps, **wide),
        tau_syn_inv=torch.tensor(1 - keeps_syn, **wide),
        v_leak=torch.tensor(v_leak, **wide), v_th=torch.tensor(threshold, **wide),
        v_reset=torch.tensor(v_reset, **wide),
    )  # fmt: skip

    def run(currents: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        state = LIFFeedForwardState(v=torch.full((N,), v_reset, **wide), i=torch.zeros(N, **wide))
        for current in currents:
            # i of fxlif is that of Norse times dt / tau_mem.
            spikes, state = lif_feed_forward_step(current / (1 - keeps), state, parameters, dt=1.0)
            yield spikes, state.v

    return run


def sinabs_peer(keeps: float, keeps_syn: float | None, threshold: float, floor: float | None,
                single: bool) -> Peer:  # fmt: skip
    """(spikes, potential) of each step, as sinabs' LIF."""
    from sinabs.activation import MaxSpike, MembraneReset, MembraneSubtract, SingleSpike
    from sinabs.layers.functional.lif import lif_forward_single

    def run(currents: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        zeros = torch.zeros(N, dtype=torch.float64)
        state = {"v_mem": zeros, "i_syn": zeros}
        for current in currents:
            spikes, state = lif_forward_single(
                input_data=current, alpha_mem=keeps, alpha_syn=keeps_syn, state=state,
                spike_threshold=threshold, spike_fn=SingleSpike if single else MaxSpike(31),
                reset_fn=MembraneReset() if single else MembraneSubtract(),
                surrogate_grad_fn=None, min_v_mem=floor, norm_input=False,
            )  # fmt: skip
            yield spikes, state["v_mem"]

    return run


def designs(draw: np.random.Generator) -> Iterator[tuple[str, dict[str, Any], Peer]]:
    """One random design of each framework's neurons: what is compared, its choices, the peer."""
    kept = [float(draw.choice([0.5, 0.75, 1.0])) for _ in range(2)]
    kept[0] = kept[0] if kept[1] == 1.0 else 0.5
    thr = float(draw.integers(1, 8))
    for reset in ("subtract", "zero"):
        choices = {"beta": kept[0], "threshold": thr, "reset_mechanism": reset}
        yield f"snntorch, {reset}", choices, snntorch_peer(kept[0], thr, None, reset)
    choices = {"beta": kept[0], "alpha": kept[1], "threshold": thr}
    yield "snntorch, Synaptic", choices, snntorch_peer(kept[0], thr, kept[1], "subtract")
    rest, back = float(draw.integers(-3, 4)), float(draw.integers(-3, 1))
    mem = min(kept[0], 0.75)
    choices = {
        "tau_mem_inv": 1 - mem, "tau_syn_inv": 1 - kept[1], "v_th": thr, "v_leak": rest,
        "v_reset": back, "dt": 1,
    }  # fmt: skip
    yield "norse", choices, norse_peer(mem, kept[1], thr, rest, back)
    tau = [None if k == 1.0 else -1 / math.log(k) for k in kept]
    floor = float(draw.integers(-6, 1)) if draw.random() < 0.5 else None
    for single in (False, True):
        choices = {
            "tau_mem": tau[0], "tau_syn": tau[1], "spike_threshold": thr, "min_v_mem": floor,
            "spike_fn": "SingleSpike" if single else "MultiSpike",
            "reset_fn": "MembraneReset" if single else "MembraneSubtract",
        }  # fmt: skip
        peer = sinabs_peer(kept[0], kept[1] if tau[1] else None, thr, floor, single)
        yield f"sinabs, {'one spike' if single else 'up to 31'}", choices, peer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, help="write some of it to this file, .jsonl")
    record = parser.parse_args().record
    draw = np.random.default_rng(1)
    totals: dict[str, list[int]] = {}
    lines = []
    for _ in range(DESIGNS):
        for name, choices, peer in designs(draw):
            system = name.partition(",")[0]
            currents = draw.integers(-3, 6, (STEPS, N)) * UNIT
            recorder = Recorder("v")
            profile = getattr(profiles, system)(**choices, scale=SCALE)
            spikes = LIFPopulation(N, profile.neuron).run(currents, recorder)
            total = totals.setdefault(name, [0, 0, 0])
            given: Any = torch.tensor(currents / SCALE, dtype=torch.float64)
            seen = [(fired.numpy(), v.numpy() * SCALE) for fired, v in peer(given)]
            for t, (fired, v) in enumerate(seen):
                wrong = (fired != spikes[t]) | (v != recorder["v"][t])
                total[0] += N
                total[1] += int(spikes[t].sum())
                total[2] += int(wrong.sum())
            for k in range(KEPT):
                shown = zip(currents, seen, strict=True)
                table = [[int(x) for x in (c[k], v[k], f[k])] for c, (f, v) in shown]
                lines.append(json.dumps({"system": system, "choices": choices, "steps": table}))
    if record is not None:
        record.write_text("\n".join(lines) + "\n")
    print(f"{'neuron':22} {'neuron-steps':>12} {'spikes':>8} {'differences':>11}")
    for name, (steps, fired, wrong) in totals.items():
        print(f"{name:22} {steps:12,} {fired:8,} {wrong:11,}")


if __name__ == "__main__":
    main()
