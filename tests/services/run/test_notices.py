"""Answers to gateways."""

import pytest

from sensors.wire import decode_rejected
from services.events import Rejected
from services.run.notices import Notices, answer_topic


def rejected(topic: str) -> Rejected:
    return Rejected(topic, "g", "t", "s-1", 7, "boxes.0.score", "1.5", "at most 1", 10)


async def test_a_refusal_is_answered_with_field_value_and_wanted() -> None:
    notices = Notices()
    notices.offer(rejected("straja/v1/g/thermal/t/report"))
    topic, payload = await notices.next()
    assert topic == "straja/v1/g/thermal/t/rejected"
    notice = decode_rejected(payload)
    assert (notice.field, notice.value, notice.wanted) == ("boxes.0.score", "1.5", "at most 1")
    assert "message 7 of session s-1" in notice.text


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("straja/v1/g/thermal/t/reports", "straja/v1/g/thermal/t/rejected"),
        ("straja/v1/g/thermal/t/report/x", "straja/v1/g/thermal/t/rejected"),
        ("straja/v1/G!/thermal/t/report", None),
        ("straja/v1/g", None),
        ("other/v1/g/thermal/t/report", None),
    ],
)
def test_the_answer_goes_to_the_sensor_that_the_topic_means(topic: str, answer: str | None) -> None:
    assert answer_topic(topic) == answer


def test_what_cannot_be_answered_or_kept_is_counted() -> None:
    notices = Notices(limit=1)
    notices.offer(rejected("straja/v1/g"))
    notices.offer(rejected("straja/v1/g/thermal/t/report"))
    notices.offer(rejected("straja/v1/g/thermal/t/report"))
    assert (notices.unaddressed, notices.dropped) == (1, 1)
    assert notices.refused == {"boxes": 3}
