"""Yosys, started once: ``started`` keeps a process of ``loaded``, which runs it again and again."""
