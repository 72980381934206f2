// One release: what it is, how it differs from another, and where to roll it out.
import { useId, useState } from "preact/hooks";
import { all, ApiError } from "../lib/api";
import { mayAct, newerFirst, parseStages } from "../lib/derive";
import { bytes, dateTime, milliseconds, shortHash, significant, words } from "../lib/format";
import { href, replace } from "../lib/router";
import { useResource, useSession } from "../lib/session";
import type { Channel, Release } from "../lib/types";
import { ConfirmDialog } from "../ui/dialog";
import { Empty, Loaded } from "../ui/states";
import { Diff } from "./release_diff";

function budget(key: string, value: number): string {
  if (key.includes("_ms")) return milliseconds(value);
  if (key.endsWith("_bytes")) return bytes(value);
  if (key.endsWith("_mj")) return `${significant(value)} mJ`;
  return String(value);
}

const BUDGETS: Record<string, string> = {
  latency_ms_mean: "Mean latency",
  latency_ms_p95: "Latency, p95",
  arena_bytes: "Memory",
  energy_mj: "Energy an inference",
};

function Facts({ release }: { release: Release }) {
  const budgets = Object.entries(release.budgets ?? {}).filter(([, value]) => value > 0);
  return (
    <dl class="facts">
      {release.variants.map((variant) => (
        <div key={variant.name}>
          <dt>Variant {variant.name}</dt>
          <dd>
            {bytes(variant.bytes)} <code title={variant.sha256}>{shortHash(variant.sha256)}</code>
          </dd>
        </div>
      ))}
      {budgets.map(([key, value]) => (
        <div key={key}>
          <dt>Budget: {BUDGETS[key] ?? words(key)}</dt>
          <dd>{budget(key, value)}</dd>
        </div>
      ))}
      <div>
        <dt>Made</dt>
        <dd>{dateTime(release.created)}</dd>
      </div>
      <div>
        <dt>release.json</dt>
        <dd>
          <code title={release.release_sha256}>{shortHash(release.release_sha256)}</code>
        </dd>
      </div>
    </dl>
  );
}

function StartRollout({ release, channels }: { release: Release; channels: Channel[] }) {
  const { api, identity } = useSession();
  const [open, setOpen] = useState(false);
  const [channel, setChannel] = useState("");
  const [stages, setStages] = useState("10, 50, 100");
  const id = useId();
  const allowed = mayAct(identity.role, "releaser");
  const chosen = channel || channels[0]?.channel || "";
  const current = channels.find((entry) => entry.channel === chosen)?.families.find((entry) => entry.family === release.family);

  const start = async () => {
    const list = parseStages(stages);
    if (!chosen) throw new ApiError(0, "input", "There is no channel to roll it out in.");
    if (!list) throw new ApiError(0, "input", "Write the stages as rising percentages, for example: 10, 50, 100.");
    const rollout = await api.start({ channel: chosen, family: release.family, candidate: release.version, stages: list });
    location.hash = href("rollouts", rollout.id);
  };

  return (
    <div class="actions">
      <div class="buttons">
        <button type="button" class="primary" disabled={!allowed} aria-describedby={allowed ? undefined : `${id}-why`} onClick={() => setOpen(true)}>
          Roll out
        </button>
      </div>
      {!allowed && (
        <p class="hint" id={`${id}-why`}>
          Needs the role releaser; this token is a{identity.role === "operator" ? "n operator" : ` ${identity.role}`}.
        </p>
      )}
      {open && (
        <ConfirmDialog
          title={`Roll out ${release.family} ${release.version}`}
          confirm="Start"
          askReason={false}
          onClose={() => setOpen(false)}
          onConfirm={start}
        >
          {channels.length === 0 && (
            <p>
              There is no channel yet. <code>whet rollout set</code> gives one the first version of a model; later ones are rolled out
              against it.
            </p>
          )}
          <div class="field">
            <label for={`${id}-channel`}>Channel</label>
            <select id={`${id}-channel`} value={chosen} onChange={(event) => setChannel(event.currentTarget.value)}>
              {channels.map((entry) => (
                <option key={entry.channel} value={entry.channel}>
                  {entry.channel}
                </option>
              ))}
            </select>
            <p class="hint">{current ? `Now stable there: ${current.version}.` : "Nothing of this model is stable there yet."}</p>
          </div>
          <div class="field">
            <label for={`${id}-stages`}>Stages, in percent of the channel's devices</label>
            <input id={`${id}-stages`} value={stages} inputMode="decimal" onInput={(event) => setStages(event.currentTarget.value)} />
          </div>
        </ConfirmDialog>
      )}
    </div>
  );
}

export function ReleasePage({ family, version, query }: { family: string; version: string; query: URLSearchParams }) {
  const id = useId();
  const resource = useResource(`releases of ${family}`, (api, signal) =>
    all((cursor) => api.releases({ family, limit: 200, cursor }, signal)),
  );
  const channels = useResource("channels", (api, signal) => api.channels(signal));
  return (
    <>
      <p class="crumbs">
        <a href={href("releases")}>Releases</a>
      </p>
      <Loaded resource={resource} what="release">
        {(releases) => {
          const sorted = [...releases].sort((a, b) => newerFirst(a.version, b.version));
          const at = sorted.findIndex((entry) => entry.version === version);
          const release = sorted[at];
          if (!release) {
            return (
              <>
                <h1>
                  {family} {version}
                </h1>
                <Empty title="There is no such release." />
              </>
            );
          }
          const others = sorted.filter((entry) => entry.version !== version);
          // By default against the one before it.
          const against = query.get("against") || sorted[at + 1]?.version || others[0]?.version || "";
          const variant = query.get("variant") || release.variants[0]?.name || "";
          const choose = (changed: Record<string, string>) =>
            replace(href("releases", family, version, { against, variant, ...changed }));
          return (
            <>
              <div class="title-row">
                <div>
                  <h1>
                    {family} {version}
                  </h1>
                  {release.notes && <p class="notes">{release.notes}</p>}
                </div>
                <StartRollout release={release} channels={channels.data?.items ?? []} />
              </div>
              <section class="card" aria-label="Facts">
                <Facts release={release} />
              </section>
              <section class="card" aria-labelledby={`${id}-diff`}>
                <div class="card-head">
                  <h2 id={`${id}-diff`}>What changed</h2>
                  {others.length > 0 && (
                    <div class="inline-fields">
                      <label>
                        against{" "}
                        <select value={against} onChange={(event) => choose({ against: event.currentTarget.value })}>
                          {others.map((entry) => (
                            <option key={entry.version} value={entry.version}>
                              {entry.version}
                            </option>
                          ))}
                        </select>
                      </label>
                      {release.variants.length > 1 && (
                        <label>
                          variant{" "}
                          <select value={variant} onChange={(event) => choose({ variant: event.currentTarget.value })}>
                            {release.variants.map((entry) => (
                              <option key={entry.name} value={entry.name}>
                                {entry.name}
                              </option>
                            ))}
                          </select>
                        </label>
                      )}
                    </div>
                  )}
                </div>
                {against ? (
                  <Diff family={family} version={version} against={against} variant={variant} />
                ) : (
                  <Empty title="There is no other release of this model to compare with." />
                )}
              </section>
            </>
          );
        }}
      </Loaded>
    </>
  );
}
