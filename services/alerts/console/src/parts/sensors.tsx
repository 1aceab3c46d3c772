import type { Gateway, Sensor, SensorState } from "../model";
import { useSay, type Say } from "../texts";
import { age, parseTime } from "../times";

const ORDER: SensorState[] = [
  "silent",
  "offline",
  "degraded",
  "unregistered",
  "never_heard",
  "online",
];
const SHOWN = 40;

interface Properties {
  sensors: Iterable<Sensor>;
  gateways: Iterable<Gateway>;
  /** Connections that the broker ended for what was published. */
  cutOffs: number;
  /** Alerts of lower severity, since usual at their place and hour. */
  lowered: number;
  now_ms: number;
}

export function Sensors({ sensors, gateways, cutOffs, lowered, now_ms }: Properties) {
  const say = useSay();
  const all = [...sensors];
  const counts = new Map<SensorState, number>();
  for (const { state } of all) counts.set(state, (counts.get(state) ?? 0) + 1);
  const trouble = all
    .filter(({ state }) => state !== "online")
    .sort(
      (one, two) =>
        ORDER.indexOf(one.state) - ORDER.indexOf(two.state) ||
        one.sensor.localeCompare(two.sensor),
    );
  const groups = [...gateways];
  return (
    <section class="sensors" aria-label={say("sensors.title")}>
      <h2>
        {say("sensors.title")} <span class="count">{all.length}</span>
      </h2>
      <ul class="counts">
        {ORDER.toReversed()
          .filter((state) => counts.has(state))
          .map((state) => (
            <li key={state} class={state}>
              <b>{counts.get(state)}</b> {say.word("sensor", state)}
            </li>
          ))}
      </ul>
      {all.length > 0 && trouble.length === 0 && (
        <p class="dim">{say("sensors.all", { count: all.length })}</p>
      )}
      {trouble.length > 0 && (
        <>
          <h3>{say("sensors.trouble")}</h3>
          <ul class="trouble">
            {trouble.slice(0, SHOWN).map((sensor) => (
              <li key={`${sensor.group}/${sensor.sensor}`} class={sensor.state}>
                <b>{sensor.sensor}</b>
                <span class="sensor-state">{say.word("sensor", sensor.state)}</span>
                {sensor.state !== "never_heard" && (
                  <span class="age">
                    {sensor.last_word === null
                      ? say("sensors.never")
                      : say("sensors.since", {
                          age: age((now_ms - parseTime(sensor.since)) / 1000),
                        })}
                  </span>
                )}
                {sensor.faults.length > 0 && <small>{sensor.faults.map((fault) => faultText(say, fault)).join(", ")}</small>}
                {sensor.cover !== null && sensor.cover < 1 && (
                  <small>{say("sensors.cover", { percent: Math.round(100 * sensor.cover) })}</small>
                )}
              </li>
            ))}
          </ul>
          {trouble.length > SHOWN && (
            <p class="dim">{say("sensors.more", { count: trouble.length - SHOWN })}</p>
          )}
        </>
      )}
      {groups.length > 0 && (
        <p class="gateways">
          <b>{say("gateways.title")}</b>{" "}
          {say("gateways.counts", {
            online: groups.filter(({ state }) => state === "online").length,
            count: groups.length,
            received: sum(groups, "received").toLocaleString("en-GB").replaceAll(",", " "),
            rejected: sum(groups, "rejected"),
          })}
          {cutOffs > 0 && <b class="cut"> · {say("gateways.cut", { count: cutOffs })}</b>}
        </p>
      )}
      {lowered > 0 && <p class="lowered dim">{say("memory.lowered", { count: lowered })}</p>}
    </section>
  );
}

/** A fault in words; one that a vendor names by itself stands as it came. */
function faultText(say: Say, fault: string): string {
  const [what = fault, ...where] = fault.split(": ");
  const key = `fault.${what.replaceAll(" ", "-")}`;
  return [say.has(key) ? say(key) : what.replaceAll("-", " "), ...where].join(": ");
}

function sum(groups: Gateway[], field: "received" | "rejected"): number {
  return groups.reduce((total, group) => total + group[field], 0);
}
