/** What became of an alert, as people read it. Pure. */

import type { Alert } from "./model";

export interface Step {
  readonly alert: Alert;
  /** When the first of them was. */
  readonly from: string;
  readonly count: number;
}

/** Fold updates that follow each other into one step; the newest step first. */
export function steps(history: readonly Alert[]): Step[] {
  const folded: Step[] = [];
  for (const alert of history) {
    const { change } = alert;
    const before = folded.at(-1);
    if (before && change.what === "updated" && before.alert.change.what === "updated") {
      folded[folded.length - 1] = { alert, from: before.from, count: before.count + 1 };
    } else {
      folded.push({ alert, from: change.at, count: 1 });
    }
  }
  return folded.reverse();
}
