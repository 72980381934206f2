// The list of devices. Its filters are in the address, so that a list can be passed on.
import { useEffect, useId, useState } from "preact/hooks";
import { ago, dateTime } from "../lib/format";
import { href, replace } from "../lib/router";
import { useNow, useResource } from "../lib/session";
import { newerFirst } from "../lib/derive";
import { HealthBadge } from "../ui/badge";
import { Pager, usePaging } from "../ui/pager";
import { Empty, Loaded } from "../ui/states";

const PAGE = 50;
const TYPING_MS = 250;
const FILTERS = ["q", "family", "version", "health", "channel"] as const;
type Filter = (typeof FILTERS)[number];

function Select({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  options: [value: string, label: string][];
  onChange(value: string): void;
}) {
  const id = useId();
  // What the address asks for stays choosable, also when it is none of the known values.
  const shown = value && !options.some(([option]) => option === value) ? [...options, [value, value] as [string, string]] : options;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">All</option>
        {shown.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

function Search({ value, onChange }: { value: string; onChange(value: string): void }) {
  const id = useId();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="field grow">
      <label for={id}>Device</label>
      <input
        id={id}
        type="search"
        placeholder="Part of its name"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}

export function DevicesPage({ query }: { query: URLSearchParams }) {
  const now = useNow();
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""])) as Record<Filter, string>;
  const key = JSON.stringify(filters);
  const paging = usePaging(key);
  const overview = useResource("overview for filters", (api, signal) => api.overview(signal));
  const channels = useResource("channels for filters", (api, signal) => api.channels(signal));
  const resource = useResource(`devices ${key} ${paging.cursor}`, (api, signal) =>
    api.devices({ ...filters, limit: PAGE, cursor: paging.cursor }, signal),
  );

  const set = (name: Filter, value: string) => {
    // A version belongs to its family.
    const changed = { ...filters, [name]: value, ...(name === "family" ? { version: "" } : {}) };
    replace(href("devices", changed));
  };
  const families = overview.data?.families ?? [];
  const versions = families.filter((family) => !filters.family || family.family === filters.family).flatMap((f) => f.versions);
  const distinct = (values: string[]): [string, string][] => [...new Set(values)].map((value) => [value, value]);
  const filtered = FILTERS.some((name) => filters[name]);

  return (
    <>
      <h1>Devices</h1>
      <form class="filters" role="search" aria-label="Filter devices" onSubmit={(event) => event.preventDefault()}>
        <Search value={filters.q} onChange={(value) => set("q", value)} />
        <Select
          label="Health"
          value={filters.health}
          options={[
            ["healthy", "Healthy"],
            ["degraded", "Degraded"],
            ["unknown", "Unknown"],
            ["dark", "Dark"],
          ]}
          onChange={(value) => set("health", value)}
        />
        <Select
          label="Model"
          value={filters.family}
          options={distinct(families.map((family) => family.family))}
          onChange={(value) => set("family", value)}
        />
        <Select
          label="Version"
          value={filters.version}
          options={distinct(versions.map((version) => version.version).sort(newerFirst))}
          onChange={(value) => set("version", value)}
        />
        <Select
          label="Channel"
          value={filters.channel}
          options={distinct((channels.data?.items ?? []).map((channel) => channel.channel))}
          onChange={(value) => set("channel", value)}
        />
        {filtered && (
          <button type="button" class="link" onClick={() => replace(href("devices"))}>
            Clear
          </button>
        )}
      </form>
      <Loaded resource={resource} what="devices">
        {(page) =>
          page.items.length === 0 ? (
            <Empty title={filtered ? "No device is like that." : "No device has reported yet."}>
              {filtered ? (
                <button type="button" class="link" onClick={() => replace(href("devices"))}>
                  Show all devices
                </button>
              ) : (
                <>
                  Start <code>whet agent</code> on one; it appears here with its first report.
                </>
              )}
            </Empty>
          ) : (
            <>
              <div class={`card flush ${resource.loading ? "refreshing" : ""}`}>
                <table class="stack devices">
                  <caption class="visually-hidden">Devices</caption>
                  <thead>
                    <tr>
                      <th scope="col">Device</th>
                      <th scope="col">Health</th>
                      <th scope="col">Active</th>
                      <th scope="col">Channel</th>
                      <th scope="col">Hardware</th>
                      <th scope="col">Last seen</th>
                    </tr>
                  </thead>
                  <tbody>
                    {page.items.map((device) => (
                      <tr key={device.device}>
                        <th scope="row">
                          <a href={href("devices", device.device)}>{device.device}</a>
                        </th>
                        <td data-label="Health">
                          <HealthBadge device={device} />
                        </td>
                        <td data-label="Active">
                          {device.active.map((model) => `${model.family} ${model.version}`).join(", ") || "none"}
                        </td>
                        <td data-label="Channel">{device.channel}</td>
                        <td data-label="Hardware">{device.arch}</td>
                        <td data-label="Last seen">
                          <time dateTime={device.last_seen ?? undefined} title={dateTime(device.last_seen)}>
                            {ago(device.last_seen, now)}
                          </time>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager paging={paging} next={page.next} shown={page.items.length} noun="devices" />
            </>
          )
        }
      </Loaded>
    </>
  );
}
