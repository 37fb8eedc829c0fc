"""The float reference: the leaky integrate-and-fire neuron in physical units, in float64.

Times are in ms, potentials in mV, currents in nA, resistances in MOhm (MOhm * nA = mV)::

    tau_mem dv/dt = -(v - v_leak) + r * i        i: the input, or i_syn where tau_syn is given
    tau_syn di_syn/dt = -i_syn + input

When ``v`` reaches the threshold it is reset; the spike may raise the threshold, which then falls
back with ``tau_threshold``. Sources: Gerstner, Kistler, Naud & Paninski, Neuronal Dynamics,
Cambridge 2014, chapters 1 and 6; the names are NIR's (Pedersen et al., Nature Communications 15,
2024). Spikes are found at the end of a step: a crossing and return inside one is missed.

The integer rule is forward Euler: a shift leak of s is ``dt / tau_mem = 2**-s`` (up to rounding),
and its input is ``r * i * dt / tau_mem`` in units of its last bit. Two of its conventions are not
those of equations in continuous time: its synaptic current acts in the step in which it changes,
one step sooner than here; and its threshold decays after the comparison, so that its increment is
this one's times ``1 - dt / tau_threshold``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from .arrays import count_of, of_type
from .errors import FxlifError
from .memory import must_fit

Method = Literal["euler", "exact"]
#: A float or a float64 array.
Real = Any


def _one_of(value: object, name: str, *allowed: str) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise FxlifError.must_be(name, " or ".join(map(repr, allowed)), value)


def _size(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise FxlifError.must_be(name, "a number of neurons, 1 or more", value)
    return int(value)


def _floats(values: Any, name: str, *shapes: tuple[int, ...]) -> Any:
    """``values`` as finite float64 in one of ``shapes`` (none given: any), or an error."""
    numbers = "a number" if shapes == ((),) else "numbers"
    try:
        array = np.asarray(values)
    except ValueError:
        found = "rows of different lengths"
        raise FxlifError.must_be(name, numbers, values, found=found) from None
    if array.dtype.kind not in "iuf":
        kind = f"of dtype {array.dtype}" if array.ndim else repr(values)
        raise FxlifError.must_be(name, numbers, values, found=kind)
    if shapes and array.shape not in shapes:
        allowed = " or ".join(f"of shape {shape}" if shape else "one number" for shape in shapes)
        raise _shape(name, allowed, array)
    array = array.astype(np.float64)
    for wrong in array[~np.isfinite(array)][:1]:
        raise FxlifError.must_be(name, "finite", float(wrong))
    return array


def _shape(name: str, allowed: str, array: npt.NDArray[Any]) -> FxlifError:
    return FxlifError.must_be(name, allowed, array.shape, found=f"of shape {array.shape}")


@dataclass(frozen=True, kw_only=True)
class FloatNeuron:
    """One neuron in physical units. An :class:`FxlifError` names what is wrong when it is made.

    ``tau_syn`` None is a delta synapse: a current reaches the membrane unfiltered, a spike moves
    ``v``. ``tau_threshold`` None is a fixed threshold. ``t_refractory`` is a multiple of ``dt``:
    time is never rounded silently. ``compare`` is ``ge`` or ``gt``, as in the integer rule.
    """

    tau_mem: float = 20.0  # ms
    r: float = 10.0  # MOhm
    v_leak: float = -65.0  # mV
    v_threshold: float = -50.0  # mV
    v_reset: float = -65.0  # mV
    t_refractory: float = 0.0  # ms
    tau_syn: float | None = None  # ms
    tau_threshold: float | None = None  # ms
    threshold_increment: float = 0.0  # mV
    compare: Literal["ge", "gt"] = "ge"
    dt: float = 1.0  # ms

    def __new__(cls, *values: object, **choices: object) -> Self:
        """Raises :class:`FxlifError` where Python would say a TypeError."""
        if values:
            raise FxlifError.must_be(cls.__name__, "given each value with its name", values[0])
        known = [field.name for field in fields(cls)]
        for name in choices:
            if name not in known:
                raise FxlifError.unknown(name, "parameter", name, known)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        _one_of(self.compare, "compare", "ge", "gt")
        for name in (field.name for field in fields(self) if field.name != "compare"):
            value = getattr(self, name)
            if value is None and name in ("tau_syn", "tau_threshold"):
                continue
            number = float(_floats(value, name, ()))
            if number <= 0 and name in ("tau_mem", "tau_syn", "tau_threshold", "r", "dt"):
                raise FxlifError.must_be(name, "more than 0", number)
            if number < 0 and name in ("t_refractory", "threshold_increment"):
                raise FxlifError.must_be(name, "0 or more", number)
            object.__setattr__(self, name, number)
        if self.v_reset >= self.v_threshold:
            allowed = f"below v_threshold = {self.v_threshold}"
            raise FxlifError.must_be("v_reset", allowed, self.v_reset)
        if self.tau_threshold is None:
            self._no_increment("where tau_threshold is None")
        steps = self.t_refractory / self.dt
        if steps > 2**31 or abs(steps - round(steps)) > 1e-6:
            allowed = f"a multiple of dt = {self.dt}"
            raise FxlifError.must_be("t_refractory", allowed, self.t_refractory)

    def _no_increment(self, why: str) -> None:
        if self.threshold_increment:
            increment = self.threshold_increment
            raise FxlifError.must_be("threshold_increment", f"0 {why}", increment)

    @property
    def refractory_steps(self) -> int:
        """Steps without a spike after a spike."""
        return round(self.t_refractory / self.dt)

    @property
    def rheobase(self) -> float:
        """The constant current, in nA, above which a neuron whose threshold is at rest fires."""
        return (self.v_threshold - self.v_leak) / self.r

    def steady_state(self, current: Real) -> Real:
        """Where ``v`` settles under the constant ``current`` (nA) if nothing fires, in mV."""
        return self.v_leak + self.r * current

    def time_to_threshold(self, current: npt.ArrayLike, v: npt.ArrayLike | None = None) -> Real:
        """Time in ms from ``v`` (mV; None: ``v_reset``) to ``v_threshold``; inf where never.

        ``current``, in nA, is constant, and ``i_syn`` has settled at it. Numbers or arrays, which
        broadcast. The membrane equation solved for time: Neuronal Dynamics, section 1.3.
        """
        gap = np.asarray(self.steady_state(_floats(current, "current"))) - self.v_threshold
        start = self.v_reset if v is None else _floats(v, "v")
        rise = np.maximum(self.v_threshold - start, 0.0)
        time = self.tau_mem * np.log1p(rise / np.where(gap > 0, gap, np.inf))
        return np.where((gap > 0) | (rise == 0), time, np.inf)[()]

    def firing_rate(self, current: npt.ArrayLike) -> Real:
        """Spikes per second (Hz) under a constant ``current`` (nA), of the shape of ``current``.

        The f-I curve in continuous time, 1 / (``t_refractory`` + :meth:`time_to_threshold`).
        FxlifError where spikes raise the threshold: there the rate has no such form.
        """
        self._no_increment("for firing_rate")
        return 1000.0 / (self.t_refractory + self.time_to_threshold(current))


class FloatState(NamedTuple):
    """mV, nA, mV and steps of rest that are left: float64 and, the last, int64; equal shapes."""

    v: Real
    i_syn: Real
    threshold: Real
    refractory: Real


#: Of one neuron's state in arrays.
FLOAT_BYTES = 8 * len(FloatState._fields)


class Propagator(NamedTuple):
    """One step: the part of each variable's distance from its steady state that is left."""

    v: float
    i_syn: float
    threshold: float
    #: What 1 nA of i_syn beyond its steady state adds to v, in mV.
    i_syn_to_v: float


