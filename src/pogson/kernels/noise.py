"""Random electrons: exact Poisson and Gaussian deviates, and the read-out of a detector.

The generator is xoshiro256++ (Blackman & Vigna 2021, ACM TOMS 47, 36): four uint64 words, changed in
place, so that every file owns its stream and no thread waits for another.
"""

import math

import numpy as np
from numba import njit


def _layers(n=128, r=3.442619855899, area=9.91256303526217e-3):
    """Edges of the ziggurat's layers (Marsaglia & Tsang 2000, J. Stat. Soft. 5, 8)."""
    edge = np.zeros(n + 1)
    f = math.exp(-0.5 * r * r)
    edge[0], edge[1] = area / f, r
    for i in range(2, n):
        edge[i] = math.sqrt(-2.0 * math.log(area / edge[i - 1] + f))
        f = math.exp(-0.5 * edge[i] * edge[i])
    return edge


EDGE = _layers()
RATIO = EDGE[1:] / EDGE[:-1]
HEIGHT = np.exp(-0.5 * EDGE**2)
TAIL = 3.442619855899

A11, A17, A19, A23, A41, A45 = (np.uint64(n) for n in (11, 17, 19, 23, 41, 45))
LOW7 = np.uint64(127)
ULP = 2.0**-53


@njit(cache=True, nogil=True)
def _bits(s):
    t = s[0] + s[3]
    result = ((t << A23) | (t >> A41)) + s[0]
    t = s[1] << A17
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << A45) | (s[3] >> A19)
    return result


@njit(cache=True, nogil=True)
def _uniform(s):
    """Uniform deviate, 0 and 1 excluded."""
    return (np.int64(_bits(s) >> A11) + 0.5) * ULP


@njit(cache=True, nogil=True)
def _normal(s):
    """Standard normal deviate: ziggurat with independent bits for layer and place (Doornik 2005)."""
    while True:
        word = _bits(s)
        layer = np.int64(word & LOW7)
        u = 2.0 * (np.int64(word >> A11) + 0.5) * ULP - 1.0
        if abs(u) < RATIO[layer]:
            return u * EDGE[layer]
        if layer == 0:
            while True:
                x = -math.log(_uniform(s)) / TAIL
                if -2.0 * math.log(_uniform(s)) > x * x:
                    return math.copysign(TAIL + x, u)
        x = u * EDGE[layer]
        low, high = HEIGHT[layer], HEIGHT[layer + 1]
        if low + _uniform(s) * (high - low) < math.exp(-0.5 * x * x):
            return x


@njit(cache=True, nogil=True)
def _poisson(mean, s):
    """Poisson deviate: inversion below 10, transformed rejection (PTRS, Hoermann 1993) above."""
    if not mean > 0.0:
        return 0.0
    if mean < 10.0:
        u, p, k = _uniform(s), math.exp(-mean), 0.0
        while u > p:
            u -= p
            k += 1.0
            p *= mean / k
            if p < 1e-300:
                break
        return k
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    v_sure = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = _uniform(s) - 0.5, _uniform(s)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_sure:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        scale = 1.1239 + 1.1328 / (b - 3.4)
        if math.log(v * scale / (a / (us * us) + b)) <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return k


@njit(cache=True, nogil=True)
def collect_electrons(light, response, dark, exptime, state, electrons):
    """Count the electrons that light and dark current leave in each pixel.

    Parameters
    ----------
    light : float32 (ny, nx)
        Electrons expected where the response is 1.
    response : float32 (ny, nx)
        Relative response to light.
    dark : float32 (ny, nx)
        Dark current, electron / s.
    exptime : float
        Seconds.
    state : uint64 (4,)
        Random state, changed in place.
    electrons : float32 (ny, nx)
        Result: whole numbers; above 2^24 they are rounded to float32.
    """
    ny, nx = light.shape
    for y in range(ny):
        for x in range(nx):
            mean = np.float64(light[y, x]) * response[y, x] + exptime * dark[y, x]
            electrons[y, x] = _poisson(mean, state)


@njit(cache=True, nogil=True)
def spill_charge(electrons, full_well):
    """Let charge above the full well run along its column, one half each way (in place).

    Parameters
    ----------
    electrons : float32 (ny, nx)
        Charge that reaches the first or last row is lost.
    full_well : float
        Electrons.
    """
    ny, nx = electrons.shape
    spilt = np.zeros(ny)
    for x in range(nx):
        found = False
        for y in range(ny):
            spilt[y] = 0.0
            if electrons[y, x] > full_well:
                spilt[y] = 0.5 * (electrons[y, x] - full_well)
                electrons[y, x] = full_well
                found = True
        if not found:
            continue
        for step in (1, -1):
            carried = 0.0
            for j in range(ny):
                y = j if step == 1 else ny - 1 - j
                taken = min(carried, full_well - electrons[y, x])
                electrons[y, x] += taken
                carried += spilt[y] - taken


@njit(cache=True, nogil=True)
def digitise(electrons, bias, offset, gain, read_noise, full_well, bend, ceiling, state, adu):
    """Read the detector out: amplifier, read noise, converter.

    Parameters
    ----------
    electrons : float32 (ny, nx)
        Charge of the pixels; the overscan holds none.
    bias : float32 (ny, nx + overscan)
        Level of each read-out pixel, ADU; the columns beyond nx are overscan.
    offset : float
        ADU added to the whole frame.
    gain : float
        electron / ADU.
    read_noise, full_well : float
        Electrons.
    bend : float
        Share of the signal that is lost at full well: signal (1 - bend signal / full_well).
    ceiling : float
        Largest number of the converter.
    state : uint64 (4,)
        Random state, changed in place.
    adu : uint16 (ny, nx + overscan)
        Result, rounded to the nearest number.
    """
    ny, width = bias.shape
    nx = electrons.shape[1]
    for y in range(ny):
        for x in range(width):
            signal = 0.0
            if x < nx:
                signal = np.float64(electrons[y, x])
                signal *= 1.0 - bend * signal / full_well
            level = (signal + read_noise * _normal(state)) / gain + bias[y, x] + offset
            adu[y, x] = np.uint16(min(max(math.floor(level + 0.5), 0.0), ceiling))
