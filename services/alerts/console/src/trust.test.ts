import { describe, expect, test } from "vitest";
import { elapsed, judge, type Moment } from "./trust";
import { age, parseTime } from "./times";

const at = (seconds: number, wall = seconds): Moment => ({
  steady_ms: seconds * 1000,
  wall_ms: 1_790_000_000_000 + wall * 1000,
});
const LIMIT = 9;

describe("trust in the screen", () => {
  test("is there while proofs are young", () => {
    const verdict = judge({ age_s: 1, reached: at(0) }, null, at(0), at(2), LIMIT);
    expect(verdict).toEqual({ level: "proven", cause: "none", age_s: 3 });
  });

  test("wavers and is gone within 10 s of the last proof's measuring", () => {
    const proven = { age_s: 1, reached: at(0) };
    expect(judge(proven, null, at(0), at(5), LIMIT).level).toBe("late");
    expect(judge(proven, null, at(0), at(7.9), LIMIT).level).toBe("late");
    expect(judge(proven, null, at(0), at(8), LIMIT)).toMatchObject({
      level: "failed",
      cause: "proof",
    });
  });

  test("is gone a few seconds after the feed is", () => {
    const proven = { age_s: 0, reached: at(0) };
    expect(judge(proven, at(0), at(0), at(1), LIMIT)).toMatchObject({
      level: "late",
      cause: "connection",
    });
    expect(judge(proven, at(0), at(0), at(4), LIMIT)).toMatchObject({
      level: "failed",
      cause: "connection",
    });
  });

  test("is never there before the first proof, and gone when none comes", () => {
    expect(judge(null, null, at(0), at(1), LIMIT)).toMatchObject({
      level: "late",
      cause: "starting",
    });
    expect(judge(null, null, at(0), at(9), LIMIT).level).toBe("failed");
  });

  test("does not outlive a machine's sleep, nor a clock set back", () => {
    const proven = { age_s: 0, reached: at(0) };
    expect(judge(proven, null, at(0), at(0.5, 3600), LIMIT).level).toBe("failed");
    expect(judge(proven, null, at(0), at(20, -3600), LIMIT).level).toBe("failed");
    expect(elapsed(at(0), at(-5))).toBe(0);
  });
});

describe("times", () => {
  test("are read with nanoseconds", () => {
    expect(parseTime("2026-11-22T00:00:01.500999999Z")).toBe(Date.UTC(2026, 10, 22, 0, 0, 1, 500));
  });

  test("are told as ages", () => {
    expect([age(-1), age(59.9), age(65), age(7_260), age(190_000)]).toEqual([
      "0 s",
      "59 s",
      "1 min 05 s",
      "2 h 01 min",
      "2 d 4 h",
    ]);
  });
});
