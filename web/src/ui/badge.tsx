// States as words with a sign and a colour: never by colour alone.
import type { Device, Health, RolloutState, Verdict } from "../lib/types";
import { Icon, type IconName } from "./icons";

export type Tone = "good" | "warn" | "bad" | "idle" | "info";

export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: preact.ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}

const VERDICTS: Record<Verdict, [Tone, IconName, string]> = {
  pass: ["good", "check", "Pass"],
  fail: ["bad", "cross", "Fail"],
  inconclusive: ["idle", "dots", "Waiting"],
};

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  const [tone, icon, label] = VERDICTS[verdict] ?? ["idle", "dots", verdict];
  return (
    <Badge tone={tone} icon={icon}>
      {label}
    </Badge>
  );
}

const STATES: Record<RolloutState, [Tone, IconName, string]> = {
  running: ["info", "play", "Running"],
  paused: ["warn", "pause", "Paused"],
  done: ["good", "check", "Done"],
  "rolled-back": ["bad", "back", "Rolled back"],
};

export function StateBadge({ state }: { state: RolloutState }) {
  const [tone, icon, label] = STATES[state] ?? ["idle", "circle", state];
  return (
    <Badge tone={tone} icon={icon}>
      {label}
    </Badge>
  );
}

const HEALTH: Record<Health | "dark", [Tone, IconName, string]> = {
  healthy: ["good", "check", "Healthy"],
  degraded: ["warn", "warning", "Degraded"],
  unknown: ["idle", "dots", "Unknown"],
  dark: ["bad", "moon", "Dark"],
};

/** A dark device's last health says little: it is shown as dark. */
export function HealthBadge({ device }: { device: Device }) {
  const [tone, icon, label] = HEALTH[device.dark ? "dark" : device.health] ?? ["idle", "dots", device.health];
  return (
    <Badge tone={tone} icon={icon}>
      {label}
    </Badge>
  );
}
