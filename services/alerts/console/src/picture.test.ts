import { describe, expect, test } from "vitest";
import type { Alert, AlertState } from "./model";
import { NOTHING, after, inOrder, later } from "./picture";

function alert(id: string, revision: number, more: Partial<Alert> = {}): Alert {
  return {
    id,
    revision,
    stored: true,
    feed: null,
    mark: "simulated",
    state: "unacknowledged",
    severity: 3,
    severity_name: "high",
    at: "2026-11-22T00:00:00.000000000Z",
    raised_at: "2026-11-22T00:00:00.000000000Z",
    started_at: "2026-11-22T00:00:00.000000000Z",
    acknowledged_by: null,
    acknowledged_at: null,
    object_class: "person",
    count: 1,
    confidence: 0.9,
    direction: "towards",
    speed_mps: 1,
    place: {
      longitude_deg: 20,
      latitude_deg: 45,
      chainage_m: 1,
      offset_m: 1,
      sector: null,
      ellipse: null,
    },
    sensors: [],
    reason: { text: "", key: "", parameters: {} },
    change: {
      at: "",
      what: "raised",
      state: "unacknowledged",
      actor: null,
      explanation: { text: "", key: "", parameters: {} },
    },
    merged_into: null,
    ...more,
  };
}

const snapshot = (feed: string | null, ...alerts: Alert[]) =>
  ({ kind: "snapshot", answer: { feed, complete: feed !== null, count: alerts.length, alerts } }) as const;
const come = (id: string | null, one: Alert) => ({ kind: "alert", id, alert: one }) as const;

describe("the picture", () => {
  test("goes on from the last place, whatever order things come in", () => {
    let picture = after(NOTHING, snapshot("e1:4", alert("a", 1)));
    picture = after(picture, come("e1:6", alert("a", 3)));
    picture = after(picture, come("e1:5", alert("a", 2)));
    expect(picture.place).toBe("e1:6");
    expect(picture.alerts.get("a")?.revision).toBe(3);
  });

  test("is not changed by what it knows already", () => {
    const picture = after(NOTHING, come("e1:1", alert("a", 1)));
    expect(after(picture, come("e1:1", alert("a", 1)))).toBe(picture);
  });

  test("takes an alert of the spool at once, and again as stored, never back", () => {
    let picture = after(NOTHING, snapshot("e1:4"));
    picture = after(picture, come(null, alert("a", 1, { stored: false })));
    expect(picture.place).toBe("e1:4");
    expect(picture.alerts.get("a")?.stored).toBe(false);
    picture = after(picture, come("e1:5", alert("a", 1)));
    expect(picture.alerts.get("a")?.stored).toBe(true);
    picture = after(picture, come(null, alert("a", 1, { stored: false })));
    expect(picture.alerts.get("a")?.stored).toBe(true);
  });

  test("keeps what came live while the answer was on its way", () => {
    let picture = after(NOTHING, come("e1:7", alert("b", 1, { feed: "e1:7" })));
    picture = after(picture, come("e1:8", alert("a", 5, { feed: "e1:8" })));
    picture = after(picture, snapshot("e1:6", alert("a", 4, { feed: "e1:6" })));
    expect([...picture.alerts.keys()].sort()).toEqual(["a", "b"]);
    expect(picture.alerts.get("a")?.revision).toBe(5);
    expect(picture.place).toBe("e1:8");
  });

  test("drops what the answer no longer has", () => {
    let picture = after(NOTHING, come("e1:3", alert("gone", 1, { feed: "e1:3" })));
    picture = after(picture, snapshot("e1:6", alert("a", 4)));
    expect([...picture.alerts.keys()]).toEqual(["a"]);
  });

  test("believes only the answer after a restore from backup", () => {
    let picture = after(NOTHING, snapshot("e1:90", alert("a", 9, { feed: "e1:90" })));
    picture = after(picture, { kind: "resync", id: "e2:3" });
    expect(picture.current).toBe(false);
    picture = after(picture, snapshot("e2:3", alert("a", 2, { feed: "e2:3" })));
    expect(picture.place).toBe("e2:3");
    expect(picture.current).toBe(true);
    expect(picture.alerts.get("a")?.revision).toBe(2);
    expect(picture.alerts.size).toBe(1);
  });

  test("keeps its place while the database is away", () => {
    let picture = after(NOTHING, snapshot("e1:4", alert("a", 1)));
    picture = after(picture, snapshot(null, alert("b", 1, { stored: false })));
    expect(picture.place).toBe("e1:4");
    expect(picture.complete).toBe(false);
    expect([...picture.alerts.keys()].sort()).toEqual(["a", "b"]);
  });

  test("knows how many alerts an answer had no room for, until one has all", () => {
    const cut = { feed: "e1:4", complete: false, count: 1_201, alerts: [alert("a", 1)] };
    let picture = after(NOTHING, { kind: "snapshot", answer: cut });
    expect([picture.complete, picture.beyond]).toEqual([false, 1_200]);
    picture = after(picture, come("e1:5", alert("b", 1)));
    expect(picture.beyond).toBe(1_200);
    picture = after(picture, snapshot("e1:6", alert("a", 1), alert("b", 1)));
    expect([picture.complete, picture.beyond]).toEqual([true, 0]);
  });

  test("compares places of one epoch by number, not by letters", () => {
    expect(later("e1:9", "e1:10")).toBe("e1:10");
    expect(later("e1:10", "e1:9")).toBe("e1:10");
    expect(later("e1:10", "e2:1")).toBe("e2:1");
    expect(later(null, "e2:1")).toBe("e2:1");
  });
});

describe("the list", () => {
  test("puts first who waits for an answer, then the graver, then the newer", () => {
    const one = (id: string, state: AlertState, severity: number, second: number) =>
      alert(id, 1, { state, severity, raised_at: `2026-11-22T00:00:0${second}.000000000Z` });
    const order = inOrder([
      one("ended", "ended", 4, 9),
      one("acknowledged", "acknowledged", 4, 9),
      one("old", "unacknowledged", 3, 1),
      one("new", "unacknowledged", 3, 5),
      one("returned", "returned_unacknowledged", 4, 0),
    ]);
    expect(order.map((each) => each.id)).toEqual(["returned", "new", "old", "acknowledged", "ended"]);
  });
});
