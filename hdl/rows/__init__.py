"""Cores that read rows of synapses, and what joins them: networks that are no chain.

``core`` wires one: ``front`` looks the rows of an event up, ``issue`` sends their words into the
pipeline, ``synapses`` reads them, ``totals`` adds them up for each neuron and step to come; what
follows, neurons to emitter, is that of :mod:`fxlif.hdl.core`. ``lockstep`` shows one stream to
several readers, ``merge`` makes one of several, ``regular`` is a source. ``layouts`` says what
passes between them; :class:`fxlif.hdl.network.LIFGraph` joins them.
"""
