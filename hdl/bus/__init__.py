"""A design on a bus: events as AXI4-Stream, registers by AXI4-Lite or Wishbone, or all by a UART.

``requests`` is the small bus inside: one access at a time. ``control`` puts the registers of
:mod:`fxlif.host.registers` around a design; ``lite`` and ``wishbone`` turn their buses into
requests, ``frames`` what comes on a serial line (``uart``); ``tops`` has the tops.
"""
