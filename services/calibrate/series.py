"""Series of blows at one place: where along the cable taps were heard, and when.

A blow stands out of each channel's own noise over several channels at once. Blows at one place
that follow each other make a series; its response by channel, averaged over its blows, says where
it is: the centroid of the response's amplitude over 5 channels each way of the strongest. Against
the centroid of energy that gave 0.09 instead of 0.14 channel rms over 120 simulated taps, since
power is dominated by one or two channels and by how well these happen to be coupled.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, uniform_filter1d

from services.calibrate.hearing import CELL_NS, Listening

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

REACH = 5
"""The centroid is taken over so many channels each way (assumed)."""

LEAST_SIGMA = 0.25
"""Standard deviation of a place along the cable at least, in channels (assumed)."""

_BLOW = 10.0
"""A blow's power over the noise of three channels; by chance noise reaches 3 in an hour."""

_APART_CELLS, _APART_CHANNELS = 10, 8
"""Nearer than half a second and 80 m the weaker of two blows is the other's wave."""

_BEFORE, _AFTER = 3, 11
"""Cells about a blow that belong to it: its wave takes half a second over 50 m."""

_SAME_PLACE = 2.5  # channels
_PAUSE_CELLS = 120
"""Taps come each few seconds; after 6 s without one another series begins."""

_LOUD = 0.05
"""Share of the strongest channel's amplitude above which a channel hears the blows."""

_NOISE = 0.55
"""Amplitude that an average over some blows does not reach without them: 5 sigma of 4 blows."""

_SIGMAS, _MAD_SIGMAS = 5.0, 1.4826
"""The same of what the other channels scatter, by their median absolute deviation."""

_LOBE = 0.12
"""Share of the stronger side's response that the other side of a coil has at least."""

_LONGEST_COIL = 30  # channels


@dataclass(frozen=True, slots=True)
class Series:
    """Blows at one place.

    Attributes:
        begin_ns: first blow, by the recorder's clock.
        taps: how many blows were heard.
        strength: median power of them over the noise.
        channel: where, fractions of channels.
        sigma: of that, channels.
        ends: last channel before and first one after a stretch that is deaf to the blows though
            both sides hear them; None where there is none.
    """

    begin_ns: int
    taps: int
    strength: float
    channel: float
    sigma: float
    ends: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Blows:
    """Blows in order of strength, falling; all of shape (blow,)."""

    cell: IntArray
    channel: IntArray
    strength: FloatArray

    def part(self, which: npt.NDArray[np.bool_]) -> "_Blows":
        return _Blows(self.cell[which], self.channel[which], self.strength[which])


def series_in(heard: Listening) -> list[Series]:
    """Find the series of a stretch and span, the strongest first."""
    ratio = _over_noise(heard)
    left = _blows(ratio)
    found: list[tuple[_Blows, Series]] = []
    while left.cell.size:
        near = np.abs(left.channel - left.channel[0]) <= _SAME_PLACE
        here = left.part(near)
        order = np.sort(here.cell)
        breaks = order[1:][np.diff(order) > _PAUSE_CELLS]
        run = np.searchsorted(breaks, here.cell, side="right")
        one = here.part(run == run[0])
        taken = near.copy()
        taken[near] = run == run[0]
        left = left.part(~taken)
        if one.cell.size > 1 and not any(_echoes(one, stronger) for stronger, _ in found):
            found.append((one, _series(one, ratio, heard)))
    return [series for _, series in found]


def _over_noise(heard: Listening) -> FloatArray:
    """Power by the channel's own median, shape (cell, channel); 1 where nothing was heard."""
    known = heard.samples > 0
    power = np.where(known, heard.power, np.nan)
    floor = np.full(power.shape[1], np.nan)
    some = known.any(axis=0)
    floor[some] = np.nanmedian(power[:, some], axis=0)
    usable = known & (np.nan_to_num(floor) > 0.0)
    ratio: FloatArray = np.divide(power, floor, out=np.ones(power.shape), where=usable)
    return ratio


