"""What a host writes to a board by the names of the network: where it goes, what comes of it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from designs import ON_A_BUS, looped, writable

from fxlif import (
    Dense,
    EventSource,
    FxlifError,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
)
from fxlif.cycles.access import NUMBERS, AddressMap
from fxlif.hdl.limits import supported, with_streams
from fxlif.host.writing import Writer
from fxlif.params.design import save

REGISTERS = ("leak_shift", "v_reset", "refractory")
CELLS = NeuronParams(v_threshold=40, state_bits=9, refractory=3, refractory_count="before")
#: A chain in hardware; its projections are not in the order of its cores.
LINE = NetworkParams(
    name="line",
    source=[EventSource("touch", 3)],
    population=[
        Population("deep", 5, CELLS, lanes=2, readable=True, writable=REGISTERS),
        Population("skin", 4, CELLS, lanes=2, writable=("weights", "thresholds"),
                   v_thresholds=(40, 30, 20, 10)),
    ],
    projection=[Projection("skin", "deep", Dense(1 + np.arange(20).reshape(4, 5)), delay=0),
                Projection("touch", "skin", Dense(9 + np.arange(12).reshape(3, 4)), delay=0)],
    outputs=["deep"],
)  # fmt: skip
ROWS = writable(looped())
#: Network → rows as a user has them, and core, row, place and value at the port.
CASES = {
    "cores": (ON_A_BUS, {
        ("core_1", "weights", -3, (4, 6)): ("weights", 1, 4, 6, -3),
        (0, "weights", 7, (2, 5)): ("weights", 0, 2, 5, 7),
        ("core_0", "thresholds", 90): ("thresholds", 0, 0, 0, 90),
    }),
    "line": (LINE, {
        ("skin", "weights", -3, (2, 1)): ("weights", 0, 2, 1, -3),
        (1, "weights", 5, (0, 3)): ("weights", 0, 0, 3, 5),
        ("skin", "thresholds", 25, 3): ("thresholds", 0, 0, 3, 25),
        ("deep", "v_reset", -5): ("v_reset", 1, 0, 0, -5),
        ("deep", "leak_shift", 2): ("leak_shift", 1, 0, 0, 2),
        ("deep", "refractory", 3): ("refractory", 1, 0, 0, 2),
    }),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_write_by_name_is_one_at_the_port(case: str) -> None:
    described, rows = CASES[case]
    design = with_streams(supported(described))
    writer, where = Writer(design, described), AddressMap(design.cores)
    for row, (parameter, core, at, place, value) in rows.items():
        found = where.decode(*([each] for each in writer.port(*row)))
        assert (found.core[0], found.row[0], found.place[0]) == (core, at, place), row
        assert (found.parameter[0], found.value[0]) == (NUMBERS[parameter], value), row
    with pytest.raises(FxlifError, match="must be"):
        writer.port("nobody", "thresholds", 3)


def test_a_weight_of_a_row_is_where_its_synapse_lies() -> None:
    design = with_streams(supported(ROWS))
    writer, where = Writer(design, ROWS), AddressMap(design.cores)
    for k, projection in enumerate(ROWS.projection):
        pre, post, address = where.synapses(k)
        for entry in range(0, len(pre), 3):
            row = projection.target, "weights", -2, (int(pre[entry]), int(post[entry]))
            at, data = writer.port(k, *row[1:])
            assert at == address[entry]
            assert where.decode([at], [data]).value[0] == -2


@pytest.mark.slow  # three builds by Verilator
@pytest.mark.parametrize("network", [ON_A_BUS, LINE, ROWS], ids=["cores", "line", "rows"])
def test_a_board_that_is_written_goes_with_its_golden_network(network, run, tmp_path) -> None:
    rng = random.Random(9)
    rows = list(next((rows for described, rows in CASES.values() if described is network), ()))
    if network is ROWS:
        where = AddressMap(with_streams(supported(ROWS)).cores)
        for k in range(len(network.projection)):
            pre, post, _ = where.synapses(k)
            entry = rng.randrange(len(pre))
            rows.append((k, "weights", 40, (int(pre[entry]), int(post[entry]))))
        rows.append(("early", "thresholds", 25, 3))
    save(network, tmp_path / "net.json")
    lines = ["# fxlif writes 1"]
    for step, row in zip(sorted(rng.choices(range(40), k=len(rows))), rows, strict=True):
        at = np.ravel(row[3:]).tolist()
        lines.append(" ".join(map(str, ["write", step, row[0], row[1], row[2], *at])))
    (tmp_path / "writes.txt").write_text("\n".join([*lines, f"end {len(rows)}", ""]))
    words = ("board", "run", "net.json", "--simulated", "--steps", 40)
    plain = run(*words, "-o", "plain.txt")
    assert plain.code == 0, plain.out + plain.err
    ran = run(*words, "--writes", "writes.txt", "-o", "written.txt")
    assert ran.code == 0, ran.out + ran.err
    assert re.search(rf"parameters written +│ +{len(rows)} ", ran.out)
    came = [(tmp_path / name).read_text() for name in ("plain.txt", "written.txt")]
    assert came[0] != came[1]


def test_writes_of_a_file_that_are_wrong_are_named_before_anything_is_built(run, tmp_path) -> None:
    save(LINE, tmp_path / "net.json")
    words = ("board", "run", "net.json", "--simulated", "--steps", 4, "--writes", "writes.txt")
    for line, said in {
        "write 9 skin thresholds 30 1": "step: must be a step of this run",
        "write 1 deep weights 30 1 1": "parameter: must be in writable of population",
        "write 1 skin thresholds 30 4": "at: must be a neuron",
    }.items():
        (tmp_path / "writes.txt").write_text(f"# fxlif writes 1\n{line}\nend 1\n")
        ran = run(*words)
        assert ran.code == 2
        assert "writes.txt: writes[0]" in ran.mistake
        assert said in ran.mistake, ran.mistake
    ran = run("board", "run", "digits", *words[3:])
    said = "--writes: must be left out of a design without writable, not 'writes.txt'"
    assert ran.mistake == said
