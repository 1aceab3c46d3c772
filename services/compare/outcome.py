"""What is compared: the rows that ``straja score --json --details`` gives, or alerts alone."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geo.errors import RecordingError

UNJUDGED = "unjudged"
"""Verdict of an alert where there was no truth."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class CrossingOutcome(_Row):
    """How one crossing fared.

    Attributes:
        alerts: times that an alert was raised for it, or for those it goes together with.
        actionable: of these, the alerts that an operator would act on; None in a score that was
            saved before this was told.
    """

    actor: str
    kind: str
    group: str
    enter_ns: int
    chainage_m: float
    alerts: int
    actionable: int | None = None
    delay_s: float | None = None
    error_m: float | None = None


class AlertOutcome(_Row):
    """One time that an alert was raised, and what it was for."""

    alert: str
    number: int = 0
    at_ns: int
    chainage_m: float
    east_m: float
    north_m: float
    said: str
    severity: str
    verdict: str = UNJUDGED


class RunOutcome(_Row):
    """One run.

    Attributes:
        judged: its alerts were matched with a truth; without one they have no verdict.
    """

    run: str
    crossings: tuple[CrossingOutcome, ...] = ()
    alerts: tuple[AlertOutcome, ...] = ()
    judged: bool = True


class Outcome(_Row):
    """One side of a comparison.

    Attributes:
        name: as the person calls it.
        runs: each under a name of its own.
        figures: of the score, where there was truth.
    """

    name: str
    runs: tuple[RunOutcome, ...]
    figures: dict[str, Any] = Field(default_factory=dict)


def read_outcome(name: str, values: Mapping[str, Any]) -> Outcome:
    """Take what a score with its details says.

    Raises:
        RecordingError: where it has no details, or they are not such rows.
    """
    rest = {key: value for key, value in values.items() if key != "details"}
    try:
        return Outcome(name=name, runs=values["details"], figures=rest)
    except KeyError:
        raise RecordingError(
            f"{name} has no details: wanted what `straja score --json --details` prints"
        ) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RecordingError(
            f"{name}: {where} is {fault['input']!r:.60}: wanted what "
            "`straja score --json --details` prints"
        ) from error
