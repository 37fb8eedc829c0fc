"""What a cycle model is given and what it says, cycle by cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from ..rule.arithmetic import Number
from ..rule.step import NeuronState
from .control import Bools, Ints, Records


def _no_bools() -> Bools:
    return np.zeros(0, dtype=np.bool_)


def _no_ints() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class CycleInputs:
    """What the inputs show, cycle by cycle: arrays (cycles,).

    The write and the read port: only where there is one, and even there nothing by default.
    """

    rst: npt.ArrayLike
    in_valid: npt.ArrayLike
    in_address: npt.ArrayLike
    in_tick: npt.ArrayLike
    out_ready: npt.ArrayLike
    write_valid: npt.ArrayLike = 0
    write_address: npt.ArrayLike = 0
    write_data: npt.ArrayLike = 0
    read_valid: npt.ArrayLike = 0
    read_address: npt.ArrayLike = 0

    @classmethod
    def of(cls, *tables: Records) -> Self:
        """Rows of :data:`.control.INPUT` and of what stands at the ports, (cycles,), named."""
        return cls(**{name: table[name] for table in tables for name in table.dtype.names or ()})


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Steps of single neurons, update after update: arrays (n,).

    ``current`` is exact, with weight_shift and bias; ``threshold`` the stored one, without theta;
    ``fire`` a truth value, or a number where the neuron ``counts_spikes``; ``random`` the draws,
    0 where nothing reads them. ``arrivals``: of each update the events that act one by one,
    (events, neurons): what each adds, 0 where it is none; nothing at all where they are summed.
    """

    before: NeuronState
    current: Ints
    threshold: Ints
    after: NeuronState
    fire: Bools | Ints
    random: Number = 0
    arrivals: Sequence[Ints] = ()


@dataclass(frozen=True, kw_only=True)
class CoreTrace:
    """What one core's trace port and counters show. A value counts where its valid does.

    ``valid`` and ``index`` (cycles,): a word was written back, and which. ``state`` names each
    state variable's (written, lanes) values and ``spike`` the (written, lanes) spikes, as
    ``fire`` of :class:`Steps`, of the cycles in which ``valid`` holds, in order. ``dropped``,
    ``saturated`` (cycles,): the counters. ``control`` (cycles,): bits of ``control_flags``.
    ``word``, ``ends``: see :data:`.control.TRACE`. ``steps``: of updates that started here.
    """

    valid: Bools
    index: Ints
    state: dict[str, Ints]
    spike: Bools | Ints
    dropped: Ints
    saturated: Ints
    control: Ints
    word: Ints
    ends: Ints
    steps: Steps


@dataclass(frozen=True, kw_only=True)
class CycleOutputs:
    """What the outputs show, cycle by cycle: arrays (cycles,), and one trace per core.

    ``out_address`` and ``out_tick`` mean something where ``out_valid`` holds, ``answer_data`` and
    ``answer_error`` where ``answer_valid`` does. What the write or the read port shows is empty
    where there is no such port.
    """

    in_ready: Bools
    out_valid: Bools
    out_address: Ints
    out_tick: Bools
    cores: list[CoreTrace]
    write_ready: Bools = field(default_factory=_no_bools)
    rejected: Ints = field(default_factory=_no_ints)
    read_ready: Bools = field(default_factory=_no_bools)
    read_errors: Ints = field(default_factory=_no_ints)
    answer_valid: Bools = field(default_factory=_no_bools)
    answer_data: Ints = field(default_factory=_no_ints)
    answer_error: Bools = field(default_factory=_no_bools)
