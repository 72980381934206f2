// A question before something happens to the fleet. The browser's own modal dialog keeps the focus inside and closes on Escape.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ApiError } from "../lib/api";
import { Icon } from "./icons";

const LONGEST_REASON = 500;

export interface ConfirmProps {
  title: string;
  confirm: string;
  danger?: boolean;
  /** Asks why; the answer is what `onConfirm` gets, and what the audit log keeps. */
  askReason?: boolean;
  children: ComponentChildren;
  onConfirm(reason: string): Promise<void>;
  onClose(): void;
}

export function ConfirmDialog({ title, confirm, danger, askReason = true, children, onConfirm, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const id = useId();

  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (askReason && !reason.trim()) {
      setError("Say why: the audit log keeps it for those who come after you.");
      dialog.current?.querySelector("textarea")?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await onConfirm(reason.trim());
      onClose();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : "The server's answer cannot be read.");
      setBusy(false);
    }
  };

  return (
    <dialog
      ref={dialog}
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        if (!busy) onClose();
      }}
    >
      <form onSubmit={submit} noValidate>
        <h2 id={`${id}-title`}>{title}</h2>
        {children}
        {askReason && (
          <div class="field">
            <label for={`${id}-reason`}>Reason</label>
            <textarea
              id={`${id}-reason`}
              rows={3}
              maxLength={LONGEST_REASON}
              value={reason}
              required
              aria-invalid={error !== null && !reason.trim()}
              aria-describedby={error ? `${id}-error` : undefined}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </div>
        )}
        {error && (
          <p class="field-error" id={`${id}-error`} role="alert">
            <Icon name="warning" /> {error}
          </p>
        )}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose} disabled={busy}>
            Cancel
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy}>
            {busy ? "Sending…" : confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
