import { describe, expect, test } from "vitest";
import { AIM_MS, Aim, LONGEST_HOLD_MS, SETTLE_MS } from "./aim";

describe("rows under a pointer", () => {
  test("stand still while somebody aims, and what came waits for its place", () => {
    const aim = new Aim();
    aim.arrange(["a", "b"], 0);
    aim.take(1_000);
    expect(aim.arrange(["grave", "a", "b"], 1_100)).toEqual({
      ids: ["a", "b"],
      withheld: ["grave"],
    });
    expect(aim.arrange(["grave", "b", "a"], 1_200).ids).toEqual(["a", "b"]);
    const later = aim.arrange(["grave", "b", "a"], 1_000 + AIM_MS);
    expect(later).toEqual({ ids: ["grave", "b", "a"], withheld: [] });
  });

  test("take their places at once when the pointer leaves", () => {
    const aim = new Aim();
    aim.arrange(["a"], 0);
    aim.take(10);
    expect(aim.arrange(["b", "a"], 20).ids).toEqual(["a"]);
    aim.leave();
    expect(aim.arrange(["b", "a"], 30).ids).toEqual(["b", "a"]);
  });

  test("are never kept waiting for long by a pointer that never rests", () => {
    const aim = new Aim();
    aim.arrange(["a"], 0);
    for (let now = 0; now < LONGEST_HOLD_MS; now += 100) {
      aim.take(now);
      expect(aim.arrange(["b", "a"], now).ids).toEqual(["a"]);
    }
    aim.take(LONGEST_HOLD_MS);
    expect(aim.arrange(["b", "a"], LONGEST_HOLD_MS).ids).toEqual(["b", "a"]);
  });

  test("are not meant by a click just after they came under a resting pointer", () => {
    const aim = new Aim();
    aim.arrange(["a", "b"], 0);
    aim.take(0);
    aim.arrange(["grave", "a", "b"], 5_000);
    expect(aim.means("a", 5_000 + SETTLE_MS - 1)).toBe(false);
    expect(aim.means("a", 5_000 + SETTLE_MS)).toBe(true);
    aim.leave();
    aim.take(5_001);
    expect(aim.means("a", 5_002)).toBe(true);
  });

  test("that stayed where they were are meant at once", () => {
    const aim = new Aim();
    aim.arrange(["a", "b"], 0);
    aim.take(0);
    aim.arrange(["a", "b", "c"], 5_000);
    expect(aim.means("a", 5_001)).toBe(true);
    expect(aim.means("c", 5_001)).toBe(false);
  });

  test("that are gone are not kept", () => {
    const aim = new Aim();
    aim.arrange(["a", "b"], 0);
    aim.take(1);
    expect(aim.arrange(["b"], 2).ids).toEqual(["b"]);
  });
});
