"""Ask for pixels before they are needed: stars lie apart, and memory is slow to answer."""

import math

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64  # bytes that memory hands over at a time


@intrinsic
def _touch(typing_context, image, row, column):
    """Ask the processor for one pixel; it goes on without waiting."""
    del typing_context

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = cgutils.get_item_pointer(
            context, builder, signature.args[0], array, arguments[1:], wraparound=False
        )
        number, pointer = cgutils.int32_t, cgutils.voidptr_t
        kind = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [pointer, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
        read, keep, data = (number(n) for n in (0, 3, 1))
        builder.call(ask, [builder.bitcast(place, pointer), read, keep, data])
        return context.get_dummy_value()

    return types.void(image, row, column), generate


@njit(cache=True, nogil=True)
def ask_row(image, row, left, right):
    """Ask for the pixels of a row from `left` to `right`, which is one of them."""
    for column in range(left, right, LINE // image.itemsize):
        _touch(image, row, column)
    _touch(image, row, right)


@njit(cache=True, nogil=True)
def ask_for(image, x, y, reach):
    """Ask for the pixels within `reach` of a place.

    Parameters
    ----------
    image : array (ny, nx)
        May be empty.
    x, y : float
        Place; where it is not in the image nothing happens.
    reach : float
        Pixels.
    """
    ny, nx = image.shape
    if not (-reach <= x <= nx + reach and -reach <= y <= ny + reach) or nx == 0:
        return
    left, right = max(0, math.floor(x - reach)), min(nx - 1, math.ceil(x + reach))
    for row in range(max(0, math.floor(y - reach)), min(ny, math.ceil(y + reach) + 1)):
        ask_row(image, row, left, right)
