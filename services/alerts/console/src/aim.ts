/** Keeps rows where they are while somebody aims at one. Pure: the time is given. */

/** A pointer that moved this short a time ago is aiming. */
export const AIM_MS = 1_500;
/** Rows are not kept from their places for longer, whoever aims. */
export const LONGEST_HOLD_MS = 4_000;
/** A row that moved this short a time ago is not yet the one that a click means. */
export const SETTLE_MS = 500;

export interface Arranged {
  /** Rows in the order in which they stand. */
  readonly ids: readonly string[];
  /** Rows that wait for their places until nobody aims. */
  readonly withheld: readonly string[];
}

export class Aim {
  private drawn: readonly string[] = [];
  private aimed_ms = -Infinity;
  private entered_ms = Infinity;
  private held_ms: number | null = null;
  private moved_ms = -Infinity;
  private moved: ReadonlySet<string> = new Set();

  /** The pointer moved or was pressed over the list. */
  take(now_ms: number): void {
    this.aimed_ms = now_ms;
    if (this.entered_ms === Infinity) this.entered_ms = now_ms;
  }

  /** The pointer left the list. */
  leave(): void {
    this.aimed_ms = -Infinity;
    this.entered_ms = Infinity;
  }

  /** Say in which order rows stand now, given the order in which they should. */
  arrange(wanted: readonly string[], now_ms: number): Arranged {
    const there = new Set(wanted);
    const kept = this.drawn.filter((id) => there.has(id));
    if (kept.length === wanted.length && kept.every((id, index) => id === wanted[index])) {
      this.held_ms = null;
    } else if (
      now_ms - this.aimed_ms < AIM_MS &&
      now_ms - (this.held_ms ?? now_ms) < LONGEST_HOLD_MS
    ) {
      this.held_ms ??= now_ms;
      this.drawn = kept;
      const standing = new Set(kept);
      return { ids: kept, withheld: wanted.filter((id) => !standing.has(id)) };
    } else {
      this.held_ms = null;
      this.moved_ms = now_ms;
      this.moved = new Set(wanted.filter((id, index) => this.drawn[index] !== id));
    }
    this.drawn = wanted;
    return { ids: wanted, withheld: [] };
  }

  /** Whether a click on a row means that row: it did not just come under the pointer. */
  means(id: string, now_ms: number): boolean {
    const cameLater = this.entered_ms > this.moved_ms;
    return cameLater || !this.moved.has(id) || now_ms - this.moved_ms >= SETTLE_MS;
  }
}
