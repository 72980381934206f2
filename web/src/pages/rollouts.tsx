import { all } from "../lib/api";
import { href } from "../lib/router";
import { useNow, useResource } from "../lib/session";
import type { Rollout } from "../lib/types";
import { Empty, Loaded } from "../ui/states";
import { RolloutCard } from "./rollout_card";

function Group({ title, rollouts, now }: { title: string; rollouts: Rollout[]; now: number }) {
  if (rollouts.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <div class="cards">
        {rollouts.map((rollout) => (
          <RolloutCard key={rollout.id} rollout={rollout} now={now} />
        ))}
      </div>
    </section>
  );
}

export function RolloutsPage() {
  const now = useNow();
  const resource = useResource(
    "rollouts",
    (api, signal) => all((cursor) => api.rollouts({ limit: 200, cursor }, signal), 400),
    (update, old) => {
      if (update.kind !== "rollout" || !old) return null;
      return [update.rollout, ...old.filter((other) => other.id !== update.rollout.id)];
    },
  );
  return (
    <>
      <h1>Rollouts</h1>
      <Loaded resource={resource} what="rollouts">
        {(rollouts) => {
          if (rollouts.length === 0) {
            return (
              <Empty title="Nothing was rolled out yet.">
                Start a rollout on a <a href={href("releases")}>release's page</a>, or with <code>whet rollout start</code>.
              </Empty>
            );
          }
          const sorted = [...rollouts].sort((a, b) => b.created.localeCompare(a.created));
          const active = (rollout: Rollout) => rollout.state === "running" || rollout.state === "paused";
          return (
            <>
              <Group title="Under way" rollouts={sorted.filter(active)} now={now} />
              <Group title="Ended" rollouts={sorted.filter((rollout) => !active(rollout))} now={now} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}
