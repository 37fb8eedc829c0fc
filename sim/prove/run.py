"""``fxlif prove``: theorems about the delivered Verilog, each with its solver, mode and time.

What is proved, and how far (each group is a name for ``theorems``):

- ``step``: :func:`fxlif.rule.step.step` itself, on bit-vectors wide enough that nothing overflows,
  is the generated ``LIFStep``, for every state and every input.
- ``registers``: a single neuron takes the step when enabled, holds otherwise, resets.
- ``weights``, ``overflow``: the images hold the design's weights and the memory brings them out; no
  step within the promise ``max_events_per_input`` overflows (:mod:`fxlif.sim.prove.sums`).
- ``accumulate``, ``datapath``, ``queue``, ``emitter``, ``counters``: the contract of one part each,
  by induction, alone: whatever the rest of the core does that keeps what the part takes
  (:mod:`fxlif.sim.prove.parts`, :mod:`fxlif.sim.prove.alone`).
- ``events``: from what the parts give, whatever else they do, with issue and wiring as they are:
  what each part takes, and the theorems of a core: no event lost, none invented, the sum of each
  step that of its events, words and TICKs in order, and a TICK out within a bound of ready cycles
  (:mod:`fxlif.sim.prove.composition`). It counts only together with the contracts.
- ``streams``: the handshake contract of every stream (:mod:`fxlif.sim.prove.streams`).
- ``writes``: the write port, and that a write changes what it names and nothing else
  (:mod:`fxlif.sim.prove.access.writes`); the read port, and that it answers in its cycle what there
  is (:mod:`fxlif.sim.prove.access.reads`). The other groups hold for whatever is written and read:
  weights and thresholds are those that are in the memories, and ``step`` is proved for every legal
  value of the registers of a neuron, which the neurons hold while a step is under way
  (:mod:`fxlif.sim.prove.access.registers`).

Of a network of cores with rows of synapses (:mod:`fxlif.sim.prove.row`) the same groups, and two:

- ``rows``: every event that moves is looked up in each memory of its input, in order and once; the
  words of its row enter the pipeline, as many as there are, in the ring's slot of the step; each
  lane's weight goes to the word and the slot that the memory says; an update follows the last TICK.
- ``deadlock``: of the network of these contracts, for any number of steps: each node sends every
  step, and its spikes meet the same step of their readers (:mod:`fxlif.sim.prove.row.deadlock`).
- ``accumulate``: the golden sum at any address, however close the additions to it follow.
  ``weights``: images, read back row by row, and the golden network's synapses. ``streams``: an
  event moves for all readers of a node or for none; what regular sources send; merged outputs.
  ``events``: what the parts take of each other, and what leaves, as in a chain. That the sum of a
  step is that of its events is the chain of these contracts, not one formula. ``writes``: as in a
  chain; ``weights`` compares where the port finds synapses, too.
- Of a core there that takes its events one by one: ``weights`` also says that its memories are read
  in the golden order of the projections, ``rows`` that its words come one after the other, each
  again when it is written back, and which event begins the step; ``events`` that no word meets
  itself, and that its weights go into the step.

Contracts and composition lean on each other over time, not in a circle: what a part gives in a
cycle is proved from what it took before that cycle (:mod:`fxlif.sim.prove.contract`). Not proved:
that a stream at the end of the chain is taken; the exact cycle of an event at the output, which
simulation compares with the cycle model; that step and contract of ``neurons`` meet is by the same
ports, not by one formula. Of cores whose first TICK takes more than 50 cycles (24 in a network with
rows) no run that shows one is looked for. A fault in a contract is shown as a run of the part and
its last clock edge.

The theorems of a core hold of a chain: ``streams`` proves that nothing lies between its cores. The
promise ``max_events_per_input`` is the user's for the first core; for the others it follows from
``events``, since no word is sent twice in a step.

Trusted are Yosys' reading of the Verilog, the solver, and z3's terms. A counterexample is shown in
a simulator, which reads the same Verilog by itself.

How wide? The lemmas of :mod:`fxlif.sim.prove.lemmas` make every leak with every rounding a matter
of less than a second, at any width that the parameters allow (``tests/test_prove.py`` proves the
widest). Without them a product is out of reach beyond 8 bits where ``v_leak`` is not 0:

==============================  ========  ========  ========  ========
seconds, Bitwuzla, one core      8 bits   16 bits   24 bits   32 bits
==============================  ========  ========  ========  ========
shift, floor                      0.1       0.2       0.1       0.2
shift, nearest even, minimum      0.3       0.2       0.2       0.3
multi_shift, nearest even         0.3       0.2       0.2       0.2
linear                            0.1       0.1       0.1       0.1
scale, 12 bit, toward zero        0.1       0.1       0.1       0.1
scale, 16 bit, away from zero     0.2       0.2       0.1       0.1
up to 31 spikes a step            0.2       1.4      10         6
==============================  ========  ========  ========  ========

Where the threshold adapts as well, no lemma helps: the golden rule subtracts it spike by spike, and
the hardware divides. At 16 bits up to 7 spikes a step are proved in 6 seconds, up to 15 in two
minutes (give them a ``timeout``); with 31 there is no answer within them at 16 bits, and one in 12
seconds at 10.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ...errors import FxlifError
from ...hdl.limits import supported
from ...hdl.verilog import generate
from ...hdl.yosys.started import start
from ...layout import HardwareNetwork
from ...params.design import outline
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..report.findings import Findings
from ..tools.solver import choose
from .access.writes import prove_writes
from .core import prove_events, prove_part
from .prover import Prover, each_core
from .row.groups import GROUPS as of_rows
from .step import prove_registers, prove_steps
from .streams import prove_streams
from .sums import never_overflows, weights_equal


def prove_weights(prover: Prover) -> None:
    """What the memory of the weights holds, and that it comes out."""
    each_core("weights: images = design", weights_equal)(prover)
    prove_part("weights")(prover)


GROUPS: dict[str, Callable[[Prover], None]] = {
    "step": prove_steps,
    "registers": prove_registers,
    "weights": prove_weights,
    "overflow": each_core(
        "overflow: no accumulator overflows in a step within the promise", never_overflows
    ),
    "accumulate": prove_part("accumulate"),
    "datapath": prove_part("datapath"),
    "queue": prove_part("queue"),
    "emitter": prove_part("emitter"),
    "counters": prove_part("counters"),
    "streams": prove_streams,
    "writes": prove_writes,
    "events": prove_events,
    "rows": lambda prover: None,
    "deadlock": lambda prover: None,
}
#: Why a group has nothing to prove of a design.
NOT_ASKED = dict.fromkeys(GROUPS, "a single neuron has no core") | {
    "registers": "a core has no registers of a single neuron; see events and datapath",
    "rows": "a chain has no rows of synapses; see weights",
    "deadlock": "a chain has no loop",
    "writes": "nothing can be written or read",
}
#: Longest time for one theorem.
TIMEOUT_S = 120.0


def prove(
    params: NetworkParams | NeuronParams | HardwareNetwork,
    *,
    name: str,
    edit: Callable[[str], str] = lambda verilog: verilog,
    timeout_s: float = TIMEOUT_S,
    theorems: Collection[str] | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Prove the hardware of ``params``; one :class:`Check` per theorem.

    ``name`` is how the user named the design; ``edit`` changes the Verilog on its way, which is how
    a planted fault is shown to be found; ``timeout_s`` is per theorem, and a theorem without an
    answer is ``unknown``. ``theorems`` are some of :data:`GROUPS`, None is all. ``solver`` is
    ``z3``, ``bitwuzla``, or ``auto``: Bitwuzla where it is installed.

    Raises:
        FxlifError: what the hardware cannot do, an unknown group or solver, a missing package.
    """
    for group in theorems or ():
        if group not in GROUPS:
            raise FxlifError.must_be("theorems", f"some of {', '.join(GROUPS)}", group)
    design = supported(params)
    if design.kind == "core":
        raise FxlifError.must_be("design", "a network or a neuron", design.kind)
    chosen = choose(solver)
    start()
    progress("generating Verilog", 0, None)
    hardware = generate(design)
    prover = Prover(
        params=design, hardware=hardware, edit=edit, solver=chosen,
        timeout_s=timeout_s, progress=progress,
    )  # fmt: skip
    groups = of_rows if isinstance(design, HardwareNetwork) else GROUPS
    for group, run in (GROUPS | groups).items():
        if theorems is not None and group not in theorems:
            continue
        before = len(prover.checks)
        run(prover)
        if len(prover.checks) == before:
            prover.add(group, "not_applicable", NOT_ASKED[group])
    return Findings(
        command="prove",
        design=name,
        digest=design.digest(),
        parameters=outline(design),
        checks=tuple(prover.checks),
        figures={"theorems": len(prover.checks), "solver": prover.solver},
    )
