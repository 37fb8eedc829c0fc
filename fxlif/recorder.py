"""State variables of a population's run, kept step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import one_of
from .rule.step import NeuronState


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
