"""Mutation: would the verification notice a design that is wrong by one small thing?

``run`` is ``fxlif mutate``, ``foreign`` the same with ``--dut``. Both draw ``mutants`` with Yosys,
let ``judge`` run and count them, and leave out those that ``equivalence`` proves to do what the
design does.
"""
