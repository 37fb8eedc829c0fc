"""The bins of the coverage once more, in plain Python ints, one step and one cycle at a time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import permutations

import oracle

CLASSES = (("0", 0), ("1", 1), ("2..3", 3), ("4..7", 7), ("8..31", 31), ("32 or more", 10**9))
FLAGS = ("clearing", "adding", "issuing", "pending", "updating", "starting", "in_stages", "full",
         "queued", "fetched", "held", "emitting_spike", "emitting_tick", "repeating")  # fmt: skip


def length_class(length):
    return next(name for name, most in CLASSES if length <= most)


# --- one step -----------------------------------------------------------------------------------


def leak_hits(key, rule, x, random):
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
    if rule.kind == "constant":
        if rule.step:
            yield key, f"moves by the step, {side}"
        if x + rule.step == 0:
            yield key, f"lands on rest, {side}"
        if (x + rule.step) * x < 0:
            yield key, f"crosses rest, {side}"
        return
    terms = {
        "shift": lambda: [("", 1, rule.shift)],
        "scale": lambda: [("", rule.factor, rule.shift)],
        "decay": lambda: [("", rule.factor, rule.shift)],
        "multi_shift": lambda: [(f"term {k}, ", 1, s) for k, s in enumerate(rule.shifts)],
    }[rule.kind]()
    for title, factor, shift in terms:
        quotient = Fraction(x * factor, 2**shift)
        whole = quotient.numerator // quotient.denominator
        rest = quotient - whole
        if rest == 0:
            name = "exact"
        elif rule.rounding == "stochastic":
            up = rest + Fraction(random % (1 << shift), 1 << shift) >= 1
            name = f"rounded {'up' if up else 'down'} by the draw"
        elif rest != Fraction(1, 2):
            name = "rounded"
        elif rule.rounding != "nearest_even":
            name = "tie"
        else:
            name = "tie to the one above" if whole % 2 else "tie to the even quotient below"
        yield key, f"{title}{name}, {side}"
    if oracle._rounded_leak(rule, x, random) == x:
        name = "minimum step taken" if rule.minimum_step else "dead zone: changes nothing"
        yield key, f"{name}, {side}"


def overflow_hits(mode, group, value, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    verb = "wraps" if mode == "wrap" else "saturates"
    if value > high:
        yield group, f"{verb} up"
    if value < (-high if mode == "saturate_symmetric" else low):
        yield group, f"{verb} down"
    if mode == "saturate_symmetric" and value == low:
        yield group, "saturates from the lowest value"


def narrowed_hits(params, group, value):
    """Overflow of v, and the floor."""
    yield from overflow_hits(params.overflow, group, value, params.state_bits)
    floor = params.v_floor
    if floor is not None and oracle.overflow(params.overflow, value, params.state_bits) < floor:
        yield group, "raised to v_floor"


def synapse_hits(params, i_syn, current, random):
    """The bins of an exponential synapse; returns what acts on v."""
    synapse = params.synapse
    mode = params.overflow_i_syn or params.overflow
    order = list(synapse.order)
    for k, stage in enumerate(order):
        if stage == "act":
            acting = i_syn
            continue
        if stage == "leak":
            yield from leak_hits("synapse.leak", synapse.leak, i_syn, random)
            i_syn = oracle.leak(synapse.leak, i_syn, random)
            if order[k + 1 : k + 2] == ["integrate"]:
                continue
            group = "i_syn after leak"
        else:
            i_syn += current
            group = "i_syn"
        yield from overflow_hits(mode, group, i_syn, params.current_bits)
        i_syn = oracle.overflow(mode, i_syn, params.current_bits)
    if acting:
        yield "i_syn", "above 0" if acting > 0 else "below 0"
        if current == 0:
            yield "i_syn", "acts without input"
    if order[2] != "act" and acting != i_syn:
        yield "i_syn", "acts as another value than is stored"
    return acting


def period_of(params):
    """The steps of rest after a spike."""
    counted_before = params.refractory_count == "before" and params.refractory > 0
    return params.refractory - 1 if counted_before else params.refractory


def step_hits(params, state, current, stored, random=0):
    """Every bin of one step; ``current`` with the bias."""
    period = period_of(params)
    resting = period > 0 and state.refractory > 0
    i = current
    if params.synapse.kind == "exponential":
        past = params.bias if params.bias_at == "v" else 0
        i = yield from synapse_hits(params, state.i_syn, current - past, random)
        i += past
    threshold = stored + state.theta
    spikes, reached, u = yield from membrane_hits(params, state, i, threshold, resting, random)
    if not resting:
        compared = u
        if params.max_spikes_per_step > 1 and params.negative_threshold is not None:
            compared = oracle._negative(params, u) if u < params.negative_threshold else u
        for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
            if compared - threshold == away:
                yield "threshold", name
            if params.negative_threshold is not None and u - params.negative_threshold == away:
                yield "negative threshold", name
        if params.negative_threshold is not None and u < params.negative_threshold:
            yield "negative threshold", f"u below, {'a' if spikes else 'no'} spike"
        yield "threshold", "fires" if spikes else "stays silent"
    if spikes and period:
        yield "refractory", "entered"
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
        yield from leak_hits("adaptation.leak", rule.leak, state.theta, random)
        decayed = oracle.leak(rule.leak, state.theta, random)
        for name, hit in (
            ("at the top", state.theta == top),
            ("raised from above 0", spikes and state.theta > 0),
            ("clamped at the top", spikes and decayed + spikes * rule.increment > top),
            ("clamped at 0", not spikes and decayed < 0),
            ("keeps a spike back",
             not resting and not reached and oracle._reaches(params, compared, stored)),
        ):  # fmt: skip
            if hit:
                yield "theta", name
    yield "current", "zero" if current == 0 else "above 0" if current > 0 else "below 0"
    if params.bias and current == params.bias:
        yield "current", "the bias alone"
    own = oracle.step(params, state, current - params.bias, stored, random)
    for name, other in others(params):
        if oracle.step(other, state, current - params.bias, stored, random) != own:
            yield "choice", name


def membrane_hits(params, state, i, threshold, resting, random):
    """The bins of v; returns the spikes, whether u reaches the threshold, and u."""
    at = params.order.index("fire")
    held = resting and params.refractory_mode != "mask"
    mode, late = params.overflow, False
    if params.reset_at == "next_step" or (
        params.reset_at == "leak" and "leak" in params.order[:at]
    ):
        late = oracle._reaches(params, state.v, threshold)
    v, leaked, spikes = state.v, None, 0
    if late and params.reset_at == "next_step":
        yield from reset_hits(params, v, threshold)
        v = oracle._reset(params, v, threshold)
    start, resets = v, late and params.reset_at == "leak"
    u, reached = v, False
    for k, stage in enumerate(params.order):
        if stage == "integrate":
            v += i
        elif stage == "leak":
            x = v - params.v_leak
            if not held:
                yield from leak_hits("leak", params.leak, x, random)
            v = leaked = oracle.leak(params.leak, x, random) + params.v_leak
            if resets:
                yield from reset_hits(params, v, threshold)
                v = params.v_reset if params.reset == "to_value" else v - threshold
        else:
            u = v
            reached = v_reaches = oracle._fire(params, v, threshold)[1] > 0
            if v_reaches and not resting:
                if params.reset_at == "compare" and params.max_spikes_per_step == 1:
                    yield from reset_hits(params, u, threshold)
                v, spikes = oracle._fire(params, u, threshold)
                resets = params.reset_at == "leak"
            elif not resting:
                v, _ = oracle._fire(params, u, threshold)
            continue
        if params.order[k + 1 : k + 2] in ((), ("fire",)):
            if params.overflow_change:
                if not held:
                    yield from overflow_hits(mode, "change of v", v - start, params.state_bits)
                v = start + oracle.overflow(mode, v - start, params.state_bits)
            if not held:
                yield from narrowed_hits(params, "v" if k < at else "v after fire", v)
            v = oracle._narrow(params, v)
    assert leaked is not None
    if resting and params.refractory_mode == "leak":
        x = state.v - params.v_leak
        yield from leak_hits("leak", params.leak, x, random)
        rests = oracle.leak(params.leak, x, random) + params.v_leak
        yield from narrowed_hits(params, "v at rest", rests)
    if late:
        yield "reset", "of the step before"
        if spikes:
            yield "reset", "of the step before, and a spike"
    if params.max_spikes_per_step > 1:
        yield from count_hits(params, u, threshold, spikes, resting)
    return spikes, reached, u


def reset_hits(params, value, threshold):
    """A reset that acts on ``value``."""
    narrow = params.reset_at != "leak"
    after = params.v_reset if params.reset == "to_value" else value - threshold
    if narrow and params.reset == "subtract" and after > 2 ** (params.state_bits - 1) - 1:
        yield "reset", "the difference overflows"
    after = oracle._reset(params, value, threshold) if narrow else after
    if oracle._reaches(params, after, threshold):
        yield "reset", "leaves v at its threshold or above"


def count_hits(params, u, threshold, spikes, resting):
    """How often it spikes in a step."""
    most = params.max_spikes_per_step
    if resting:
        return
    names = {0: "none", 1: "one", 2: "two"} if most > 2 else {0: "none", 1: "one"}
    if spikes in names:
        yield "spikes in a step", names[spikes]
    elif spikes < most:
        yield "spikes in a step", "more than two, not the most"
    if spikes == most:
        left = u
        if params.negative_threshold is not None and u < params.negative_threshold:
            left = oracle._negative(params, u)
        more = oracle._reaches(params, left - most * threshold, threshold)
        told = "though more are due" if more else "and no more are due"
        yield "spikes in a step", f"the most, {told}"


@cache
def others(params):
    """(name, neuron): each differs in one choice that is not the plain one."""
    stages = ("leak", "integrate", "fire")
    rests = params.refractory > (params.refractory_count == "before")
    tried = []
    if params.order != stages:
        tried += [("order", order) for order in permutations(stages)]
    if params.reset_at != "compare":
        tried += [("reset_at", at) for at in ("compare", "leak", "next_step")]
    if params.overflow_change:
        tried.append(("overflow_change", False))
    if params.bias and params.bias_at == "v" and params.synapse.kind == "exponential":
        tried.append(("bias_at", "current"))
    if params.negative_threshold is not None:
        tried += [("negative_reset", way) for way in ("floor", "mirror", "subtract")]
    if rests and params.refractory_mode in ("rest", "leak"):
        tried += [("refractory_mode", mode) for mode in ("clamp", "mask", "rest", "leak")]
    if params.refractory and params.refractory_count == "before":
        tried.append(("refractory_count", "after"))
    plain = params.model_dump()
    found = []
    for key, value in tried:
        try:
            other = type(params)(**plain | {key: value})
        except ValueError:
            continue
        if other != params:
            text = ", ".join(value) if isinstance(value, tuple) else value
            found.append((f"{key}: not as with {text}", other))
    stages = ("leak", "integrate", "act")
    if params.synapse.kind == "exponential" and params.synapse.order != stages:
        for order in permutations(stages):
            if order != params.synapse.order:
                other = type(params)(**plain | {"synapse": plain["synapse"] | {"order": order}})
                found.append((f"synapse.order: not as with {', '.join(order)}", other))
    return found


# --- cycles -------------------------------------------------------------------------------------


def count_cycles(cores, prefixes, inputs, outputs):
    """Every bin of a run from power-up: Counter of (group, name)."""
    found = Counter()
    names = ("rst", "in_valid", "in_address", "in_tick", "out_ready")
    columns = {name: getattr(inputs, name).tolist() for name in names}
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
        stalled = not columns["out_ready"][cycle]
        for k, population in enumerate(populations):
            waits = k == 0 and offered and not taken
            last = k == len(cores) - 1
            population.cycle(cycle, rst, events if k == 0 else None, waits, before,
                             stalled if last else None)  # fmt: skip
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
        self.was, self.adds = set(), 0  # flags just before; cycles of additions in a row

    def add(self, group, name, count=1):
        self.found[self.prefix + group, name] += count

    def cycle(self, cycle, rst, event, waits, before, stalled):
        """One cycle; ``stalled``: whether the sink is not ready, None where a core follows."""
        trace = self.trace
        on = {name for k, name in enumerate(FLAGS) if trace.control[cycle] >> k & 1}
        self.control(on, waits, before is None, stalled)
        self.was, self.adds = on, self.adds + 1 if "adding" in on else 0
        core, updating = self.core, "updating" in on
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
        if "starting" in on:
            assert updating
            self.start(before)
        if event is not None:
            address, tick = event
            if tick:
                self.queue.append(self.events)
                self.events = []
            elif address < core.n_inputs:
                self.events.append(address)

    def control(self, on, waits, first, stalled):
        """What the control of a core does in a cycle."""
        add, was = (lambda *row: self.add("control", *row)), self.was
        add("nothing to do", not on)
        if self.adds >= max(-(-self.core.n_neurons // self.core.lanes), 4):
            add("an event right behind an event", "adding" in on)
        for name, now, then in (
            ("an event right behind an update", "adding", "issuing"),
            ("an update right behind an event", "starting", "adding"),
            ("a TICK right behind a TICK", "pending", "issuing"),
            ("an event right behind a clear", "adding", "clearing"),
            ("a TICK right behind a clear", "pending", "clearing"),
            ("an update of a TICK that waited", "starting", "pending"),
        ):
            if first or "clear" not in name:
                add(name, now in on and then in was)
        add("integrates during an update", {"adding", "updating"} <= on)
        add("integrates while words are queued",
            {"adding", "queued"} <= on and "in_stages" not in on)  # fmt: skip
        if first:
            add("an event waits for a clear", bool(waits) and "clearing" in on)
            add("an event waits behind a TICK that waits", bool(waits) and "pending" in on)
        if "pending" in on:
            if "in_stages" in on:
                where = "words in its stages"
            elif "queued" in on:
                where = "words queued"
            elif "held" in on and "fetched" not in on:
                where = "one held"
            else:
                where = None
            if where:
                add(f"a TICK waits for the update: {where}")
        add("an update starts at once", "starting" in on and "pending" not in was)
        add("an update starts behind a TICK at the output", {"starting", "emitting_tick"} <= on)
        add("every stage of the update holds a word", "full" in on)
        add("words are held while others are in the stages", {"held", "in_stages"} <= on)
        places = {"queued", "fetched", "held"} <= on and any("emitting" in name for name in on)
        add("a word waits in every place behind the stages", places and stalled is not False)
        add("the TICK of the update before waits, with words behind it",
            {"queued", "emitting_tick"} <= on)  # fmt: skip
        add("an event is repeated", "repeating" in on)
        if stalled is not None:
            add("an event that is repeated waits", "repeating" in on and stalled)

    def start(self, before):
        n = self.core.n_neurons
        at = slice(self.updates * n, (self.updates + 1) * n)
        self.updates += 1
        steps = self.trace.steps
        events = before.made.pop(0) if before else self.queue.pop(0)
        fire = steps.fire[at].tolist()
        self.made.append([k for k, fired in enumerate(fire) for _ in range(int(fired))])
        states = zip(*(values[at].tolist() for values in steps.before), strict=True)
        self.open = (
            events, [oracle.State(*state) for state in states], steps.current[at].tolist(),
            steps.threshold[at].tolist(), fire, steps.random[at].tolist(),
        )  # fmt: skip

    def finish(self):
        core = self.core
        events, states, currents, thresholds, fire, random = self.open
        self.open = None
        for row in zip(states, currents, thresholds, random, strict=True):
            for group, name in step_hits(core.neuron, *row):
                self.add(group, name)
        for neuron, fired in enumerate(fire):
            since = self.fired_before.get(neuron)
            self.add("refractory", "fires again as soon as it may",
                     bool(fired) and since == period_of(core.neuron))  # fmt: skip
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
        low, high = oracle.accumulator_limits(core)
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
        self.add("spikes", "of the first neuron", bool(fire[0]))
        self.add("spikes", "of the last neuron", bool(fire[-1]))
        self.add("spikes", "of several neurons of a word", max(words.values(), default=0) > 1)
