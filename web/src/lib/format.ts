// Numbers, sizes and times as the dashboard writes them. `null` and what is not finite is an en dash: not known.

export const UNKNOWN = "–";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

export function count(value: number | null | undefined): string {
  return known(value) ? grouped.format(value) : UNKNOWN;
}

/** Three significant digits, no exponent for what people read: 0.00123, 1.23, 12.3, 123, 1,234. */
export function significant(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 100) return grouped.format(value);
  if (size === 0) return "0";
  if (size < 1e-4) return value.toExponential(1).replace("e-", "e−");
  return String(Number(value.toPrecision(3)));
}

/** A share of 0 to 1 as a percentage; a share that is small but not 0 is never written as 0. */
export function percent(share: number | null | undefined): string {
  if (!known(share)) return UNKNOWN;
  const value = share * 100;
  const size = Math.abs(value);
  if (size === 0) return "0 %";
  if (size < 0.01) return value < 0 ? "> −0.01 %" : "< 0.01 %";
  if (size >= 99.95 && size < 100) return value < 0 ? "> −100 %" : "> 99.9 %";
  const digits = size < 1 ? 2 : size < 10 ? 1 : size >= 99 && size < 100 ? 1 : 0;
  return `${Number(value.toFixed(digits))} %`;
}

export function milliseconds(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN;
  return value >= 10_000 ? `${significant(value / 1000)} s` : `${significant(value)} ms`;
}

export function bytes(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit + 1 < units.length) {
    size /= 1024;
    ++unit;
  }
  return `${unit === 0 ? grouped.format(size) : significant(size)} ${units[unit]}`;
}

/** The two largest units: "45 s", "12 min", "3 h 20 min", "2 d 4 h". */
export function duration(seconds: number | null | undefined): string {
  if (!known(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export function ago(time: string | null | undefined, now: number = Date.now()): string {
  const at = time ? Date.parse(time) : NaN;
  if (!Number.isFinite(at)) return "never";
  const seconds = Math.round((now - at) / 1000);
  if (seconds < -5) return `in ${duration(-seconds)}`;
  if (seconds < 5) return "just now";
  // One unit is enough to look back: "3 h ago", not "3 h 20 min ago".
  return `${duration(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** In the reader's time zone: "26 Nov 20:04", with the year when it is not this one. */
export function dateTime(time: string | null | undefined, now: Date = new Date()): string {
  const at = time ? new Date(time) : null;
  if (!at || !Number.isFinite(at.getTime())) return UNKNOWN;
  const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${MONTHS[at.getMonth()]}${year} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A chart's time axis: the day where ticks are days apart or a day begins, else the time of day. */
export function axisTime(unixSeconds: number, stepSeconds: number): string {
  const at = new Date(unixSeconds * 1000);
  const midnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (stepSeconds >= 86_400 || midnight) return `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  const seconds = stepSeconds < 60 ? `:${two(at.getSeconds())}` : "";
  return `${two(at.getHours())}:${two(at.getMinutes())}${seconds}`;
}

/** A chart's value axis: as many decimals as its steps need. */
export function axisNumber(value: number, step: number): string {
  const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  return new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
}

/** "install_failures" → "Install failures"; what has a better name is in METRICS (derive.ts). */
export function words(name: string): string {
  const spaced = name.replace(/[._-]+/g, " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** The start of a hash, enough to tell two apart on one page. */
export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}

export function dims(sizes: number[]): string {
  return sizes.length === 0 ? "scalar" : sizes.map((size) => (size < 0 ? "?" : size)).join(" × ");
}
