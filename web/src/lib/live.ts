// The server's events, kept flowing: connects, notices silence, connects again with growing pauses.
import { EventStreamParser, type StreamEvent } from "./event_stream";

export type LiveState = "connecting" | "live" | "offline";

// The server sends a comment at least every 15 s (docs/fleet.md); three missed ones are a dead connection.
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Pause before attempt number `failures` + 1: doubles, up to 30 s, and spread so that dashboards do not return together. */
export function pauseMs(failures: number, random: number = Math.random()): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return full * (0.5 + random / 2);
}

export interface LiveOptions {
  open(signal: AbortSignal): Promise<Response>;
  onEvent(event: StreamEvent): void;
  onState(state: LiveState): void;
  /** After every connection but the first: what happened in between was missed. */
  onMissed(): void;
  onUnauthorized(): void;
}

export class Live {
  #stopped = false;
  #failures = 0;
  #connections = 0;
  #abort = new AbortController();
  #wake: (() => void) | null = null;

  constructor(private readonly options: LiveOptions) {}

  start(): void {
    window.addEventListener("online", this.#retryNow);
    window.addEventListener("offline", this.#drop);
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    window.removeEventListener("online", this.#retryNow);
    window.removeEventListener("offline", this.#drop);
    this.#abort.abort();
    this.#wake?.();
  }

  #retryNow = () => {
    this.#failures = 0;
    this.#wake?.();
  };

  #drop = () => this.#abort.abort();

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // After a short break the state stays "connecting"; it is "offline" once a second attempt failed.
      this.options.onState(this.#failures > 1 || !navigator.onLine ? "offline" : "connecting");
      await this.#connection();
      if (this.#stopped) return;
      ++this.#failures;
      this.options.onState(this.#failures > 1 || !navigator.onLine ? "offline" : "connecting");
      await this.#pause(pauseMs(this.#failures - 1));
    }
  }

  // One connection, until it ends for whatever reason.
  async #connection(): Promise<void> {
    this.#abort = new AbortController();
    const abort = this.#abort;
    let watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const response = await this.options.open(abort.signal);
      if (response.status === 401) {
        this.#stopped = true;
        this.options.onUnauthorized();
        return;
      }
      if (!response.ok || !response.body) return;
      this.#failures = 0;
      this.options.onState("live");
      if (this.#connections++ > 0) this.options.onMissed();
      const parser = new EventStreamParser(this.options.onEvent);
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
        parser.push(decoder.decode(value, { stream: true }));
      }
    } catch {
      // Unreachable, cut or silent: #run connects again.
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
