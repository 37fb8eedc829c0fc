"""Integer expressions of known range, compiled by LLVM to loops over arrays.

A :class:`Value` stands for one integer in the body of a loop. It knows the lowest and highest
value that it can take, so that every operation is carried out in the narrowest machine integer
that holds its exact result: half the width is twice the speed. The compiler is llvmlite's, numba's
own; through numba itself each set of parameters would compile for half a second and promote every
narrow operation to 64 bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from ..params.quantise import signed_bits, signed_range

#: The machine integers that values are kept in.
WIDTHS = (16, 32, 64)
_SIZE = ir.IntType(64)


def width(low: int, high: int) -> int:
    """The narrowest machine integer that holds ``low`` and ``high``."""
    bits = signed_bits(min(low, 0), max(high, 0))
    for allowed in WIDTHS:
        if bits <= allowed:
            return allowed
    raise OverflowError(f"{low}..{high} needs {bits} bits")


class Value:
    """An exact integer between ``low`` and ``high``; one with ``low == high`` is a constant."""

    def __init__(self, builder: ir.IRBuilder, low: int, high: int, code: Any = None) -> None:
        self.builder = builder
        self.low, self.high = low, high
        self._code = None if low == high else code

    @property
    def bits(self) -> int:
        return width(self.low, self.high)

    def at(self, bits: int) -> Any:
        """This value as a machine integer of ``bits`` bits; modulo 2**bits if it is wider."""
        kind = ir.IntType(bits)
        if self._code is None:
            return ir.Constant(kind, self.low)
        if self._code.type.width < bits:
            return self.builder.sext(self._code, kind)
        return self.builder.trunc(self._code, kind) if self._code.type.width > bits else self._code

    def _lift(self, other: Value | int) -> Value:
        return other if isinstance(other, Value) else Value(self.builder, other, other)

    def _exact(self, operation: str, other: Value | int, ends: Sequence[int]) -> Value:
        """An operation whose low bits depend on the operands' low bits only."""
        other = self._lift(other)
        low, high = min(ends), max(ends)
        bits = width(low, high)
        code = getattr(self.builder, operation)(self.at(bits), other.at(bits))
        return Value(self.builder, low, high, code)

    def __add__(self, other: Value | int) -> Value:
        other = self._lift(other)
        return self._exact("add", other, (self.low + other.low, self.high + other.high))

    def __sub__(self, other: Value | int) -> Value:
        other = self._lift(other)
        return self._exact("sub", other, (self.low - other.high, self.high - other.low))

    def __mul__(self, factor: int) -> Value:
        return self._exact("mul", factor, (self.low * factor, self.high * factor))

    def __and__(self, mask: int) -> Value:
        # A mask of low ones, by which every number becomes one from 0 to the mask.
        return self._exact("and_", mask, (0, mask))

    def __rshift__(self, count: int) -> Value:
        low, high, bits = self.low >> count, self.high >> count, self.bits
        amount = ir.Constant(ir.IntType(bits), min(count, bits - 1))
        return Value(self.builder, low, high, self.builder.ashr(self.at(bits), amount))

    def _compare(self, operator: str, other: Value | int) -> Bit:
        other = self._lift(other)
        bits = max(self.bits, other.bits)
        return Bit(self.builder, self.builder.icmp_signed(operator, self.at(bits), other.at(bits)))

    def __lt__(self, other: Value | int) -> Bit:
        return self._compare("<", other)

    def __gt__(self, other: Value | int) -> Bit:
        return self._compare(">", other)

    def __ge__(self, other: Value | int) -> Bit:
        return self._compare(">=", other)

    def equals(self, other: Value | int) -> Bit:
        """Whether both are the same number."""
        return self._compare("==", other)

    def at_least(self, low: int) -> Value:
        """The greater of this and ``low``."""
        if self.low >= low:
            return self
        return select(self < low, self._lift(low), self).within(low, max(low, self.high))

    def at_most(self, high: int) -> Value:
        """The lesser of this and ``high``."""
        if self.high <= high:
            return self
        return select(self > high, self._lift(high), self).within(min(high, self.low), high)

    def within(self, low: int, high: int) -> Value:
        """This value, known for another reason to lie between ``low`` and ``high``."""
        low, high = max(low, self.low), min(high, self.high)
        return Value(self.builder, low, high, self.at(width(low, high)))

    def wrapped(self, bits: int) -> Value:
        """This value in two's complement on ``bits`` bits."""
        low, high = signed_range(bits)
        if low <= self.low and self.high <= high:
            return self
        kept = width(low, high)
        code = self.at(kept)
        spare = ir.Constant(ir.IntType(kept), kept - bits)
        code = self.builder.ashr(self.builder.shl(code, spare), spare)
        return Value(self.builder, low, high, code)


@dataclass(frozen=True)
class Bit:
    """A truth value in the body of a loop."""

    builder: ir.IRBuilder
    code: Any

    def __and__(self, other: Bit) -> Bit:
        return Bit(self.builder, self.builder.and_(self.code, other.code))

    def __or__(self, other: Bit) -> Bit:
        return Bit(self.builder, self.builder.or_(self.code, other.code))

    def __invert__(self) -> Bit:
        return Bit(self.builder, self.builder.not_(self.code))


