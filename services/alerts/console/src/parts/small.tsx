import type { Mark, SeverityName } from "../model";
import { LANGUAGES, useSay, type Language } from "../texts";

/** The emblem: a shield with a signal. */
export function Emblem() {
  return (
    <svg class="emblem" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 2 4 7v8c0 8 5 13 12 15 7-2 12-7 12-15V7z" />
      <path d="M9 17h4l2-5 3 9 2-4h3" />
    </svg>
  );
}

/** Severity by shape as well as colour: hollow once somebody has taken it on. */
export function Shape({ severity, hollow }: { severity: SeverityName; hollow: boolean }) {
  const shapes: Record<SeverityName, preact.JSX.Element> = {
    danger_to_life: <path d="M12 1.5 22.5 12 12 22.5 1.5 12z" />,
    high: <path d="M12 2.5 22.5 21h-21z" />,
    medium: <path d="M3 3h18v18H3z" />,
    low: <circle cx="12" cy="12" r="9.5" />,
  };
  return (
    <svg class={`shape ${severity}${hollow ? " hollow" : ""}`} viewBox="0 0 24 24" aria-hidden="true">
      {shapes[severity]}
      {severity === "danger_to_life" && <path class="sign" d="M12 7v6.2M12 16.2v.6" />}
    </svg>
  );
}

export function MarkBadge({ mark }: { mark: Mark }) {
  const say = useSay();
  return mark === "real" ? null : <span class={`mark ${mark}`}>{say.word("mark", mark)}</span>;
}

interface LanguageProperties {
  language: Language;
  setLanguage: (language: Language) => void;
}

export function LanguageChoice({ language, setLanguage }: LanguageProperties) {
  const say = useSay();
  const unchecked = language === "en" ? undefined : say("bar.language.unchecked");
  return (
    <label class="language" title={unchecked}>
      <span class="hidden">{say("bar.language")}</span>
      <select
        value={language}
        onChange={(event) => setLanguage(event.currentTarget.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
