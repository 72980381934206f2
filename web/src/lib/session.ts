// Who is signed in, and what all pages share: requests, the stream of events, the time.
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { Api, ApiError } from "./api";
import type { LiveState } from "./live";
import type { Identity, Overview, Rollout } from "./types";

const KEY = "whet-token";

// sessionStorage: gone with the tab, and not shared with others.
export function storedToken(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function storeToken(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // Storage is switched off: the token lasts until the page is left.
  }
}

export type LiveUpdate =
  | { kind: "rollout"; rollout: Rollout }
  | { kind: "overview"; overview: Overview }
  | { kind: "missed" };

/** Pages listen here to what the server's stream says. */
export class Updates {
  #listeners = new Set<(update: LiveUpdate) => void>();

  listen(listener: (update: LiveUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(update: LiveUpdate): void {
    for (const listener of [...this.#listeners]) listener(update);
  }
}

export interface Session {
  api: Api;
  identity: Identity;
  live: LiveState;
  updates: Updates;
  signOut(): void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("used outside of a session");
  return session;
}

export interface Resource<T> {
  data: T | null;
  /** Of the latest request; with `data` still there, that is older than it could be. */
  error: ApiError | null;
  loading: boolean;
  reload(): void;
  set(data: T): void;
}

const REFRESH_MS = 30_000;

/**
 * What `load` answers, again when `key` changes, when events were missed, and every 30 s while the page is visible.
 * `onUpdate` answers the new data for an event, "reload", or null when it does not concern this resource.
 */
export function useResource<T>(
  key: string,
  load: (api: Api, signal: AbortSignal) => Promise<T>,
  onUpdate: (update: LiveUpdate, data: T | null) => T | "reload" | null = () => null,
): Resource<T> {
  const { api, updates } = useSession();
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null; loading: boolean }>({
    key,
    data: null,
    error: null,
    loading: true,
  });
  const latest = useRef({ load, onUpdate, data: state.data });
  latest.current = { load, onUpdate, data: state.key === key ? state.data : null };
  const [attempt, setAttempt] = useState(0);
  const reload = () => setAttempt((n) => n + 1);

  useEffect(() => {
    const abort = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, data: null, error: null, loading: true }));
    latest.current.load(api, abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, error: null, loading: false });
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        const error = cause instanceof ApiError ? cause : new ApiError(0, "unreadable", "The server's answer cannot be read.");
        setState((old) => ({ ...old, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [api, key, attempt]);

  useEffect(() => {
    const stop = updates.listen((update) => {
      if (update.kind === "missed") return reload();
      const next = latest.current.onUpdate(update, latest.current.data);
      if (next === "reload") reload();
      else if (next !== null) setState((old) => ({ ...old, key, data: next, error: null }));
    });
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), REFRESH_MS);
    const shown = () => document.visibilityState === "visible" && reload();
    document.addEventListener("visibilitychange", shown);
    return () => {
      stop();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [updates, key]);

  const current = state.key === key ? state : { data: null, error: null, loading: true };
  return { ...current, reload, set: (data: T) => setState({ key, data, error: null, loading: false }) };
}

/** The time, so that "3 min ago" stays true. */
export function useNow(everyMs = 15_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
