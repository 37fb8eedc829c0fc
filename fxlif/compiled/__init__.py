"""The same rule, compiled: single steps, populations and whole networks. Needs numba.

:mod:`.neuron_step` writes the step of a neuron in the :mod:`.expressions` that LLVM compiles;
:mod:`.population` runs it over many steps. For a network :mod:`.plan` makes the tables,
:mod:`.network_run` the arrays of one run, and :mod:`.network_loop` is what runs, with
:mod:`.spiking`, :mod:`.arrivals`, and :mod:`.intrinsics` for what numba cannot express.
"""
