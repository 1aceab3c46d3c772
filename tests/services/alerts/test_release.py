"""The home party sees its own alerts; nothing leaves while no rule exists."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sensors.messages import Mark, ObjectClass
from services.alerts.lifecycle import Lifecycle
from services.alerts.release import release
from services.events import Alert, AlertState, Covariance, Explanation, Incident, Severity


def raised(mark: Mark) -> Alert:
    incident = Incident(
        id="i",
        revision=1,
        mark=mark,
        at_ns=1,
        started_at_ns=1,
        east_m=0.0,
        north_m=0.0,
        longitude_deg=21.0,
        latitude_deg=45.0,
        covariance=Covariance(1.0, 0.0, 1.0),
        chainage_m=0.0,
        offset_m=0.0,
        sector=None,
        tracks=("t",),
        contributions=(),
        classes={ObjectClass.PERSON: 1.0},
        object_class=ObjectClass.PERSON,
        count=1,
        confidence=0.9,
        severity=Severity.HIGH,
        direction="unknown",
        speed_mps=0.0,
        reason=Explanation("incident.reason"),
        settings="s",
    )
    (alert,) = Lifecycle("run").push(incident)
    if not isinstance(alert, Alert):
        raise TypeError(alert)
    return alert


@given(
    mark=st.sampled_from(Mark),
    state=st.sampled_from(AlertState),
    severity=st.sampled_from(Severity),
    party=st.text(max_size=4),
)
def test_whatever_the_alert_only_the_home_party_sees_it(
    mark: Mark, state: AlertState, severity: Severity, party: str
) -> None:
    alert = replace(raised(mark), state=state, severity=severity)
    assert release(alert, "RO", "RO") == alert
    if party != "RO":
        assert release(alert, party, "RO") is None
