"""Fibre detection: raw frames of any number of interrogators in, placed detections out."""

from dataclasses import dataclass

import numpy as np

from geo.cable import Cable
from geo.crs import to_plane
from geo.site import Site
from sensors.messages import FibreFrame, Mark, ObjectClass, Register
from sensors.topics import PROOF_GROUP, Channel, SensorKind
from services.detect.cable_levels import Levels
from services.detect.cable_settings import CableStateSettings
from services.detect.cable_state import CableFind
from services.detect.cover import Cover
from services.detect.cues import classify
from services.detect.fibre_sensor import FibreSensor, Told
from services.detect.fibre_settings import FibreSettings
from services.detect.floor import Floor
from services.detect.frontend import FrontEnd, Shape
from services.detect.method import Arrays, method_name, pack, unpack
from services.detect.objects import Find, Objects
from services.events import Covariance, Detection, Explanation, Gap, Heard, Reception, Tick
from services.stage import undamaged

__all__ = ["FibreDetection", "FibreSettings", "compile_kernels"]

_STAGE = "fibre"
_VERSION = 2
_CABLE_VERSION = 1
_NS = 1_000_000_000

PROOF_SIGMA_M = 10.0
"""The service's own test items lie on no cable; they get a place and this sigma."""

_SURE_OF = {"cut": 0.95, "disconnect": 0.95, "bend": 0.8}
"""How sure a state of the cable is that this is what it is; assumed."""

_KEY_OF = {
    "cut": "incident.cable_cut",
    "bend": "incident.cable_bend",
    "disconnect": "incident.cable_disconnect",
}

_CABLE_SCORE = 100.0
"""The state of a cable is told when all its tests hold, by no graded score."""

_NAMED = 6
"""Stretches of lowered cover that a sensor names; the rest is counted."""

_Key = tuple[str, str, Mark]


@dataclass(frozen=True, slots=True)
class _Place:
    east_m: float
    north_m: float
    covariance: Covariance
    distance_m: float | None


