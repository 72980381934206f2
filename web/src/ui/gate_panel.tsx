// The gate's verdict and, metric by metric, the numbers and words behind it.
import type { Gate } from "../lib/types";
import { evidence, metricDifference, metricReason, metricTitle, metricValue, scaleOfMetric, sentence, signedDifference, sortedMetrics } from "../lib/derive";
import { ago, count, duration } from "../lib/format";
import { Badge, VerdictBadge } from "./badge";
import { Empty } from "./states";

function Progress({ label, value, of, text }: { label: string; value: number; of: number; text: string }) {
  const share = of > 0 ? Math.min(1, value / of) : 1;
  return (
    <div class="progress">
      <div class="progress-text">
        <span>{label}</span>
        <span class="muted">{text}</span>
      </div>
      <div class="progress-bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

export function GatePanel({ gate, now }: { gate: Gate | null; now: number }) {
  if (!gate) return <Empty title="The gate has not judged yet.">It does once devices of both groups have reported.</Empty>;
  return (
    <div class="gate">
      <div class={`gate-verdict ${gate.verdict}`}>
        <VerdictBadge verdict={gate.verdict} />
        <p>{sentence(gate.reason)}</p>
        <p class="muted">{gate.evaluated ? `Judged ${ago(gate.evaluated, now)}` : "Not judged yet"}</p>
      </div>
      <div class="gate-progress">
        <Progress
          label="Time in this stage"
          value={gate.dwell_s}
          of={gate.dwell_required_s}
          text={`${duration(gate.dwell_s)} of ${duration(gate.dwell_required_s)}`}
        />
        <Progress
          label="Devices that report"
          value={gate.samples.new}
          of={gate.required}
          text={`${count(gate.samples.new)} of ${count(gate.required)} needed; control ${count(gate.samples.control)}`}
        />
      </div>
      <table class="stack gate-table">
        <caption class="visually-hidden">What the gate compared</caption>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" class="num">New</th>
            <th scope="col" class="num">Control</th>
            <th scope="col" class="num">Difference</th>
            <th scope="col" class="num">Limit</th>
            <th scope="col" class="num">
              <abbr title="How likely a candidate within its limit looks as bad as this. Near 0, the gate halts.">p to halt</abbr>
            </th>
            <th scope="col" class="num">
              <abbr title="How likely a candidate past its limit looks as good as this. Near 0, the stage may pass.">p to widen</abbr>
            </th>
            <th scope="col">Verdict</th>
          </tr>
        </thead>
        {sortedMetrics(gate.metrics).map((metric) => {
          const scale = scaleOfMetric(metric);
          const sure = evidence(metric);
          return (
            <tbody key={metric.name} class={metric.judged ? metric.verdict : "not-judged"}>
              <tr>
                <th scope="row">{metricTitle(metric.name)}</th>
                <td class="num" data-label="New">{metricValue(scale, metric.new)}</td>
                <td class="num" data-label="Control">{metricValue(scale, metric.control)}</td>
                <td class="num" data-label="Difference">{signedDifference(metric)}</td>
                <td class="num" data-label="Limit">{metricDifference(scale, metric.threshold)}</td>
                <td class="num" data-label="p to halt">{sure.halt}</td>
                <td class="num" data-label="p to widen">{sure.widen}</td>
                <td data-label="Verdict">
                  {metric.judged ? <VerdictBadge verdict={metric.verdict} /> : <Badge tone="idle">Not judged</Badge>}
                </td>
              </tr>
              <tr class="reason">
                <td colSpan={8}>{metricReason(metric)}</td>
              </tr>
            </tbody>
          );
        })}
      </table>
    </div>
  );
}