def select(condition: Bit, a: Value, b: Value) -> Value:
    """``a`` where the condition holds, ``b`` elsewhere."""
    low, high = min(a.low, b.low), max(a.high, b.high)
    bits = width(low, high)
    builder = condition.builder
    return Value(builder, low, high, builder.select(condition.code, a.at(bits), b.at(bits)))


# --- loops --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Array:
    """An argument of a loop: elements of ``bits`` bits, in ``low``..``high``.

    A row per step where it is ``stepped``, else one row for all steps. With 0 bits it is not there:
    its pointer is passed and never used. Elements are unsigned where ``high`` needs that.
    """

    name: str
    bits: int = 0
    low: int = 0
    high: int = 0
    stepped: bool = False

    def value(self, builder: ir.IRBuilder, place: Any) -> Value:
        """The element at ``place``."""
        code = builder.load(place, typ=ir.IntType(self.bits))
        if self.high >= 1 << (self.bits - 1):
            code = builder.zext(code, ir.IntType(width(self.low, self.high)))
        return Value(builder, self.low, self.high, code)


#: Of the values of all arrays at one element, the new ones, by name, of those that change.
Body = Callable[[dict[str, Value]], dict[str, "Value | Bit"]]


class CompiledLoop:
    """``for step: for element: body``, compiled; arrays must not overlap.

    Its address is that of a C function void(int64 steps, int64 elements, then for each array a
    pointer, and an int64 with the elements from one row to the next if the array is stepped).
    """

    def __init__(self, arrays: Sequence[Array], body: Body) -> None:
        self.arrays = tuple(arrays)
        module = ir.Module()
        kinds: list[Any] = [_SIZE, _SIZE]
        for array in self.arrays:
            kinds += [ir.PointerType(), _SIZE] if array.stepped else [ir.PointerType()]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "loop")
        _write_loop(function, self.arrays, body)
        self._engine = _compile(str(module))
        self.address: int = self._engine.get_function_address("loop")
        types = [ctypes.c_int64 if kind is _SIZE else ctypes.c_void_p for kind in kinds]
        #: Lets other Python threads run while it runs.
        self.call = ctypes.CFUNCTYPE(None, *types)(self.address)


def _write_loop(function: ir.Function, arrays: Sequence[Array], body: Body) -> None:
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    steps, elements, *rest = function.args
    pointers, strides = {}, {}
    for array in arrays:
        pointers[array.name] = rest.pop(0)
        pointers[array.name].add_attribute("noalias")
        if array.stepped:
            strides[array.name] = rest.pop(0)
    with _counted(builder, steps) as step:
        rows = {
            array.name: builder.gep(
                pointers[array.name], [builder.mul(step, strides[array.name])],
                source_etype=ir.IntType(array.bits),
            )
            if array.stepped
            else pointers[array.name]
            for array in arrays
            if array.bits
        }  # fmt: skip
        with _counted(builder, elements) as element:
            places = {
                array.name: builder.gep(
                    rows[array.name], [element], source_etype=ir.IntType(array.bits)
                )
                for array in arrays
                if array.bits
            }
            values = {
                array.name: array.value(builder, places[array.name])
                for array in arrays
                if array.bits
            }
            bits = {array.name: array.bits for array in arrays}
            for name, value in body(values).items():
                kind = ir.IntType(bits[name])
                code = (
                    builder.zext(value.code, kind)
                    if isinstance(value, Bit)
                    else value.at(kind.width)
                )
                builder.store(code, places[name])
    builder.ret_void()


class _counted:
    """The blocks of ``for index in range(count)``; the builder is inside, then after it."""

    def __init__(self, builder: ir.IRBuilder, count: Any) -> None:
        self._builder, self._count = builder, count

    def __enter__(self) -> Any:
        builder = self._builder
        before = builder.block
        self._head = builder.append_basic_block()
        body = builder.append_basic_block()
        self._after = builder.append_basic_block()
        builder.branch(self._head)
        builder.position_at_end(self._head)
        self._index = builder.phi(_SIZE)
        self._index.add_incoming(ir.Constant(_SIZE, 0), before)
        more = builder.icmp_signed("<", self._index, self._count)
        builder.cbranch(more, body, self._after)
        builder.position_at_end(body)
        return self._index

    def __exit__(self, *_: object) -> None:
        following = self._builder.add(self._index, ir.Constant(_SIZE, 1), flags=["nsw"])
        self._index.add_incoming(following, self._builder.block)
        self._builder.branch(self._head)
        self._builder.position_at_end(self._after)


@cache
def _target() -> llvm.Target:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def _target_machine() -> llvm.TargetMachine:
    """A description of this CPU for one engine, which owns it: it is freed with the engine.

    How wide its vectors are is left to LLVM: the widest lose more at the edges of cache lines, on
    arrays that are not aligned to them, than they gain.
    """
    features = llvm.get_host_cpu_features().flatten()
    return _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True
    )


def _compile(text: str) -> llvm.ExecutionEngine:
    machine = _target_machine()
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
