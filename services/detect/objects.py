"""From active channels to objects that are followed along the cable.

Nothing is said of cells. Runs of active channels become objects; an object must last and look
like footsteps, digging or a vehicle before it may start a track, and what is as wide as a train or
part of a region's disturbance never may.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.detect.cues import ACTIVE_SIGMA, IMPULSE_SIGMA, Cues, cadence
from services.detect.evidence import evidence
from services.detect.fibre_settings import WINDOW_S, FibreSettings
from services.detect.floor import POWER_S, RING, Floor
from services.detect.frontend import F32, FrontEnd
from services.detect.object_kernels import find_runs, keep_near, measure_runs, pair

MEMORY_S = 6.0
"""Stretch of an object's way from which its speed is fitted."""


@dataclass(slots=True)
class Followed:
    """One object along the cable; places are channels counted from the first.

    Attributes:
        first_window: when it began.
        first_channel: where, which with the window makes its name.
        last_window: when it was last seen.
        emitted_window: when it was last told of.
        windows: of its way.
        places: of its way, fractions of channels.
        low: first channel it covers.
        high: channel after the last.
        wide: channels of it that reach half its strongest channel's score: a vehicle's is peaked,
            a train's or tremor's flat.
        speed_mps: along the cable, from its way.
        speed_sigma_mps: of that.
        score: of its strongest channel.
        peak: highest score, which is forgotten slowly.
        regional: it is part of a region's disturbance now.
        strong_since: window since which its score has been high enough for a track; -1 while not.
        started: it has started a track.
    """

    first_window: int
    first_channel: int
    last_window: int
    emitted_window: int
    windows: list[int] = field(default_factory=list)
    places: list[float] = field(default_factory=list)
    low: int = 0
    high: int = 0
    wide: int = 0
    speed_mps: float = 0.0
    speed_sigma_mps: float = 5.0
    score: float = 0.0
    regional: bool = False
    peak: float = 0.0
    strong_since: int = -1
    started: bool = False


@dataclass(frozen=True, slots=True)
class Find:
    """What is to be told of an object now.

    Attributes:
        first_window: when the object began.
        first_channel: where.
        window: the last one taken into account.
        place: where it is now, fraction of channels.
        sigma: of that, channels.
        spread: standard deviation of its power over channels.
        score: of its strongest channel, sigmas.
        cues: what is known of it.
        starts_track: it has lasted and looks like something.
    """

    first_window: int
    first_channel: int
    window: int
    place: float
    sigma: float
    spread: float
    score: float
    cues: Cues
    starts_track: bool