@lru_cache
def propagator(neuron: FloatNeuron, method: Method = "exact") -> Propagator:
    """The coefficients of one step of ``dt``, in which alone the methods differ.

    ``exact``, the matrix exponential, has no error for an input that is held over the step (Rotter
    & Diesmann, Biological Cybernetics 81, 1999; as iaf_psc_exp in NEST). ``euler`` is its first
    order in ``dt``. FxlifError for other methods, and for Euler with ``dt`` above a time constant.
    """
    _one_of(method, "method", "euler", "exact")
    taus = (neuron.tau_mem, neuron.tau_syn, neuron.tau_threshold)
    mem, syn, threshold = (math.inf if tau is None else neuron.dt / tau for tau in taus)
    coupling = 0.0 if neuron.tau_syn is None else neuron.r * mem
    if method == "euler":
        shortest = min(tau for tau in taus if tau is not None)
        # Decay would overshoot its aim, and from twice that on grow without bound.
        if neuron.dt > shortest:
            allowed = f"at most the shortest time constant, {shortest}, with method euler"
            raise FxlifError.must_be("dt", allowed, neuron.dt)
        v, i_syn, fallen = (0.0 if math.isinf(x) else 1.0 - x for x in (mem, syn, threshold))
        return Propagator(v, i_syn, fallen, coupling)
    if coupling:
        # The usual (exp(-syn) - exp(-mem)) / (mem - syn) loses its digits where the time constants
        # are near each other, and is 0 / 0 where they are equal. This is the same number.
        apart = abs(mem - syn)
        coupling *= math.exp(-min(mem, syn)) * (-math.expm1(-apart) / apart if apart else 1.0)
    return Propagator(math.exp(-mem), math.exp(-syn), math.exp(-threshold), coupling)


