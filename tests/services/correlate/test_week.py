"""Hours of the week: the rule agrees with the time zone tables, summer time's changes included."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.correlate.week import HOURS, week_and_hour

NS = 1_000_000_000
ZONE = ZoneInfo("Europe/Bucharest")


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NS


def test_every_hour_of_twenty_years_is_that_of_the_time_zone_tables() -> None:
    moment = datetime(2015, 1, 1, 0, 30, tzinfo=UTC)
    while moment.year < 2035:
        local = moment.astimezone(ZONE)
        _, hour = week_and_hour(ns(moment), 2, summer_time=True)
        assert hour == local.weekday() * 24 + local.hour, moment
        moment += timedelta(hours=1)


def test_a_week_begins_on_monday_at_midnight_local_time() -> None:
    midnight = ns(datetime(2026, 6, 1, tzinfo=ZONE))  # a Monday
    week, hour = week_and_hour(midnight, 2, summer_time=True)
    assert hour == 0
    assert week_and_hour(midnight - 1, 2, summer_time=True) == (week - 1, HOURS - 1)


def test_without_summer_time_an_hour_stays_where_it_is() -> None:
    july, january = datetime(2026, 7, 6, 8, tzinfo=UTC), datetime(2026, 1, 5, 8, tzinfo=UTC)
    hours = {week_and_hour(ns(one), 1, summer_time=False)[1] for one in (july, january)}
    assert hours == {9}