class Objects:
    """The objects of one sensor."""

    def __init__(self, front: FrontEnd, settings: FibreSettings) -> None:
        """Start with none."""
        self._settings = settings
        self._every = max(1, round(settings.decide_s / WINDOW_S))
        self._spacing = front.shape.spacing_m
        self._channels = front.shape.channels
        self.followed: list[Followed] = []
        self.masked_until: npt.NDArray[np.int64] = np.zeros(front.shape.channels, np.int64)
        """Window up to which a channel is part of a region's disturbance."""
        self.left_out = 0
        """Runs that began no object since the last report, for there were too many."""

    def decide(self, window: int, floor: Floor) -> list[Find]:
        """Look at the scores after a window and say what is to be told."""
        setting = self._settings
        score = floor.scores()
        self._mask_regions(window, floor.active, floor.region)
        gap = max(1, round(15.0 / self._spacing))
        objects = self._known(window)
        found, tops = find_runs(score, setting.off_score, gap)
        found, tops = self._worth(found, tops, objects)
        order = np.argsort(-tops, kind="stable")
        found, tops = found[order], tops[order]
        places, wide = np.empty(len(tops)), np.empty(len(tops), np.int64)
        measure_runs(score, found, tops, places, wide)
        # Of what is weaker nothing will be told yet.
        for run in range(np.count_nonzero(tops.astype(np.float64) >= setting.weak_score)):
            low, high = found[run].tolist()
            places[run] = self._centroid(low, high, score, floor.power)[0]
        for known, (low, high), top, place, channels in zip(
            self._pair(places, objects),
            found.tolist(),
            tops.tolist(),
            places.tolist(),
            wide.tolist(),
            strict=True,
        ):
            if known < 0:
                if top < setting.on_score or not self._stands_out(low, high, top, score):
                    continue
                if len(self.followed) >= setting.most_objects:
                    self.left_out += 1
                    continue
                one = Followed(window, low, window, 0)
                self.followed.append(one)
            else:
                one = self.followed[known]
            if top < setting.start_score:
                one.strong_since = -1
            elif one.strong_since < 0 or one.last_window < window - self._every:
                one.strong_since = window
            one.last_window, one.low, one.high, one.score = window, low, high, top
            one.peak = max(top, setting.peak_kept * one.peak)
            one.wide = channels
            one.windows.append(window)
            one.places.append(place)
            keep = window - round(MEMORY_S / WINDOW_S)
            while one.windows[0] < keep:
                one.windows.pop(0)
                one.places.pop(0)
            if one.started or top >= setting.weak_score:
                one.speed_mps, one.speed_sigma_mps = self._speed(one)
            one.regional = bool(self.masked_until[min(int(place), self._channels - 1)] >= window)
        lost = window - round(setting.lost_s / WINDOW_S)
        self.followed = [one for one in self.followed if one.last_window > lost]
        return self._tell(window, floor, score)

    def _worth(
        self, found: npt.NDArray[np.int64], tops: F32, known: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], F32]:
        """Leave out runs that can neither begin an object nor go on with one."""
        keep = tops >= self._settings.on_score
        # Wider than any gate in _pair, which decides.
        later_s, low, high, _, _ = known
        reach = self._settings.gate_m + (5.0 + self._settings.fastest_mps) * later_s
        spare = reach / self._spacing + 1.0
        keep_near(found, low - spare, high + spare, keep)
        return found[keep], tops[keep]

    def _tell(self, window: int, floor: Floor, score: F32) -> list[Find]:
        setting = self._settings
        finds = []
        for one in self.followed:
            age_s = (window - one.first_window) * WINDOW_S
            waited = (window - one.emitted_window) * WINDOW_S >= setting.emit_s - 1e-9
            if one.last_window != window or age_s < setting.alarm_s or not waited:
                continue
            if not one.started and one.score < setting.weak_score:
                continue
            place, spread = self._centroid(one.low, one.high, score, floor.power)
            fading = one.score < setting.fading_share * one.peak
            if fading or not self._is_fresh(place, window, floor):
                continue
            one.emitted_window = window
            cues = self._cues(one, place, age_s, window, floor)
            fits = not one.regional and cues.extent_m <= setting.widest_m
            strong_s = (window - one.strong_since) * WINDOW_S if one.strong_since >= 0 else -1.0
            one.started = fits and (one.started or strong_s >= setting.start_s)
            # Power lags by its time constant; what moves is carried on by that.
            ahead = cues.speed_mps * POWER_S / self._spacing
            now = min(max(place + ahead, 0.0), self._channels - 1.0)
            sigma = float(np.sqrt(0.5**2 + (0.3 * spread) ** 2 + (0.3 * ahead) ** 2))
            finds.append(
                Find(
                    one.first_window, one.first_channel, window, now, sigma, spread,
                    one.score, cues, one.started,
                )
            )  # fmt: skip
        return finds

    def _mask_regions(self, window: int, lately: F32, region: int) -> None:
        """Mask where a large share of a region moves at once."""
        active = lately > self._settings.active_nats
        if np.count_nonzero(active) < 8:
            return
        total = np.concatenate(([0], np.cumsum(active)))
        at = np.arange(len(active))
        low, high = np.maximum(at - region, 0), np.minimum(at + region + 1, len(active))
        count = total[high] - total[low]
        # A vehicle on a short cable may be a large share of it: a region is wider than any object,
        # or nearly all there is.
        widest = self._settings.widest_m / self._spacing
        least = np.maximum(8.0, np.minimum(0.8 * (high - low), widest))
        coherent = (count >= self._settings.coherent_share * (high - low)) & (count >= least)
        until = window + round(self._settings.coherent_s / WINDOW_S)
        self.masked_until[coherent] = until

    def _stands_out(self, low: int, high: int, top: float, score: F32) -> bool:
        """Ordered-statistic test against the neighbours' upper quartile."""
        reach = max(4, round(self._settings.neighbour_m / self._spacing))
        beside = np.concatenate((score[max(0, low - reach) : low], score[high : high + reach]))
        if beside.size < 4:
            return True
        # Between two values lies the quartile; np.quantile costs ten times as much as both.
        at = int(0.75 * (beside.size - 1))
        lower, upper = np.partition(beside, (at, at + 1))[at : at + 2].tolist()
        factor = self._settings.neighbour_factor
        if not factor * lower < top <= factor * upper:
            return bool(top > factor * lower)
        return top > factor * float(np.quantile(beside, 0.75))

    def _centroid(self, low: int, high: int, score: F32, power: F32) -> tuple[float, float]:
        """Power centroid about the strongest channel of a run, and its spread, in channels."""
        # Scores remember for seconds where something was; power shows where it is.
        at = np.arange(low, high)
        beside = (np.maximum(at - 1, 0), np.minimum(at + 1, self._channels - 1))
        now = power[beside[0]] + power[low:high] + power[beside[1]]
        now[score[low:high] < 0.5 * score[low:high].max()] = -1.0
        top = low + int(np.argmax(now))
        reach = max(5, round(15.0 / self._spacing))
        first, last = max(0, top - reach), min(self._channels, top + reach + 1)
        around = power[max(0, top - 5 * reach) : top + 5 * reach + 1]
        # The middle value; np.median costs ten times as much on so few.
        usual = float(np.partition(around, len(around) // 2)[len(around) // 2])
        weight = np.maximum(power[first:last].astype(np.float64) - 1.5 * usual, 0.0)
        total = float(weight.sum())
        if total <= 0.0:
            return float(top), 0.5
        at = np.arange(first, last)
        middle = float(weight @ at) / total
        return middle, float(np.sqrt(max(weight @ (at - middle) ** 2 / total, 0.0)))

    def _pair(self, places: npt.NDArray[np.float64], known: npt.NDArray[np.float64]) -> list[int]:
        """Index of the object that each place, the strongest first, belongs to; -1 where none."""
        later_s, low, high, last, speed = known
        expected = last + speed * later_s / self._spacing
        gate = self._settings.gate_m + 5.0 * later_s
        index = np.empty(len(places), np.int64)
        pair(places, expected, low - 1.0, high, gate, self._spacing, index)
        return list(index.tolist())

    def _known(self, window: int) -> npt.NDArray[np.float64]:
        """What is known of each object: shape (5, object).

        Seconds since it was last seen, first channel and end, last place, speed.
        """
        rows = [
            (one.last_window, one.low, one.high, one.places[-1], one.speed_mps)
            for one in self.followed
        ]
        known = np.array(rows, np.float64).reshape(-1, 5).T.copy()
        known[0] = (window - known[0]) * WINDOW_S
        return known

    def _is_fresh(self, place: float, window: int, floor: Floor) -> bool:
        """Say whether there is anything at a place now: evidence outlives what it is of."""
        at = min(max(round(place), 0), self._channels - 1)
        usual = np.median(floor.power[max(0, at - 25) : at + 26])
        low, high = max(0, at - 1), at + 2
        strong = floor.power[low:high].max() > self._settings.fresh_power + 2.0 * usual
        lately = floor.envelope(low, high, window, round(self._settings.fresh_s / WINDOW_S))
        return bool(strong) and bool(lately.max() * 1.73 > IMPULSE_SIGMA)

    def _speed(self, one: Followed) -> tuple[float, float]:
        """Speed along the cable and its sigma (m/s), from a straight fit to the way."""
        if len(one.windows) < 6:
            return 0.0, 5.0
        count = len(one.windows)
        t = (np.array(one.windows, np.float64) - one.windows[-1]) * WINDOW_S
        x = np.array(one.places) * self._spacing
        t -= t.sum() / count
        x -= x.sum() / count
        spread = float(t @ t)
        speed = float(t @ x) / spread
        rest = x - speed * t
        # Places share windows and so their errors; a third of them are taken as independent.
        sigma = float(np.sqrt(rest @ rest / max(len(t) / 3.0 - 1.0, 1.0) / (spread / 3.0)))
        fastest = self._settings.fastest_mps
        if abs(speed) < 2.0 * sigma:
            return 0.0, sigma
        return min(max(speed, -fastest), fastest), sigma

    def _cues(self, one: Followed, place: float, age_s: float, window: int, floor: Floor) -> Cues:
        middle = round(place)
        half = floor.half
        low, high = max(0, middle - half), min(self._channels, middle + half + 1)
        envelope = floor.envelope(low, high, window, RING) * np.sqrt(high - low)
        return Cues(
            age_s=age_s,
            extent_m=one.wide * self._spacing,
            speed_mps=one.speed_mps,
            speed_sigma_mps=one.speed_sigma_mps,
            continuity=float(np.mean(envelope[-round(2.0 / WINDOW_S) :] > ACTIVE_SIGMA)),
            cadence=cadence(envelope),
            regional=one.regional,
            evidence=evidence(floor, low, high),
            strength=one.score / max(one.peak, 1e-9),
        )
