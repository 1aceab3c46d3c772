import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Aim } from "../aim";
import { api } from "../api";
import type { Alert, Mark, Session } from "../model";
import { NEEDS_SOMEBODY, inOrder } from "../picture";
import { useSay, type Key, type Language } from "../texts";
import { parseTime, utc } from "../times";
import { Watch } from "../watch";
import { Bar } from "./bar";
import { Detail } from "./detail";
import { AlertList } from "./list";
import { MapPanel } from "./mappanel";
import { Sensors } from "./sensors";
import { problemText } from "./signin";
import { chime } from "./sound";

interface Properties {
  session: Session;
  language: Language;
  setLanguage: (language: Language) => void;
  signedOut: () => void;
}

const KEPT_SOUND = "straja.sound";
/** How often trust is judged: late by a whole second would be late by a tenth of what it has. */
const JUDGE_MS = 200;

export function Console({ session, language, setLanguage, signedOut }: Properties) {
  const say = useSay();
  const [, setTurn] = useState(0);
  const [selected, setDrawn] = useState<string | null>(null);
  // Keys may come faster than the page is drawn: they go by this, not by what is drawn.
  const chosenNow = useRef<string | null>(null);
  const setSelected = (id: string | null): void => {
    chosenNow.current = id;
    setDrawn(id);
  };
  const [shown, setShown] = useState({ id: null as string | null, turn: 0 });
  const [sound, setSound] = useState(() => localStorage.getItem(KEPT_SOUND) === "on");
  const [spoken, setSpoken] = useState("");
  const [sectors, setSectors] = useState<ReadonlyMap<string, string>>(new Map());
  const speech = useRef({ say, sound });
  speech.current = { say, sound };

  const watch = useMemo(() => {
    let planned = false;
    const redraw = (): void => {
      if (planned) return;
      planned = true;
      setTimeout(() => {
        planned = false;
        setTurn((turn) => turn + 1);
      }, 60);
    };
    const raised = ([alert]: Alert[]): void => {
      if (!alert) return;
      const { say: now, sound: loud } = speech.current;
      setSpoken(
        now("alerts.new", {
          severity: now.word("severity", alert.severity_name),
          what: now.word("class", alert.object_class),
          km: (alert.place.chainage_m / 1000).toFixed(0),
        }),
      );
      if (loud) chime(alert.severity);
    };
    return new Watch(session, language, redraw, raised, signedOut);
  }, [session]);
  useEffect(() => () => watch.stop(), [watch]);
  useEffect(() => watch.speak(language), [watch, language]);

  useEffect(() => {
    const timer = setInterval(() => setTurn((turn) => turn + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    const timer = setInterval(() => watch.tidy(selected), 10_000);
    return () => clearInterval(timer);
  }, [watch, selected]);
  useEffect(() => localStorage.setItem(KEPT_SOUND, sound ? "on" : "off"), [sound]);

  const verdict = watch.verdict();
  const drawnLevel = useRef(verdict.level);
  drawnLevel.current = verdict.level;
  useEffect(() => {
    const timer = setInterval(() => {
      if (watch.verdict().level !== drawnLevel.current) setTurn((turn) => turn + 1);
    }, JUDGE_MS);
    return () => clearInterval(timer);
  }, [watch]);

  const [aim] = useState(() => new Aim());
  const known = watch.picture.alerts;
  const wanted = inOrder(known.values()).map(({ id }) => id);
  const { ids, withheld } = aim.arrange(wanted, performance.now());
  const alerts = ids.flatMap((id) => known.get(id) ?? []);
  const comers = withheld.flatMap((id) => known.get(id) ?? []);
  const waiting = [...known.values()].filter(({ state }) => NEEDS_SOMEBODY.has(state)).length;
  const now_ms = watch.now();
  const chosen = selected === null ? undefined : watch.picture.alerts.get(selected);

  useEffect(() => {
    const prefix = verdict.level === "failed" ? `⛔ ${say("trust.title")} ` : "";
    document.title = `${prefix}${waiting > 0 ? `(${waiting}) ` : ""}${say("app.name")}`;
  });

  const show = (id: string): void => {
    setSelected(id);
    setShown(({ turn }) => ({ id, turn: turn + 1 }));
  };

  // As soon as rows are drawn keys go by them; effects follow a moment later.
  const rows = useRef<Alert[]>([]);
  rows.current = alerts;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const alerts = rows.current;
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input, select, textarea")) return;
      const selected = chosenNow.current;
      const index = alerts.findIndex(({ id }) => id === selected);
      const go = (to: number): void => {
        const next = alerts[Math.max(0, Math.min(alerts.length - 1, to))];
        if (next) setSelected(next.id);
        event.preventDefault();
      };
      if (event.key === "ArrowDown") go(index + 1);
      else if (event.key === "ArrowUp") go(index < 0 ? 0 : index - 1);
      else if (event.key === "Home") go(0);
      else if (event.key === "End") go(alerts.length - 1);
      else if (event.key === "Escape") setSelected(null);
      else if (selected === null) return;
      else if (event.key === "Enter") {
        // On a button the key presses the button.
        if (!target.closest("button")) show(selected);
      }
      // By place on the keyboard too: under a Cyrillic layout that key gives another letter.
      else if (
        (event.key.toLowerCase() === "a" || event.code === "KeyA") &&
        !event.repeat &&
        session.may_acknowledge
      ) {
        void watch.acknowledge(selected);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [watch, session]);

  const signOut = async (): Promise<void> => {
    await api.signOut().catch(() => undefined);
    signedOut();
  };
  const sectorName = (id: string): string => sectors.get(id) ?? id;
  const { service, picture } = watch;
  return (
    <div class={`console ${verdict.level === "failed" ? "untrusted" : ""}`}>
      <Bar
        {...{ verdict, now_ms, session, language, setLanguage, sound, setSound }}
        signOut={() => void signOut()}
      />
      <div class="banners">
        <Marks banner={watch.banner} alerts={[...known.values()]} />
        {service?.broker_away_since != null && (
          <p class="banner broker" role="alert">
            {say("banner.broker", { time: utc(parseTime(service.broker_away_since)) })}
          </p>
        )}
        {service?.database_away_since != null && (
          <p class="banner database" role="alert">
            {say("banner.database", { time: utc(parseTime(service.database_away_since)) })}
          </p>
        )}
        {picture.beyond > 0 ? (
          <p class="banner beyond" role="alert">
            {say("banner.beyond", { count: picture.beyond })}
          </p>
        ) : (
          picture.current &&
          !picture.complete && <p class="banner database">{say("banner.incomplete")}</p>
        )}
      </div>
      <main>
        <AlertList
          {...{ alerts, waiting, aim, selected, now_ms, sectorName, show }}
          withheld={comers}
          loading={!picture.current}
          sending={watch.sending}
          mayAcknowledge={session.may_acknowledge}
          select={setSelected}
          acknowledge={(id) => void watch.acknowledge(id)}
        />
        <MapPanel
          alerts={[...alerts, ...comers]}
          sensors={watch.sensors}
          selected={selected}
          shown={shown}
          language={language}
          select={setSelected}
          siteRead={(names) => setSectors(names)}
        />
        <aside>
          {chosen && (
            <Detail
              alert={chosen}
              {...{ now_ms, sectorName }}
              sending={watch.sending.has(chosen.id)}
              mayAcknowledge={session.may_acknowledge}
              problem={watch.problem && problemText(say, watch.problem)}
              history={(id) => watch.history(id)}
              acknowledge={() => void watch.acknowledge(chosen.id)}
              show={() => show(chosen.id)}
              close={() => setSelected(null)}
            />
          )}
          {session.home && (
            <Sensors
              sensors={watch.sensors.values()}
              gateways={watch.gateways.values()}
              cutOffs={service?.broker_cut_offs ?? 0}
              lowered={service?.lowered_by_site_memory ?? 0}
              now_ms={now_ms}
            />
          )}
        </aside>
      </main>
      <p class="hidden" aria-live="assertive">
        {spoken}
      </p>
    </div>
  );
}

function Marks({ banner, alerts }: { banner: Mark | null; alerts: Alert[] }) {
  const say = useSay();
  if (banner !== null && banner !== "real") {
    return <p class={`banner mark ${banner}`}>{say(`banner.${banner}` as Key)}</p>;
  }
  const marks = new Set(alerts.map(({ mark }) => mark));
  marks.delete("real");
  const [only] = marks;
  if (only === undefined) return null;
  const all = marks.size === 1 && alerts.every(({ mark }) => mark === only);
  return (
    <p class={`banner mark ${only}`}>{say(all ? (`banner.${only}` as Key) : "banner.mixed")}</p>
  );
}
