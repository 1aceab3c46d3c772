"""The state of the cable itself: cut, unplugged, bent, or its interrogator at fault.

Beyond a cut or an open plug no light comes back. The phase is then any at each sample, alike on no
two channels, and so every channel is equally loud in every band, whatever the ground, the coupling
and the distance; nothing else makes all channels to the cable's end alike. An interrogator that
leaves such channels out (zeros, not a number, clipped) is understood as well, if it heard
something there before.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from services.detect.cable_bends import Bends
from services.detect.cable_levels import BEAT, Levels
from services.detect.cable_settings import CableStateSettings, empty_energy
from services.detect.cover import LOOK_BEATS, Cover, Hearing
from services.detect.fibre_settings import WINDOW_S
from services.detect.frontend import F32, Shape, Windows

Sign = Literal["cut", "bend", "disconnect"]

_REFERENCE = 5  # channels at the cable's end that the first look is by
_MISS = 20  # a channel in between that is not so counts as much as twenty that are
_NEAR = 2  # channels by which an edge may move without being another
_PLUG = 3  # a break before this channel is at the interrogator's plug


@dataclass(frozen=True, slots=True)
class CableFind:
    """What is to be told of the cable now.

    Attributes:
        sign: what it is.
        first_window: since when.
        place: where, as a fraction of channels counted from the frames' first one.
        sigma: of that, channels.
        beyond: channels that lie behind it.
    """

    sign: Sign
    first_window: int
    place: float
    sigma: float
    beyond: int


@dataclass(slots=True)
class _Standing:
    """A state that lasts: when it began and when it is to be told next, in windows."""

    sign: Sign
    first_window: int
    next_window: int


class CableState:
    """Keeps the state of one sensor's cable."""

    def __init__(
        self, shape: Shape, weight: F32, gauge_m: float | None, settings: CableStateSettings
    ) -> None:
        """Start with a whole cable.

        Args:
            shape: of the frames.
            weight: of the windows' bands, shape (band,).
            gauge_m: gauge length; as long as the spacing where not known.
            settings: limits.
        """
        self.gauge_m = gauge_m
        self._settings = settings
        self.shape = shape
        self._full = empty_energy(shape.sample_rate_hz, gauge_m or shape.spacing_m, shape.scale)
        self.levels = Levels(weight.size, shape.channels)
        self._bends = Bends(settings)
        self.hearing = Hearing(weight, shape.channels, shape.spacing_m)
        self._looked = -1
        self.edge = self._seen = shape.channels
        self._seen_beats = 0
        self.standing: dict[str, _Standing] = {}
        self.at_fault = False
        """The interrogator says the same or nothing on all channels."""
        self.lost: npt.NDArray[np.bool_] = np.zeros(shape.channels, np.bool_)
        """Channels from which nothing comes back, also while that is not sure yet."""

    def keep_from(self, before: "CableState") -> None:
        """Take over what was known before an interrogator's restart.

        It is told on until a look at the new frames says that it is over.
        """
        old, new = before.shape, self.shape
        if (old.channels, old.first_channel, old.spacing_m) != (
            new.channels,
            new.first_channel,
            new.spacing_m,
        ):
            return
        self.edge = self._seen = before.edge
        self.levels.heard |= before.levels.heard
        if "break" in before.standing:
            self.standing["break"] = _Standing(before.standing["break"].sign, 0, 0)

    def push(self, windows: Windows, usual: F32 | None) -> None:
        """Take windows of at most one decision.

        Args:
            windows: from the front end.
            usual: usual mean energy by band and channel, shape (band, channel); None while it is
                being learned.
        """
        for beat in self.levels.push(windows):
            self.hearing.push(self.levels.energy(beat), self.levels.blank | self.lost)
            mean = self.levels.mean(beat)
            if mean is not None:
                self._look(mean, usual)
                if not self.lost.any():
                    self._bends.push(beat, self.levels)
                self._stand(beat)

    def tell(self, window: int) -> list[CableFind]:
        """What is due after a window."""
        settings = self._settings
        finds: list[CableFind] = []
        for one in self.standing.values():
            if window < one.next_window:
                continue
            age_s = (window - one.first_window) * WINDOW_S
            pause_s = 0.5 if age_s < settings.burst_s else settings.repeat_s
            one.next_window = window + round(pause_s / WINDOW_S)
            finds.append(self._find(one))
        return finds

    def look(self, disturbed: npt.NDArray[np.bool_]) -> Cover | None:
        """How much of the cable hears now; None where it is not time to look.

        Args:
            disturbed: channels that are part of a region's disturbance.
        """
        number = self.hearing.beats // LOOK_BEATS
        if number == self._looked:
            return None
        self._looked = number
        if number == 0:
            return Cover(0.0, ())  # nothing is known yet
        return self.hearing.look(self.lost, self.levels.blank, disturbed)

    def faults(self) -> list[str]:
        """What is at fault now, in words that do not change while it lasts."""
        names = {"cut": "cable-cut", "bend": "cable-bent", "disconnect": "cable-disconnected"}
        found = [names[one.sign] for one in self.standing.values()]
        return [*found, *(["interrogator-fault"] if self.at_fault else [])]

    def _find(self, one: _Standing) -> CableFind:
        channels = self.shape.channels
        if one.sign == "bend":
            place, sigma = self._bends.place, max(self._bends.sigma, 1.0)
        else:
            # Between the last channel that is heard and the first that is not.
            place, sigma = self.edge, 0.5
            if place == 0:
                # Somewhere before the first channel that there is.
                sigma = max(sigma, self.shape.first_channel / np.sqrt(12.0))
        return CableFind(one.sign, one.first_window, place - 0.5, float(sigma), channels - place)

    def _look(self, mean: F32, usual: F32 | None) -> None:
        """Find the channel from which on nothing comes back."""
        settings, levels = self._settings, self.levels
        total = mean.sum(axis=0)
        loud = total >= settings.empty_share * self._full
        if usual is not None:
            loud |= total >= settings.empty_jump * usual.sum(axis=0)
        edge = self.shape.channels
        if np.any(loud) or np.any(levels.blank):
            edge = self._edge_of(mean, loud)
        together = edge < self.shape.channels and self._together(edge)
        self.at_fault = bool(np.all(levels.blank)) or (edge <= _PLUG and together)
        if self.at_fault:
            return  # of the cable nothing can be said
        if together:
            edge = self.shape.channels
        self.lost[:] = False
        self.lost[min(edge, self.edge) :] = True
        if abs(edge - self._seen) <= _NEAR:
            self._seen_beats += 1
        else:
            self._seen, self._seen_beats = edge, 1
        steady = self._seen_beats * BEAT * WINDOW_S >= settings.hold_s
        if steady and (abs(edge - self.edge) > _NEAR or edge == self.shape.channels):
            self.edge = edge

    def _edge_of(self, mean: F32, loud: npt.NDArray[np.bool_]) -> int:
        """First channel of an end that is alike or blank; the number of channels where none is."""
        blank, least = self.levels.blank, self._settings.least_channels
        gone, unknown = blank & self.levels.heard, blank & ~self.levels.heard
        loud = loud & ~blank
        edge = _end_run(gone, unknown, least)
        tail = np.flatnonzero(loud)[-_REFERENCE:]
        if tail.size < least:
            return edge
        level = np.log(mean[1:] if len(mean) > 1 else mean)
        for _ in range(2):  # by a few channels at the end, then by all that are like them
            middle = np.median(level[:, tail], axis=1, keepdims=True)
            alike = np.abs(level - middle).max(axis=0) <= self._settings.alike_nats
            edge = _end_run(gone | (loud & alike), unknown, least)
            tail = np.flatnonzero(loud[edge:]) + edge
            if not tail.size:
                return edge
        apart = level[:, tail] - np.median(level[:, tail], axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(apart), axis=1).max()
        middle_energy = float(np.median(mean[:, tail].sum(axis=0)))
        faint = middle_energy < self._settings.empty_share * self._full
        few = faint and tail.size < self._settings.jump_channels
        return self.shape.channels if few or spread > self._settings.alike_spread_nats else edge

    def _together(self, edge: int) -> bool:
        """Whether what lies beyond an edge swells and fades as one, as no random phase does.

        An interrogator's laser or an earthquake does. Channels that are blank altogether are so by
        the interrogator's doing where they are all there are.
        """
        levels = self.levels
        heard = np.flatnonzero(~levels.blank[edge:]) + edge
        if 2 * heard.size < self.shape.channels - edge:
            return edge <= _PLUG
        total = levels.totals[:, heard].astype(np.float64)
        level = np.maximum(total.mean(axis=0), 1e-30)
        each = float(np.mean(np.var(total, axis=0) / level**2))
        common = float(np.var((total / level).mean(axis=1)))
        # By chance alone a mean over so many channels varies by this share of what each does.
        chance = 4.0 / heard.size
        return common > (self._settings.common_share + chance) * each

    def _stand(self, beat: int) -> None:
        """Begin and end what stands."""
        window = (beat + 1) * BEAT
        edge = self.edge
        at_plug = edge <= _PLUG and self.shape.first_channel == 0
        sign: Sign | None = None
        if edge < self.shape.channels:
            sign = "disconnect" if at_plug else "cut"
        self._set("break", sign, window)
        bent = self._bends.place >= 0 and self._bends.place < edge
        one = self.standing.get("bend")
        if one is not None:
            bent &= (window - one.first_window) * WINDOW_S < self._settings.bend_hold_s
        if not bent:
            self._bends.place = -1
        self._set("bend", "bend" if bent else None, window)

    def _set(self, key: str, sign: Sign | None, window: int) -> None:
        one = self.standing.get(key)
        if sign is None:
            self.standing.pop(key, None)
        elif one is None or one.sign != sign:
            self.standing[key] = _Standing(sign, window, window)

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Plain values and arrays of the whole state."""
        levels, arrays = self.levels.state()
        beats, hearing = self.hearing.state()
        return {
            "hearing": [beats, self._looked],
            "levels": levels,
            "edge": self.edge,
            "seen": [self._seen, self._seen_beats],
            "standing": [
                [key, one.sign, one.first_window, one.next_window]
                for key, one in self.standing.items()
            ],
            "bend": [self._bends.place, self._bends.sigma, *self._bends.seen],
            "at_fault": self.at_fault,
        }, arrays | hearing | {"cable.lost": self.lost}

    def set_state(self, values: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.levels.set_state(values["levels"], arrays)
        beats, self._looked = values["hearing"]
        self.hearing.set_state(beats, arrays)
        self.edge = values["edge"]
        self._seen, self._seen_beats = values["seen"]
        self.standing = {
            key: _Standing(sign, first, following)
            for key, sign, first, following in values["standing"]
        }
        self._bends.place, self._bends.sigma, *self._bends.seen = values["bend"]
        self.at_fault = values["at_fault"]
        self.lost[:] = arrays["cable.lost"]


def _end_run(lost: npt.NDArray[np.bool_], unknown: npt.NDArray[np.bool_], least: int) -> int:
    """First of the channels that are lost up to the end, but for few; their number where none.

    Args:
        lost: shape (channel,).
        unknown: channels that say neither, shape (channel,).
        least: so many have to be lost.
    """
    weight = np.where(lost, 1, np.where(unknown, 0, -_MISS))
    gain = np.cumsum(weight[::-1])[::-1]
    edge = int(np.argmax(gain))
    if gain[edge] < least:
        return lost.size
    return edge + int(np.argmax(lost[edge:]))
