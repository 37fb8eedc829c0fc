"""Read by the Python of each simulator of the default run, see ``quick_builds``."""

import gc

# It runs for a second, of which it would look for garbage among what it imports for a tenth.
gc.disable()
