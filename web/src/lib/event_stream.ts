// Parses a text/event-stream as it arrives (HTML Standard, "Interpreting an event stream"). EventSource cannot send an
// Authorization header, so the dashboard reads the stream with fetch.

export interface StreamEvent {
  event: string;
  data: string;
}

// The server's events are a few kilobytes; a stream without line ends must not fill the memory.
const MAX_PENDING = 4 << 20;

export class EventStreamParser {
  #pending = "";
  #event = "";
  #data: string[] = [];
  #held = 0; // characters in #data
  #start = true;

  constructor(private readonly onEvent: (event: StreamEvent) => void) {}

  /** Takes decoded text in pieces of any size. Throws when one event is larger than 4 Mi characters. */
  push(text: string): void {
    if (this.#start && text) {
      this.#start = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    this.#pending += text;
    let from = 0;
    for (;;) {
      const end = this.#lineEnd(from);
      if (!end) break;
      this.#line(this.#pending.slice(from, end.at));
      from = end.next;
    }
    this.#pending = this.#pending.slice(from);
    if (this.#held + this.#pending.length > MAX_PENDING) throw new Error("the server sent an event that is too large");
  }

  // Lines end in CR, LF or CRLF; a CR at the end of what is here may be half of a CRLF, so it waits.
  #lineEnd(from: number): { at: number; next: number } | null {
    for (let i = from; i < this.#pending.length; ++i) {
      const c = this.#pending[i];
      if (c === "\n") return { at: i, next: i + 1 };
      if (c !== "\r") continue;
      if (i + 1 === this.#pending.length) return null;
      return { at: i, next: this.#pending[i + 1] === "\n" ? i + 2 : i + 1 };
    }
    return null;
  }

  #line(line: string): void {
    if (line === "") {
      if (this.#data.length) this.onEvent({ event: this.#event || "message", data: this.#data.join("\n") });
      this.#event = "";
      this.#data = [];
      this.#held = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment, sent to keep the connection
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.#event = value;
    if (field === "data") {
      this.#data.push(value);
      this.#held += value.length;
    }
  }
}
