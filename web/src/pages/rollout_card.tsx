import { sentence } from "../lib/derive";
import { href } from "../lib/router";
import type { Rollout } from "../lib/types";
import { ago, dateTime } from "../lib/format";
import { StateBadge, VerdictBadge } from "../ui/badge";
import { StageTrack } from "../ui/stage_track";

/** "detector 1.0.0 → 1.1.0", for the eye and for the ear. */
export function Versions({ rollout }: { rollout: Rollout }) {
  return (
    <>
      {rollout.stable.version}
      {rollout.candidate && (
        <>
          <span aria-hidden="true"> → </span>
          <span class="visually-hidden"> to </span>
          {rollout.candidate.version}
        </>
      )}
    </>
  );
}

/** One rollout in a list. */
export function RolloutCard({ rollout, now }: { rollout: Rollout; now: number }) {
  const latest = rollout.history[rollout.history.length - 1];
  const active = rollout.state === "running" || rollout.state === "paused";
  return (
    <article class="card rollout-card">
      <header>
        <h3>
          <a href={href("rollouts", rollout.id)}>
            {rollout.family} <Versions rollout={rollout} />
          </a>
        </h3>
        <StateBadge state={rollout.state} />
        <span class="muted">{rollout.channel}</span>
      </header>
      <StageTrack rollout={rollout} />
      {active && rollout.gate && (
        <p class="rollout-card-gate">
          <VerdictBadge verdict={rollout.gate.verdict} /> <span>{sentence(rollout.gate.reason)}</span>
        </p>
      )}
      {!active && latest && <p class="rollout-card-gate">{sentence(latest.reason)}</p>}
      <p class="muted">
        <time dateTime={rollout.updated} title={dateTime(rollout.updated)}>
          Updated {ago(rollout.updated, now)}
        </time>
      </p>
    </article>
  );
}