class FibreDetection:
    """One detector for each sensor and mark; a pure stage."""

    def __init__(self, site: Site, settings: FibreSettings) -> None:
        """Start with nothing known.

        Args:
            site: says which cable a sensor listens to, and where that lies.
            settings: thresholds and times.
        """
        self._site = site
        self._settings = settings
        self._proof = FibreSettings.proof()
        self._method = method_name("fibre-energy", _VERSION, settings)
        self._proof_method = method_name("fibre-energy", _VERSION, self._proof)
        self._cable_method = method_name("fibre-cable", _CABLE_VERSION, CableStateSettings())
        self._sensors: dict[_Key, FibreSensor] = {}
        self._cables: dict[tuple[str, str], str] = {}
        self._found: dict[tuple[str, str], tuple[Site, str | None, Cable | None]] = {}
        """Cable of each sensor, with what it was found by."""

    def push(self, item: Heard | Gap | Tick) -> list[Detection | Reception]:
        """Take a frame, a registration, a gap or the time."""
        match item:
            case Heard(message=FibreFrame()):
                return self._frame(item)
            case Heard(message=Register() as register) if register.kind == "fibre":
                if item.topic.sensor is not None and register.cable is not None:
                    self._cables[item.topic.group, item.topic.sensor] = register.cable
            case Gap() if item.channel == Channel.FRAME:
                for (group, sensor, _), one in self._sensors.items():
                    here = (group, sensor, one.session)
                    if here == (item.group, item.sensor, item.session):
                        one.gap()
            case Tick():
                oldest = item.at_ns - round(self._settings.forget_s * _NS)
                silent = [key for key, one in self._sensors.items() if one.heard_at_ns < oldest]
                for key in silent:
                    del self._sensors[key]
        return []

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        arrays: Arrays = {}
        sensors = []
        for number, (key, one) in enumerate(sorted(self._sensors.items())):
            values, own = one.state()
            sensors.append({"key": list(key), "values": values})
            arrays |= {f"{number}.{name}": array for name, array in own.items()}
        cables = [[*key, cable] for key, cable in sorted(self._cables.items())]
        return pack(_STAGE, self._method, {"sensors": sensors, "cables": cables}, arrays)

    def restore(self, state: bytes) -> None:
        """Go on from a state that :meth:`snapshot` wrote.

        Raises:
            SnapshotError: damaged, or of another stage, version or setting.
        """
        header, arrays = unpack(_STAGE, self._method, state)
        sensors: dict[_Key, FibreSensor] = {}
        with undamaged(_STAGE):
            for number, entry in enumerate(header["sensors"]):
                group, name, mark = entry["key"]
                own = {
                    key.partition(".")[2]: array
                    for key, array in arrays.items()
                    if key.partition(".")[0] == str(number)
                }
                one = FibreSensor(self._settings_of(group))
                one.set_state(entry["values"], own)
                sensors[group, name, Mark(mark)] = one
            cables = {(group, name): cable for group, name, cable in header["cables"]}
        self._sensors, self._cables = sensors, cables

    def _settings_of(self, group: str) -> FibreSettings:
        return self._proof if group == PROOF_GROUP else self._settings

    def _frame(self, heard: Heard) -> list[Detection | Reception]:
        frame, group, sensor = heard.message, heard.topic.group, heard.topic.sensor
        if not isinstance(frame, FibreFrame) or sensor is None:
            return []
        key = (group, sensor, frame.mark)
        if key not in self._sensors:
            self._sensors[key] = FibreSensor(self._settings_of(group))
        out: list[Detection | Reception] = []
        cable = self._cable(group, sensor, heard.at_ns)
        one = self._sensors[key]
        if cable is None and group != PROOF_GROUP:
            one.note("cable-unknown")
        for told in one.push(frame, heard.at_ns, heard.clock_sigma_s):
            for find in told.finds:
                detection = self._detection(heard, frame, cable, told, find)
                if detection is not None:
                    out.append(detection)
                elif cable is not None:
                    one.note("beyond-cable")
            for news in told.cable:
                detection = self._cable_detection(heard, frame, cable, told, news)
                if detection is not None:
                    out.append(detection)
            if told.cover is not None and group != PROOF_GROUP:
                one.low = self._low(heard, frame, cable, told.cover)
            faults = told.faults
            if faults is not None or told.cover is not None:
                out.append(
                    Reception(
                        group=group,
                        kind=SensorKind.FIBRE,
                        sensor=sensor,
                        channel=Channel.FRAME,
                        at_ns=told.at_ns,
                        messages=0,
                        bytes=0,
                        faults=(*(faults or ()), *one.low),
                        cover=None if told.cover is None else told.cover.share,
                    )
                )
        return out

    def _cable(self, group: str, sensor: str, at_ns: int) -> Cable | None:
        """The sensor's cable; looked up anew when the site changes or it registers another."""
        site, registered = self._site.at(at_ns), self._cables.get((group, sensor))
        found = self._found.get((group, sensor))
        if found is None or found[0] is not site or found[1] != registered:
            found = (site, registered, _cable_of(site, sensor, registered))
            self._found[group, sensor] = found
        return found[2]

    def _detection(
        self, heard: Heard, frame: FibreFrame, cable: Cable | None, told: Told, find: Find
    ) -> Detection | None:
        group, sensor = heard.topic.group, heard.topic.sensor
        place = self._place(group, cable, frame, find.place, find.sigma, find.spread)
        if place is None or sensor is None:
            return None
        name = f"{group}/{sensor}/{frame.mark}/{frame.session}"
        return Detection(
            id=f"{name}/{find.first_window}.{find.first_channel}/{told.sample}",
            group=group,
            kind=SensorKind.FIBRE,
            sensor=sensor,
            mark=frame.mark,
            at_ns=told.at_ns,
            east_m=place.east_m,
            north_m=place.north_m,
            covariance=place.covariance,
            classes=classify(find.cues, self._settings_of(group).widest_m),
            confidence=_confidence(find),
            score=round(find.score, 3),
            method=self._proof_method if group == PROOF_GROUP else self._method,
            starts_track=find.starts_track,
            distance_m=place.distance_m,
            speed_mps=round(abs(find.cues.speed_mps), 3) if find.cues.speed_mps else None,
            received_at_ns=heard.received_at_ns,
        )

    def _cable_detection(
        self, heard: Heard, frame: FibreFrame, cable: Cable | None, told: Told, news: CableFind
    ) -> Detection | None:
        """What was done to the cable itself; None beyond its end, or where it is not known."""
        group, sensor = heard.topic.group, heard.topic.sensor or ""
        place = self._place(group, cable, frame, max(news.place, 0.0), news.sigma, 0.0)
        if cable is None or place is None or place.distance_m is None:
            return None
        name = f"{group}/{sensor}/{frame.mark}/{frame.session}"
        sure = _SURE_OF[news.sign]
        return Detection(
            id=f"{name}/{news.sign}.{news.first_window}/{told.sample}",
            group=group,
            kind=SensorKind.FIBRE,
            sensor=sensor,
            mark=frame.mark,
            at_ns=told.at_ns,
            east_m=place.east_m,
            north_m=place.north_m,
            covariance=place.covariance,
            classes={ObjectClass.CABLE_ATTACK: sure, ObjectClass.UNKNOWN: round(1.0 - sure, 4)},
            confidence=sure,
            score=_CABLE_SCORE,
            method=self._cable_method,
            distance_m=place.distance_m,
            received_at_ns=heard.received_at_ns,
            explanation=Explanation(
                _KEY_OF[news.sign],
                {
                    "cable": cable.name,
                    "cable_m": round(place.distance_m, 1),
                    "sigma_m": round(news.sigma * frame.channel_spacing_m, 1),
                    "beyond_m": round(max(cable.length_m - place.distance_m, 0.0)),
                },
            ),
        )

    def _low(
        self, heard: Heard, frame: FibreFrame, cable: Cable | None, cover: Cover
    ) -> tuple[str, ...]:
        """Stretches on the site whose cover is lowered, in words, the longest first."""
        if cable is None:
            return ()
        border = self._site.at(heard.at_ns).border
        first_m, spacing = cable.settings.first_channel_m, frame.channel_spacing_m
        named = sorted(cover.stretches, key=lambda one: (one[0] - one[1], one[0]))
        texts = []
        for low, high in named[:_NAMED]:
            at_m = first_m + spacing * (frame.first_channel + np.array([low - 0.5, high - 0.5]))
            placed = cable.place(np.clip(at_m, 0.0, cable.length_m))
            km = np.sort(border.chainage(placed.east_m, placed.north_m)[0]) / 1_000.0
            texts.append(f"cover-lowered: km {km[0]:.1f} to {km[1]:.1f}")
        more = len(named) - _NAMED
        return (*texts, f"cover-lowered: {more} more stretches") if more > 0 else tuple(texts)

    def _place(
        self,
        group: str,
        cable: Cable | None,
        frame: FibreFrame,
        at: float,
        sigma: float,
        spread: float,
    ) -> _Place | None:
        if group == PROOF_GROUP:
            area = self._site.area
            east, north = to_plane(area.lon_min_deg, area.lat_min_deg)
            variance = PROOF_SIGMA_M**2
            return _Place(float(east), float(north), Covariance(variance, 0.0, variance), None)
        if cable is None:
            return None
        spacing = frame.channel_spacing_m
        channel = frame.first_channel + at
        distance = cable.settings.first_channel_m + spacing * channel
        if not 0.0 <= distance <= cable.length_m:
            return None
        # What is felt over a wide stretch passes at that order of distance from the cable.
        swath = max(cable.settings.swath_sigma_m, 0.5 * spread * spacing)
        placed = cable.place(distance, sigma * spacing, swath)
        (ee, en), (_, nn) = placed.covariance_m2.tolist()
        return _Place(float(placed.east_m), float(placed.north_m), Covariance(ee, en, nn), distance)


