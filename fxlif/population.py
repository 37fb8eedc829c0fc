"""A population of equal neurons without connections, in exact integer arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .arrays import Ints, check_output, count_of, integer, of_type, one_of, signed_array, within
from .engines import choose_engine, choose_threads
from .errors import FxlifError
from .memory import must_fit
from .notebook import html_table
from .params.neuron import MAX_CURRENT_BITS, NeuronParams
from .rule.lfsr import draws
from .rule.step import STATE_BYTES, NeuronState, initial_state, step

if TYPE_CHECKING:
    from .compiled.population import CompiledPopulation

#: Of each neuron whether it spikes, bool, or how often, uint8.
Spikes = npt.NDArray[np.bool_] | npt.NDArray[np.uint8]


class Recorder:
    """Keeps chosen state variables: ``Recorder("v", "theta")["v"]`` is (steps, n) int64.

    Raises:
        FxlifError: a name that is none of ``v``, ``i_syn``, ``theta``, ``refractory``.

    Example:
        >>> from fxlif import LIFPopulation
        >>> recorder = Recorder("v")
        >>> spikes = LIFPopulation(1).run([[32], [16], [0]], recorder)
        >>> recorder["v"].ravel()
        array([32, 46, 44])
    """

    def __init__(self, *variables: str) -> None:
        for name in variables:
            one_of("variables", name, NeuronState._fields)
        self._rows: dict[str, list[Any]] = {name: [] for name in variables}

    @property
    def variables(self) -> tuple[str, ...]:
        """What it keeps."""
        return tuple(self._rows)

    def take(self, state: NeuronState) -> None:
        """Keep the state after one step."""
        for name, rows in self._rows.items():
            rows.append(getattr(state, name))

    def __getitem__(self, variable: str) -> npt.NDArray[np.int64]:
        one_of("variable", variable, self._rows)
        return np.array(self._rows[variable], dtype=np.int64)


class LIFPopulation:
    """``n`` equal LIF neurons, advanced step by step in exact integer arithmetic.

    ``v_threshold``, an int or (n,) integers, takes the place of ``params.v_threshold``;
    ``initial`` (a :class:`NeuronState` of ints or (n,) integers) that of the reset state.
    ``engine`` is ``numpy``, ``compiled`` or, the default, ``auto``: the same results.
    Keyword arguments beyond these make the parameters.
    ``input_bits``, 2..48, is the width of the current that a step is given, as of a single neuron
    in hardware; left out, it is ``params.current_bits``. The step is that of `docs/rule.md#step`.

    Raises:
        FxlifError: a value that does not fit the parameters, or an engine that is not there.

    Example:
        >>> population = LIFPopulation(3, refractory=2)
        >>> population.forward([0, 63, 64])
        array([False, False,  True])
        >>> population.state.v
        array([ 0, 63,  0])
    """

    def __init__(
        self,
        n: int,
        params: NeuronParams | None = None,
        *,
        v_threshold: npt.ArrayLike | None = None,
        initial: NeuronState | None = None,
        engine: str = "auto",
        input_bits: int | None = None,
        **choices: Any,
    ) -> None:
        self.engine = choose_engine(engine)
        self.n = integer("n", n, 1, what="a number of neurons, ")
        must_fit("n", self.n * STATE_BYTES, count_of(self.n, "neuron"))
        if params is not None and choices:
            key = next(iter(choices))
            raise FxlifError(f"{key}: give params or single choices, not both", key=key)
        if v_threshold is not None:
            self.v_threshold = self._per_neuron("v_threshold", v_threshold)
            # The default need not fit widths that were chosen for another threshold.
            choices = (
                {} if params is not None else {**choices, "v_threshold": int(self.v_threshold[0])}
            )
        if params is None:
            params = NeuronParams(**choices)
        self.params = of_type("params", params, NeuronParams, "NeuronParams")
        self.input_bits = self.params.current_bits
        self._width = f" (current_bits = {self.input_bits})"
        if input_bits is not None:
            self.input_bits = integer("input_bits", input_bits, 2, MAX_CURRENT_BITS)
            self._width = f" (input_bits = {self.input_bits})"
        if v_threshold is None:
            self.v_threshold = self._per_neuron("v_threshold", self.params.v_threshold)
        for value in np.unique(self.v_threshold):
            self.params.check_threshold(int(value))
        if initial is not None:
            of_type("initial", initial, NeuronState, "a NeuronState, or None")
        self._initial = initial
        self._compiled: CompiledPopulation | None = None
        self.reset()

    def __repr__(self) -> str:
        return f"<LIFPopulation: {count_of(self.n, 'neuron')}, {self.engine}>"

    def _repr_html_(self) -> str:
        rows = [("neurons", self.n), ("engine", self.engine), ("parameters", repr(self.params))]
        state = self.state._asdict().items()
        rows += [(name, f"{np.min(x):,}..{np.max(x):,}") for name, x in state]
        return html_table(repr(self), ("", ""), rows)

    def _per_neuron(self, key: str, values: npt.ArrayLike) -> Ints:
        return self._broadcast(key, values, signed_array(key, values, MAX_CURRENT_BITS))

    def _broadcast(self, key: str, values: npt.ArrayLike, array: npt.NDArray[Any]) -> Ints:
        if array.shape not in ((), (self.n,)):
            raise FxlifError.must_be(
                key, f"one integer or ({self.n},)", values, found=f"shape {array.shape}"
            )
        return np.broadcast_to(array.astype(np.int64), (self.n,))

    def reset(self) -> None:
        """Back to the initial state, and to the first draw."""
        self._lfsr = self.params.lfsr.seed
        self.state = initial_state(self.params, self.n)
        if self._initial is None:
            return
        fields = {}
        for name, value in self._initial._asdict().items():
            key = f"initial.{name}"
            fields[name] = within(
                key, self._per_neuron(key, value).copy(), *self.params.ranges[name]
            )
        self.state = NeuronState(**fields)

    @property
    def spike_type(self) -> np.dtype[Any]:
        """The dtype of spikes: bool, or uint8 where a step may have several of them."""
        return np.dtype(np.uint8 if self.params.max_spikes_per_step > 1 else np.bool_)

    def forward(self, x: npt.ArrayLike) -> Spikes:
        """One step with the input current ``x``, an int or (n,) integers: the spikes, (n,).

        Of :attr:`spike_type`. Where events accumulate one by one, ``x`` is one event.

        Raises:
            FxlifError: another shape, no integers, currents beyond ``input_bits`` bits.
        """
        return self._advance(
            self._broadcast("x", x, signed_array("x", x, self.input_bits, self._width))
        )

    def _advance(self, current: npt.NDArray[np.int64]) -> Spikes:
        random: npt.NDArray[np.int64] | int = 0
        if self.params.random_bits:
            random, self._lfsr = draws(self.params.lfsr, self._lfsr, self.n)
        self.state, fire = step(
            self.params, self.state, current + self.params.bias, self.v_threshold, random
        )
        return np.asarray(fire).astype(self.spike_type)

    def run(
        self,
        currents: npt.ArrayLike,
        recorder: Recorder | None = None,
        *,
        threads: int | None = None,
        out: Spikes | None = None,
    ) -> Spikes:
        """The spikes of all steps, (steps, n) of :attr:`spike_type`.

        ``currents`` are integers (steps, n).

        Narrow currents (int8, int16) are the fastest. ``threads`` is 1..256, or None for as many
        as pay; the results do not depend on it. ``out``, a C-contiguous array of that kind, is
        filled and returned in place of a new one: for large ones to ask the system for memory takes
        as long as the neurons do.

        Raises:
            FxlifError: other shapes, no integers, currents beyond ``input_bits`` bits.
        """
        array = signed_array("currents", currents, self.input_bits, self._width)
        if array.ndim != 2 or array.shape[1] != self.n:
            allowed = f"of shape (steps, {self.n})"
            raise FxlifError.must_be("currents", allowed, currents, found=str(array.shape))
        if recorder is not None:
            of_type("recorder", recorder, Recorder, "a Recorder, as in Recorder('v'), or None")
        threads = choose_threads(threads, self.n)
        steps, width = array.shape[0], 8 * len(recorder.variables) if recorder is not None else 0
        must_fit(
            "currents", steps * self.n * ((out is None) + width),
            f"what is kept of {count_of(steps, 'step')} of {count_of(self.n, 'neuron')}",
        )  # fmt: skip
        if out is not None:
            check_output(out, array.shape, self.spike_type)
        spikes = np.empty(array.shape, self.spike_type) if out is None else out
        record = None if recorder is None else recorder.take
        if self.engine == "compiled":
            if self._compiled is None:
                from .compiled.population import CompiledPopulation

                self._compiled = CompiledPopulation(self.params, self.v_threshold)
            self.state, self._lfsr = self._compiled.run(
                self.state, array, self._lfsr, threads=threads, record=record, out=spikes
            )
            return spikes
        for row, current in enumerate(array):
            spikes[row] = self._advance(current.astype(np.int64))
            if record is not None:
                record(self.state)
        return spikes
