"""Site memory: what is usual at a place and hour is lowered, counted and told; all else is not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from geo.crs import to_wgs84
from geo.default_site import default_site_path
from geo.errors import ConfigError, SnapshotError
from geo.site import Site
from geo.site_rows import Setting
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.alerts.language import LANGUAGES, render
from services.config.settings import Settings
from services.correlate.incidents import Incidents
from services.correlate.memory_cells import GROUPS, Cell, Cells
from services.correlate.settings import MemorySettings
from services.correlate.site_memory import SiteMemory
from services.events import (
    Contribution,
    Covariance,
    Explanation,
    Incident,
    Severity,
    Tick,
    Track,
    TrackState,
    encode,
)

NS = 1_000_000_000
ZONE = ZoneInfo("Europe/Bucharest")
CHAINAGE_M = 60_120.0
MONDAY = datetime(2026, 6, 1, 8, 0, tzinfo=ZONE)
LOW, MEDIUM, HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NS


class Watch:
    """Tracks through incidents and site memory, week after week."""

    def __init__(self, site: Site, settings: MemorySettings | None = None) -> None:
        self.site = site
        self.incidents = Incidents(site, "live")
        self.memory = SiteMemory(site, "live", settings)
        self.said: list[bytes] = []
        self._names = 0

    def tick(self, at_ns: int) -> list[Incident]:
        self.memory.push(Tick(at_ns))
        return self._through(self.incidents.push(Tick(at_ns)))

    def passes(
        self,
        start: datetime,
        object_class: ObjectClass = ObjectClass.VEHICLE,
        *,
        across: bool = False,
        offset_m: float = 20.0,
        chainage_m: float = CHAINAGE_M,
        seconds: int = 8,
        share: float = 1.0,
        kinds: tuple[SensorKind, ...] = (SensorKind.FIBRE,),
    ) -> list[Incident]:
        """One object at 5 m/s, a revision a second, and the time after it: all that was told."""
        self._names += 1
        border, begun_ns = self.site.border, ns(start)
        east, north = map(float, border.point_at(chainage_m, offset_m))
        if across:
            to_east, to_north = map(float, border.point_at(chainage_m, offset_m + 100.0))
        else:
            to_east, to_north = map(float, border.point_at(chainage_m + 100.0, offset_m))
        length = float(np.hypot(to_east - east, to_north - north))
        speed = 5.0 * (to_east - east) / length, 5.0 * (to_north - north) / length
        told: list[Incident] = []
        for second in range(seconds):
            at_ns = begun_ns + second * NS
            track = Track(
                id=f"t{self._names}",
                revision=second + 1,
                state=TrackState.CONFIRMED,
                mark=Mark.REAL,
                at_ns=at_ns,
                started_at_ns=begun_ns,
                east_m=east + speed[0] * second,
                north_m=north + speed[1] * second,
                covariance=Covariance(25.0, 0.0, 25.0),
                velocity_east_mps=speed[0],
                velocity_north_mps=speed[1],
                classes={object_class: share, ObjectClass.UNKNOWN: 1.0 - share},
                confidence=0.9,
                sensors=tuple(kinds),
                detections=3 + second,
                contributions=tuple(
                    Contribution(kind, kind, begun_ns, at_ns, 3, 0.9) for kind in kinds
                ),
            )
            told += self._through(self.incidents.push(track))
        for minute in (1, 2):
            told += self.tick(begun_ns + (seconds + 60 * minute) * NS)
        return told

    def weeks(self, count: int, vehicles: int = 4, *, first: datetime = MONDAY) -> datetime:
        """Some weeks of Mondays, vehicles in the hour from 8 and none from 9; the next Monday."""
        for week in range(count):
            day = first + timedelta(days=7 * week)
            for minute in range(120):
                start = day + timedelta(minutes=minute)
                self.tick(ns(start))
                if minute % 10 == 0 and minute // 10 < vehicles:
                    self.passes(start + timedelta(seconds=1), seconds=3)
        return first + timedelta(days=7 * count)

    def _through(self, found: Iterable[Incident]) -> list[Incident]:
        told = [out for incident in found for out in self.memory.push(incident)]
        self.said += [encode(one) for one in told]
        return told


def severities(told: Iterable[Incident]) -> set[Severity]:
    return {one.severity for one in told}


def unlowered(incident: Incident) -> Incident:
    """A lowered incident as it came into site memory."""
    assert incident.severity is LOW
    return replace(
        incident, severity=MEDIUM, reason=Explanation("incident.reason", incident.reason.parameters)
    )


@pytest.fixture(scope="module")
def learned(site: Site) -> tuple[bytes, datetime]:
    """State after six Mondays of four vehicles from 8 to 9, and the next Monday at 8."""
    watch = Watch(site)
    following = watch.weeks(6)
    return watch.memory.snapshot(), following


@pytest.fixture
def road(site: Site, learned: tuple[bytes, datetime]) -> tuple[Watch, datetime]:
    watch = Watch(site)
    watch.memory.restore(learned[0])
    return watch, learned[1]


def test_a_vehicle_at_its_usual_hour_is_lowered_by_one_step_counted_and_explained(
    road: tuple[Watch, datetime],
) -> None:
    watch, monday = road
    told = watch.passes(monday + timedelta(minutes=5))
    assert severities(told) == {LOW}
    assert told[-1].ended
    said = told[0].reason.parameters
    assert (said["usual_class"], said["usual_count"], said["usual_weeks"]) == ("vehicle", 16, 4)
    assert said["lowered_from"] == "medium"
    assert float(said["usual_probability"]) >= watch.memory.settings.least_probability
    assert [(one.object_class, one.start_m, one.count) for one in watch.memory.lowered] == [
        ("vehicle", 60_000.0, 13)  # twelve of them while it learned: from the fourth Monday on
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reason_says_in_every_language_how_many_came_lately(
    road: tuple[Watch, datetime], language: str
) -> None:
    watch, monday = road
    first = watch.passes(monday + timedelta(minutes=5))[0]
    sentence = render(first.reason, language)  # type: ignore[arg-type]
    assert "16" in sentence
    assert "?" not in sentence
    assert "{" not in sentence


def test_severity_is_full_at_another_hour_place_band_or_movement(
    road: tuple[Watch, datetime],
) -> None:
    watch, monday = road
    nine = monday + timedelta(hours=1, minutes=5)
    assert severities(watch.passes(nine)) == {MEDIUM}
    tuesday = monday + timedelta(days=1, minutes=5)
    assert severities(watch.passes(tuesday)) == {MEDIUM}
    eight = monday + timedelta(days=7, minutes=5)
    assert severities(watch.passes(eight, chainage_m=62_000.0)) == {MEDIUM}
    assert severities(watch.passes(eight + timedelta(minutes=5), offset_m=1_000.0)) == {MEDIUM}
    told = watch.passes(eight + timedelta(minutes=10), across=True, seconds=12)
    assert told[-1].severity == MEDIUM
    assert watch.memory.tallies["raised_again"] == 1


@pytest.mark.parametrize(
    ("object_class", "full"),
    [
        (ObjectClass.PERSON, MEDIUM),
        (ObjectClass.GROUP, HIGH),
        (ObjectClass.DIGGING, HIGH),
        (ObjectClass.CABLE_ATTACK, HIGH),
        (ObjectClass.DRONE, HIGH),
        (ObjectClass.BOAT, MEDIUM),
    ],
)
def test_where_vehicles_are_usual_nothing_else_is_lowered(
    road: tuple[Watch, datetime], object_class: ObjectClass, full: Severity
) -> None:
    watch, monday = road
    before = watch.memory.lowered
    assert severities(watch.passes(monday + timedelta(minutes=5), object_class)) == {full}
    assert watch.memory.lowered == before


def test_a_person_is_not_lowered_even_where_people_come_each_week_unless_the_site_says_so(
    site: Site,
) -> None:
    for allowed in (False, True):
        watch = Watch(site, MemorySettings(on_foot=allowed))
        for week in range(6):
            for minute in range(60):
                start = MONDAY + timedelta(days=7 * week, minutes=minute)
                watch.tick(ns(start))
                if minute % 10 == 0:
                    watch.passes(start + timedelta(seconds=1), ObjectClass.PERSON, seconds=3)
        monday = MONDAY + timedelta(days=42, minutes=5)
        along = watch.passes(monday, ObjectClass.PERSON)
        assert severities(along) == {LOW if allowed else MEDIUM}
        later = monday + timedelta(minutes=10)
        assert severities(watch.passes(later, ObjectClass.PERSON, across=True)) == {MEDIUM}


def test_danger_to_life_late_unsure_and_cable_incidents_keep_their_severity(
    road: tuple[Watch, datetime],
) -> None:
    watch, monday = road
    unsure = watch.passes(monday + timedelta(minutes=5), share=0.7)
    assert unsure[0].object_class is ObjectClass.VEHICLE
    assert severities(unsure) == {MEDIUM}
    usual = replace(unsure[0], classes={ObjectClass.VEHICLE: 1.0})
    assert watch.memory.push(replace(usual, id="a"))[0].severity == LOW
    grave = replace(usual, id="b", severity=Severity.DANGER_TO_LIFE)
    assert watch.memory.push(grave) == [grave]
    late = replace(usual, id="c", late_s=60.0)
    assert watch.memory.push(late) == [late]
    cut = replace(usual, id="d", reason=Explanation("incident.cable_cut", {"cable": "fibre-1"}))
    assert watch.memory.push(cut) == [cut]


def test_high_becomes_medium_and_low_stays_low(road: tuple[Watch, datetime]) -> None:
    watch, monday = road
    usual = unlowered(watch.passes(monday + timedelta(minutes=5))[0])
    high = replace(usual, id="a", severity=HIGH)
    assert watch.memory.push(high)[0].severity == MEDIUM
    low = replace(usual, id="b", severity=LOW)
    assert watch.memory.push(low) == [low]


def test_an_incident_that_turns_out_to_be_a_person_is_full_from_then_on(
    road: tuple[Watch, datetime],
) -> None:
    watch, monday = road
    seen = replace(unlowered(watch.passes(monday + timedelta(minutes=5))[0]), id="a")
    person = replace(seen, object_class=ObjectClass.PERSON, classes={ObjectClass.PERSON: 1.0})
    told = [watch.memory.push(one)[0] for one in (seen, person, seen)]
    assert [one.severity for one in told] == [LOW, MEDIUM, MEDIUM]


def test_more_than_have_ever_come_in_this_hour_are_not_usual(road: tuple[Watch, datetime]) -> None:
    watch, monday = road
    shown = [
        watch.passes(monday + timedelta(minutes=3 * number))[0].severity for number in range(12)
    ]
    assert shown[:4] == [LOW] * 4
    assert shown[-1] == MEDIUM
    assert sorted(shown) == shown


def test_one_busy_morning_makes_nothing_usual(site: Site) -> None:
    watch = Watch(site)
    watch.weeks(1, vehicles=6)
    monday = watch.weeks(5, vehicles=0, first=MONDAY + timedelta(days=7))
    assert severities(watch.passes(monday + timedelta(minutes=5))) == {MEDIUM}


def test_it_forgets_after_weeks_without_any(road: tuple[Watch, datetime]) -> None:
    watch, monday = road
    after = watch.weeks(4, vehicles=0, first=monday)
    assert severities(watch.passes(after + timedelta(minutes=5))) == {MEDIUM}
    gone = watch.weeks(9, vehicles=0, first=after)
    watch.tick(ns(gone))
    assert watch.memory.size == 0


def test_an_object_that_stays_counts_once_by_place_and_hour(site: Site) -> None:
    watch = Watch(site)
    seen = watch.passes(MONDAY)[0]
    before = sum(int(row["count"]) for row in watch.memory.table())
    for minute in range(90):
        at_ns = ns(MONDAY + timedelta(minutes=10 + minute))
        watch.memory.push(replace(seen, id="stays", at_ns=at_ns, revision=minute + 1))
    end_ns = ns(MONDAY + timedelta(minutes=110))
    watch.memory.push(replace(seen, id="stays", at_ns=end_ns, revision=91, ended=True))
    hours = {int(row["hour"]): int(row["count"]) for row in watch.memory.table()}
    assert before == 1
    assert hours == {8: 2, 9: 1}


def test_switched_off_it_learns_and_lowers_nothing(
    site: Site, learned: tuple[bytes, datetime]
) -> None:
    watch = Watch(site, MemorySettings(lowers=False))
    watch.memory.restore(learned[0])
    before = watch.memory.table()
    assert severities(watch.passes(learned[1] + timedelta(minutes=5))) == {MEDIUM}
    assert watch.memory.table() != before


def test_marks_do_not_make_each_other_usual(road: tuple[Watch, datetime]) -> None:
    watch, monday = road
    usual = unlowered(watch.passes(monday + timedelta(minutes=5))[0])
    assert watch.memory.push(replace(usual, id="a"))[0].severity == LOW
    exercise = replace(usual, id="b", mark=Mark.EXERCISE)
    assert watch.memory.push(exercise) == [exercise]


def test_a_restored_memory_goes_on_with_equal_bytes_also_amid_an_incident(site: Site) -> None:
    whole = Watch(site)
    monday = whole.weeks(5)
    begun = replace(unlowered(whole.passes(monday + timedelta(minutes=5))[0]), id="open")
    whole.memory.push(begun)
    other = SiteMemory(site, "live")
    other.restore(whole.memory.snapshot())
    assert other.snapshot() == whole.memory.snapshot()
    assert other.table() == whole.memory.table()
    ended = replace(begun, revision=9, ended=True)
    assert other.push(ended) == whole.memory.push(ended)
    assert other.push(ended)[0].severity == MEDIUM  # known no more: as it comes
    assert other.snapshot() == whole.memory.snapshot()


def test_the_same_weeks_give_the_same_bytes(site: Site) -> None:
    one, two = Watch(site), Watch(site)
    for watch in (one, two):
        monday = watch.weeks(4)
        watch.passes(monday + timedelta(minutes=5))
    assert one.said == two.said
    assert one.memory.snapshot() == two.memory.snapshot()


def test_thresholds_may_change_without_losing_what_was_learned_but_not_the_stretch(
    site: Site, learned: tuple[bytes, datetime]
) -> None:
    strict = SiteMemory(site, "live", MemorySettings(least_probability=0.99))
    strict.restore(learned[0])
    assert strict.size > 0
    with pytest.raises(SnapshotError, match="setting"):
        SiteMemory(site, "live", MemorySettings(stretch_m=100.0)).restore(learned[0])
    with pytest.raises(SnapshotError):
        SiteMemory(site, "live").restore(learned[0][:-40])


def test_summer_time_moves_the_hour_with_the_people(site: Site) -> None:
    watch = Watch(site)
    first = datetime(2026, 9, 14, 8, 0, tzinfo=ZONE)  # six Mondays up to the change of 25 October
    winter = watch.weeks(6, first=first)
    assert first.utcoffset() != winter.utcoffset()
    assert severities(watch.passes(winter + timedelta(minutes=5))) == {LOW}
    assert severities(watch.passes(winter + timedelta(hours=1, minutes=5))) == {MEDIUM}


def test_the_memory_is_bounded_and_says_what_it_gave_up(site: Site) -> None:
    watch = Watch(site, MemorySettings(most_cells=100))
    seen = Watch(site).passes(MONDAY)[0]
    for week in range(3):
        for number in range(200):
            at_ns = ns(MONDAY + timedelta(days=7 * week))
            # One place comes each week, the others once and never again.
            chainage_m = 0.0 if number == 0 else 1_000.0 + 250.0 * (200 * week + number)
            one = replace(seen, id=f"{week}-{number}", at_ns=at_ns, chainage_m=chainage_m)
            watch.memory.push(one)
            watch.memory.push(replace(one, ended=True))
            assert watch.memory.size <= 100
    assert watch.memory.tallies["cell_forgotten"] == 1 + 3 * 199 - watch.memory.size
    kept = {row["chainage_m"]: row["count"] for row in watch.memory.table()}
    assert kept[0.0] == 3


def test_open_incidents_are_bounded_and_those_given_up_are_counted(site: Site) -> None:
    memory = SiteMemory(site, "live", MemorySettings(most_open=5))
    seen = Watch(site).passes(MONDAY)[0]
    for number in range(8):
        memory.push(replace(seen, id=str(number)))
    assert memory.tallies["not_followed"] == 3


def test_an_incident_through_too_many_places_is_learned_in_part_and_the_rest_is_counted(
    site: Site,
) -> None:
    memory = SiteMemory(site, "live")
    seen = Watch(site).passes(MONDAY)[0]
    for number in range(515):
        memory.push(replace(seen, revision=number + 1, chainage_m=250.0 * number))
    memory.push(replace(seen, revision=516, ended=True))
    assert memory.size == 512
    assert memory.tallies["visit_not_learned"] == 3


def test_a_road_or_railway_of_the_site_makes_its_traffic_likelier_beforehand(site: Site) -> None:
    centre = site.border.point_at(CHAINAGE_M, 0.0)
    longitude, latitude = to_wgs84(float(centre[0]), float(centre[1]))
    written = (
        '[[zones]]\nid = "line"\nkind = "railway"\nradius_m = 20.0\n'
        f"centre = [{float(longitude)}, {float(latitude)}]\n"
    )
    settings = MemorySettings()
    beside = Cells(Site.parse(f"{site.to_toml()}\n{written}", "a site"), settings)
    place = beside.place(Mark.REAL, CHAINAGE_M, 20.0)
    train, vehicle = GROUPS.index("train"), GROUPS.index("vehicle")
    assert beside.prior(place, train).seen == settings.near_per_h * settings.prior_hours
    assert beside.prior(place, vehicle).seen == settings.prior_per_h * settings.prior_hours
    crossing = site.crossing("jimbolia-srpska-crnja")
    east, north = site.lawful_zones.zones[
        [zone.id for zone in site.lawful_zones.zones].index(crossing.id)
    ].shape.centroid.coords[0]
    chainage, _ = site.border.chainage(east, north)
    at_crossing = Cells(site, settings).place(Mark.REAL, float(chainage), 0.0)
    assert Cells(site, settings).prior(at_crossing, vehicle).seen == 1.0


def test_a_cell_is_found_again_by_its_number(site: Site) -> None:
    cells = Cells(site, MemorySettings())
    for mark in Mark:
        place = cells.place(mark, 544_000.0, 5_000.0)
        cell = Cell(place, len(GROUPS) - 1, 1, 167)
        assert cells.cell(cells.key(cell)) == cell
        assert cells.key(cell) < 2**31


def test_a_setting_out_of_its_range_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"memory\.least_probability"):
        Settings.from_rows(
            [Setting.model_validate({"key": "memory.least_probability", "value": 1.5})]
        )
    assert not Settings.from_rows(
        [Setting.model_validate({"key": "memory.lowers", "value": False})]
    ).memory.lowers
