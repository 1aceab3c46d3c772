import { useEffect, useState } from "preact/hooks";
import type { Alert, History } from "../model";
import { NEEDS_SOMEBODY } from "../picture";
import { useSay } from "../texts";
import { steps } from "../steps";
import { age, kmh, local, parseTime, utc, utcDate, zoneName } from "../times";
import { MarkBadge, Shape } from "./small";

interface Properties {
  alert: Alert;
  now_ms: number;
  sending: boolean;
  mayAcknowledge: boolean;
  problem: string | null;
  sectorName: (id: string) => string;
  history: (id: string) => Promise<History>;
  acknowledge: () => void;
  show: () => void;
  close: () => void;
}

export function Detail(properties: Properties) {
  const { alert, now_ms, sectorName } = properties;
  const say = useSay();
  const [past, setPast] = useState<Alert[]>([]);
  // An alert may change many times a minute: its history is asked for once things are quiet.
  useEffect(() => {
    let current = true;
    const timer = setTimeout(
      () => {
        properties.history(alert.id).then(
          ({ history }) => current && setPast(history),
          () => undefined,
        );
      },
      past[0]?.id === alert.id ? 700 : 0,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [alert.id, alert.revision, alert.reason.text]);

  const history = past[0]?.id === alert.id ? withLatest(past, alert) : [alert];
  const waits = NEEDS_SOMEBODY.has(alert.state);
  const { place } = alert;
  const offset = Math.round(Math.abs(place.offset_m));
  return (
    <section class={`detail ${alert.severity_name}`} aria-label={alert.reason.text}>
      <header>
        <Shape severity={alert.severity_name} hollow={!waits} />
        <div>
          <p class="kind">
            <b class="severity">{say.word("severity", alert.severity_name)}</b>
            <MarkBadge mark={alert.mark} />
          </p>
          <h2>
            {say.word("class", alert.object_class)}
            {alert.count > 1 && `\u00a0×\u00a0${alert.count}`}
          </h2>
        </div>
        <button class="quiet" onClick={properties.close} title={`${say("alert.close")} (Esc)`}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="m6 6 12 12M18 6 6 18" />
          </svg>
          <span class="hidden">{say("alert.close")}</span>
        </button>
      </header>
      <p class="why">{whole(alert.reason.text)}</p>
      <div class="act">
        {waits && properties.mayAcknowledge ? (
          <button class="primary" disabled={properties.sending} onClick={properties.acknowledge}>
            {say(properties.sending ? "alert.acknowledging" : "alert.acknowledge")} <kbd>A</kbd>
          </button>
        ) : (
          <span class="state">
            {alert.acknowledged_by !== null && alert.acknowledged_at !== null
              ? say("alert.acknowledged", {
                  who: alert.acknowledged_by,
                  time: utc(parseTime(alert.acknowledged_at)),
                })
              : say.word("state", alert.state)}
          </span>
        )}
        <button onClick={properties.show}>
          {say("alert.show")} <kbd>↵</kbd>
        </button>
      </div>
      {properties.problem !== null && (
        <p class="refused" role="alert">
          {properties.problem}
        </p>
      )}
      {alert.state === "returned_unacknowledged" && (
        <p class="gone">{say.word("state", alert.state)}</p>
      )}
      {!alert.stored && <p class="unstored">{say("alert.unstored")}</p>}
      {alert.merged_into !== null && (
        <p class="dim">{say("alert.merged", { id: alert.merged_into })}</p>
      )}
      <dl>
        <dt>{say("alert.place")}</dt>
        <dd>
          <b>{say("alert.km", { km: (place.chainage_m / 1000).toFixed(2) })}</b>
          {place.sector !== null && ` · ${sectorName(place.sector)}`}
          <small>
            {say(place.offset_m >= 0 ? "alert.offset.ro" : "alert.offset.rs", { metres: offset })}
          </small>
        </dd>
        <dt>{say("alert.position")}</dt>
        <dd>
          {place.latitude_deg.toFixed(5)} N, {place.longitude_deg.toFixed(5)} E
          {place.ellipse !== null && (
            <small>
              {say("alert.accuracy", { metres: Math.round(place.ellipse.semi_major_m) })}
            </small>
          )}
        </dd>
        <dt>{say("alert.movement")}</dt>
        <dd>
          {say.word("direction", alert.direction)}
          <small>{kmh(alert.speed_mps)}</small>
        </dd>
        <dt>{say("alert.confidence")}</dt>
        <dd>{Math.round(alert.confidence * 100)} %</dd>
        <dt>{say("alert.raised")}</dt>
        <dd>
          <Stamp at={alert.raised_at} now_ms={now_ms} />
        </dd>
        <dt>{say("alert.last")}</dt>
        <dd>
          <Stamp at={alert.at} now_ms={now_ms} />
        </dd>
      </dl>
      <h3>{say("alert.sensors")}</h3>
      <ul class="contributions">
        {alert.sensors.map((part) => (
          <li key={part.sensor}>
            <b>{part.sensor}</b>
            <span>
              {say.word("kind", part.kind)} · {say("alert.detections", { count: part.detections })}
            </span>
            <span class="age">
              {say("alert.ago", { age: age((now_ms - parseTime(part.last_at)) / 1000) })}
            </span>
            <meter min={0} max={1} value={part.best_confidence} />
          </li>
        ))}
      </ul>
      <h3>{say("alert.history")}</h3>
      <ol class="history">
        {steps(history).map(({ alert: { revision, change }, from, count }) => (
          <li key={revision} data-what={change.what}>
            <time dateTime={change.at}>{utc(parseTime(change.at))}</time>
            <span>
              {change.explanation.text}
              {count > 1 && (
                <small>{say("alert.times", { count, time: utc(parseTime(from)) })}</small>
              )}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** A text whose names, such as fibre-3, are not torn apart at the end of a line. */
function whole(text: string): string {
  return text.replace(/(?<=\w)-(?=\d+\b)/g, "\u2011");
}

/** A time in UTC, in the local zone by name, and as an age. */
function Stamp({ at, now_ms }: { at: string; now_ms: number }) {
  const say = useSay();
  const at_ms = parseTime(at);
  const day = utcDate(at_ms);
  return (
    <time dateTime={at}>
      {day !== utcDate(now_ms) && `${day} `}
      {utc(at_ms)} UTC
      <small>
        {local(at_ms)} {zoneName()} · {say("alert.ago", { age: age((now_ms - at_ms) / 1000) })}
      </small>
    </time>
  );
}

function withLatest(past: Alert[], latest: Alert): Alert[] {
  const last = past.at(-1);
  return last !== undefined && last.revision >= latest.revision ? past : [...past, latest];
}
