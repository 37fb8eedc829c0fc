"""The golden step of one neuron, and a population of equal neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import arithmetic
from .arithmetic import Number, where
from .engines import choose, choose_threads
from .errors import FxlifError
from .lfsr import draws
from .params import MAX_CURRENT_BITS, NeuronParams
from .quantise import signed_range

if TYPE_CHECKING:
    from .batch import Batch


class NeuronState(NamedTuple):
    """State variables: ints or int64 arrays. Those that a neuron does not have stay 0."""

    v: Number
    i_syn: Number
    theta: Number
    refractory: Number


def initial_state(neuron: NeuronParams, n: int) -> NeuronState:
    """The state after reset of ``n`` neurons: v at v_reset, everything else 0. Arrays (n,)."""
    zeros = np.zeros(n, dtype=np.int64)
    return NeuronState(zeros + neuron.v_reset, zeros, zeros.copy(), zeros.copy())


def step(
    neuron: NeuronParams,
    state: NeuronState,
    current: Number,
    v_threshold: Number,
    random: Number = 0,
) -> tuple[NeuronState, Number]:
    """One time step of the integer rule (its section 1): (new state, whether it fires).

    ``current`` is the exact input of the step with the bias added; ``v_threshold`` the stored
    threshold, without theta; ``random`` the draw of each neuron (:mod:`fxlif.lfsr`), which only
    stochastic rounding reads. Pure: works elementwise on ints or int64 arrays alike.
    """
    i = arithmetic.synapse(neuron, state.i_syn, current, random)
    u = arithmetic.integrate(neuron, state.v, i, random)
    threshold = v_threshold + state.theta
    fire = arithmetic.reaches(neuron, u, threshold)
    refractory = state.refractory
    held = u
    if neuron.refractory:
        resting = state.refractory > 0
        fire = where(resting, False, fire)
        if neuron.refractory_mode == "clamp":
            held = where(resting, state.v, u)
        refractory = where(
            fire, neuron.refractory, where(resting, state.refractory - 1, state.refractory)
        )
    theta = state.theta
    if neuron.adaptation is not None:
        theta = arithmetic.adapt(neuron.adaptation, neuron.theta_max, state.theta, fire, random)
    v = where(fire, arithmetic.reset(neuron, u, threshold), held)
    i_syn = state.i_syn if neuron.synapse.kind == "delta" else i
    return NeuronState(v, i_syn, theta, refractory), fire


def signed_array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.signedinteger]:
    """``values`` as signed integers, without a copy where they are; else an error: fxlif never
    rounds or wraps an input silently."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise FxlifError(f"{name}: found rows of different lengths, allowed integers") from None
    if array.dtype.kind not in "biu":
        raise FxlifError(f"{name}: found dtype {array.dtype}, allowed integers")
    # Beyond this, sums inside the rule could leave int64, and numpy would wrap them silently.
    low, high = signed_range(MAX_CURRENT_BITS)
    wide = array.dtype.itemsize > 4
    if wide and array.size and (int(array.min()) < low or int(array.max()) > high):
        worst = max(int(array.max()), int(array.min()), key=abs)
        raise FxlifError(f"{name}: found {worst}, allowed {low}..{high}")
    # numpy would make floats of uint64 and a signed type; the values were seen to fit int64.
    kind = np.dtype(np.int64) if wide else np.promote_types(array.dtype, np.int8)
    return array.astype(kind.newbyteorder("="), copy=False)


def integer_array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
    """``values`` as int64, checked as :func:`signed_array` does."""
    return signed_array(values, name).astype(np.int64)


