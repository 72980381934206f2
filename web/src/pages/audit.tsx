import { mayAct } from "../lib/derive";
import { ago, dateTime, words } from "../lib/format";
import { href } from "../lib/router";
import { useNow, useResource, useSession } from "../lib/session";
import { Pager, usePaging } from "../ui/pager";
import { Empty, Loaded } from "../ui/states";

const PAGE = 100;

function Entries() {
  const now = useNow();
  const paging = usePaging("audit");
  const resource = useResource(
    `audit ${paging.cursor}`,
    (api, signal) => api.audit({ limit: PAGE, cursor: paging.cursor }, signal),
    (update) => (update.kind === "rollout" ? "reload" : null),
  );
  return (
    <Loaded resource={resource} what="audit log">
      {(page) =>
        page.items.length === 0 ? (
          <Empty title="Nobody has done anything yet." />
        ) : (
          <>
            <div class="card flush">
              <table class="stack audit">
                <caption class="visually-hidden">Audit log, newest first</caption>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Who</th>
                    <th scope="col">What</th>
                    <th scope="col">To what</th>
                    <th scope="col">Detail</th>
                  </tr>
                </thead>
                <tbody>
                  {page.items.map((entry, index) => {
                    const rollout = entry.action.startsWith("rollout.") ? entry.object : null;
                    return (
                      <tr key={`${entry.time} ${index}`}>
                        <th scope="row">
                          <time dateTime={entry.time} title={ago(entry.time, now)}>
                            {dateTime(entry.time)}
                          </time>
                        </th>
                        <td data-label="Who">
                          {entry.actor} <span class="muted">{entry.role}</span>
                        </td>
                        <td data-label="What">{words(entry.action)}</td>
                        <td data-label="To what" class="name">
                          {rollout ? <a href={href("rollouts", rollout)}>{entry.object}</a> : entry.object}
                        </td>
                        <td data-label="Detail">{entry.detail}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
            <Pager paging={paging} next={page.next} shown={page.items.length} noun="entries" />
          </>
        )
      }
    </Loaded>
  );
}

export function AuditPage() {
  const { identity } = useSession();
  return (
    <>
      <h1>Audit log</h1>
      {mayAct(identity.role, "operator") ? (
        <Entries />
      ) : (
        <Empty title="The audit log is for operators.">This token is a {identity.role}.</Empty>
      )}
    </>
  );
}
