/** The console's own texts. Languages are fetched with the page; no text comes from elsewhere. */

import { useContext } from "preact/hooks";
import { createContext } from "preact";
import en from "./texts/en.json";
import ro from "./texts/ro.json";
import srCyrl from "./texts/sr-Cyrl.json";
import srLatn from "./texts/sr-Latn.json";

export const LANGUAGES = { en: "English", ro: "Română", "sr-Latn": "Srpski", "sr-Cyrl": "Српски" };
export type Language = keyof typeof LANGUAGES;
export type Key = Exclude<keyof typeof en, "_note">;

/** Says the console's own texts, and the words that the service has for what it tells. */
export interface Say {
  (key: Key, parameters?: Record<string, string | number>): string;
  /** Whether the console has a text of this key. */
  has(key: string): key is Key;
  /** A word of the service's catalogue, such as `state.ended`; the bare name where it has none. */
  word(group: string, name: string): string;
}

const ALL: Record<Language, Record<string, string>> = {
  en,
  ro,
  "sr-Latn": srLatn,
  "sr-Cyrl": srCyrl,
};

/** Make what says things in a language; `words` is the service's catalogue. */
export function speaker(language: Language, words: Record<string, string> = {}): Say {
  const say = (key: Key, parameters: Record<string, string | number> = {}): string =>
    (ALL[language][key] ?? en[key]).replace(/\{(\w+)\}/g, (whole, name: string) =>
      String(parameters[name] ?? whole),
    );
  return Object.assign(say, {
    has: (key: string): key is Key => key in en && key !== "_note",
    word: (group: string, name: string) => words[`${group}.${name}`] ?? name.replaceAll("_", " "),
  });
}

export const Speech = createContext<Say>(speaker("en"));
export const useSay = (): Say => useContext(Speech);

const KEPT = "straja.language";

/** The language kept in this browser, or the browser's own. */
export function firstLanguage(): Language {
  const wanted = [localStorage.getItem(KEPT) ?? "", ...navigator.languages];
  for (const tag of wanted) {
    const lower = tag.toLowerCase();
    if (lower === "sr" || lower.startsWith("sr-cyrl") || lower === "sr-rs") return "sr-Cyrl";
    for (const language of Object.keys(LANGUAGES) as Language[]) {
      if (lower.startsWith(language.toLowerCase())) return language;
    }
  }
  return "en";
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT, language);
}