def _blows(ratio: FloatArray) -> _Blows:
    wide = uniform_filter1d(ratio, 3, axis=1, mode="nearest")
    size = (2 * _APART_CELLS + 1, 2 * _APART_CHANNELS + 1)
    cell, channel = np.nonzero((wide > _BLOW) & (wide == maximum_filter(wide, size)))
    strength = wide[cell, channel]
    order = np.argsort(-strength, kind="stable")
    return _Blows(cell[order], channel[order], strength[order])


def _echoes(one: _Blows, stronger: _Blows) -> bool:
    """Whether blows are those of a stronger series, heard further off or behind a coil."""
    if abs(int(one.channel[0]) - int(stronger.channel[0])) > _LONGEST_COIL:
        return False
    apart = np.abs(one.cell[:, np.newaxis] - stronger.cell).min(axis=1)
    return bool((apart <= _APART_CELLS + 2).mean() > 0.5)


def _series(blows: _Blows, ratio: FloatArray, heard: Listening) -> Series:
    cells = blows.cell[:, np.newaxis] + np.arange(-_BEFORE, _AFTER)
    excess = ratio[np.clip(cells, 0, len(ratio) - 1)].mean(axis=1)
    # What most channels have more than usual is a gust or the instrument, not the blow.
    excess -= np.median(excess, axis=1, keepdims=True)
    whole = _amplitude(excess.mean(axis=0))
    each = [_centroid(_amplitude(one)) for one in excess]
    ends = _ends(whole)
    first = heard.first_channel
    return Series(
        begin_ns=heard.begin_ns + int(blows.cell.min()) * CELL_NS,
        taps=len(blows.cell),
        strength=float(np.median(blows.strength)),
        channel=first + _centroid(whole),
        sigma=LEAST_SIGMA if ends is not None else max(LEAST_SIGMA, _scatter(each)),
        ends=None if ends is None else (first + ends[0], first + ends[1]),
    )


def _scatter(places: list[float]) -> float:
    """Standard deviation by the median absolute deviation: one gust must not spoil the others."""
    off = np.abs(np.array(places) - np.median(places))
    return float(_MAD_SIGMAS * np.median(off))


def _amplitude(excess: FloatArray) -> FloatArray:
    """Response by channel; without what noise alone may reach or a twentieth of the strongest."""
    amplitude = np.sqrt(np.maximum(excess, 0.0))
    noise = np.sqrt(_SIGMAS * _MAD_SIGMAS * np.median(np.abs(excess)))
    return np.where(amplitude > max(_LOUD * amplitude.max(), _NOISE, noise), amplitude, 0.0)


def _centroid(amplitude: FloatArray) -> float:
    top = int(np.argmax(amplitude))
    at = np.arange(max(top - REACH, 0), min(top + REACH + 1, len(amplitude)))
    total = float(amplitude[at].sum())
    return float(at @ amplitude[at]) / total if total > 0.0 else float(top)


def _ends(amplitude: FloatArray) -> tuple[float, float] | None:
    """Both sides of the deaf stretch between the two strongest runs of channels that hear."""
    loud = np.flatnonzero(amplitude)
    if not loud.size:
        return None
    edges = np.flatnonzero(np.diff(loud) > 1)
    low = loud[np.concatenate(([0], edges + 1))]
    high = loud[np.concatenate((edges, [loud.size - 1]))]
    sums = np.add.reduceat(amplitude, low)  # what lies between the runs is zero
    top = int(np.argmax(sums))
    gap = np.where(np.arange(low.size) > top, low - high[top], low[top] - high)
    # One channel alone may be fading; beside a coil several hear the blow.
    other = np.where((gap > 1) & (gap <= _LONGEST_COIL) & (high > low), sums, 0.0)
    second = int(np.argmax(other))
    if other[second] < _LOBE * sums[top]:
        return None
    before, after = min(top, second), max(top, second)
    # Beside a coil the blow is loudest, where its wave merely fades out it is not.
    left = amplitude[low[before] : high[before] + 1]
    right = amplitude[low[after] : high[after] + 1]
    if len(left) - 1 - int(np.argmax(left)) > 1 or int(np.argmax(right)) > 1:
        return None
    return float(high[before]), float(low[after])
