"""Work done in other processes of this machine or on a Dask cluster: ``workers`` gives the
executor, of ``processes`` or of a ``cluster``; ``source`` says which fxlif a worker has.
"""

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .executor import WorkerDied as WorkerDied
    from .executor import Workers as Workers
    from .start import workers as workers

HOMES = {
    "WorkerDied": "executor",
    "Workers": "executor",
    "workers": "start",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
