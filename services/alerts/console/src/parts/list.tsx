import { useEffect, useRef } from "preact/hooks";
import type { Aim } from "../aim";
import type { Alert } from "../model";
import { NEEDS_SOMEBODY } from "../picture";
import { useSay } from "../texts";
import { age, kmh, parseTime } from "../times";
import { MarkBadge, Shape } from "./small";

interface Properties {
  alerts: Alert[];
  /** Alerts whose rows wait for their places while somebody aims at another. */
  withheld: Alert[];
  waiting: number;
  aim: Aim;
  loading: boolean;
  selected: string | null;
  sending: ReadonlySet<string>;
  mayAcknowledge: boolean;
  now_ms: number;
  sectorName: (id: string) => string;
  select: (id: string) => void;
  show: (id: string) => void;
  acknowledge: (id: string) => void;
}

export function AlertList(properties: Properties) {
  const say = useSay();
  const { alerts, withheld, waiting, aim, loading, selected } = properties;
  const pointer = useRef<[number, number]>([-1, -1]);
  const firstEnded = alerts.findIndex(({ state }) => state === "ended");
  const gravest = withheld.reduce<Alert | null>(
    (most, alert) => (most !== null && most.severity >= alert.severity ? most : alert),
    null,
  );
  return (
    <section class="alerts" aria-label={say("alerts.title")}>
      <h2>
        {say("alerts.title")}
        {waiting > 0 && <span class="waiting">{say("alerts.waiting", { count: waiting })}</span>}
        {gravest !== null && (
          <span class={`withheld ${gravest.severity_name}`}>
            <Shape severity={gravest.severity_name} hollow={false} />
            {say("alerts.withheld", { count: withheld.length })}
          </span>
        )}
      </h2>
      <ol
        role="listbox"
        aria-label={say("alerts.title")}
        aria-activedescendant={selected === null ? undefined : `row-${selected}`}
        tabIndex={0}
        onPointerMove={(event) => {
          // What moves under a resting pointer makes events too: those are nobody's aiming.
          const { clientX, clientY } = event;
          const [x, y] = pointer.current;
          if (clientX !== x || clientY !== y) aim.take(performance.now());
          pointer.current = [clientX, clientY];
        }}
        onPointerDown={() => aim.take(performance.now())}
        onPointerLeave={() => aim.leave()}
      >
        {alerts.flatMap((alert, index) => {
          const row = <Row key={alert.id} alert={alert} {...properties} />;
          if (index !== firstEnded) return [row];
          return [
            <li key="#ended" class="divider" role="presentation">
              {say("alerts.ended")}
            </li>,
            row,
          ];
        })}
        {alerts.length === 0 && (
          <li class="none" role="presentation">
            {loading ? (
              say("alerts.loading")
            ) : (
              <>
                <strong>{say("alerts.none")}</strong>
                {say("alerts.none.more")}
              </>
            )}
          </li>
        )}
      </ol>
      <p class="keys">{say("alert.keys")}</p>
    </section>
  );
}

function Row({ alert, ...rest }: Properties & { alert: Alert }) {
  const say = useSay();
  const row = useRef<HTMLLIElement>(null);
  const isSelected = rest.selected === alert.id;
  const waits = NEEDS_SOMEBODY.has(alert.state);
  useEffect(() => {
    if (isSelected) row.current?.scrollIntoView({ block: "nearest" });
  }, [isSelected]);
  const { sector, offset_m } = alert.place;
  const gone = alert.state === "ended" || alert.state === "returned_unacknowledged";
  const isSending = rest.sending.has(alert.id);
  return (
    <li
      ref={row}
      id={`row-${alert.id}`}
      role="option"
      aria-selected={isSelected}
      data-alert={alert.id}
      data-state={alert.state}
      class={`alert ${alert.severity_name} ${waits ? "waits" : alert.state}`}
      title={alert.reason.text}
      onClick={() => rest.show(alert.id)}
    >
      <Shape severity={alert.severity_name} hollow={!waits} />
      <div class="head">
        <b class="severity">{say.word("severity", alert.severity_name)}</b>
        <span class="what">
          {say.word("class", alert.object_class)}
          {alert.count > 1 && ` × ${alert.count}`}
        </span>
        <time class="age" dateTime={alert.raised_at}>
          {age((rest.now_ms - parseTime(alert.raised_at)) / 1000)}
        </time>
      </div>
      <p class="where">
        <b>{say("alert.km", { km: (alert.place.chainage_m / 1000).toFixed(1) })}</b>
        {sector !== null && <span>{rest.sectorName(sector)}</span>}
        <span>
          {say(offset_m >= 0 ? "alert.inside.ro" : "alert.inside.rs", {
            metres: Math.round(Math.abs(offset_m)),
          })}
        </span>
      </p>
      <p class="move">
        {gone ? (
          <b class="state">{say.word("state", alert.state)}</b>
        ) : (
          <span>
            {alert.direction !== "unknown" && `${kmh(alert.speed_mps)} `}
            {say.word("direction", alert.direction)}
          </span>
        )}
        <MarkBadge mark={alert.mark} />
      </p>
      <p class="by">
        {!alert.stored && <span class="unstored">{say("alert.unstored")}</span>}
        {alert.state === "acknowledged" && (
          <span class="state">
            {say.word("state", alert.state)}
            {alert.acknowledged_by !== null && ` · ${alert.acknowledged_by}`}
          </span>
        )}
        <span>{alert.sensors.map(({ sensor }) => sensor).join(", ")}</span>
      </p>
      {waits && rest.mayAcknowledge && (
        <button
          class="acknowledge"
          disabled={isSending}
          onClick={(event) => {
            event.stopPropagation();
            // `detail` is 0 where a key pressed the button: keys aim at nothing that moves.
            if (event.detail === 0 || rest.aim.means(alert.id, performance.now())) {
              rest.acknowledge(alert.id);
            } else rest.select(alert.id);
          }}
        >
          {say(isSending ? "alert.acknowledging" : "alert.acknowledge")}
        </button>
      )}
    </li>
  );
}
