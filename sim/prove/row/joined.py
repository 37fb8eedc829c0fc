"""How the nodes of a network are joined: an event moves for all readers of its node, or for none.

The parts of the cores are left out; what lies between them is the Verilog's. Taken is that each
node keeps an event that is not taken, and that a reader that is ready stays so until the event
moves: ``streams`` and ``rows`` prove it of each part alone. From that it follows that each reader
is shown such a stream, and that the network's output is one.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

from ....hdl.events import event_layout
from ....layout import HardwareNetwork
from ....params.core import address_bits
from ...tools.solver import conjunction, z3
from ..contract import Contract, Delays, Part, Ports, any_of, bit, number, unpacked
from ..netlist import Netlist
from ..prover import Prover, Theorem

_PARTS = "front|issue|synapses|totals|neurons|queue|emitter|counters|answer"


def joined_netlist(prover: Prover, network: HardwareNetwork) -> Netlist:
    """The network without the parts of its cores and without its regular sources."""
    top = prover.hardware.top
    cores = "|".join(prover.core_module(k) for k in range(len(network.cores)))
    wanted = re.compile(rf"({cores})_({_PARTS})(_\d+)*|{prover.inner('regular')}_\d+")
    return prover.netlist(top, *filter(wanted.fullmatch, prover.modules))


class Joined:
    """The streams of the nodes: ``sources``, by node, and who ``reads`` each; a stream is the name
    before ``_valid``, ``_ready`` and ``_payload``."""

    def __init__(self, prover: Prover, net: Netlist, network: HardwareNetwork) -> None:
        self.net, self.network = net, network
        #: The instances of the cores, and what stands before the names of all parts.
        self.cores = cores = [prover.instance(net, k) for k in range(len(network.cores))]
        self.prefix = prefix = cores[0].removesuffix(network.signals[0].instance)
        self.sources = ["events_in", *(f"{prefix}regular_{j}.events_out"
                                       for j in range(len(network.regular))),
                        *(f"{core}.events_out" for core in cores)]  # fmt: skip
        self.reads = [[f"{cores[core]}.input_{place}" for core, place in network.consumers(node)]
                      for node in range(len(self.sources))]  # fmt: skip
        for place, output in enumerate(network.outputs):
            self.reads[network.node_of(output)].append(f"{prefix}merge.input_{place}")

    def on(self, stream: str, port: str) -> Any:
        """Whether a signal of a stream is high."""
        return self.net[f"{stream}_{port}"] == 1

    def is_core(self, stream: str) -> bool:
        """Whether a stream is read by a core, and not by the merge of the outputs."""
        return not stream.startswith(f"{self.prefix}merge")

    def held(self, reader: str) -> Any:
        """Whether a core may be kept from reading a stream, since it is to be written or read: the
        first of its step."""
        core, _, stream = reader.rpartition(".")
        first = self.network.cores[self.cores.index(core)].first_input
        if stream != f"input_{first}" or f"{core}.access_hold" not in self.net:
            return z3.BoolVal(False)
        return self.net[f"{core}.access_hold"] == 1

    def moves(self, stream: str) -> Any:
        """Whether an event of a stream is taken."""
        return z3.And(self.on(stream, "valid"), self.on(stream, "ready"))


def lockstep_theorem(prover: Prover, network: HardwareNetwork) -> Theorem:
    """An event of a node moves for all readers or for none, and each of them sees it."""
    net = joined_netlist(prover, network)
    joined, claims = Joined(prover, net, network), {}
    for source, readers in zip(joined.sources, joined.reads, strict=True):
        moves = joined.moves(source)
        ready = [joined.on(reader, "ready") for reader in readers]
        taken = conjunction([z3.BoolVal(True), *ready]) == joined.on(source, "ready")
        claims[f"{source} moves when all are ready"] = taken
        for reader in readers:
            others = [one for one, name in zip(ready, readers, strict=True) if name != reader]
            valid = conjunction([joined.on(source, "valid"), *others])
            claims[f"{reader} moves with {source}"] = joined.moves(reader) == moves
            claims[f"{reader} knows of the others"] = joined.on(reader, "valid") == valid
            claims[f"{reader} sees {source}"] = net[f"{reader}_payload"] == net[f"{source}_payload"]
            if joined.is_core(reader):
                claims[f"{reader} is shown {source}"] = (
                    net[f"{reader}_shown"] == net[f"{source}_valid"]
                )
                core, _, stream = reader.rpartition(".")
                for port in ("shown", "valid", "payload"):
                    inside = net[f"{core}.front.{stream}_{port}"]
                    claims[f"{reader}_{port} inside"] = inside == net[f"{reader}_{port}"]
    for core, signals in zip(joined.cores, network.signals, strict=True):
        counters = {"dropped": signals.dropped, "saturated": signals.saturated}
        for inside, shown in counters.items():
            claims[shown] = net[shown] == net[f"{core}.counters.{inside}"]
    resets = [signal for signal in net.signals if signal.endswith(".rst")]
    claims["resets"] = conjunction([net[signal] == net["rst"] for signal in resets])
    return Theorem(mode="every state and input, no induction", claims=claims)


def output_part(prover: Prover, network: HardwareNetwork) -> Part:
    """The events of the outputs, step by step and one output after the other, and what all readers
    and the output take: streams that keep what is not taken."""
    net = joined_netlist(prover, network)
    joined, lines = Joined(prover, net, network), Delays("joined")
    merge = Ports(net, f"{joined.prefix}merge")
    counts = [network.cores[core].n_neurons for core in network.outputs]
    select = z3.BitVec("merge:select", len(counts).bit_length() + 1)
    address_width = network.out_address_bits
    out = unpacked(merge["events_out_payload"], event_layout(address_width))
    out_ready = merge["events_out_ready"] == 1
    gives, ticks, valids, payloads = {}, [], [], []
    for k, (count, first) in enumerate(
        zip(counts, accumulate(counts[:-1], initial=0), strict=True)
    ):
        event = unpacked(merge[f"input_{k}_payload"], event_layout(address_bits(count)))
        here, valid = select == k, merge[f"input_{k}_valid"] == 1
        tick, last = event["tick"] == 1, k == len(counts) - 1
        swallowed = z3.And(tick, z3.BoolVal(not last))
        ready = z3.And(here, z3.Or(out_ready, swallowed))
        gives[f"output {k} is taken"] = (merge[f"input_{k}_ready"] == 1) == ready
        valids.append(z3.And(here, valid, z3.Not(swallowed)))
        ticks.append(z3.And(valid, ready, tick))
        sent = z3.If(tick, 0, number(event["address"], address_width) + first)
        payloads.append(z3.Implies(
            valids[-1], z3.And((out["tick"] == 1) == tick, out["address"] == sent)
        ))  # fmt: skip
    following = z3.If(select == len(counts) - 1, z3.BitVecVal(0, select.size()), select + 1)
    lines.ghosts[select] = (0, z3.If(any_of(ticks), following, select))
    gives["an event out"] = (merge["events_out_valid"] == 1) == any_of(valids)
    gives["as it came in"] = conjunction(payloads)

    def kept(stream: str, valid: str) -> Any:
        """An event that was there and was not taken is there still, and the same."""
        payload = net[f"{stream}_payload"]
        waits = z3.And(joined.on(stream, valid), z3.Not(joined.moves(stream)))
        waited = lines.line(f"{stream} waits", bit(waits), 1)[1] == 1
        before = lines.line(f"{stream} payload", payload, 1, None)[1]
        return z3.Implies(waited, z3.And(joined.on(stream, valid), payload == before))

    given = []
    for source, readers in zip(joined.sources, joined.reads, strict=True):
        given.append(kept(source, "valid"))
        for reader in readers:
            if joined.is_core(reader):
                waits = z3.And(joined.on(reader, "ready"), z3.Not(joined.moves(reader)))
                waited = lines.line(f"{reader} ready", bit(waits), 1)[1] == 1
                held = joined.held(reader)
                shows = bit(z3.And(waits, joined.on(reader, "shown")))
                shown = lines.line(f"{reader} ready, and shown", shows, 1)[1] == 1
                stays = z3.Or(z3.And(held, z3.Not(shown)), joined.on(reader, "ready"))
                given.append(z3.Implies(waited, stays))
                gives[f"{reader} is kept"] = kept(reader, "shown")
                moves = z3.Implies(joined.on(reader, "valid"), joined.on(reader, "shown"))
                gives[f"{reader} moves what is shown"] = moves
    gives["the output is kept"] = kept("events_out", "valid")
    for port in ("valid", "payload", "ready"):
        gives[f"output: {port}"] = net[f"events_out_{port}"] == merge[f"events_out_{port}"]
    invariants = {"select": z3.ULT(select, len(counts))}
    if "select" in merge:
        invariants["selected"] = number(merge["select"], select.size()) == select
    return Part(
        net=net, owns=merge.owns, invariants=invariants,
        contract=Contract(ghosts=lines.ghosts, gives=gives, given=given),
    )  # fmt: skip
