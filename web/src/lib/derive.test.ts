import { describe, expect, it } from "vitest";
import {
  actionsOf,
  armSeries,
  evidence,
  mayAct,
  metricDifference,
  metricReason,
  metricValue,
  newerFirst,
  parseStages,
  parts,
  scaleOf,
  scaleOfMetric,
  sentence,
  signedDifference,
  sortedMetrics,
  summarizeDiff,
} from "./derive";
import type { Arm, GateMetric, Rollout, TensorDiff } from "./types";

const metric = (values: Partial<GateMetric>): GateMetric => ({
  name: "crashes",
  new: 0.02,
  control: 0.01,
  difference: 0.01,
  threshold: 0.005,
  p_value: 0.00001,
  p_value_widen: 1,
  judged: true,
  verdict: "fail",
  reason: "",
  ...values,
});

describe("gate", () => {
  it("writes all values of a metric on one scale", () => {
    const rare = scaleOfMetric(metric({ new: 0.00021, control: 0.00019 }));
    expect(metricValue(rare, 0.00021)).toBe("210 per million");
    expect(metricDifference(rare, 0.0005)).toBe("500 per million");
    const common = scaleOfMetric(metric({ new: 0.0021, control: 0.0004 }));
    expect(metricValue(common, 0.0004)).toBe("0.04 %");
    expect(signedDifference(metric({ new: 0.0021, control: 0.0004, difference: 0.0017 }))).toBe("+0.17 points");
    // The difference says how much worse: a drop of accuracy is positive.
    expect(signedDifference(metric({ name: "accuracy", new: 0.9, control: 0.92, difference: 0.02 }))).toBe("−2 points");
    expect(metricDifference(common, 0.01)).toBe("1 point");
    const latency = scaleOf("ms", [14.2]);
    expect(metricValue(latency, 14.2)).toBe("14.2 ms");
    expect(signedDifference(metric({ name: "latency_p95", new: 9, control: 10, difference: -0.1 }))).toBe("−10 %");
    expect(metricDifference(latency, 0.1)).toBe("10 %");
    expect(metricValue(latency, null)).toBe("–");
  });
  it("says the server's reason, or makes one of the numbers", () => {
    expect(metricReason(metric({ reason: "because (p = 0.1)" }))).toBe("Because (p = 0.1).");
    expect(metricReason(metric({}))).toBe("1 point worse than control; 0.5 points worse is allowed.");
    expect(metricReason(metric({ difference: -0.01 }))).toBe("1 point better than control; 0.5 points worse is allowed.");
    expect(metricReason(metric({ name: "accuracy", difference: 0.02, threshold: null }))).toBe("2 points worse than control.");
    expect(metricReason(metric({ difference: 0 }))).toBe("The same as control.");
    expect(metricReason(metric({ new: null }))).toBe("Not enough is known to compare.");
  });
  it("says how sure it is, where it judged", () => {
    expect(evidence(metric({ p_value: 0.3123, p_value_widen: 0.00004 }))).toEqual({ halt: "0.31", widen: "< 0.0001" });
    expect(evidence(metric({ p_value: 1, p_value_widen: null }))).toEqual({ halt: "1", widen: "–" });
    expect(evidence(metric({ judged: false }))).toEqual({ halt: "–", widen: "–" });
  });
  it("makes sentences", () => {
    expect(sentence("crashes: too early to say")).toBe("Crashes: too early to say.");
    expect(sentence("Done. ")).toBe("Done.");
    expect(sentence(" ")).toBe("");
  });
  it("puts metrics in a fixed order, unknown ones last", () => {
    const names = ["dark", "surprise", "crashes", "install_failures"].map((name) => metric({ name }));
    expect(sortedMetrics(names).map((m) => m.name)).toEqual(["install_failures", "crashes", "dark", "surprise"]);
  });
});

