// One device: what runs on it, how it does over time, what happened to it.
import { useMemo } from "preact/hooks";
import { ago, count, dateTime, milliseconds, significant, words } from "../lib/format";
import { href } from "../lib/router";
import { useNow, useResource } from "../lib/session";
import type { DeviceDetail, DevicePoint } from "../lib/types";
import { HealthBadge } from "../ui/badge";
import { Chart } from "../ui/chart";
import { Empty, Loaded } from "../ui/states";

function FamilyCharts({ family, points }: { family: string; points: DevicePoint[] }) {
  const { times, latency, failures, drift, marks } = useMemo(() => {
    const sorted = [...points].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
    const column = (of: (point: DevicePoint) => number | null) => sorted.map(of);
    return {
      times: sorted.map((point) => Date.parse(point.time) / 1000),
      latency: [
        { label: "p95", color: "--series-new", values: column((point) => point.p95_ms) },
        { label: "p50", color: "--series-control", dashed: true, values: column((point) => point.p50_ms) },
      ],
      failures: [
        { label: "Errors", color: "--series-new", values: column((point) => point.errors) },
        { label: "Crashes", color: "--series-bad", dashed: true, values: column((point) => point.crashes) },
      ],
      drift: [{ label: "Drift", color: "--series-new", values: column((point) => point.drift) }],
      marks: sorted
        .filter((point, index) => index > 0 && point.version !== sorted[index - 1]?.version)
        .map((point) => ({ time: Date.parse(point.time) / 1000, label: point.version })),
    };
  }, [points]);
  const group = `device ${family}`;
  const changes = marks.map((mark) => `${mark.label} at ${dateTime(new Date(mark.time * 1000).toISOString())}`).join(", ");
  return (
    <section aria-labelledby={`charts-${family}`}>
      <h2 id={`charts-${family}`}>{family}</h2>
      {changes && <p class="muted">Dotted lines: {changes}.</p>}
      <div class="charts">
        <div class="card">
          <Chart title="Latency, ms" times={times} lines={latency} format={milliseconds} group={group} marks={marks} fromZero />
        </div>
        <div class="card">
          <Chart title="Failures" times={times} lines={failures} format={count} group={group} marks={marks} fromZero whole />
        </div>
        {drift[0]?.values.some((value) => value !== null) && (
          <div class="card">
            <Chart title="Input drift, in standard deviations" times={times} lines={drift} format={significant} group={group} marks={marks} fromZero />
          </div>
        )}
      </div>
    </section>
  );
}

function Body({ device, now }: { device: DeviceDetail; now: number }) {
  const families = useMemo(() => {
    const by = new Map<string, DevicePoint[]>();
    for (const point of device.series) by.set(point.family, [...(by.get(point.family) ?? []), point]);
    return [...by];
  }, [device.series]);
  return (
    <>
      <p class="crumbs">
        <a href={href("devices")}>Devices</a>
      </p>
      <div class="title-row">
        <div>
          <h1 class="name">{device.device}</h1>
          <p class="title-facts">
            <HealthBadge device={device} />
            <span class="muted">
              {device.dark ? "Silent since" : "Last seen"} {ago(device.last_seen, now)}
            </span>
          </p>
        </div>
      </div>
      <div class="two">
        <section class="card flush" aria-label="Active models">
          {device.active.length === 0 ? (
            <Empty title="No model is active on it." />
          ) : (
            <table class="stack">
              <caption>Active models</caption>
              <thead>
                <tr>
                  <th scope="col">Model</th>
                  <th scope="col">Version</th>
                  <th scope="col">Variant</th>
                  <th scope="col">Rollout</th>
                </tr>
              </thead>
              <tbody>
                {device.active.map((model) => (
                  <tr key={model.family}>
                    <th scope="row">{model.family}</th>
                    <td data-label="Version">
                      <a href={href("releases", model.family, model.version)}>{model.version}</a>
                    </td>
                    <td data-label="Variant">{model.variant}</td>
                    <td data-label="Rollout">{model.rollout ? <a href={href("rollouts", model.rollout)}>{model.rollout}</a> : "none"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
        <section class="card" aria-label="Facts">
          <dl class="facts">
            <div>
              <dt>Channel</dt>
              <dd>{device.channel}</dd>
            </div>
            <div>
              <dt>Hardware</dt>
              <dd>{device.arch}</dd>
            </div>
            <div>
              <dt>Agent</dt>
              <dd>{device.agent}</dd>
            </div>
            <div>
              <dt>Last report</dt>
              <dd>{dateTime(device.last_seen)}</dd>
            </div>
          </dl>
        </section>
      </div>
      {families.length === 0 ? (
        <Empty title="It has reported no inferences yet." />
      ) : (
        families.map(([family, points]) => <FamilyCharts key={family} family={family} points={points} />)
      )}
      <section class="card" aria-labelledby="events-title">
        <h2 id="events-title">What happened</h2>
        {device.events.length === 0 ? (
          <Empty title="Nothing yet." />
        ) : (
          <ol class="timeline">
            {[...device.events]
              .sort((a, b) => Date.parse(b.time) - Date.parse(a.time))
              .map((event, index) => (
                <li key={index}>
                  <div class="timeline-head">
                    <b>{words(event.kind)}</b>{" "}
                    <span>
                      {event.family} {event.version}
                    </span>
                    <time class="muted" dateTime={event.time} title={dateTime(event.time)}>
                      {ago(event.time, now)}
                    </time>
                  </div>
                  {event.detail && <p>{event.detail}</p>}
                </li>
              ))}
          </ol>
        )}
      </section>
    </>
  );
}

export function DevicePage({ id }: { id: string }) {
  const now = useNow();
  const resource = useResource(`device ${id}`, (api, signal) => api.device(id, signal));
  return (
    <Loaded resource={resource} what="device">
      {(device) => <Body device={device} now={now} />}
    </Loaded>
  );
}
