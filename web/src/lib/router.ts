// The page is what stands after "#", so that any static file server can serve the dashboard.
import { useEffect, useState } from "preact/hooks";

export interface Route {
  /** Decoded parts: "#/devices/cam-1" is ["devices", "cam-1"]. */
  path: string[];
  query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s, 2);
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

/** href("devices", "cam 1") is "#/devices/cam%201". Empty query values are left out. */
export function href(...parts: (string | Record<string, string>)[]): string {
  const path = parts.filter((part): part is string => typeof part === "string").map(encodeURIComponent);
  const query = new URLSearchParams();
  for (const part of parts) {
    if (typeof part === "string") continue;
    for (const [key, value] of Object.entries(part)) if (value) query.set(key, value);
  }
  const text = query.toString();
  return `#/${path.join("/")}${text ? `?${text}` : ""}`;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseHash(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parseHash(location.hash));
    changed(); // The address may have changed since the first render.
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** Changes the address without a new step in the browser's history: for filters that change with each key. */
export function replace(target: string): void {
  history.replaceState(null, "", target);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
