/** What the console knows of alerts, and how it changes. Pure: no clock, no network. */

import type { Alert, Alerts } from "./model";

export interface Picture {
  /** Every alert known, by id. */
  readonly alerts: ReadonlyMap<string, Alert>;
  /** Place in the feed of the last stored entry, `<epoch>:<sequence>`: where to go on from. */
  readonly place: string | null;
  /** False: ask for the current alerts before anything else is believed to be all. */
  readonly current: boolean;
  /** False: the last answer had no room for all, or came from memory, the database being away. */
  readonly complete: boolean;
  /** Alerts that the last answer had no room for. */
  readonly beyond: number;
}

export type Happening =
  | { readonly kind: "snapshot"; readonly answer: Alerts }
  | { readonly kind: "alert"; readonly id: string | null; readonly alert: Alert }
  | { readonly kind: "resync"; readonly id: string }
  | { readonly kind: "forget"; readonly ids: readonly string[] };

export const NOTHING: Picture = {
  alerts: new Map(),
  place: null,
  current: false,
  complete: false,
  beyond: 0,
};

/** Read a place in the feed. */
export function parsePlace(place: string): { epoch: string; sequence: number } | null {
  const colon = place.lastIndexOf(":");
  const digits = place.slice(colon + 1);
  if (colon < 1 || !/^\d+$/.test(digits)) return null;
  return { epoch: place.slice(0, colon), sequence: Number(digits) };
}

/** The later of two places; of two epochs, the one that came last. */
export function later(known: string | null, come: string): string {
  const before = known === null ? null : parsePlace(known);
  const now = parsePlace(come);
  if (before === null || now === null || before.epoch !== now.epoch) return come;
  return now.sequence > before.sequence ? come : (known ?? come);
}

/** Whether what came says more than what is known. */
export function isNews(known: Alert | undefined, come: Alert): boolean {
  if (known === undefined) return true;
  if (come.revision !== known.revision) return come.revision > known.revision;
  return come.stored && !known.stored;
}

/** What follows from a happening. The same happening twice changes nothing the second time. */
export function after(picture: Picture, happening: Happening): Picture {
  switch (happening.kind) {
    case "snapshot": {
      const { answer } = happening;
      const alerts = new Map<string, Alert>();
      const sameEpoch = answer.feed === null || isSameEpoch(picture.place, answer.feed);
      for (const alert of answer.alerts) {
        const known = picture.alerts.get(alert.id);
        // What came live between question and answer is newer than the answer, unless the
        // database was restored from a backup: then only the answer counts.
        alerts.set(
          alert.id,
          sameEpoch && known !== undefined && !isNews(known, alert) ? known : alert,
        );
      }
      for (const [id, known] of picture.alerts) {
        const since = known.feed === null || answer.feed === null || isAfter(known.feed, answer.feed);
        // Ended alerts are not in the answer and stay in view for a while.
        if (sameEpoch && !alerts.has(id) && (known.state === "ended" || since)) {
          alerts.set(id, known);
        }
      }
      const place =
        answer.feed === null
          ? picture.place
          : sameEpoch
            ? later(picture.place, answer.feed)
            : answer.feed;
      const beyond = Math.max(0, answer.count - answer.alerts.length);
      return { alerts, place, current: true, complete: answer.complete, beyond };
    }
    case "alert": {
      const { alert, id } = happening;
      const place = id === null ? picture.place : later(picture.place, id);
      if (!isNews(picture.alerts.get(alert.id), alert)) {
        return place === picture.place ? picture : { ...picture, place };
      }
      const alerts = new Map(picture.alerts);
      alerts.set(alert.id, alert);
      return { ...picture, alerts, place };
    }
    case "resync":
      return { ...picture, current: false };
    case "forget": {
      const alerts = new Map(picture.alerts);
      for (const id of happening.ids) alerts.delete(id);
      return { ...picture, alerts };
    }
  }
}

function isSameEpoch(known: string | null, come: string): boolean {
  if (known === null) return true;
  return parsePlace(known)?.epoch === parsePlace(come)?.epoch;
}

function isAfter(place: string, other: string): boolean {
  const one = parsePlace(place);
  const two = parsePlace(other);
  return one !== null && two !== null && one.epoch === two.epoch && one.sequence > two.sequence;
}

export const NEEDS_SOMEBODY: ReadonlySet<string> = new Set([
  "unacknowledged",
  "returned_unacknowledged",
]);

/** The order of the list: who waits for an answer, then how grave, then the newest. */
export function inOrder(alerts: Iterable<Alert>): Alert[] {
  const group = (alert: Alert): number =>
    NEEDS_SOMEBODY.has(alert.state) ? 0 : alert.state === "ended" ? 2 : 1;
  return [...alerts].sort(
    (one, two) =>
      group(one) - group(two) ||
      (group(one) === 2 ? 0 : two.severity - one.severity) ||
      (group(one) === 2 ? compare(two.at, one.at) : compare(two.raised_at, one.raised_at)) ||
      compare(one.id, two.id),
  );
}

function compare(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}
