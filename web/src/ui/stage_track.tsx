// A rollout's stages in a row: those behind it, the one it is in, those ahead.
import type { Rollout } from "../lib/types";

export function StageTrack({ rollout }: { rollout: Rollout }) {
  const over = rollout.state === "done";
  return (
    <ol class={`stages ${rollout.state}`} aria-label="Stages">
      {rollout.stages.map((share, index) => {
        const where = over || index < rollout.stage ? "past" : index === rollout.stage ? "here" : "ahead";
        return (
          <li key={index} class={where} aria-current={where === "here" ? "step" : undefined}>
            <span class="stage-dot" aria-hidden="true" />
            <span class="stage-share">{Number(share.toFixed(2))} %</span>
          </li>
        );
      })}
    </ol>
  );
}
