// Requests to the server. The token goes in a header of each request, and nowhere else.
import type {
  AuditEntry,
  Channel,
  Device,
  DeviceDetail,
  Identity,
  Overview,
  Page,
  Release,
  ReleaseDiff,
  Rollout,
  SeriesBucket,
} from "./types";
import type { RolloutAction } from "./derive";

const BASE = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

function defaultMessage(status: number): string {
  if (status === 401) return "The server does not know this token.";
  if (status === 403) return "This token's role is not enough for that.";
  if (status === 404) return "The server has no such thing.";
  if (status === 429) return "The server asks for fewer requests. Try again in a moment.";
  if (status >= 500) return `The server failed to answer (status ${status}).`;
  return `The server refused the request (status ${status}).`;
}

export async function errorOf(response: Response): Promise<ApiError> {
  let code = "";
  let message = "";
  try {
    const body = (await response.json()) as { error?: { code?: unknown; message?: unknown } };
    if (typeof body.error?.code === "string") code = body.error.code;
    if (typeof body.error?.message === "string") message = body.error.message;
  } catch {
    // A proxy's error page; the status says enough.
  }
  return new ApiError(response.status, code, message || defaultMessage(response.status));
}

export type Query = Record<string, string | number | null | undefined>;

function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return BASE + path + (text ? `?${text}` : "");
}

export class Api {
  /** `onUnauthorized` is called when the server stops to accept the token. */
  constructor(
    readonly token: string,
    private readonly onUnauthorized: () => void = () => {},
  ) {}

  async #send(method: string, path: string, signal?: AbortSignal, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}`, Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit", redirect: "error" };
    if (signal) init.signal = signal;
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(path, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "unreachable", "The server cannot be reached.");
    }
    if (response.status === 401) this.onUnauthorized();
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async #get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await (await this.#send("GET", path, signal)).json()) as T;
  }

  whoami = (signal?: AbortSignal) => this.#get<Identity>(url("/whoami"), signal);
  overview = (signal?: AbortSignal) => this.#get<Overview>(url("/overview"), signal);
  devices = (query: Query, signal?: AbortSignal) => this.#get<Page<Device>>(url("/devices", query), signal);
  device = (id: string, signal?: AbortSignal) => this.#get<DeviceDetail>(url(`/devices/${encodeURIComponent(id)}`), signal);
  releases = (query: Query, signal?: AbortSignal) => this.#get<Page<Release>>(url("/releases", query), signal);
  rollouts = (query: Query, signal?: AbortSignal) => this.#get<Page<Rollout>>(url("/rollouts", query), signal);
  rollout = (id: string, signal?: AbortSignal) => this.#get<Rollout>(url(`/rollouts/${encodeURIComponent(id)}`), signal);
  channels = (signal?: AbortSignal) => this.#get<Page<Channel>>(url("/channels"), signal);
  audit = (query: Query, signal?: AbortSignal) => this.#get<Page<AuditEntry>>(url("/audit", query), signal);

  series = (id: string, signal?: AbortSignal) =>
    this.#get<{ buckets: SeriesBucket[] }>(url(`/rollouts/${encodeURIComponent(id)}/series`), signal);

  diff = (family: string, version: string, against: string, variant: string, signal?: AbortSignal) =>
    this.#get<ReleaseDiff>(
      url(`/releases/${encodeURIComponent(family)}/${encodeURIComponent(version)}/diff`, { against, variant }),
      signal,
    );

  async act(id: string, action: RolloutAction, reason: string): Promise<Rollout> {
    const path = url(`/rollouts/${encodeURIComponent(id)}/${action}`);
    return (await (await this.#send("POST", path, undefined, { reason })).json()) as Rollout;
  }

  async start(rollout: { channel: string; family: string; candidate: string; stages: number[] }): Promise<Rollout> {
    return (await (await this.#send("POST", url("/rollouts"), undefined, rollout)).json()) as Rollout;
  }

  events(signal: AbortSignal): Promise<Response> {
    return fetch(url("/events"), {
      headers: { Authorization: `Bearer ${this.token}`, Accept: "text/event-stream" },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    });
  }
}

/** Every item of a list, page after page, at most `most`. */
export async function all<T>(page: (cursor: string | null) => Promise<Page<T>>, most = 2000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const answer: Page<T> = await page(cursor);
    items.push(...answer.items);
    cursor = answer.next;
  } while (cursor && items.length < most);
  return items;
}