def step(
    neuron: FloatNeuron, state: FloatState, current: Real, jump: Real, method: Method = "exact"
) -> tuple[FloatState, Real]:
    """One step of ``dt``: (new state, whether it fires). Pure; elementwise on floats or arrays.

    ``current`` (nA) is held over the step. ``jump``, the summed weights of the spikes that arrive
    at its end, moves ``v`` (mV, delta synapse) or ``i_syn`` (nA, exponential synapse). During the
    refractory time ``v`` stays and its input is lost; ``i_syn`` and the threshold go on.
    """
    left = propagator(neuron, method)
    settled = neuron.steady_state(current)
    v = settled + left.v * (state.v - settled)
    i_syn = state.i_syn
    if neuron.tau_syn is None:
        v = v + jump
    else:
        beyond = i_syn - current
        v = v + left.i_syn_to_v * beyond
        i_syn = current + left.i_syn * beyond + jump
    threshold = neuron.v_threshold + left.threshold * (state.threshold - neuron.v_threshold)
    resting = state.refractory > 0
    reached = v >= threshold if neuron.compare == "ge" else v > threshold
    fire = np.logical_and(reached, np.logical_not(resting))
    v = np.where(fire, neuron.v_reset, np.where(resting, state.v, v))
    refractory = np.where(fire, neuron.refractory_steps, np.maximum(state.refractory - 1, 0))
    threshold = threshold + neuron.threshold_increment * fire
    return FloatState(v, i_syn, threshold, refractory), fire


class FloatPopulation:
    """``n`` equal neurons without connections, in float: the twin of :class:`fxlif.LIFPopulation`.

    ``state`` is the :class:`FloatState` after the last step; it may be replaced.
    """

    def __init__(
        self, n: int, params: FloatNeuron | None = None, *, method: Method = "exact"
    ) -> None:
        self.n = _size(n, "n")
        must_fit("n", self.n * FLOAT_BYTES, count_of(self.n, "neuron"))
        self.shape: tuple[int, ...] = (self.n,)
        self.params = FloatNeuron() if params is None else params
        of_type("params", self.params, FloatNeuron, "a FloatNeuron")
        self.method = method
        propagator(self.params, method)  # Refuses what does not fit before the first step.
        self.reset()

    def reset(self) -> None:
        """``v`` at ``v_reset``, the threshold at ``v_threshold``, everything else 0."""
        v, i_syn, threshold = (
            np.full(self.shape, x) for x in (self.params.v_reset, 0.0, self.params.v_threshold)
        )
        self.state = FloatState(v, i_syn, threshold, np.zeros(self.shape, dtype=np.int64))

    def forward(
        self, current: npt.ArrayLike = 0.0, jump: npt.ArrayLike = 0.0
    ) -> npt.NDArray[np.bool_]:
        """One :func:`step`, ``current`` and ``jump`` one number or (n,): the spikes, (n,) bool."""
        inputs = {"current": current, "jump": jump}
        return self._advance(*(_floats(x, name, (), self.shape) for name, x in inputs.items()))

    def _advance(self, current: Real, jump: Real) -> npt.NDArray[np.bool_]:
        self.state, fire = step(self.params, self.state, current, jump, self.method)
        return np.asarray(fire, dtype=np.bool_)

    def run(self, currents: npt.ArrayLike, jumps: npt.ArrayLike = 0.0) -> npt.NDArray[np.bool_]:
        """``currents`` (steps, n) in nA, ``jumps`` (steps, n) or 0: the spikes, (steps, n) bool.

        FxlifError for other shapes and for numbers that are not finite.
        """
        return self._run(currents, jumps, None)

    def trace(
        self, currents: npt.ArrayLike, jumps: npt.ArrayLike = 0.0
    ) -> tuple[npt.NDArray[np.bool_], FloatState]:
        """:meth:`run`, and the states after each step as one of (steps, n) arrays."""
        rows = np.shape(currents)[0] if np.ndim(currents) else 0
        what = f"the states of {count_of(rows, 'step')} of {count_of(self.n, 'neuron')}"
        must_fit("currents", rows * self.n * FLOAT_BYTES, what)
        states: list[FloatState] = []
        spikes = self._run(currents, jumps, states)
        columns = [[state[at] for state in states] for at in range(len(self.state))]
        return spikes, FloatState(*(np.array(column).reshape(spikes.shape) for column in columns))

    def _run(
        self, currents: npt.ArrayLike, jumps: npt.ArrayLike, states: list[FloatState] | None
    ) -> npt.NDArray[np.bool_]:
        rows = _floats(currents, "currents")
        if rows.shape[1:] != self.shape:
            shape = ", ".join(map(str, ("steps", *self.shape)))
            raise _shape("currents", f"of shape ({shape})", rows)
        arriving = np.broadcast_to(_floats(jumps, "jumps", (), rows.shape), rows.shape)
        spikes = np.empty(rows.shape, dtype=np.bool_)
        for at, (current, jump) in enumerate(zip(rows, arriving, strict=True)):
            spikes[at] = self._advance(current, jump)
            if states is not None:
                states.append(self.state)
        return spikes


