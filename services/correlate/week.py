"""Hours of the week in local time, from event time alone.

Summer time follows the rule of the European Union (Directive 2000/84/EC: from 01:00 UTC of March's
last Sunday to 01:00 UTC of October's). A rule rather than the machine's time zone tables, which
differ from machine to machine: a replay must give the same bytes everywhere.
"""

from datetime import UTC, date, datetime
from functools import lru_cache

HOURS = 168
"""Hours of a week; hour 0 begins on Monday at 00:00."""

_HOUR_NS = 3_600 * 1_000_000_000
_MONDAY_DAYS = 3  # 1 January 1970 was a Thursday
_MARCH, _OCTOBER = 3, 10


def week_and_hour(at_ns: int, standard_offset_h: int, *, summer_time: bool) -> tuple[int, int]:
    """Number of the week since that of 1 January 1970, and hour of the week, both local.

    In autumn one hour of the week comes twice, in spring one does not come.

    Args:
        at_ns: time, ns UTC.
        standard_offset_h: local standard time less UTC, in whole hours.
        summer_time: whether the Union's summer time is kept.
    """
    return _local(at_ns // _HOUR_NS, standard_offset_h, summer_time)


@lru_cache(maxsize=1_024)
def _local(utc_hour: int, standard_offset_h: int, summer_time: bool) -> tuple[int, int]:  # noqa: FBT001 - a cached call's key
    summer = summer_time and _is_summer(utc_hour)
    days, hour = divmod(utc_hour + standard_offset_h + summer, 24)
    week, day = divmod(days + _MONDAY_DAYS, 7)
    return week, day * 24 + hour


def _is_summer(utc_hour: int) -> bool:
    year = datetime.fromtimestamp(utc_hour * 3_600, UTC).year
    return _change(year, _MARCH) <= utc_hour < _change(year, _OCTOBER)


def _change(year: int, month: int) -> int:
    """The hour UTC since the epoch at which a month of 31 days changes the clock."""
    last = date(year, month, 31)
    sunday = last.toordinal() - last.isoweekday() % 7
    return (sunday - date(1970, 1, 1).toordinal()) * 24 + 1
