"""Sources of spikes that are no neurons (docs/rule.md#sources)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from ..errors import FxlifError
from .arrays import Thresholds
from .base import Int, MaxEvents, Name, Params, Seed, Size
from .quantise import MOST_COUNT_BITS, count_bits

SourceName = Annotated[Name, Field(description="What projections call it (docs/rule.md#networks).")]
Sources = Annotated[Size, Field(description="How many sources (docs/rule.md#sources).")]


class PoissonSource(Params):
    """Each of ``n`` sources spikes in each step with the given probability, by its own seed.

    Whether source i spikes in step t depends on the seed, t and i alone; see
    :func:`fxlif.network.sources.poisson`. ``probability`` is used as a multiple of 2**-32.
    """

    kind: Literal["poisson"] = "poisson"
    name: SourceName = Field(kw_only=False)
    n: Sources = Field(kw_only=False)
    probability: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            allow_inf_nan=False,
            description="That a source spikes in a step; the rate times the length of a step "
            "(docs/rule.md#sources).",
        ),
    ] = Field(kw_only=False)
    seed: Seed = 1


class RegularSource(Params):
    """Source i spikes in every step t, from 0, with (t - phase_i) divisible by ``interval``.

    Phases left out are drawn from 0..interval - 1 by the seed.
    """

    kind: Literal["regular"] = "regular"
    name: SourceName = Field(kw_only=False)
    n: Sources = Field(kw_only=False)
    interval: Annotated[
        Int,
        Field(
            ge=1,
            le=(1 << 31) - 1,
            description="Steps from one spike of a source to the next (docs/rule.md#sources).",
        ),
    ] = Field(kw_only=False)
    phases: Annotated[
        Thresholds | None,
        Field(
            description="The step of each source's first spike, 0..interval - 1; None: drawn by "
            "``seed`` (docs/rule.md#sources)."
        ),
    ] = None
    seed: Seed = 1

    @model_validator(mode="after")
    def _one_phase_each(self) -> Self:
        phases = self.phases or ()
        if self.phases is not None and len(phases) != self.n:
            found = f"{len(phases)} values"
            raise FxlifError.must_be("phases", f"{self.n} (n)", phases, found=found)
        for index, phase in enumerate(phases):
            if not 0 <= phase < self.interval:
                allowed = f"0..{self.interval - 1} (interval)"
                raise FxlifError.must_be(f"phases[{index}]", allowed, phase)
        return self


class EventSource(Params):
    """Spikes from outside: an event stream (:mod:`fxlif.network.events`) given to the run."""

    kind: Literal["events"] = "events"
    name: SourceName = Field(kw_only=False)
    n: Sources = Field(kw_only=False)
    max_events_per_input: MaxEvents = 1


Source = Annotated[PoissonSource | RegularSource | EventSource, Field(discriminator="kind")]


def promised_events(
    order: Iterable[str], parts: Mapping[str, Any], projections: Iterable[Any]
) -> dict[str, int]:
    """By population of ``order`` that fires on events, how many a neuron takes in a step at most:
    those of all synapses that it may have, and the bias.

    ``parts``: sources and populations by name. Spikes of a population that is behind it in the
    order are bounded by their count alone.
    """
    promised: dict[str, int] = {}

    def most(name: str) -> int:
        part = parts[name]
        if isinstance(part, EventSource):
            return part.max_events_per_input
        if isinstance(part, RegularSource | PoissonSource):
            return 1
        if part.neuron.fire_on == "step":
            return int(part.neuron.max_spikes_per_step)
        return (1 << (count_bits(promised[name]) if name in promised else MOST_COUNT_BITS)) - 1

    for name in order:
        if parts[name].neuron.fire_on == "event":
            into = [p.source for p in projections if p.target == name]
            promised[name] = sum(parts[source].n * most(source) for source in into) + 1
    return promised