def spread(
    spikes: npt.NDArray[np.bool_], kernel: npt.NDArray[np.float64], *, periodic: bool
) -> npt.NDArray[np.float64]:
    """What ``spikes`` (rows, columns) send to each neuron: float64, the same shape.

    A spike at (y, x) sends ``kernel[y0 + dy, x0 + dx]`` to (y + dy, x + dx), where (y0, x0) is the
    kernel's middle. Beyond an edge that is lost, or, ``periodic``, enters at the opposite one.
    """
    (rows, columns), (height, width) = spikes.shape, kernel.shape
    margins = ((height // 2,) * 2, (width // 2,) * 2)
    padded = np.pad(spikes.astype(np.float64), margins, mode="wrap" if periodic else "constant")
    total = np.zeros(spikes.shape)
    for (y, x), weight in np.ndenumerate(kernel[::-1, ::-1]):
        total += weight * padded[y : y + rows, x : x + columns]
    return total


class FloatGrid(FloatPopulation):
    """A population on a sheet of ``shape`` (rows, columns) that sends its spikes to neighbours.

    All arrays are (rows, columns) where those of a population are (n,). ``kernel``, of two odd
    sizes, has the weights of :func:`spread`, in the unit of ``jump``; they arrive at the end of the
    step after the spike. ``spikes`` are those of the last step.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        params: FloatNeuron,
        kernel: npt.ArrayLike,
        *,
        edges: Literal["open", "periodic"] = "open",
        method: Method = "exact",
    ) -> None:
        if not isinstance(shape, tuple | list) or len(shape) != 2:
            raise FxlifError.must_be("shape", "(rows, columns)", shape)
        rows, columns = (_size(size, "shape") for size in shape)
        self.kernel = _floats(kernel, "kernel")
        if self.kernel.ndim != 2 or not all(size % 2 for size in self.kernel.shape):
            raise _shape("kernel", "of two odd sizes", self.kernel)
        _one_of(edges, "edges", "open", "periodic")
        self.edges = edges
        super().__init__(rows * columns, params, method=method)
        self.shape = (rows, columns)
        self.reset()

    def reset(self) -> None:
        """As in a population, and no spikes on their way."""
        super().reset()
        self.spikes = np.zeros(self.shape, dtype=np.bool_)

    def _advance(self, current: Real, jump: Real) -> npt.NDArray[np.bool_]:
        arriving = spread(self.spikes, self.kernel, periodic=self.edges == "periodic")
        self.spikes = super()._advance(current, jump + arriving)
        return self.spikes
