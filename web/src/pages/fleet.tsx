// The fleet at a glance: how its devices are, what is being rolled out, which versions run and how well.
import { METRICS, parts } from "../lib/derive";
import { count, milliseconds, percent, significant } from "../lib/format";
import { href } from "../lib/router";
import { useNow, useResource } from "../lib/session";
import type { Overview } from "../lib/types";
import { ShareBar } from "../ui/share_bar";
import { Empty, Loaded } from "../ui/states";
import { RolloutCard } from "./rollout_card";

const HEALTH_TONES = { healthy: "--bar-good", degraded: "--bar-warn", unknown: "--bar-idle", dark: "--bar-dark" };

function DevicesByHealth({ overview }: { overview: Overview }) {
  const { total, healthy, degraded, unknown, dark } = overview.devices;
  const health = parts([
    ["healthy", "Healthy", healthy],
    ["degraded", "Degraded", degraded],
    ["unknown", "Unknown", unknown],
    ["dark", "Dark", dark],
  ]);
  return (
    <section class="card" aria-labelledby="health-title">
      <div class="card-head">
        <h2 id="health-title">Devices</h2>
        <span class="muted">{count(overview.ingest.reports_per_minute)} reports a minute</span>
      </div>
      <div class="health">
        <p class="total">
          <span class="big">{count(total)}</span> <span class="muted">in the fleet</span>
        </p>
        <ShareBar parts={health} tones={HEALTH_TONES} />
        <ul class="health-list">
          {health.map((part) => (
            <li key={part.key}>
              <a href={href("devices", { health: part.key })}>
                <span class={`swatch ${part.key}`} aria-hidden="true" />
                <span class="health-label">{part.label}</span>
                <span class="health-count">{count(part.value)}</span>
                <span class="muted">{percent(part.share)}</span>
              </a>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function Families({ overview }: { overview: Overview }) {
  if (overview.families.length === 0) {
    return (
      <Empty title="No model is active yet.">
        Publish a release with <code>whet publish</code>; devices appear here once their agents report.
      </Empty>
    );
  }
  return (
    <table class="stack families">
      <caption class="visually-hidden">Versions that are active, by model</caption>
      <thead>
        <tr>
          <th scope="col">Model</th>
          <th scope="col">Version</th>
          <th scope="col">Share</th>
          <th scope="col" class="num">Devices</th>
          <th scope="col" class="num">Latency, p95</th>
          <th scope="col" class="num">Errors per million</th>
        </tr>
      </thead>
      {overview.families.map(({ family, versions }) => (
        <tbody key={family}>
          {versions.map((version, row) => (
            <tr key={version.version} class={row === 0 ? "first" : ""}>
              <th scope="row" data-label="Model" class={row === 0 ? "" : "repeated"}>
                {family}
              </th>
              <td data-label="Version">
                <a href={href("releases", family, version.version)}>{version.version}</a>
              </td>
              <td data-label="Share">
                <span class="share">
                  <span class="meter" aria-hidden="true">
                    <span style={{ width: `${version.share * 100}%` }} />
                  </span>
                  <span>{percent(version.share)}</span>
                </span>
              </td>
              <td data-label="Devices" class="num">
                <a href={href("devices", { family, version: version.version })}>{count(version.devices)}</a>
              </td>
              <td data-label={METRICS["latency_p95"]?.title} class="num">{milliseconds(version.p95_ms)}</td>
              <td data-label="Errors per million" class="num">{significant(version.errors_per_million)}</td>
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}

export function FleetPage() {
  const now = useNow();
  const resource = useResource(
    "overview",
    (api, signal) => api.overview(signal),
    (update, old) => {
      if (update.kind === "overview") return update.overview;
      if (update.kind !== "rollout" || !old) return null;
      const { rollout } = update;
      const others = old.rollouts.filter((other) => other.id !== rollout.id);
      const active = rollout.state === "running" || rollout.state === "paused";
      return { ...old, rollouts: active ? [rollout, ...others] : others };
    },
  );
  return (
    <>
      <h1>Fleet</h1>
      <Loaded resource={resource} what="fleet">
        {(overview) => (
          <>
            <DevicesByHealth overview={overview} />
            <section aria-labelledby="rollouts-title">
              <h2 id="rollouts-title">Rollouts under way</h2>
              {overview.rollouts.length === 0 ? (
                <Empty title="Nothing is being rolled out.">
                  Start one on a <a href={href("releases")}>release's page</a>, or see <a href={href("rollouts")}>those that ended</a>.
                </Empty>
              ) : (
                <div class="cards">
                  {[...overview.rollouts]
                    .sort((a, b) => b.created.localeCompare(a.created))
                    .map((rollout) => (
                      <RolloutCard key={rollout.id} rollout={rollout} now={now} />
                    ))}
                </div>
              )}
            </section>
            <section aria-labelledby="versions-title">
              <h2 id="versions-title">Models and versions</h2>
              <div class="card flush">
                <Families overview={overview} />
              </div>
            </section>
          </>
        )}
      </Loaded>
    </>
  );
}
