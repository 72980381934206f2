import { expect, it } from "vitest";
import { href, parseHash } from "./router";

it("addresses of pages come back as they were", () => {
  const route = parseHash(href("devices", "a:b/c %?#", { q: "x&y=z", health: "" }));
  expect(route.path).toEqual(["devices", "a:b/c %?#"]);
  expect([...route.query]).toEqual([["q", "x&y=z"]]);
});

it("reads what a person typed", () => {
  expect(parseHash("").path).toEqual([]);
  expect(parseHash("#/").path).toEqual([]);
  expect(parseHash("#devices//cam?q=1?2").path).toEqual(["devices", "cam"]);
  expect(parseHash("#/devices?q=1?2").query.get("q")).toBe("1?2");
  expect(parseHash("#/%E0%A4%A").path).toEqual(["%E0%A4%A"]);
});
