"""From incidents and commands to alerts, through the table of transitions."""

from dataclasses import dataclass, field, replace
from typing import Any

from geo.errors import SnapshotError, TransitionError
from services.alerts.transitions import Happening, after
from services.events import (
    Alert,
    AlertState,
    Change,
    Command,
    Explanation,
    Incident,
    Refused,
    Tick,
    decode,
    encode,
)
from services.stage import read_snapshot, undamaged, write_snapshot

VERSION = 1
NS = 1_000_000_000

_WHAT: dict[Happening, Any] = {
    Happening.RAISED: "raised",
    Happening.UPDATED: "updated",
    Happening.SENSOR_ADDED: "sensor_added",
    Happening.SEVERITY_ROSE: "severity",
    Happening.SEVERITY_FELL: "severity",
    Happening.RECURRED: "raised",
    Happening.ACKNOWLEDGED: "acknowledged",
    Happening.RETURNED: "returned",
}


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """How alerts follow their incidents.

    Attributes:
        update_s: least time between revisions that tell only of movement; a new sensor, another
            severity and another state are told at once.
        recurrence_s: an incident that nothing supported for so long and that is supported again
            has come back; assumed, above every track's coasting.
        forget_s: how long an ended alert is kept here, in case it comes back.
        most_ended: number of ended alerts kept at most.
        most_commands: number of command ids kept, so that a repeat has no second effect.
    """

    update_s: float = 5.0
    recurrence_s: float = 20.0
    forget_s: float = 3_600.0
    most_ended: int = 10_000
    most_commands: int = 10_000


@dataclass(slots=True)
class _Kept:
    """An alert and what is known of its incident beyond the last revision shown."""

    alert: Alert
    incident: Incident
    told_ns: int = 0


