import { expect, test } from "vitest";
import type { Alert } from "./model";
import { steps } from "./steps";

const step = (revision: number, what: string): Alert =>
  ({ revision, change: { what, at: `t${revision}` } }) as Alert;

test("updates in a row are one step from first to last, and nothing else is folded", () => {
  const history = ["raised", "updated", "updated", "sensor_added", "sensor_added", "updated"];
  const folded = steps(history.map((what, index) => step(index + 1, what)));
  expect(
    folded.map(({ alert, from, count }) => [alert.change.what, from, alert.change.at, count]),
  ).toEqual([
    ["updated", "t6", "t6", 1],
    ["sensor_added", "t5", "t5", 1],
    ["sensor_added", "t4", "t4", 1],
    ["updated", "t2", "t3", 2],
    ["raised", "t1", "t1", 1],
  ]);
});
