// Parts of a whole as one bar. The numbers stand beside it as text, so the bar itself is for the eye only.
import type { Part } from "../lib/derive";

export function ShareBar({ parts, tones }: { parts: Part[]; tones: Record<string, string> }) {
  return (
    <div class="share-bar" aria-hidden="true">
      {parts
        .filter((part) => part.value > 0)
        .map((part) => (
          // A part that exists is seen, however small it is.
          <span key={part.key} style={{ flexGrow: part.share, minWidth: "3px", background: `var(${tones[part.key]})` }} />
        ))}
    </div>
  );
}
