"""Figures of a whole demo, however often its parts are started again."""

from services.run.tally import Tally


def metrics(alerts: int, **gateways: int) -> str:
    return "\n".join(
        [
            "# TYPE straja_alerts_raised_total counter",
            f"straja_alerts_raised_total {alerts:.1f}",
            f"straja_messages_total {sum(gateways.values()):.1f}",
            *(
                f'straja_gateway_received_total{{group="{group}"}} {count:.1f}'
                for group, count in gateways.items()
            ),
            'straja_gateway_sent_total{group="a"} 7.0',
            "straja_gateway_received_created 1.0",
        ]
    )


def read(tally: Tally, *texts: str) -> tuple[int, int]:
    for text in texts:
        tally.read(text)
    return tally.alerts, tally.messages


def test_what_the_service_counts_is_taken_as_it_grows() -> None:
    assert read(Tally(), metrics(0), metrics(1, a=3), metrics(2, a=5, b=4)) == (2, 9)


def test_alerts_before_and_after_a_restart_add_up_and_messages_go_on() -> None:
    tally = Tally()
    assert read(tally, metrics(0, a=0), metrics(2, a=50)) == (2, 50)
    tally.begin_anew()
    assert read(tally, metrics(2, a=51)) == (4, 51), "as many alerts as before are new ones"
    assert read(tally, metrics(3, a=60)) == (5, 60)


def test_gateways_that_are_started_again_add_up() -> None:
    assert read(Tally(), metrics(0, a=0), metrics(0, a=90), metrics(0, a=4)) == (0, 94)


def test_what_an_earlier_demo_on_the_same_folder_received_is_not_counted() -> None:
    assert read(Tally(), metrics(0, a=5_000), metrics(0, a=5_002), metrics(1, a=3)) == (1, 5)


def test_a_restart_before_anything_was_read_is_nothing_special() -> None:
    tally = Tally()
    tally.begin_anew()
    assert read(tally, metrics(1, a=3), metrics(1, a=4)) == (1, 1)
