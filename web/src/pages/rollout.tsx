// One rollout: where it is, what the gate thinks of it and why, new against control over time, who did what.
import { useMemo } from "preact/hooks";
import { armSeries, METRICS, metricDifference, metricTitle, metricValue, scaleOf, sentence, unitOf } from "../lib/derive";
import { ago, count, dateTime, duration, percent, words } from "../lib/format";
import { href } from "../lib/router";
import { type Resource, useNow, useResource } from "../lib/session";
import type { HistoryEntry, Rollout, SeriesBucket } from "../lib/types";
import { StateBadge } from "../ui/badge";
import { Chart } from "../ui/chart";
import { GatePanel } from "../ui/gate_panel";
import { StageTrack } from "../ui/stage_track";
import { Empty, Loaded } from "../ui/states";
import { RolloutActions } from "./rollout_actions";
import { Versions } from "./rollout_card";

// Where the share changed: worth a line in every chart.
const STEPS = new Set(["create", "advance", "done", "rollback"]);

function Charts({ buckets, history }: { buckets: SeriesBucket[]; history: HistoryEntry[] }) {
  const series = useMemo(() => armSeries(buckets), [buckets]);
  const marks = useMemo(
    () =>
      history
        .filter((entry) => STEPS.has(entry.action))
        .map((entry) => ({ time: Date.parse(entry.time) / 1000, label: words(entry.action) })),
    [history],
  );
  const charts = useMemo(
    () =>
      series.map((metric) => ({
        metric,
        scale: scaleOf(metric.unit, [...metric.new, ...metric.control]),
        lines: [
          { label: "New", color: "--series-new", values: metric.new },
          { label: "Control", color: "--series-control", dashed: true, values: metric.control },
        ],
      })),
    [series],
  );
  if (series.length === 0 || buckets.length === 0) {
    return <Empty title="No device has reported yet.">The charts begin with the first reports of devices that took the candidate.</Empty>;
  }
  return (
    <div class="charts">
      {charts.map(({ metric, scale, lines }) => (
        <div class="card" key={metric.name}>
          <Chart
            title={scale.value === "per million" ? `${metric.title}, per million` : `${metric.title}, ${scale.value}`}
            times={metric.times}
            lines={lines}
            format={(value) => metricValue(scale, value)}
            factor={scale.factor}
            group="rollout"
            marks={marks}
            fromZero={metric.unit === "share" && metric.name !== "accuracy"}
          />
        </div>
      ))}
    </div>
  );
}

function History({ history, now }: { history: HistoryEntry[]; now: number }) {
  return (
    <ol class="timeline">
      {[...history].reverse().map((entry, index) => (
        <li key={index}>
          <div class="timeline-head">
            <b>{words(entry.action)}</b> <span class="muted">by {entry.actor}</span>
            <time class="muted" dateTime={entry.time} title={dateTime(entry.time)}>
              {ago(entry.time, now)}
            </time>
          </div>
          {entry.reason && <p>{sentence(entry.reason)}</p>}
        </li>
      ))}
    </ol>
  );
}

// What the policy's members mean; those that are not here are shown under their own name.
const POLICY: Record<string, string> = {
  min_devices: "Devices that must report",
  dwell_s: "A stage lasts at least",
  silence_s: "Dark after a silence of",
  accept_after_s: "Thin evidence accepted after",
  alpha_halt: "Chance of a false halt",
  alpha_widen: "Chance of a false pass",
  confidence: "Drop of confidence allowed",
  shadow_s: "Shadow run",
  trial_s: "Trial on the device",
};

function policyFact(key: string, value: unknown): [name: string, text: string] {
  const name = POLICY[key] ?? (key in METRICS ? `Allowed: ${metricTitle(key).toLowerCase()}` : words(key.replace(/_s$/, "")));
  if (typeof value !== "number") return [name, typeof value === "string" ? value : JSON.stringify(value)];
  if (key.endsWith("_s")) return [name, value === 0 ? "none" : duration(value)];
  if (key in METRICS) return [name, `${metricDifference(scaleOf(unitOf(key), [value]), value)} worse`];
  if (key.startsWith("alpha_")) return [name, percent(value)];
  if (key === "confidence") return [name, metricDifference(scaleOf("share", [value]), value)];
  return [name, count(value)];
}

function Policy({ rollout }: { rollout: Rollout }) {
  const members = Object.entries(rollout.policy ?? {}).filter(([key]) => key !== "stages");
  return (
    <dl class="facts">
      <div>
        <dt>Stages</dt>
        <dd>{rollout.stages.map((stage) => `${stage} %`).join(", ")}</dd>
      </div>
      {members.map(([key, value]) => {
        const [name, text] = policyFact(key, value);
        return (
          <div key={key}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        );
      })}
    </dl>
  );
}

function Body({ rollout, series, now }: { rollout: Rollout; series: Resource<{ buckets: SeriesBucket[] }>; now: number }) {
  return (
    <>
      <section class="card" aria-labelledby="gate-title">
        <h2 id="gate-title">The gate</h2>
        <GatePanel gate={rollout.gate} now={now} />
      </section>
      <section aria-labelledby="charts-title">
        <h2 id="charts-title">New against control</h2>
        <Loaded resource={series} what="charts">
          {({ buckets }) => <Charts buckets={buckets} history={rollout.history} />}
        </Loaded>
      </section>
      <div class="two">
        <section class="card" aria-labelledby="history-title">
          <h2 id="history-title">What happened</h2>
          <History history={rollout.history} now={now} />
        </section>
        <section class="card" aria-labelledby="policy-title">
          <h2 id="policy-title">Policy</h2>
          <Policy rollout={rollout} />
        </section>
      </div>
    </>
  );
}

export function RolloutPage({ id }: { id: string }) {
  const now = useNow();
  const resource = useResource(
    `rollout ${id}`,
    (api, signal) => api.rollout(id, signal),
    (update) => (update.kind === "rollout" && update.rollout.id === id ? update.rollout : null),
  );
  const series = useResource(
    `series ${id}`,
    (api, signal) => api.series(id, signal),
    (update) => (update.kind === "rollout" && update.rollout.id === id ? "reload" : null),
  );
  return (
    <Loaded resource={resource} what="rollout">
      {(rollout) => (
        <>
          <p class="crumbs">
            <a href={href("rollouts")}>Rollouts</a>
          </p>
          <div class="title-row">
            <div>
              <h1>
                {rollout.family} <Versions rollout={rollout} />
              </h1>
              <p class="title-facts">
                <StateBadge state={rollout.state} />
                <span>
                  channel <a href={href("devices", { channel: rollout.channel, family: rollout.family })}>{rollout.channel}</a>
                </span>
                <span class="muted">started {ago(rollout.created, now)}</span>
                {rollout.candidate && (
                  <a href={href("releases", rollout.family, rollout.candidate.version, { against: rollout.stable.version })}>
                    What changed
                  </a>
                )}
              </p>
            </div>
            <RolloutActions rollout={rollout} onDone={resource.set} />
          </div>
          <section class="card" aria-label="Stages">
            <StageTrack rollout={rollout} />
          </section>
          <Body rollout={rollout} series={series} now={now} />
        </>
      )}
    </Loaded>
  );
}
