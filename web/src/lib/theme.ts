// Light or dark: as the system says, unless the reader chose.
import { useEffect, useState } from "preact/hooks";

export type Choice = "system" | "light" | "dark";

const KEY = "whet-theme";
const dark = () => window.matchMedia("(prefers-color-scheme: dark)");

function stored(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage is switched off
  }
}

function apply(choice: Choice): void {
  if (choice === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = choice;
}

export function applyStoredTheme(): void {
  apply(stored());
}

/** What is shown now, and the switch to the other. Choosing what the system says is no choice: it follows the system. */
export function useTheme(): { shown: "light" | "dark"; toggle: () => void } {
  const [choice, setChoice] = useState(stored);
  const [system, setSystem] = useState(dark().matches ? "dark" : "light");
  useEffect(() => {
    const query = dark();
    const changed = () => setSystem(query.matches ? "dark" : "light");
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  const shown = choice === "system" ? (system as "light" | "dark") : choice;
  const toggle = () => {
    const other = shown === "dark" ? "light" : "dark";
    const next: Choice = other === system ? "system" : other;
    try {
      if (next === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // Storage is switched off: the choice lasts until the page is left.
    }
    apply(next);
    setChoice(next);
  };
  return { shown, toggle };
}
