// Steps through a list by the server's cursors, which lead forward only: the way back is remembered here.
import { useEffect, useState } from "preact/hooks";

export interface Paging {
  cursor: string | null;
  page: number;
  next(cursor: string): void;
  previous(): void;
}

/** Begins again at the first page when `key` (the filters) changes. */
export function usePaging(key: string): Paging {
  const [state, setState] = useState<{ key: string; cursors: string[] }>({ key, cursors: [] });
  const cursors = state.key === key ? state.cursors : [];
  useEffect(() => {
    if (state.key !== key) setState({ key, cursors: [] });
  }, [key]);
  return {
    cursor: cursors[cursors.length - 1] ?? null,
    page: cursors.length + 1,
    next: (cursor) => setState({ key, cursors: [...cursors, cursor] }),
    previous: () => setState({ key, cursors: cursors.slice(0, -1) }),
  };
}

export function Pager({ paging, next, shown, noun }: { paging: Paging; next: string | null; shown: number; noun: string }) {
  if (paging.page === 1 && !next) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={paging.page === 1} onClick={paging.previous}>
        Previous
      </button>
      <span class="muted" role="status">
        Page {paging.page}, {shown} {noun}
      </span>
      <button type="button" disabled={!next} onClick={() => next && paging.next(next)}>
        Next
      </button>
    </nav>
  );
}
