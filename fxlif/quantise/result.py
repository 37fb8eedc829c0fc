"""What came out of a quantisation: the design, what it stands for, and every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import FxlifError
from ..notebook import html_table, text_table
from ..params.network import NetworkParams
from .leak import LeakCandidate
from .network import FloatNetwork

if TYPE_CHECKING:
    from .accuracy import Compared

COLUMNS = ("part", "what", "asked", "effective", "error", "relative")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number that was asked for, and what the integers stand for.

    Of weights and thresholds of their own: the root mean squares, of values and errors.
    """

    part: str
    what: str
    asked: float
    effective: float
    error: float

    @property
    def relative(self) -> float:
        """The error as a part of what was asked for; 0 where both are 0."""
        if self.error == 0:
            return 0.0
        return abs(self.error / self.asked) if self.asked else float("inf")

    @property
    def cells(self) -> tuple[str, ...]:
        """As text, one for each of :data:`COLUMNS`."""
        numbers = (self.asked, self.effective, self.error)
        return (self.part, self.what, *(f"{x:.6g}" for x in numbers), f"{self.relative:.3%}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantised:
    """What :func:`~fxlif.quantise.quantise` made.

    Attributes:
        design: the network in integers.
        asked: the network that was given.
        effective: the float network that the integers stand for, leak roundings apart.
        units: by group, what the last bit of its potential stands for.
        leaks: by group and leak (``v``, ``i_syn``, ``theta``), the candidates, one of them chosen.
        rows: every error.
        widths: by group, the fields of its neuron that are widths.
        notes: choices that lose something, a line each; each was a warning too.
        saturated: where widths come from recorded activity, by group, how often in the recording
            a neuron stood at an end of the range of v.
    """

    design: NetworkParams
    asked: FloatNetwork
    effective: FloatNetwork
    units: Mapping[str, float]
    leaks: Mapping[str, Mapping[str, list[LeakCandidate]]]
    rows: tuple[Row, ...]
    widths: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...] = ()
    saturated: Mapping[str, int] | None = None

    def __repr__(self) -> str:
        worst = max(self.rows, key=lambda row: row.relative)
        return (
            f"<Quantised {self.design.name}: {len(self.units)} groups, largest error "
            f"{worst.relative:.2%} ({worst.part} {worst.what})>"
        )

    def compare(self, spikes: npt.ArrayLike, labels: npt.ArrayLike) -> Compared:
        """The accuracy of float and of the integers on labelled samples, and how often their output
        spikes are the same (:func:`~fxlif.quantise.compare`).

        ``spikes``: (steps, samples, n) counts; ``labels``: (samples,).
        """
        from .accuracy import compare

        return compare(self.asked, self.design, spikes, labels)

    def report(self) -> str:
        """The errors, the leaks that could have been taken, and the widths, as text."""
        parts = [text_table((COLUMNS, *(row.cells for row in self.rows)))]
        if self.leaks:
            parts.append(text_table((LEAK_COLUMNS, *self._leak_cells())))
        names = sorted({name for widths in self.widths.values() for name in widths})
        cells = [
            (group, *(str(widths.get(name, "")) for name in names))
            for group, widths in self.widths.items()
        ]
        parts.append(text_table((("part", *names), *cells)))
        if self.saturated is not None:
            counts = [(group, str(count)) for group, count in self.saturated.items()]
            parts.append(text_table((("part", "at an end of v"), *counts)))
        parts.extend(self.notes)
        return "\n\n".join(parts)

    def frame(self) -> Any:
        """The errors as a pandas.DataFrame.

        Raises:
            FxlifError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise FxlifError.not_installed("pandas", "pandas") from None
        return pandas.DataFrame([{name: getattr(r, name) for name in COLUMNS} for r in self.rows])

    def _repr_html_(self) -> str:
        return html_table(repr(self), COLUMNS, (row.cells for row in self.rows))

    def _leak_cells(self) -> list[tuple[str, ...]]:
        return [
            (
                f"{group}.{of}", describe(one), f"{one.tau:.6g}", f"{one.error:.3%}",
                str(one.adders), "chosen" if one.chosen else "",
            )
            for group, leaks in self.leaks.items()
            for of, candidates in leaks.items()
            for one in candidates
        ]  # fmt: skip


LEAK_COLUMNS = ("leak of", "kind", "tau", "error", "adders", "")


def describe(candidate: LeakCandidate) -> str:
    """The leak in a few words: ``shift 4``, ``scale 243 / 2**8``."""
    fields = candidate.leak.model_dump(exclude={"kind", "rounding", "minimum_step"})
    if "factor" in fields:
        return f"{candidate.leak.kind} {fields['factor']} / 2**{fields['shift']}"
    if "shifts" in fields:
        signs = fields["signs"] or (1,) * len(fields["shifts"])
        terms = (
            f"{'+' if s > 0 else '-'}{x}" for s, x in zip(signs, fields["shifts"], strict=True)
        )
        return f"multi_shift {' '.join(terms)}"
    return " ".join([candidate.leak.kind, *map(str, fields.values())])


def rms(values: Any) -> float:
    """The root mean square; 0 of nothing."""
    array = np.asarray(values, np.float64)
    return float(np.sqrt(np.mean(array**2))) if array.size else 0.0
