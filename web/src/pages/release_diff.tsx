// What changed between two releases, layer by layer, and what that costs a device to fetch.
import { useState } from "preact/hooks";
import { summarizeDiff } from "../lib/derive";
import { bytes, count, dims, percent } from "../lib/format";
import { useResource } from "../lib/session";
import type { ReleaseDiff, TensorChange } from "../lib/types";
import { Badge, type Tone } from "../ui/badge";
import { ShareBar } from "../ui/share_bar";
import { Empty, Loaded } from "../ui/states";

const CHANGES: [TensorChange, string, Tone][] = [
  ["changed", "Changed", "warn"],
  ["added", "Added", "good"],
  ["removed", "Removed", "bad"],
  ["unchanged", "Unchanged", "idle"],
];
const TONES = { changed: "--bar-warn", added: "--bar-good", removed: "--bar-bad", unchanged: "--bar-idle" };
const FIRST_ROWS = 200;

function Sizes({ diff }: { diff: ReleaseDiff }) {
  if (diff.delta_bytes === null) {
    return (
      <p>
        There is no delta: a device fetches the whole model, <b>{bytes(diff.full_bytes)}</b>.
      </p>
    );
  }
  const share = diff.full_bytes > 0 ? diff.delta_bytes / diff.full_bytes : 1;
  return (
    <div class="sizes">
      <p>
        A device fetches <b>{bytes(diff.delta_bytes)}</b> instead of <b>{bytes(diff.full_bytes)}</b>: {percent(share)} of the model.
      </p>
      <div class="size-bar" aria-hidden="true">
        <span style={{ width: `max(2px, ${Math.min(100, share * 100)}%)` }} />
      </div>
    </div>
  );
}

function Layers({ diff }: { diff: ReleaseDiff }) {
  const summary = summarizeDiff(diff.tensors);
  const [hidden, setHidden] = useState<TensorChange[]>(["unchanged"]);
  const [everything, setEverything] = useState(false);
  const shown = diff.tensors.filter((tensor) => !hidden.includes(tensor.change));
  const rows = everything ? shown : shown.slice(0, FIRST_ROWS);
  const parts = CHANGES.map(([change, label]) => ({ key: change, label, value: summary.bytes[change], share: summary.bytes[change] }));
  const toggle = (change: TensorChange) =>
    setHidden(hidden.includes(change) ? hidden.filter((other) => other !== change) : [...hidden, change]);
  return (
    <>
      <ShareBar parts={parts} tones={TONES} />
      <div class="chips" role="group" aria-label="Which layers are listed">
        {CHANGES.map(([change, label]) => (
          <button key={change} type="button" class="chip" aria-pressed={!hidden.includes(change)} onClick={() => toggle(change)}>
            <span class={`swatch ${change}`} aria-hidden="true" />
            {label} {count(summary.tensors[change])}
            <span class="muted">{bytes(summary.bytes[change])}</span>
          </button>
        ))}
      </div>
      {rows.length === 0 ? (
        <Empty title={diff.tensors.length === summary.tensors.unchanged ? "No layer changed." : "No layer is shown."}>
          {diff.tensors.length === summary.tensors.unchanged ? "The weights of both releases are the same." : "Choose above which to list."}
        </Empty>
      ) : (
        <div class="bleed">
          <table class="stack layers">
            <caption class="visually-hidden">Layers</caption>
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col">Change</th>
                <th scope="col">Type</th>
                <th scope="col" class="num">Shape</th>
                <th scope="col" class="num">Size</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((tensor) => {
                const [, label, tone] = CHANGES.find(([change]) => change === tensor.change) ?? ["", tensor.change, "idle" as Tone];
                return (
                  <tr key={`${tensor.change} ${tensor.name}`}>
                    <th scope="row" class="name">{tensor.name}</th>
                    <td data-label="Change">
                      <Badge tone={tone}>{label}</Badge>
                    </td>
                    <td data-label="Type">{tensor.dtype}</td>
                    <td data-label="Shape" class="num">{dims(tensor.dims)}</td>
                    <td data-label="Size" class="num">{bytes(tensor.bytes)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
          {rows.length < shown.length && (
            <p class="more">
              <button type="button" onClick={() => setEverything(true)}>
                Show all {count(shown.length)}
              </button>
            </p>
          )}
        </div>
      )}
    </>
  );
}

export function Diff({ family, version, against, variant }: { family: string; version: string; against: string; variant: string }) {
  const resource = useResource(`diff ${family} ${version} ${against} ${variant}`, (api, signal) =>
    api.diff(family, version, against, variant, signal),
  );
  return (
    <Loaded resource={resource} what="comparison">
      {(diff) => (
        <>
          <Sizes diff={diff} />
          {(diff.operators.added.length > 0 || diff.operators.removed.length > 0) && (
            <p>
              {diff.operators.added.length > 0 && <>New operators: {diff.operators.added.join(", ")}. </>}
              {diff.operators.removed.length > 0 && <>No longer used: {diff.operators.removed.join(", ")}.</>}
            </p>
          )}
          <Layers diff={diff} />
        </>
      )}
    </Loaded>
  );
}
