// What an operator can do to a rollout, each after a question that says what will happen.
import { useState } from "preact/hooks";
import { actionsOf, mayAct, type RolloutAction } from "../lib/derive";
import { useSession } from "../lib/session";
import type { Rollout } from "../lib/types";
import { ConfirmDialog } from "../ui/dialog";
import { Icon, type IconName } from "../ui/icons";

interface Act {
  label: string;
  icon: IconName;
  danger?: boolean;
  title(rollout: Rollout): string;
  says(rollout: Rollout): string;
}

const share = (value: number | undefined) => `${Number((value ?? 0).toFixed(2))} %`;

/** What is behind the stage it is in: the next one, or all devices and the end. */
const next = (rollout: Rollout) => {
  const stage = rollout.stages[rollout.stage + 1];
  return stage === undefined ? "the end" : share(stage);
};

const ACTS: Record<RolloutAction, Act> = {
  pause: {
    label: "Pause",
    icon: "pause",
    title: (rollout) => `Pause ${rollout.family} ${rollout.candidate?.version ?? ""}?`,
    says: (rollout) =>
      `The rollout stays at ${share(rollout.percent)}: devices of that share keep or still take ${rollout.candidate?.version ?? "the candidate"}, and the gate neither widens it nor rolls it back.`,
  },
  resume: {
    label: "Resume",
    icon: "play",
    title: (rollout) => `Resume ${rollout.family} ${rollout.candidate?.version ?? ""}?`,
    says: (rollout) => `The gate judges again from here, at ${share(rollout.percent)}, and widens the rollout or rolls it back.`,
  },
  advance: {
    label: "Advance",
    icon: "forward",
    title: (rollout) => `Advance ${rollout.family} ${rollout.candidate?.version ?? ""} to ${next(rollout)}?`,
    says: (rollout) =>
      `${rollout.stages[rollout.stage + 1] === undefined ? `All devices of channel ${rollout.channel} keep it, and the rollout is done` : `From ${share(rollout.percent)} to ${next(rollout)} of channel ${rollout.channel} now`}, ` +
      (rollout.gate?.verdict === "pass" ? "as the gate would." : "although the gate has not passed this stage."),
  },
  rollback: {
    label: "Roll back",
    icon: "back",
    danger: true,
    title: (rollout) => `Roll back to ${rollout.family} ${rollout.stable.version}?`,
    says: (rollout) =>
      `Every device of channel ${rollout.channel} that runs ${rollout.candidate?.version ?? "the candidate"} returns to ${rollout.stable.version} the next time it polls. This rollout ends and cannot be resumed.`,
  },
};

export function RolloutActions({ rollout, onDone }: { rollout: Rollout; onDone(rollout: Rollout): void }) {
  const { api, identity } = useSession();
  const [asked, setAsked] = useState<RolloutAction | null>(null);
  const actions = actionsOf(rollout);
  if (actions.length === 0) return null;
  const allowed = mayAct(identity.role, "operator");
  const act = asked ? ACTS[asked] : null;
  return (
    <div class="actions">
      <div class="buttons" role="group" aria-label="What can be done">
        {actions.map((action) => (
          <button
            key={action}
            type="button"
            class={ACTS[action].danger ? "danger-outline" : ""}
            disabled={!allowed}
            aria-describedby={allowed ? undefined : "actions-why"}
            onClick={() => setAsked(action)}
          >
            <Icon name={ACTS[action].icon} /> {ACTS[action].label}
          </button>
        ))}
      </div>
      {!allowed && (
        <p class="hint" id="actions-why">
          Needs the role operator; this token is a {identity.role}.
        </p>
      )}
      {asked && act && (
        <ConfirmDialog
          title={act.title(rollout)}
          confirm={act.label}
          danger={act.danger ?? false}
          onClose={() => setAsked(null)}
          onConfirm={async (reason) => onDone(await api.act(rollout.id, asked, reason))}
        >
          <p>{act.says(rollout)}</p>
        </ConfirmDialog>
      )}
    </div>
  );
}
