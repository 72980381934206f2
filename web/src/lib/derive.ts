// What the dashboard works out of the server's answers.
import type { Arm, GateMetric, Role, Rollout, SeriesBucket, TensorChange, TensorDiff } from "./types";
import { significant, UNKNOWN, words } from "./format";

export type Unit = "share" | "ms" | "mJ";

interface MetricInfo {
  title: string;
  unit: Unit;
  of(arm: Arm): number | null;
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

// The gate's metrics in the order in which an engineer asks for them. Unknown ones are shown after these.
export const METRICS: Record<string, MetricInfo> = {
  install_failures: {
    title: "Install failures",
    unit: "share",
    of: (arm) => ratio(arm.install_failures, arm.installs),
  },
  crashes: { title: "Crashes", unit: "share", of: (arm) => ratio(arm.crashes, arm.devices) },
  errors: { title: "Inference errors", unit: "share", of: (arm) => ratio(arm.errors, arm.inferences) },
  latency_p95: { title: "Latency, p95", unit: "ms", of: (arm) => arm.p95_ms },
  accuracy: { title: "Labelled accuracy", unit: "share", of: (arm) => arm.accuracy },
  energy: { title: "Energy an inference", unit: "mJ", of: (arm) => arm.energy_mj },
  dark: { title: "Devices gone dark", unit: "share", of: (arm) => ratio(arm.dark, arm.devices) },
};

export function metricTitle(name: string): string {
  return METRICS[name]?.title ?? words(name);
}

export function unitOf(name: string): Unit {
  return METRICS[name]?.unit ?? "share";
}

/** How the values of one metric are written, all of them the same: rare events compare easier per million than as 0.0003 %. */
export interface Scale {
  factor: number;
  value: string;
  difference: string;
}

export function scaleOf(unit: Unit, values: (number | null | undefined)[]): Scale {
  if (unit === "ms") return { factor: 1, value: "ms", difference: "%" };
  if (unit === "mJ") return { factor: 1, value: "mJ", difference: "%" };
  const largest = Math.max(0, ...values.map((value) => Math.abs(value ?? 0)));
  if (largest > 0 && largest < 1e-3) return { factor: 1e6, value: "per million", difference: "per million" };
  return { factor: 100, value: "%", difference: "points" };
}

export function metricValue(scale: Scale, value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : `${significant(value * scale.factor)} ${scale.value}`;
}

/** Differences of shares are in percentage points or per million, those of quantities in percent of control. No sign. */
export function metricDifference(scale: Scale, value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const number = significant(Math.abs(value) * (scale.difference === "%" ? 100 : scale.factor));
  return `${number} ${number === "1" && scale.difference === "points" ? "point" : scale.difference}`;
}

/** New − control, with its sign. */
export function signedDifference(metric: GateMetric): string {
  if (metric.new === null || metric.control === null) return UNKNOWN;
  const worse = metric.difference ?? 0;
  const up = metric.name === "accuracy" ? -worse : worse;
  return (up > 0 ? "+" : up < 0 ? "−" : "") + metricDifference(scaleOfMetric(metric), metric.difference);
}

export function scaleOfMetric(metric: GateMetric): Scale {
  return scaleOf(unitOf(metric.name), [metric.new, metric.control]);
}

function probability(value: number): string {
  return value < 0.0001 ? "< 0.0001" : value >= 1 ? "1" : String(Number(value.toPrecision(2)));
}

/** How sure the gate is: that it is too bad (halt), and that it is good enough (widen). Near 0 is sure. */
export function evidence(metric: GateMetric): { halt: string; widen: string } {
  const text = (value: number | null) => (metric.judged && value !== null ? probability(value) : UNKNOWN);
  return { halt: text(metric.p_value), widen: text(metric.p_value_widen) };
}

/** The server's sentences begin small and have no full stop, as they follow a colon elsewhere. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}

/** The server's sentence about a metric, or one made of its numbers where it says none. */
export function metricReason(metric: GateMetric): string {
  if (metric.reason) return sentence(metric.reason);
  if (metric.new === null || metric.control === null || metric.difference === null) return "Not enough is known to compare.";
  if (metric.difference === 0) return "The same as control.";
  const scale = scaleOfMetric(metric);
  const allowed = metric.threshold === null ? "" : `; ${metricDifference(scale, metric.threshold)} worse is allowed`;
  return `${metricDifference(scale, metric.difference)} ${metric.difference < 0 ? "better" : "worse"} than control${allowed}.`;
}

export function sortedMetrics(metrics: GateMetric[]): GateMetric[] {
  const order = Object.keys(METRICS);
  const place = (metric: GateMetric) => {
    const at = order.indexOf(metric.name);
    return at < 0 ? order.length : at;
  };
  return [...metrics].sort((a, b) => place(a) - place(b));
}

export interface ArmSeries {
  name: string;
  title: string;
  unit: Unit;
  times: number[];
  new: (number | null)[];
  control: (number | null)[];
}

/** One series per metric that either arm has a value of, from a rollout's buckets. Times in seconds since 1970. */
export function armSeries(buckets: SeriesBucket[]): ArmSeries[] {
  const sorted = [...buckets].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  const times = sorted.map((bucket) => Date.parse(bucket.time) / 1000);
  return Object.entries(METRICS)
    .map(([name, info]) => ({
      name,
      title: info.title,
      unit: info.unit,
      times,
      new: sorted.map((bucket) => (bucket.new ? info.of(bucket.new) : null)),
      control: sorted.map((bucket) => (bucket.control ? info.of(bucket.control) : null)),
    }))
    .filter((series) => series.new.some((value) => value !== null) || series.control.some((value) => value !== null));
}

const ROLES: Role[] = ["viewer", "operator", "releaser"];

export function mayAct(role: Role | null, needed: Role): boolean {
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

export type RolloutAction = "pause" | "resume" | "advance" | "rollback";

/** What an operator can do to a rollout in its state. */
export function actionsOf(rollout: Rollout): RolloutAction[] {
  if (rollout.state === "running") return ["pause", "advance", "rollback"];
  if (rollout.state === "paused") return ["resume", "advance", "rollback"];
  return [];
}

/** "10, 50, 100" as rising percentages, at most 100; null when it is not that. */
export function parseStages(text: string): number[] | null {
  const stages = text
    .split(/[\s,;]+/)
    .filter(Boolean)
    .map((part) => Number(part.replace(/%$/, "")));
  if (stages.length === 0 || stages.length > 32) return null;
  const rising = stages.every((stage, index) => stage > (stages[index - 1] ?? 0) && stage <= 100);
  return rising ? stages : null;
}

export interface Part {
  key: string;
  label: string;
  value: number;
  share: number;
}

/** Counts as parts of their sum; parts of zero keep their place. */
export function parts(counts: [key: string, label: string, value: number][]): Part[] {
  const total = counts.reduce((sum, [, , value]) => sum + value, 0);
  return counts.map(([key, label, value]) => ({ key, label, value, share: total > 0 ? value / total : 0 }));
}

export interface DiffSummary {
  tensors: Record<TensorChange, number>;
  bytes: Record<TensorChange, number>;
}

export function summarizeDiff(tensors: TensorDiff[]): DiffSummary {
  const zero = () => ({ unchanged: 0, changed: 0, added: 0, removed: 0 });
  const summary: DiffSummary = { tensors: zero(), bytes: zero() };
  for (const tensor of tensors) {
    summary.tensors[tensor.change] += 1;
    summary.bytes[tensor.change] += tensor.bytes;
  }
  return summary;
}

/** Semantic versions, newest first (semver.org 2.0.0, section 11; build metadata has no order). */
export function newerFirst(a: string, b: string): number {
  return -compareVersions(a, b);
}

function compareVersions(a: string, b: string): number {
  const split = (version: string) => {
    const plain = version.split("+")[0] ?? "";
    const dash = plain.indexOf("-");
    const core = (dash < 0 ? plain : plain.slice(0, dash)).split(".").map(Number);
    return { core, pre: dash < 0 ? [] : plain.slice(dash + 1).split(".") };
  };
  const x = split(a);
  const y = split(b);
  for (let i = 0; i < 3; ++i) {
    const difference = (x.core[i] ?? 0) - (y.core[i] ?? 0);
    if (difference) return difference;
  }
  if (!x.pre.length || !y.pre.length) return y.pre.length - x.pre.length;
  for (let i = 0; i < Math.max(x.pre.length, y.pre.length); ++i) {
    const p = x.pre[i];
    const q = y.pre[i];
    if (p === undefined || q === undefined) return p === undefined ? -1 : 1;
    if (p === q) continue;
    const numeric = /^\d+$/;
    if (numeric.test(p) && numeric.test(q)) return Number(p) - Number(q);
    if (numeric.test(p) !== numeric.test(q)) return numeric.test(p) ? -1 : 1;
    return p < q ? -1 : 1;
  }
  return 0;
}