describe("series", () => {
  const arm = (values: Partial<Arm>): Arm => ({
    devices: 100,
    installs: 10,
    install_failures: 1,
    crashes: 2,
    errors: 3,
    inferences: 1000,
    p50_ms: 5,
    p95_ms: 8,
    accuracy: null,
    energy_mj: null,
    dark: 4,
    ...values,
  });
  it("makes rates of counts, in the order of time, without metrics that nobody has", () => {
    const series = armSeries([
      { time: "2026-11-26T20:10:00Z", new: arm({ inferences: 0 }), control: arm({}) },
      { time: "2026-11-26T20:00:00Z", new: null, control: arm({ devices: 200 }) },
    ]);
    expect(series.map((s) => s.name)).toEqual(["install_failures", "crashes", "errors", "latency_p95", "dark"]);
    const of = (name: string) => series.find((s) => s.name === name);
    expect(of("install_failures")?.control).toEqual([0.1, 0.1]);
    expect(of("crashes")?.new).toEqual([null, 0.02]);
    expect(of("crashes")?.control).toEqual([0.01, 0.02]);
    expect(of("errors")?.new).toEqual([null, null]); // no inference: no rate
    expect(of("latency_p95")?.times).toEqual([1795723200, 1795723800]);
  });
});

describe("what may be done", () => {
  const rollout = (values: Partial<Rollout>) => ({ state: "running", stage: 0, stages: [10, 100], ...values }) as Rollout;
  it("depends on the state", () => {
    expect(actionsOf(rollout({}))).toEqual(["pause", "advance", "rollback"]);
    expect(actionsOf(rollout({ state: "paused" }))).toEqual(["resume", "advance", "rollback"]);
    expect(actionsOf(rollout({ state: "done" }))).toEqual([]);
    expect(actionsOf(rollout({ state: "rolled-back" }))).toEqual([]);
  });
  it("depends on the role", () => {
    expect(mayAct("viewer", "operator")).toBe(false);
    expect(mayAct("operator", "operator")).toBe(true);
    expect(mayAct("releaser", "operator")).toBe(true);
    expect(mayAct("operator", "releaser")).toBe(false);
    expect(mayAct(null, "viewer")).toBe(false);
  });
  it("reads stages", () => {
    expect(parseStages("10, 50, 100")).toEqual([10, 50, 100]);
    expect(parseStages("0.5% 100%")).toEqual([0.5, 100]);
    expect(parseStages("10, 50")).toEqual([10, 50]);
    for (const wrong of ["", "50, 10, 100", "0, 100", "10, 10, 100", "x, 100", "10, 101", "-1, 100"]) {
      expect(parseStages(wrong)).toBeNull();
    }
  });
});

describe("releases", () => {
  it("are sorted as semantic versions say", () => {
    const sorted = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0"];
    const shuffled = ["1.9.0", "1.0.0-beta.11", "1.0.0", "1.0.0-alpha", "1.10.0", "1.0.0-rc.1", "1.0.0-beta.2", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-alpha.1"];
    expect(shuffled.sort(newerFirst)).toEqual(sorted.reverse());
    expect(newerFirst("1.0.0+a", "1.0.0+b")).toBeCloseTo(0);
  });
  it("count what changed", () => {
    const tensor = (change: TensorDiff["change"], bytes: number): TensorDiff => ({ name: "t", change, bytes, dtype: "f32", dims: [] });
    const summary = summarizeDiff([tensor("changed", 4), tensor("changed", 6), tensor("removed", 1)]);
    expect(summary.tensors).toEqual({ unchanged: 0, changed: 2, added: 0, removed: 1 });
    expect(summary.bytes.changed).toBe(10);
  });
});

it("shares of nothing are nothing", () => {
  expect(parts([["a", "A", 0], ["b", "B", 0]]).map((part) => part.share)).toEqual([0, 0]);
  expect(parts([["a", "A", 1], ["b", "B", 3]]).map((part) => part.share)).toEqual([0.25, 0.75]);
});
