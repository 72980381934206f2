import { all } from "../lib/api";
import { newerFirst } from "../lib/derive";
import { ago, bytes, dateTime } from "../lib/format";
import { href } from "../lib/router";
import { useNow, useResource } from "../lib/session";
import type { Channel, Release } from "../lib/types";
import { Badge } from "../ui/badge";
import { Empty, Loaded } from "../ui/states";

function stableIn(channels: Channel[], family: string, version: string): string[] {
  return channels
    .filter((channel) => channel.families.some((entry) => entry.family === family && entry.version === version))
    .map((channel) => channel.channel);
}

export function ReleasesPage() {
  const now = useNow();
  const channels = useResource("channels", (api, signal) => api.channels(signal));
  const resource = useResource("releases", (api, signal) => all((cursor) => api.releases({ limit: 200, cursor }, signal)));
  return (
    <>
      <h1>Releases</h1>
      <Loaded resource={resource} what="releases">
        {(releases) => {
          if (releases.length === 0) {
            return (
              <Empty title="Nothing is published yet.">
                Make a release with <code>whet pack</code> and publish it with <code>whet publish</code>.
              </Empty>
            );
          }
          const families = new Map<string, Release[]>();
          for (const release of releases) families.set(release.family, [...(families.get(release.family) ?? []), release]);
          return (
            <>
              {[...families].sort(([a], [b]) => a.localeCompare(b)).map(([family, list]) => (
                <section key={family} aria-labelledby={`family-${family}`}>
                  <h2 id={`family-${family}`}>{family}</h2>
                  <div class="card flush">
                    <table class="stack releases">
                      <caption class="visually-hidden">Releases of {family}</caption>
                      <thead>
                        <tr>
                          <th scope="col">Version</th>
                          <th scope="col">Stable in</th>
                          <th scope="col">Variants</th>
                          <th scope="col">Notes</th>
                          <th scope="col">Made</th>
                        </tr>
                      </thead>
                      <tbody>
                        {[...list]
                          .sort((a, b) => newerFirst(a.version, b.version))
                          .map((release) => {
                            const stable = stableIn(channels.data?.items ?? [], family, release.version);
                            return (
                              <tr key={release.version}>
                                <th scope="row">
                                  <a href={href("releases", family, release.version)}>{release.version}</a>
                                </th>
                                <td data-label="Stable in">
                                  {stable.length === 0 ? (
                                    <span class="muted">none</span>
                                  ) : (
                                    stable.map((channel) => (
                                      <Badge key={channel} tone="good">
                                        {channel}
                                      </Badge>
                                    ))
                                  )}
                                </td>
                                <td data-label="Variants">
                                  {release.variants.map((variant) => `${variant.name} ${bytes(variant.bytes)}`).join(", ")}
                                </td>
                                <td data-label="Notes" class="clip">
                                  {release.notes || <span class="muted">none</span>}
                                </td>
                                <td data-label="Made">
                                  <time dateTime={release.created} title={dateTime(release.created)}>
                                    {ago(release.created, now)}
                                  </time>
                                </td>
                              </tr>
                            );
                          })}
                      </tbody>
                    </table>
                  </div>
                </section>
              ))}
            </>
          );
        }}
      </Loaded>
    </>
  );
}
