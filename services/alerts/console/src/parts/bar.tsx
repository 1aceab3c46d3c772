import type { Session } from "../model";
import { useSay, type Key, type Language } from "../texts";
import { age, local, utc, utcDate, zoneName } from "../times";
import type { Verdict } from "../trust";
import { Emblem, LanguageChoice } from "./small";

interface Properties {
  verdict: Verdict;
  now_ms: number;
  session: Session;
  language: Language;
  setLanguage: (language: Language) => void;
  sound: boolean;
  setSound: (sound: boolean) => void;
  signOut: () => void;
}

/** The top bar: first of all, whether this screen can be trusted. */
export function Bar(properties: Properties) {
  const { verdict, now_ms, session, language, setLanguage, sound, setSound } = properties;
  const say = useSay();
  const key: Key =
    verdict.level === "proven"
      ? "trust.proven"
      : verdict.level === "failed"
        ? verdict.cause === "connection"
          ? "trust.failed.connection"
          : "trust.failed.proof"
        : verdict.cause === "starting"
          ? "trust.starting"
          : "trust.late";
  return (
    <header class={`bar ${verdict.level}`} data-trust={verdict.level} data-cause={verdict.cause}>
      <div class="brand">
        <Emblem />
        <span>{say("app.name")}</span>
      </div>
      <div class="trust">
        <span class="lamp" aria-hidden="true" />
        <p>
          <strong role="status">{say(key)}</strong>
          <span class="proof-age">
            {verdict.age_s === null
              ? say("trust.never")
              : say("trust.last", { age: age(verdict.age_s) })}
          </span>
        </p>
      </div>
      <div class="clocks">
        <span class="clock">
          <b>{utc(now_ms)}</b> UTC
        </span>
        <span class="clock second" title={utcDate(now_ms)}>
          <b>{local(now_ms)}</b> {zoneName()}
        </span>
      </div>
      <div class="controls">
        <button
          class="quiet"
          aria-pressed={sound}
          title={say(sound ? "bar.sound.on" : "bar.sound.off")}
          onClick={() => setSound(!sound)}
        >
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z" />
            {sound ? <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" /> : <path d="m16 9.5 5 5m0-5-5 5" />}
          </svg>
          <span class="hidden">{say(sound ? "bar.sound.on" : "bar.sound.off")}</span>
        </button>
        <LanguageChoice language={language} setLanguage={setLanguage} />
        <button class="quiet" onClick={properties.signOut} title={say("sign.out")}>
          <span class="account">
            {session.account} <small>{session.party}</small>
          </span>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M14 4h5v16h-5M4 12h10m-3.5-4 4 4-4 4" />
          </svg>
          <span class="hidden">{say("sign.out")}</span>
        </button>
      </div>
    </header>
  );
}
