/** Whether the screen can be trusted: how old the last proof is that the whole way works. Pure. */

export interface Proven {
  /** Age of the proof when it reached us, by the service's clock, in seconds. */
  readonly age_s: number;
  /** When it reached us, by this machine's two clocks, in ms. */
  readonly reached: Moment;
}

/** One moment by two clocks: one never jumps but may stand still in sleep, one is the opposite. */
export interface Moment {
  readonly steady_ms: number;
  readonly wall_ms: number;
}

export type Level = "proven" | "late" | "failed";
export type Cause = "none" | "starting" | "proof" | "connection";

export interface Verdict {
  readonly level: Level;
  readonly cause: Cause;
  /** Age of the last proof in seconds, or null where there was none. */
  readonly age_s: number | null;
}

/** A lost connection is not cried out before it had time to come back by itself. */
export const CONNECTION_GRACE_S = 4;
const LATE_SHARE = 0.6;

/** Seconds from one moment to another: by the clock that saw more of them. */
export function elapsed(from: Moment, to: Moment): number {
  const steady = to.steady_ms - from.steady_ms;
  const wall = to.wall_ms - from.wall_ms;
  return Math.max(steady, wall, 0) / 1000;
}

/**
 * Judge the whole way.
 *
 * @param proven the last proof, or null before the first.
 * @param lost since when the feed is lost, or null while it is there.
 * @param begun when the console began to wait for its first proof.
 * @param limit_s age at which it has failed.
 */
export function judge(
  proven: Proven | null,
  lost: Moment | null,
  begun: Moment,
  now: Moment,
  limit_s: number,
): Verdict {
  const age_s = proven === null ? null : Math.max(0, proven.age_s) + elapsed(proven.reached, now);
  const waited_s = age_s ?? elapsed(begun, now);
  if (lost !== null && elapsed(lost, now) >= Math.min(CONNECTION_GRACE_S, limit_s)) {
    return { level: "failed", cause: "connection", age_s };
  }
  if (waited_s >= limit_s) {
    return { level: "failed", cause: lost === null ? "proof" : "connection", age_s };
  }
  if (age_s === null) return { level: "late", cause: "starting", age_s };
  if (waited_s >= limit_s * LATE_SHARE || lost !== null) {
    return { level: "late", cause: lost === null ? "proof" : "connection", age_s };
  }
  return { level: "proven", cause: "none", age_s };
}
