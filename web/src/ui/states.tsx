// What a page shows while there is nothing to show: loading, an error, an empty list.
import type { ComponentChildren, JSX } from "preact";
import type { Resource } from "../lib/session";
import { Icon } from "./icons";

export function Loading({ what }: { what: string }) {
  return (
    <div class="loading" role="status">
      <span class="bone wide" />
      <span class="bone" />
      <span class="bone narrow" />
      <span class="visually-hidden">Loading {what}…</span>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Problem({ title, message, onRetry }: { title: string; message: string; onRetry?: () => void }) {
  return (
    <div class="problem" role="alert">
      <Icon name="warning" />
      <div>
        <p class="problem-title">{title}</p>
        <p>{message}</p>
        {onRetry && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

/** A resource's data, or why there is none. Old data stays on the page when a refresh fails, with a line that says so. */
export function Loaded<T>({
  resource,
  what,
  children,
}: {
  resource: Resource<T>;
  what: string;
  children: (data: T) => JSX.Element;
}) {
  const { data, error, reload } = resource;
  if (data === null) {
    if (!error) return <Loading what={what} />;
    return error.status === 404 ? (
      <Empty title={`There is no such ${what}.`}>{error.message}</Empty>
    ) : (
      <Problem title={`Cannot show the ${what}.`} message={error.message} onRetry={reload} />
    );
  }
  return (
    <>
      {error && (
        <p class="stale" role="status">
          <Icon name="warning" />
          <span>This may be out of date. {error.message}</span>
          <button type="button" class="link" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {children(data)}
    </>
  );
}