def _check_out(out: object, shape: tuple[int, ...]) -> None:
    """Raise unless compiled code may write bools of this shape to ``out``."""
    if not isinstance(out, np.ndarray):
        raise FxlifError(f"out: found {type(out).__name__}, allowed an array of bool")
    if out.dtype != np.bool_ or out.shape != shape:
        raise FxlifError(
            f"out: found {out.dtype} of shape {out.shape}, allowed bool of shape {shape}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise FxlifError("out: found a strided or read-only array, allowed a C-contiguous one")


class Recorder:
    """Keeps chosen state variables: ``Recorder("v", "theta")["v"]`` is (steps, n) int64."""

    def __init__(self, *variables: str) -> None:
        unknown = [name for name in variables if name not in NeuronState._fields]
        if unknown:
            raise FxlifError(
                f"Recorder: found {unknown[0]!r}, allowed {', '.join(NeuronState._fields)}"
            )
        self._rows: dict[str, list[Any]] = {name: [] for name in variables}

    def take(self, state: NeuronState) -> None:
        """Keep one step."""
        for name, rows in self._rows.items():
            rows.append(getattr(state, name))

    def __getitem__(self, variable: str) -> npt.NDArray[np.int64]:
        if variable not in self._rows:
            raise FxlifError(f"{variable}: not recorded, allowed {', '.join(self._rows)}")
        return np.array(self._rows[variable], dtype=np.int64)


class LIFPopulation:
    """``n`` equal LIF neurons, advanced step by step in exact integer arithmetic.

    ``v_threshold``, an int or (n,) integers, takes the place of ``params.v_threshold``;
    ``initial`` (a :class:`NeuronState` of ints or (n,) integers) that of the reset state.
    ``engine`` is ``numpy``, ``kernels`` or, the default, ``auto``: the same results.
    Keyword arguments beyond these make the parameters: ``LIFPopulation(3, refractory=2)``.
    """

    def __init__(
        self,
        n: int,
        params: NeuronParams | None = None,
        *,
        v_threshold: npt.ArrayLike | None = None,
        initial: NeuronState | None = None,
        engine: str = "auto",
        **choices: Any,
    ) -> None:
        self.engine = choose(engine)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise FxlifError(f"n: found {n!r}, allowed a number of neurons, 1 or more")
        if params is not None and choices:
            raise FxlifError(f"{next(iter(choices))}: give params or single choices, not both")
        self.n = int(n)
        if v_threshold is not None:
            self.v_threshold = self._per_neuron(v_threshold, "v_threshold")
            # The default need not fit widths that were chosen for another threshold.
            choices = choices if params else {**choices, "v_threshold": int(self.v_threshold[0])}
        self.params = params or NeuronParams(**choices)
        if v_threshold is None:
            self.v_threshold = self._per_neuron(self.params.v_threshold, "v_threshold")
        for value in np.unique(self.v_threshold):
            self.params.check_threshold(int(value))
        self._initial = initial
        self._batch: Batch | None = None
        self.reset()

    def _per_neuron(self, values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
        array = integer_array(values, name)
        if array.shape not in ((), (self.n,)):
            raise FxlifError(
                f"{name}: found shape {array.shape}, allowed one integer or ({self.n},)"
            )
        return np.broadcast_to(array, (self.n,))

    def reset(self) -> None:
        """Back to the initial state, and to the first draw."""
        self._lfsr = self.params.lfsr.seed
        self.state = initial_state(self.params, self.n)
        if self._initial is None:
            return
        fields = {}
        for name, value in self._initial._asdict().items():
            fields[name] = self._per_neuron(value, f"initial.{name}").copy()
            low, high = self.params.ranges[name]
            for wrong in fields[name][(fields[name] < low) | (fields[name] > high)][:1]:
                raise FxlifError(f"initial.{name}: found {wrong}, allowed {low}..{high}")
        self.state = NeuronState(**fields)

    def forward(self, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """One step with the input current ``x``, an int or (n,) integers: the spikes, (n,) bool."""
        return self._advance(self._per_neuron(x, "x"))

    def _advance(self, current: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        random: npt.NDArray[np.int64] | int = 0
        if self.params.random_bits:
            random, self._lfsr = draws(self.params.lfsr, self._lfsr, self.n)
        self.state, fire = step(
            self.params, self.state, current + self.params.bias, self.v_threshold, random
        )
        return np.asarray(fire, dtype=np.bool_)

    def run(
        self,
        currents: npt.ArrayLike,
        recorder: Recorder | None = None,
        *,
        threads: int | None = None,
        out: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.bool_]:
        """The spikes of all steps, (steps, n) bool, of ``currents`` (steps, n) integers.

        Narrow currents (int8, int16) are the fastest. ``threads`` is 1..256, or None for as many
        as pay; the results do not depend on it. ``out``, a C-contiguous array (steps, n) of bool,
        is filled and returned in place of a new one: for large ones to ask the system for memory
        takes as long as the neurons do.
        """
        array = signed_array(currents, "currents")
        if array.ndim != 2 or array.shape[1] != self.n:
            raise FxlifError(f"currents: found shape {array.shape}, allowed (steps, {self.n})")
        threads = choose_threads(threads, self.n)
        if out is not None:
            _check_out(out, array.shape)
        if self.engine == "kernels":
            if self._batch is None:
                from .batch import Batch

                self._batch = Batch(self.params, self.v_threshold)
            self.state, spikes, self._lfsr = self._batch.run(
                self.state, array, self._lfsr, threads=threads, recorder=recorder, out=out
            )
            return spikes
        spikes = np.empty(array.shape, dtype=np.bool_) if out is None else out
        for row, current in enumerate(array):
            spikes[row] = self._advance(current.astype(np.int64))
            if recorder is not None:
                recorder.take(self.state)
        return spikes
