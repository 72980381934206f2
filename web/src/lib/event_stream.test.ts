import { describe, expect, it } from "vitest";
import { EventStreamParser, type StreamEvent } from "./event_stream";
import { pauseMs } from "./live";

function parse(pieces: string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const piece of pieces) parser.push(piece);
  return events;
}

describe("event stream", () => {
  const stream = "\uFEFF: hello\r\n\r\nevent: rollout\r\ndata: {\"a\":1}\r\n\r\ndata:one\ndata: two\n\nevent: lost\n\nid: 7\nretry: 5\ndata\n\ndata: unfinished";
  const expected = [
    { event: "rollout", data: '{"a":1}' },
    { event: "message", data: "one\ntwo" },
    { event: "message", data: "" },
  ];
  it("is read whole", () => expect(parse([stream])).toEqual(expected));
  it("is read however it is cut", () => {
    expect(parse([...stream])).toEqual(expected);
    for (let cut = 1; cut < stream.length; ++cut) expect(parse([stream.slice(0, cut), stream.slice(cut)])).toEqual(expected);
  });
  it("ends lines at a CR alone", () => expect(parse(["data: a\r\rdata: b\r\r", "\n"])).toEqual([{ event: "message", data: "a" }, { event: "message", data: "b" }]));
  it("does not fill the memory", () => {
    const parser = new EventStreamParser(() => {});
    expect(() => {
      for (let i = 0; i < 5000; ++i) parser.push(`data: ${"x".repeat(1000)}\n`);
    }).toThrow("too large");
  });
});

describe("pauses between attempts", () => {
  it("grow, stay below 30 s, and differ", () => {
    expect(pauseMs(0, 1)).toBe(500);
    expect(pauseMs(3, 1)).toBe(4000);
    expect(pauseMs(3, 0)).toBe(2000);
    expect(pauseMs(1000, 1)).toBe(30_000);
  });
});