def _cable_of(site: Site, sensor: str, registered: str | None) -> Cable | None:
    """A sensor's cable: by the site's row, else as registered; None where not known."""
    name = site.sensor(sensor).cable if site.has_sensor(sensor) else None
    name = name or registered
    if name is None or all(row.id != name for row in site.cables):
        return None
    return site.cable(name)


def _confidence(find: Find) -> float:
    """0 to 1 that there is anything: rises with score, lower where it starts no track; assumed."""
    value = 1.0 - float(np.exp(-max(find.score - 3.0, 0.0) / 5.0))
    return round(min(value, 0.99) * (1.0 if find.starts_track else 0.5), 4)


def compile_kernels() -> None:
    """Compile or load every kernel, for each type of samples, before anything is subscribed."""
    for dtype in ("<i2", "<i4", "<f4"):
        front = FrontEnd(Shape(500.0, 8, 0, 10.0, dtype, 1.0))
        windows = front.push(0, np.ones((60, 8), np.dtype(dtype)))
        if windows is not None:
            settings = FibreSettings(settle_s=0.0)
            floor = Floor(front, settings)
            floor.push(windows)
            Objects(front, settings).decide(windows.first, floor)
            floor.spare([(0, 1)])
            Levels(len(front.bands), 8).push(windows)
