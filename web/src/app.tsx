// The frame around all pages: who is signed in, where one can go, whether what is shown is live.
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Api, ApiError } from "./lib/api";
import { Live, type LiveState } from "./lib/live";
import { href, type Route, useRoute } from "./lib/router";
import { type Session, SessionContext, storedToken, storeToken, Updates } from "./lib/session";
import { useTheme } from "./lib/theme";
import type { Identity, Overview, Rollout } from "./lib/types";
import { AuditPage } from "./pages/audit";
import { DevicePage } from "./pages/device";
import { DevicesPage } from "./pages/devices";
import { FleetPage } from "./pages/fleet";
import { ReleasePage } from "./pages/release";
import { ReleasesPage } from "./pages/releases";
import { RolloutPage } from "./pages/rollout";
import { RolloutsPage } from "./pages/rollouts";
import { SignIn } from "./pages/sign_in";
import { Icon } from "./ui/icons";
import { Empty, Loading, Problem } from "./ui/states";

const SECTIONS = [
  ["", "Fleet"],
  ["rollouts", "Rollouts"],
  ["devices", "Devices"],
  ["releases", "Releases"],
  ["audit", "Audit"],
] as const;

function page(route: Route): { title: string; content: JSX.Element } {
  const [section = "", first, second] = route.path;
  if (section === "" && first === undefined) return { title: "Fleet", content: <FleetPage /> };
  if (section === "rollouts" && first === undefined) return { title: "Rollouts", content: <RolloutsPage /> };
  if (section === "rollouts" && first) return { title: "Rollout", content: <RolloutPage key={first} id={first} /> };
  if (section === "devices" && first === undefined) return { title: "Devices", content: <DevicesPage query={route.query} /> };
  if (section === "devices" && first) return { title: first, content: <DevicePage key={first} id={first} /> };
  if (section === "releases" && first === undefined) return { title: "Releases", content: <ReleasesPage /> };
  if (section === "releases" && first && second) {
    const content = <ReleasePage key={`${first} ${second}`} family={first} version={second} query={route.query} />;
    return { title: `${first} ${second}`, content };
  }
  if (section === "audit") return { title: "Audit log", content: <AuditPage /> };
  return {
    title: "No such page",
    content: (
      <Empty title="There is no such page.">
        <a href={href()}>To the fleet</a>
      </Empty>
    ),
  };
}

const LIVE: Record<LiveState, [label: string, hint: string]> = {
  live: ["Live", "Changes appear as they happen."],
  connecting: ["Connecting", "Connecting to the server's events."],
  offline: ["Offline", "The server's events cannot be reached; what is shown may be out of date. Trying again."],
};

function LivePill({ state }: { state: LiveState }) {
  const [label, hint] = LIVE[state];
  return (
    <span class={`live ${state}`} role="status" title={hint}>
      <span class="live-dot" aria-hidden="true" />
      {label}
    </span>
  );
}

function ThemeButton() {
  const { shown, toggle } = useTheme();
  const other = shown === "dark" ? "light" : "dark";
  return (
    <button type="button" class="icon-button" onClick={toggle} aria-label={`Show in ${other} colours`} title={`Show in ${other} colours`}>
      <Icon name={shown === "dark" ? "sun" : "moon"} />
    </button>
  );
}

function Shell({ session }: { session: Session }) {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const { title, content } = page(route);
  const address = route.path.join("/");
  const first = useRef(true);

  useEffect(() => {
    document.title = `${title} · Whet fleet`;
  }, [title]);
  // A new page begins at its top, and a screen reader begins to read there.
  useEffect(() => {
    if (!first.current) {
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [address]);

  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        To the content
      </a>
      <header class="top">
        <a class="brand" href={href()} aria-label="Whet, fleet overview">
          whet
        </a>
        <nav aria-label="Sections">
          {SECTIONS.map(([path, label]) => (
            <a key={path} href={path ? href(path) : href()} aria-current={(route.path[0] ?? "") === path ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <div class="top-right">
          <LivePill state={session.live} />
          <span class="who" title={`Signed in as ${session.identity.name}`}>
            {session.identity.role}
          </span>
          <ThemeButton />
          <button type="button" class="quiet" onClick={session.signOut}>
            Sign out
          </button>
        </div>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {content}
      </main>
    </>
  );
}

export function App() {
  const [token, setToken] = useState(storedToken);
  const [identity, setIdentity] = useState<Identity | null>(null);
  const [live, setLive] = useState<LiveState>("connecting");
  const [notice, setNotice] = useState<string | null>(null);
  const [failure, setFailure] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const updates = useMemo(() => new Updates(), []);

  const leave = useCallback((why: string | null) => {
    storeToken(null);
    setToken(null);
    setIdentity(null);
    setFailure(null);
    setNotice(why);
  }, []);

  const api = useMemo(
    () => (token === null ? null : new Api(token, () => leave("The server does not accept this token any more. Sign in again."))),
    [token, leave],
  );

  useEffect(() => {
    if (!api || identity) return;
    const abort = new AbortController();
    setFailure(null);
    api.whoami(abort.signal).then(setIdentity, (cause: unknown) => {
      if (abort.signal.aborted || (cause instanceof ApiError && cause.status === 401)) return;
      setFailure(cause instanceof ApiError ? cause : new ApiError(0, "unreadable", "The server's answer cannot be read."));
    });
    return () => abort.abort();
  }, [api, identity, attempt]);

  useEffect(() => {
    if (!api || !identity) return;
    const stream = new Live({
      open: (signal) => api.events(signal),
      onState: setLive,
      onMissed: () => updates.publish({ kind: "missed" }),
      onUnauthorized: () => leave("The server does not accept this token any more. Sign in again."),
      onEvent: ({ event, data }) => {
        try {
          if (event === "rollout") updates.publish({ kind: "rollout", rollout: JSON.parse(data) as Rollout });
          if (event === "overview") updates.publish({ kind: "overview", overview: JSON.parse(data) as Overview });
        } catch (cause) {
          if (!(cause instanceof SyntaxError)) throw cause;
          updates.publish({ kind: "missed" }); // Not readable: ask for it instead.
        }
      },
    });
    stream.start();
    return () => stream.stop();
  }, [api, identity, updates, leave]);

  if (!api) {
    return (
      <SignIn
        notice={notice}
        onSignedIn={(newToken, newIdentity) => {
          storeToken(newToken);
          setNotice(null);
          setIdentity(newIdentity);
          setToken(newToken);
        }}
      />
    );
  }
  if (!identity) {
    return (
      <main class="alone">
        <h1 class="visually-hidden">Whet fleet</h1>
        {failure ? (
          <>
            <Problem title="Cannot sign in." message={failure.message} onRetry={() => setAttempt((n) => n + 1)} />
            <button type="button" class="link" onClick={() => leave(null)}>
              Use another token
            </button>
          </>
        ) : (
          <Loading what="the dashboard" />
        )}
      </main>
    );
  }
  const session: Session = { api, identity, live, updates, signOut: () => leave(null) };
  return (
    <SessionContext.Provider value={session}>
      <Shell session={session} />
    </SessionContext.Provider>
  );
}
