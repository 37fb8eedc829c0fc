"""The neurons of published chips and frameworks as parameters of fxlif (docs/profiles.md).

Each function takes the parameters by the names that the chip or framework gives them, and returns
a :class:`~fxlif.profiles.profile.Profile`: the neuron, what holds for its projections, its limits,
and where its rule was taken from. ``NAMES`` lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .loihi_chip import loihi as loihi
    from .loihi_chip import loihi_weights as loihi_weights
    from .odin_family import odin as odin
    from .odin_family import reckon as reckon
    from .odin_family import tinyodin as tinyodin
    from .open_cores import catalyst as catalyst
    from .open_cores import sc_neurocore as sc_neurocore
    from .open_cores import spiker as spiker
    from .open_cores import truenorth as truenorth
    from .profile import Limits as Limits
    from .profile import Profile as Profile
    from .profile import WeightFormat as WeightFormat
    from .trained import norse as norse
    from .trained import sinabs as sinabs
    from .trained import snntorch as snntorch
    from .xylo_chip import xylo as xylo

HOMES = {
    "Limits": "profile",
    "Profile": "profile",
    "WeightFormat": "profile",
    "catalyst": "open_cores",
    "loihi": "loihi_chip",
    "loihi_weights": "loihi_chip",
    "norse": "trained",
    "odin": "odin_family",
    "reckon": "odin_family",
    "sc_neurocore": "open_cores",
    "sinabs": "trained",
    "snntorch": "trained",
    "spiker": "open_cores",
    "tinyodin": "odin_family",
    "truenorth": "open_cores",
    "xylo": "xylo_chip",
}
#: The systems that there is a profile of.
NAMES = (
    "catalyst", "loihi", "norse", "odin", "reckon", "sc_neurocore", "sinabs",
    "snntorch", "spiker", "tinyodin", "truenorth", "xylo",
)  # fmt: skip
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