@dataclass(slots=True)
class Lifecycle:
    """Stage from incidents and commands to alerts.

    Attributes:
        run: name of this run of the service; on every alert.
        settings: how often, how long.
    """

    run: str
    settings: LifecycleSettings = field(default_factory=LifecycleSettings)
    _kept: dict[str, _Kept] = field(init=False, default_factory=dict)
    _ended: dict[str, int] = field(init=False, default_factory=dict)
    _commands: dict[str, None] = field(init=False, default_factory=dict)

    def push(self, item: Incident | Command | Tick) -> list[Alert | Refused]:
        """Take an incident's revision, a command or the time.

        Returns:
            Revisions of alerts, in order; a refusal where a command was not carried out.
        """
        if isinstance(item, Incident):
            return list(self._follow(item))
        if isinstance(item, Command):
            return self._obey(item)
        return list(self._pass_time(item.at_ns))

    # --- incidents

    def _follow(self, incident: Incident) -> list[Alert]:
        kept = self._kept.get(incident.id)
        if kept is None:
            return self._raise(incident)
        if incident.revision <= kept.incident.revision:
            return []
        before, kept.incident = kept.incident, incident
        state = kept.alert.state
        told = []
        silent_s = (incident.at_ns - before.at_ns) / NS
        gone = state in {AlertState.RETURNED_UNACKNOWLEDGED, AlertState.ENDED}
        if not incident.ended and (gone or silent_s >= self.settings.recurrence_s):
            parameters: dict[str, str | int | float] = {"seconds": round(silent_s, 1)}
            told.append(self._change(kept, Happening.RECURRED, "change.recurred", parameters))
        known = {part.sensor for part in kept.alert.incident.contributions if not told}
        known |= {part.sensor for part in before.contributions}
        for part in incident.contributions:
            if part.sensor not in known and not (gone and incident.ended):
                named: dict[str, str | int | float] = {"sensor": part.sensor, "kind": part.kind}
                told.append(
                    self._change(kept, Happening.SENSOR_ADDED, "change.sensor_added", named)
                )
        if incident.severity is not before.severity and not (gone and incident.ended):
            rose = incident.severity > before.severity
            levels: dict[str, str | int | float] = {
                "before": before.severity.name.lower(),
                "after": incident.severity.name.lower(),
            }
            happening = Happening.SEVERITY_ROSE if rose else Happening.SEVERITY_FELL
            told.append(self._change(kept, happening, f"change.{happening}", levels))
        if incident.ended and not gone:
            told.append(self._change(kept, Happening.RETURNED, "change.returned", {}))
        elif not told and not incident.ended and self._is_due(kept, incident.at_ns):
            told.append(self._change(kept, Happening.UPDATED, "change.updated", {}))
        return told

    def _raise(self, incident: Incident) -> list[Alert]:
        state = after(None, Happening.RAISED)
        why = Explanation("change.raised", {})
        if incident.late_s:
            why = Explanation("change.raised_late", {"seconds": round(incident.late_s, 1)})
        alert = Alert(
            id=incident.id,
            revision=1,
            run=self.run,
            state=state,
            mark=incident.mark,
            severity=incident.severity,
            at_ns=incident.at_ns,
            raised_at_ns=incident.at_ns,
            incident=incident,
            change=Change(incident.at_ns, "raised", state, None, why),
        )
        kept = self._kept[incident.id] = _Kept(alert, incident, incident.at_ns)
        if not incident.ended:
            return [alert]
        return [alert, self._change(kept, Happening.RETURNED, "change.returned", {})]

    def _is_due(self, kept: _Kept, at_ns: int) -> bool:
        return at_ns - kept.told_ns >= round(self.settings.update_s * NS)

    def _change(
        self,
        kept: _Kept,
        happening: Happening,
        key: str,
        parameters: dict[str, str | int | float],
        command: Command | None = None,
    ) -> Alert:
        """Make the next revision.

        Raises:
            TransitionError: the table does not allow it; nothing is changed.
        """
        before, incident = kept.alert, kept.incident
        state = after(before.state, happening)
        at_ns = max(before.at_ns, command.at_ns if command else incident.at_ns)
        what = _WHAT[happening]
        if happening is Happening.RETURNED and state is AlertState.ENDED:
            what, key = "ended", "change.ended"
        alert = replace(
            before,
            revision=before.revision + 1,
            state=state,
            severity=incident.severity,
            at_ns=at_ns,
            incident=incident,
            change=Change(
                at_ns, what, state, command.actor if command else None, Explanation(key, parameters)
            ),
        )
        if command is not None:
            alert = replace(alert, acknowledged_by=command.actor, acknowledged_at_ns=at_ns)
        elif state is AlertState.UNACKNOWLEDGED and before.state is not state:
            alert = replace(alert, acknowledged_by=None, acknowledged_at_ns=None)
        kept.alert, kept.told_ns = alert, incident.at_ns
        self._ended.pop(alert.id, None)
        if state is AlertState.ENDED:
            self._ended[alert.id] = at_ns
        return alert

    # --- commands

    def _obey(self, command: Command) -> list[Alert | Refused]:
        if command.id in self._commands:
            return []
        self._commands[command.id] = None
        while len(self._commands) > self.settings.most_commands:
            del self._commands[next(iter(self._commands))]
        name = command.parameters.get("alert")
        if name is None:
            return [_refusal(command, "refused.no_alert_named", {})]
        kept = self._kept.get(name)
        if kept is None:
            return [_refusal(command, "refused.unknown_alert", {"alert": name[:80]})]
        try:
            return [
                self._change(
                    kept,
                    Happening.ACKNOWLEDGED,
                    "change.acknowledged",
                    {"actor": command.actor},
                    command,
                )
            ]
        except TransitionError:
            state: dict[str, str | int | float] = {"alert": name, "state": kept.alert.state.value}
            return [_refusal(command, "refused.not_in_this_state", state)]

    # --- time

    def _pass_time(self, at_ns: int) -> list[Alert]:
        told = [
            self._change(kept, Happening.UPDATED, "change.updated", {})
            for kept in self._kept.values()
            if kept.incident.revision > kept.alert.incident.revision
            and not kept.incident.ended
            and self._is_due(kept, at_ns)
        ]
        limit_ns = at_ns - round(self.settings.forget_s * NS)
        surplus = len(self._ended) - self.settings.most_ended
        for index, (name, ended_ns) in enumerate(list(self._ended.items())):
            if index < surplus or ended_ns < limit_ns:
                del self._ended[name], self._kept[name]
        return told

    # --- state

    def snapshot(self) -> bytes:
        """Write the whole state down; it suits any settings, so that no alert is lost by them."""
        return write_snapshot(
            "lifecycle",
            VERSION,
            f"run {self.run}",
            {
                "kept": [
                    [encode(kept.alert).decode(), encode(kept.incident).decode(), kept.told_ns]
                    for kept in self._kept.values()
                ],
                "ended": self._ended,
                "commands": list(self._commands),
            },
        )

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        read = read_snapshot(state, "lifecycle", VERSION, f"run {self.run}")
        with undamaged("lifecycle"):
            kept = [_read_kept(*one) for one in read["kept"]]
            ended, commands = dict(read["ended"]), dict.fromkeys(read["commands"])
        self._kept = {one.alert.id: one for one in kept}
        self._ended, self._commands = ended, commands


def _read_kept(alert_line: str, incident_line: str, told_ns: int) -> _Kept:
    alert, incident = decode(alert_line), decode(incident_line)
    if not isinstance(alert, Alert) or not isinstance(incident, Incident):
        raise SnapshotError(f"it holds a {alert.record} for an alert")
    return _Kept(alert, incident, int(told_ns))


def _refusal(command: Command, key: str, parameters: dict[str, str | int | float]) -> Refused:
    return Refused(command.id, command.at_ns, Explanation(key, parameters))
