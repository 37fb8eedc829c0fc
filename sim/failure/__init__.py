"""What a failure leaves behind: narrowed, shrunk, in a folder that shows it again.

``narrow`` finds the shortest stimulus from a reset on, ``shrink`` the fewest events; ``folder``
writes and replays, ``note`` says what is in it, ``waves`` records the signals.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .folder import replay as replay

HOMES = {
    "replay": "folder",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
