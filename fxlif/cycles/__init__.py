"""What the hardware shows in every clock cycle.

``pipeline`` and ``signals`` describe the core, ``latency`` has its formulas. ``model`` says what a
chain of cores shows, with the control of ``control``; ``row_model`` what a network of nodes shows,
with that of ``rows``; ``neuron`` what a lone neuron does. Compiled code gets its steps from
``compiled_steps``.
"""

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .latency import clear_cycles as clear_cycles
    from .latency import cleared_cycles as cleared_cycles
    from .latency import event_cycles as event_cycles
    from .latency import step_cycles as step_cycles
    from .latency import update_cycles as update_cycles
    from .latency import write_cycles as write_cycles
    from .model import CycleModel as CycleModel
    from .model import DesignModel as DesignModel
    from .row_model import model_of as model_of
    from .shown import CycleInputs as CycleInputs
    from .shown import CycleOutputs as CycleOutputs

HOMES = {
    "CycleInputs": "shown",
    "CycleModel": "model",
    "CycleOutputs": "shown",
    "DesignModel": "model",
    "clear_cycles": "latency",
    "cleared_cycles": "latency",
    "event_cycles": "latency",
    "model_of": "row_model",
    "step_cycles": "latency",
    "update_cycles": "latency",
    "write_cycles": "latency",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
