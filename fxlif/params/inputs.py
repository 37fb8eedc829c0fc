"""What the commands feed a network with: events, or labelled images or spikes, from a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Int, Params


class EventInput(Params):
    """An event file (see :mod:`fxlif.network.events`) to feed to the first core."""

    kind: Literal["events"] = "events"
    file: Annotated[
        str,
        Field(description="Its name, beside the design: .txt, .npz or .bin (docs/rule.md#events)."),
    ]


class ImageInput(Params):
    """Labelled images in an .npz file, presented one by one, each after a reset.

    The file holds ``images`` (k, n_inputs), integers 0..``maximum``, and ``labels`` (k,). An input
    of value p spikes in step t of ``steps`` when floor((t+1) p / maximum) > floor(t p / maximum):
    a deterministic rate code. The class is the output neuron with the most spikes, the lowest
    index among equals.
    """

    kind: Literal["images"] = "images"
    file: Annotated[
        str, Field(description="Its name, beside the design (docs/networks.md#labelled-input).")
    ]
    steps: Annotated[
        Int,
        Field(
            ge=1,
            le=4096,
            description="How long an image is shown (docs/networks.md#labelled-input).",
        ),
    ]
    maximum: Annotated[
        Int,
        Field(
            ge=1,
            le=65535,
            description="The value of an input that spikes in every step "
            "(docs/networks.md#labelled-input).",
        ),
    ]


class SpikeInput(Params):
    """Labelled spikes in an .npz file, presented sample by sample, each after a reset.

    The file holds ``spikes`` (steps, samples, n_inputs), how often each input spikes, and
    ``labels`` (samples,). The class is the output neuron with the most spikes, the lowest index
    among equals.
    """

    kind: Literal["spikes"] = "spikes"
    file: Annotated[
        str, Field(description="Its name, beside the design (docs/networks.md#labelled-input).")
    ]


InputParams = Annotated[EventInput | ImageInput | SpikeInput, Field(discriminator="kind")]
