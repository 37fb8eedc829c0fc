"""Random tests take new examples in every run; a failing one says how to run it again."""

from hypothesis import settings

settings.register_profile("fxlif", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("fxlif")
