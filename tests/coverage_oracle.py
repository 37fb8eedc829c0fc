"""The bins of the coverage once more, in plain Python ints, one step and one cycle at a time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import oracle

CLASSES = (("0", 0), ("1", 1), ("2..3", 3), ("4..7", 7), ("8..31", 31), ("32 or more", 10**9))
FLAGS = ("clearing", "integrating", "pending", "issue", "read", "compute", "write",
         "emitting_spike", "emitting_tick")  # fmt: skip


def length_class(length):
    return next(name for name, most in CLASSES if length <= most)


# --- one step -----------------------------------------------------------------------------------


def leak_hits(key, rule, x):
    """What one leak does with x."""
    if x == 0:
        yield key, "at rest"
    if rule.kind == "none":
        return
    side = "x > 0" if x > 0 else "x < 0"
    if rule.kind == "linear":
        if abs(x) > rule.step:
            yield key, f"moves by the whole step, {side}"
        elif x != 0:
            name = "lands on rest" if abs(x) == rule.step else "stops at rest"
            yield key, f"{name}, {side}"
        return
    if x == 0:
        return
    terms = {
        "shift": lambda: [("", 1, rule.shift)],
        "scale": lambda: [("", rule.factor, rule.shift)],
        "multi_shift": lambda: [(f"term {k}, ", 1, s) for k, s in enumerate(rule.shifts)],
    }[rule.kind]()
    for title, factor, shift in terms:
        quotient = Fraction(x * factor, 2**shift)
        whole = quotient.numerator // quotient.denominator
        rest = quotient - whole
        if rest == 0:
            name = "exact"
        elif rest != Fraction(1, 2):
            name = "rounded"
        elif rule.rounding != "nearest_even":
            name = "tie"
        else:
            name = "tie to the one above" if whole % 2 else "tie to the even quotient below"
        yield key, f"{title}{name}, {side}"
    if oracle._rounded_leak(rule, x, 0) == x:
        name = "minimum step taken" if rule.minimum_step else "dead zone: changes nothing"
        yield key, f"{name}, {side}"


def overflow_hits(params, group, value, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    verb = "saturates" if params.overflow == "saturate" else "wraps"
    if value > high:
        yield group, f"{verb} up"
    if value < low:
        yield group, f"{verb} down"


def step_hits(params, state, current, stored):
    """Every bin of one step; ``current`` with the bias."""
    period = params.refractory
    resting = period > 0 and state.refractory > 0
    held = resting and params.refractory_mode == "clamp"
    i = current
    if params.synapse.kind == "exponential":
        yield from leak_hits("synapse.leak", params.synapse.leak, state.i_syn)
        exact = oracle.leak(params.synapse.leak, state.i_syn) + current
        yield from overflow_hits(params, "i_syn", exact, params.current_bits)
        i = oracle.overflow(params.overflow, exact, params.current_bits)
        if i:
            yield "i_syn", "above 0" if i > 0 else "below 0"
            if current == 0:
                yield "i_syn", "acts without input"
    x = state.v - params.v_leak
    exact = oracle.leak(params.leak, x) + params.v_leak + i
    u = oracle.overflow(params.overflow, exact, params.state_bits)
    if not held:
        yield from leak_hits("leak", params.leak, x)
        yield from overflow_hits(params, "v", exact, params.state_bits)
        if params.v_floor is not None and u < params.v_floor:
            yield "v", "raised to v_floor"
    if params.v_floor is not None:
        u = max(u, params.v_floor)
    threshold = stored + state.theta
    reached = oracle._reaches(params, u, threshold)
    fire = reached and not resting
    if not resting:
        for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
            if u - threshold == away:
                yield "threshold", name
        yield "threshold", "fires" if fire else "stays silent"
    if fire:
        if period:
            yield "refractory", "entered"
        after = oracle._reset(params, u, threshold)
        if oracle._reaches(params, after, threshold):
            yield "reset", "leaves v at its threshold or above"
        if params.reset == "subtract" and u - threshold > 2 ** (params.state_bits - 1) - 1:
            yield "reset", "the difference overflows"
    if resting:
        for name, hit in (
            ("first step", state.refractory == period),
            ("a step between", 1 < state.refractory < period),
            ("last step", state.refractory == 1),
            ("input meanwhile", current != 0),
            ("a spike is held back", reached),
        ):
            if hit:
                yield "refractory", name
    if params.adaptation is not None:
        rule, top = params.adaptation, 2**params.theta_bits - 1
        yield from leak_hits("adaptation.leak", rule.leak, state.theta)
        decayed = oracle.leak(rule.leak, state.theta)
        for name, hit in (
            ("at the top", state.theta == top),
            ("raised from above 0", fire and state.theta > 0),
            ("clamped at the top", fire and decayed + rule.increment > top),
            ("clamped at 0", not fire and decayed < 0),
            ("keeps a spike back",
             not resting and not reached and oracle._reaches(params, u, stored)),
        ):  # fmt: skip
            if hit:
                yield "theta", name
    yield "current", "zero" if current == 0 else "above 0" if current > 0 else "below 0"
    if params.bias and current == params.bias:
        yield "current", "the bias alone"


# --- cycles -------------------------------------------------------------------------------------


def count_cycles(cores, prefixes, inputs, outputs):
    """Every bin of a run from power-up: Counter of (group, name)."""
    found = Counter()
    columns = {name: getattr(inputs, name).tolist() for name in inputs.__dataclass_fields__}
    ready, valid = outputs.in_ready.tolist(), outputs.out_valid.tolist()
    stall = {"events_in": 0, "events_out": 0}
    idle, passed, held = 0, {"events_in": False, "events_out": False}, 0
    populations = [
        Population(core, prefix, trace, found)
        for core, prefix, trace in zip(cores, prefixes, outputs.cores, strict=True)
    ]
    for cycle, rst in enumerate(columns["rst"]):
        offered, taken = columns["in_valid"][cycle], ready[cycle]
        sides = {
            "events_in": (offered, taken),
            "events_out": (valid[cycle], columns["out_ready"][cycle]),
        }
        if rst:
            held += 1
            for name, what in (("events_in", "input"), ("events_out", "output")):
                there, goes = sides[name]
                if there:
                    way = "in" if name == "events_in" else "out"
                    text = f"is handed {way}" if goes else f"waits at the {what}"
                    found["reset", f"while an event {text}"] += 1
        elif held:
            found["reset", "for 1 cycle" if held == 1 else "for longer"] += 1
            held = 0
        for name, (there, goes) in sides.items():
            if name == "events_in" and there and not rst and stall[name] == 0:
                found[name, f"idle for {length_class(idle)} cycles"] += 1
            passes = bool(there and goes and not rst)
            if passes:
                found[name, f"stalled for {length_class(stall[name])} cycles"] += 1
                found[name, "back to back"] += passed[name]
            stall[name] = stall[name] + 1 if there and not goes and not rst else 0
            passed[name] = passes
        idle = idle + 1 if not offered and not rst else 0
        address, tick = columns["in_address"][cycle], columns["in_tick"][cycle]
        events = None
        if passed["events_in"]:
            events = (address, bool(tick))
            if not tick and address >= cores[0].n_inputs:
                found["events_in", "dropped: unknown address"] += 1
        before = None
        for k, population in enumerate(populations):
            waits = k == 0 and offered and not taken
            population.cycle(cycle, rst, events if k == 0 else None, waits, before)
            before = population
    return found


class Population:
    """One core, followed from cycle to cycle."""

    def __init__(self, core, prefix, trace, found):
        self.core, self.prefix, self.trace, self.found = core, prefix, trace, found
        self.updates = 0  # started
        self.open = None  # the bins of the update under way, and its spikes
        self.events, self.queue = [], []  # of the step that goes on; of the steps that wait
        self.made = []  # spikes of the updates since the reset, for the core after this one
        self.fired_before = {}

    def add(self, group, name, count=1):
        self.found[self.prefix + group, name] += count

    def cycle(self, cycle, rst, event, waits, before):
        core, trace = self.core, self.trace
        on = {name for k, name in enumerate(FLAGS) if trace.control[cycle] >> k & 1}
        stages = on & {"issue", "read", "compute", "write"}
        emitting = on & {"emitting_spike", "emitting_tick"}
        self.add("control", "nothing to do", not on)
        updating = bool(stages or emitting)
        self.add("control", "integrates during an update", "integrating" in on and updating)
        pending = "pending" in on
        self.add("control", "both banks full: a TICK waits for the update", pending and updating)
        self.add("control", "both banks full: the input waits for a TICK", pending and bool(waits))
        self.add("control", "every stage of the update holds a word", len(stages) == 4)
        self.add("control", "the update waits for the emitter", bool(stages) and bool(emitting))
        if rst:
            self.add("reset", "while nothing is to do", not on)
            for name in on:
                self.add("reset", f"while {name.replace('_', ' ')}")
        ends = trace.valid[cycle] and trace.index[cycle] == core.words - 1
        if ends:
            self.finish()
        if rst:
            self.events, self.queue, self.made, self.open = [], [], [], None
            self.fired_before, self.place = {}, 0
            return
        if pending and not updating:
            self.start(before)
        if event is not None:
            address, tick = event
            if tick:
                self.queue.append(self.events)
                self.events = []
            elif address < core.n_inputs:
                self.events.append(address)

    def start(self, before):
        n = self.core.n_neurons
        at = slice(self.updates * n, (self.updates + 1) * n)
        self.updates += 1
        steps = self.trace.steps
        events = before.made.pop(0) if before else self.queue.pop(0)
        fire = steps.fire[at].tolist()
        self.made.append([k for k, fired in enumerate(fire) if fired])
        states = zip(*(values[at].tolist() for values in steps.before), strict=True)
        self.open = (
            events, [oracle.State(*state) for state in states], steps.current[at].tolist(),
            steps.threshold[at].tolist(), fire,
        )  # fmt: skip

    def finish(self):
        core = self.core
        events, states, currents, thresholds, fire = self.open
        self.open = None
        for state, current, threshold in zip(states, currents, thresholds, strict=True):
            for group, name in step_hits(core.neuron, state, current, threshold):
                self.add(group, name)
        for neuron, fired in enumerate(fire):
            since = self.fired_before.get(neuron)
            self.add("refractory", "fires again as soon as it may",
                     bool(fired) and since == core.neuron.refractory)  # fmt: skip
            self.fired_before[neuron] = 0 if fired else None if since is None else since + 1
        self.step(events, fire)

    def step(self, events, fire):
        core = self.core
        times = Counter(events)
        most = max(times.values(), default=0)
        for name, hit in (
            ("none in a step", not events),
            ("of every input in a step", len(times) == core.n_inputs),
            ("of the last input", core.n_inputs - 1 in times),
            ("an input repeated in a step", most > 1),
            ("more of an input than max_events_per_input", most > core.max_events_per_input),
        ):
            self.add("events", name, hit)
        low, high = oracle._accumulator_limits(core)
        signs, ends = set(), set()
        for neuron in range(core.n_neurons):
            weights = [int(core.weights[address][neuron]) for address in events]
            signs.add(any(w > 0 for w in weights) and any(w < 0 for w in weights))
            total = 0
            for weight in weights:
                total += weight
                if not low <= total <= high:
                    ends.add("up" if total > high else "down")
                    break
        self.add("events", "a neuron excited and inhibited in a step", True in signs)
        for end in ends:
            self.add("events", f"accumulator saturates {end}")
        words = Counter(k // core.lanes for k, fired in enumerate(fire) if fired)
        self.add("spikes", "none in a step", not any(fire))
        self.add("spikes", "of the first neuron", fire[0])
        self.add("spikes", "of the last neuron", fire[-1])
        self.add("spikes", "of several neurons of a word", max(words.values(), default=0) > 1)
