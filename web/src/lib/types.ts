// What the server's REST API answers (docs/fleet.md, "The server's REST API").

export type Role = "viewer" | "operator" | "releaser";
export type Health = "healthy" | "degraded" | "unknown";
export type RolloutState = "running" | "paused" | "done" | "rolled-back";
export type Verdict = "pass" | "fail" | "inconclusive";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Identity {
  name: string;
  role: Role;
}

export interface ReleaseName {
  version: string;
  release_sha256: string;
}

export interface GateMetric {
  name: string;
  new: number | null;
  control: number | null;
  /** How much worse the new one is: new − control (accuracy: control − new), relative for latency_p95 and energy. */
  difference: number | null;
  /** How much worse it may be. */
  threshold: number | null;
  /** That a candidate within the threshold looks so bad; a low one halts. */
  p_value: number | null;
  /** That a candidate past the threshold looks so good; a low one lets the stage pass. */
  p_value_widen: number | null;
  /** Metrics that nobody reports are not judged and hold nothing up. */
  judged: boolean;
  verdict: Verdict;
  reason: string;
}

export interface Gate {
  verdict: Verdict;
  evaluated: string | null;
  reason: string;
  metrics: GateMetric[];
  /** Devices that report. */
  samples: { new: number; control: number };
  /** Of `samples.new`. */
  required: number;
  dwell_s: number;
  dwell_required_s: number;
}

export interface HistoryEntry {
  time: string;
  actor: string;
  action: string;
  reason: string;
}

export interface Rollout {
  id: string;
  channel: string;
  family: string;
  state: RolloutState;
  stable: ReleaseName;
  candidate: ReleaseName | null;
  stage: number;
  stages: number[];
  percent: number;
  created: string;
  updated: string;
  policy: Record<string, unknown>;
  gate: Gate | null;
  history: HistoryEntry[];
}

export interface VersionSummary {
  version: string;
  devices: number;
  share: number;
  p95_ms: number | null;
  errors_per_million: number | null;
}

export interface Overview {
  devices: { total: number; healthy: number; degraded: number; unknown: number; dark: number };
  families: { family: string; versions: VersionSummary[] }[];
  rollouts: Rollout[];
  ingest: { reports_per_minute: number };
}

export interface ActiveModel {
  family: string;
  version: string;
  variant: string;
  rollout: string;
}

export interface Device {
  device: string;
  channel: string;
  arch: string;
  agent: string;
  health: Health;
  dark: boolean;
  last_seen: string | null;
  active: ActiveModel[];
}

export interface DevicePoint {
  time: string;
  family: string;
  version: string;
  count: number;
  p50_ms: number | null;
  p95_ms: number | null;
  errors: number;
  crashes: number;
  drift: number | null;
}

export interface DeviceEvent {
  time: string;
  kind: string;
  family: string;
  version: string;
  detail: string;
}

export interface DeviceDetail extends Device {
  series: DevicePoint[];
  events: DeviceEvent[];
}

export interface Arm {
  devices: number;
  installs: number;
  install_failures: number;
  crashes: number;
  errors: number;
  inferences: number;
  p50_ms: number | null;
  p95_ms: number | null;
  accuracy: number | null;
  energy_mj: number | null;
  dark: number;
}

export interface SeriesBucket {
  time: string;
  new: Arm | null;
  control: Arm | null;
}

export interface Variant {
  name: string;
  bytes: number;
  sha256: string;
}

export interface Release {
  family: string;
  version: string;
  created: string;
  notes: string;
  variants: Variant[];
  budgets: Record<string, number>;
  release_sha256: string;
}

export type TensorChange = "unchanged" | "changed" | "added" | "removed";

export interface TensorDiff {
  name: string;
  change: TensorChange;
  bytes: number;
  dtype: string;
  dims: number[];
}

export interface ReleaseDiff {
  tensors: TensorDiff[];
  delta_bytes: number | null;
  full_bytes: number;
  operators: { added: string[]; removed: string[] };
}

export interface Channel {
  channel: string;
  families: { family: string; version: string; release_sha256: string; rollout: string | null }[];
}

export interface AuditEntry {
  time: string;
  actor: string;
  role: string;
  action: string;
  object: string;
  detail: string;
}
