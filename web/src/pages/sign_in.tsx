import { useId, useState } from "preact/hooks";
import { Api, ApiError } from "../lib/api";
import type { Identity } from "../lib/types";
import { Icon } from "../ui/icons";

export function SignIn({
  notice,
  onSignedIn,
}: {
  notice: string | null;
  onSignedIn(token: string, identity: Identity): void;
}) {
  const [token, setToken] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const id = useId();

  const submit = async (event: Event) => {
    event.preventDefault();
    const trimmed = token.trim();
    if (!trimmed) return setError("Enter a token.");
    // What no header can carry is no token, and fetch would refuse it with a riddle.
    if (!/^[\x21-\x7e]+$/.test(trimmed)) return setError("A token has only letters, digits and signs, with no spaces.");
    setBusy(true);
    setError(null);
    try {
      onSignedIn(trimmed, await new Api(trimmed).whoami());
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : "The server's answer cannot be read.");
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form onSubmit={submit} noValidate>
        <h1>
          <span class="brand">whet</span> fleet
        </h1>
        {notice && !error && (
          <p class="stale" role="status">
            <Icon name="warning" />
            <span>{notice}</span>
          </p>
        )}
        <div class="field">
          <label for={`${id}-token`}>Token</label>
          <input
            id={`${id}-token`}
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            value={token}
            autofocus
            aria-invalid={error !== null}
            aria-describedby={`${id}-hint${error ? ` ${id}-error` : ""}`}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          {error && (
            <p class="field-error" id={`${id}-error`} role="alert">
              <Icon name="warning" /> {error}
            </p>
          )}
          <p class="hint" id={`${id}-hint`}>
            Whoever runs the server makes tokens. Yours is kept in this tab, until you close it or sign out.
          </p>
        </div>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
