"""Memories of constants: the word of each address two cycles later, whatever the shape."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from fxlif.errors import FxlifError
from fxlif.hdl.interface import Image
from fxlif.hdl.memory import BANK_WORDS, SHAPES, Images, Rom, as_bits, hexadecimal

#: (words, lanes, bits): one word; a slice that is not full; several slices; two banks, of which the
#: last has one word, or is not full.
SHAPES_TRIED = [(1, 3, 5), (7, 3, 5), (600, 4, 8), (4097, 5, 8), (BANK_WORDS + 1, 2, 3),
                (BANK_WORDS + 4500, 2, 3)]  # fmt: skip


def drawn(depth: int, lanes: int, bits: int) -> np.ndarray:
    rng = np.random.default_rng(depth)
    rows = rng.integers(-(1 << bits - 1), 1 << bits - 1, (depth, lanes))
    rows[0], rows[-1] = -(1 << bits - 1), (1 << bits - 1) - 1
    return rows


@pytest.mark.parametrize(("depth", "lanes", "bits"), SHAPES_TRIED)
def test_a_word_comes_two_cycles_after_its_address(depth: int, lanes: int, bits: int) -> None:
    rows = drawn(depth, lanes, bits)
    rom = Rom("weights", rows, bits)
    rng = np.random.default_rng(1)
    addresses = [0, depth - 1, 0, *rng.integers(0, depth, 60).tolist(), depth - 1]
    answers = []

    async def read(ctx) -> None:  # type: ignore[no-untyped-def]
        for address in [*addresses, 0]:
            ctx.set(rom.address, address)
            await ctx.tick()
            answers.append([ctx.get(rom.data[lane]) for lane in range(lanes)])

    simulator = Simulator(rom)
    simulator.add_clock(1e-6)
    simulator.add_testbench(read)
    simulator.run()
    assert answers[1:] == rows[addresses].tolist()


@pytest.mark.parametrize(("depth", "lanes", "bits"), SHAPES_TRIED)
def test_its_images_are_the_words_cut_to_the_shapes_of_block_memories(
    depth: int, lanes: int, bits: int
) -> None:
    rows = drawn(depth, lanes, bits)
    images = Images("design")
    text = verilog.convert(Rom("weights", rows, bits), platform=images, name="design")
    assert "initial" not in text
    depth = max(2, depth)
    banks: dict[str, int] = {}
    for file, image in images.files.items():
        bank, _, part = file.removesuffix(".mem").rpartition("_")
        assert f'"{file}"' in text
        words = [int(line, 16) for line in image.text.splitlines()]
        assert len(words) == image.depth <= BANK_WORDS
        assert image.width <= next(width for most, width in SHAPES.items() if image.depth <= most)
        shift = sum(i.width for f, i in images.files.items() if f.startswith(f"{bank}_")
                    and int(f.removesuffix(".mem").rpartition("_")[2]) < int(part))  # fmt: skip
        assert max(words) < 1 << image.width
        for row, word in enumerate(words):
            banks[f"{bank} {row}"] = banks.get(f"{bank} {row}", 0) | word << shift
    mask = (1 << bits) - 1
    expected = [sum((int(v) & mask) << k * bits for k, v in enumerate(row)) for row in rows]
    found = list(banks.values())
    assert found[: len(expected)] == expected
    assert not any(found[len(expected) :])  # what fills up a bank of one word


def test_a_bit_of_each_lane_stands_where_the_layout_has_it() -> None:
    bits = as_bits(np.array([[1, -1], [-4, 3]]), 3)
    assert bits.tolist() == [[1, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0]]
    assert hexadecimal(bits) == "39\n1c\n"


def test_two_images_of_one_name_are_refused() -> None:
    images = Images("design")
    core = images.within("core_0")
    assert core.add("weights", Image("0\n", 1, 1)) == "design_core_0_weights.mem"
    assert core.add("weights", Image("0\n", 1, 1)) == "design_core_0_weights.mem"
    with pytest.raises(FxlifError) as caught:
        core.add("weights", Image("1\n", 1, 1))
    assert caught.value.key == "design_core_0_weights.mem"
    assert list(images.files) == ["design_core_0_weights.mem"]


@pytest.mark.parametrize("depth", [5, BANK_WORDS + 3])
def test_what_is_written_is_there_and_nowhere_else(depth: int) -> None:
    """Each lane by itself, in each slice and bank."""
    rows = drawn(depth, 2, 5)
    rom = Rom("words", rows, 5, writable=True)
    places = [depth - 1, 0, 3, depth - 2]
    read = [*places, 1, 2]
    found: list[list[int]] = []

    async def bench(ctx) -> None:  # type: ignore[no-untyped-def]
        for k, place in enumerate(places):
            ctx.set(rom.write, 1 + k % 3)
            ctx.set(rom.place, place)
            ctx.set(rom.value, 7 + k)
            await ctx.tick()
        ctx.set(rom.write, 0)
        for place in read:
            ctx.set(rom.address, place)
            await ctx.tick().repeat(2)
            found.append([int(ctx.get(rom.data[lane])) for lane in range(2)])

    simulator = Simulator(rom)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    expected = rows.copy()
    for k, place in enumerate(places):
        lanes = [lane for lane in range(2) if (1 + k % 3) >> lane & 1]
        expected[place, lanes] = 7 + k
    assert found == expected[read].tolist()
