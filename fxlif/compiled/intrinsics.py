"""What numba cannot express itself: addresses, bits, threads, calls of a compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types

from .neuron_step import ARGUMENTS, STEP_CALL, STEPPED

if TYPE_CHECKING:

    def intrinsic(function: Callable[..., Any]) -> Any: ...

    cgutils: Any
    make_array: Any
    populate_array: Any
else:
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

# A compiled step reads its arguments by their place: where record and lists differ it would read
# and write anywhere. Compiled code that is kept on disk is kept for one layout of the record.
assert STEP_CALL.names == ("function", *ARGUMENTS), (STEP_CALL, ARGUMENTS)
assert {n for n in ARGUMENTS if "row" in (STEP_CALL[n].names or ())} == set(STEPPED), (
    STEP_CALL,
    STEPPED,
)


@intrinsic
def call_step(
    typingctx: Any, call: Any, first: Any, count: Any, current: Any, drive_row: Any
) -> Any:
    """One step of ``count`` neurons from ``first`` on by the compiled step that ``call``, a record
    of :data:`~fxlif.compiled.neuron_step.STEP_CALL`, describes; their input begins at the element
    ``current``, and their drive is in the row ``drive_row``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)

        # Where a field lies is read from the type of the record, by name.
        def field(name: str, part: str | None = None) -> Any:
            offset = call.offset(name) + (call.typeof(name).offset(part) if part else 0)
            return builder.load(cgutils.get_record_member(builder, args[0], offset, word))

        passed = [ir.Constant(word, 1), args[2]]
        for name in ARGUMENTS:
            begin = args[3 if name == "current" else 1]
            if name == "drive":
                begin = builder.add(begin, builder.mul(args[4], field(name, "row")))
            offset = builder.mul(begin, field(name, "item_size"))
            passed.append(builder.add(field(name, "address"), offset))
            if name in STEPPED:
                passed.append(field(name, "row"))
        kind = ir.FunctionType(ir.VoidType(), [word] * len(passed))
        builder.call(builder.inttoptr(field("function"), kind.as_pointer()), passed)
        return context.get_dummy_value()

    return types.void(call, first, count, current, drive_row), codegen


@intrinsic
def array_at(typingctx: Any, address: Any, length: Any, dtype: Any) -> Any:
    """The array (length,) of ``dtype`` at ``address``, whose memory somebody else keeps."""
    kind = types.Array(dtype.dtype, 1, "C")

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        item_size = ir.Constant(ir.IntType(64), size)
        array = make_array(kind)(context, builder)
        data = builder.inttoptr(args[0], array.data.type)
        populate_array(array, data, [args[1]], [item_size], item_size, None)
        return array._getvalue()

    return kind(types.int64, types.int64, dtype), codegen


@intrinsic
def load(typingctx: Any, address: Any, size: Any) -> Any:
    """The signed integer of 2, 4 or 8 bytes at ``address``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        result = cgutils.alloca_once_value(builder, ir.Constant(word, 0))
        for size in (2, 4, 8):
            kind = ir.IntType(8 * size)
            with builder.if_then(builder.icmp_signed("==", args[1], ir.Constant(word, size))):
                found = builder.load(builder.inttoptr(args[0], kind.as_pointer()))
                builder.store(builder.sext(found, word) if size < 8 else found, result)
        return builder.load(result)

    return types.int64(address, size), codegen


@intrinsic
def store(typingctx: Any, address: Any, size: Any, value: Any) -> Any:
    """Write ``value`` as a signed integer of 2, 4 or 8 bytes to ``address``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        for size in (2, 4, 8):
            kind = ir.IntType(8 * size)
            with builder.if_then(builder.icmp_signed("==", args[1], ir.Constant(word, size))):
                narrow = builder.trunc(args[2], kind) if size < 8 else args[2]
                builder.store(narrow, builder.inttoptr(args[0], kind.as_pointer()))
        return context.get_dummy_value()

    return types.void(address, size, value), codegen


@intrinsic
def lowest_bit(typingctx: Any, word: Any) -> Any:
    """The place of the lowest 1 in an int64 that is not 0."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), codegen


@intrinsic
def fetch(typingctx: Any, address: Any) -> Any:
    """Have the memory at ``address`` brought closer: it is read soon."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word, number = ir.IntType(64), ir.IntType(32)
        place = builder.inttoptr(args[0], word.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [word.as_pointer(), *[number] * 3])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, *(ir.Constant(number, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(address), codegen


@intrinsic
def count_up(typingctx: Any, address: Any) -> Any:
    """Add 1 to the int64 at ``address``, seen by all threads in one order: its old value."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        place = builder.inttoptr(args[0], word.as_pointer())
        return builder.atomic_rmw("add", place, ir.Constant(word, 1), "seq_cst")

    return types.int64(address), codegen


@intrinsic
def look(typingctx: Any, address: Any) -> Any:
    """The int64 at ``address`` as other threads have left it."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        place = builder.inttoptr(args[0], word.as_pointer())
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(address), codegen


@intrinsic
def give_way(typingctx: Any) -> Any:
    """Let another thread have the processor."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen
