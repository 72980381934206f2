import { describe, expect, it } from "vitest";
import { ago, axisNumber, axisTime, bytes, count, dateTime, dims, duration, milliseconds, percent, significant, words } from "./format";

describe("numbers", () => {
  it("keeps three digits and no exponent where people read", () => {
    expect(significant(0)).toBe("0");
    expect(significant(0.0012345)).toBe("0.00123");
    expect(significant(12.345)).toBe("12.3");
    expect(significant(1234.5)).toBe("1,235");
    expect(significant(-0.5)).toBe("-0.5");
    expect(significant(0.0000123)).toBe("1.2e−5");
  });
  it("writes what is not known as a dash", () => {
    for (const write of [count, significant, percent, milliseconds, bytes, duration]) {
      expect(write(null)).toBe("–");
      expect(write(undefined)).toBe("–");
      expect(write(NaN)).toBe("–");
      expect(write(Infinity)).toBe("–");
    }
  });
  it("never makes a few of many look like none or all", () => {
    expect(percent(0)).toBe("0 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(0.00001)).toBe("< 0.01 %");
    expect(percent(0.99999)).toBe("> 99.9 %");
    expect(percent(0.996)).toBe("99.6 %");
    expect(percent(0.0125)).toBe("1.3 %");
    expect(percent(0.42)).toBe("42 %");
  });
  it("counts bytes in powers of 1024", () => {
    expect(bytes(0)).toBe("0 B");
    expect(bytes(1023)).toBe("1,023 B");
    expect(bytes(1024)).toBe("1 KiB");
    expect(bytes(6_210_000)).toBe("5.92 MiB");
    expect(bytes(3 * 2 ** 40)).toBe("3 TiB");
  });
  it("turns long latencies into seconds", () => {
    expect(milliseconds(12.34)).toBe("12.3 ms");
    expect(milliseconds(12_340)).toBe("12.3 s");
  });
  it("gives an axis the decimals of its steps", () => {
    expect(axisNumber(93.8, 0.2)).toBe("93.8");
    expect(axisNumber(94, 0.2)).toBe("94.0");
    expect(axisNumber(2, 1)).toBe("2");
    expect(axisNumber(1500, 500)).toBe("1,500");
    expect(axisNumber(0.05, 0.01)).toBe("0.05");
  });
});

describe("times", () => {
  it("says how long in two units", () => {
    expect(duration(45)).toBe("45 s");
    expect(duration(60)).toBe("1 min");
    expect(duration(12_000)).toBe("3 h 20 min");
    expect(duration(7200)).toBe("2 h");
    expect(duration(86_400 * 2 + 3600 * 4)).toBe("2 d 4 h");
    expect(duration(-3)).toBe("0 s");
  });
  it("says how long ago in one", () => {
    const now = Date.parse("2026-11-26T20:00:00Z");
    expect(ago("2026-11-26T19:59:58Z", now)).toBe("just now");
    expect(ago("2026-11-26T19:59:20Z", now)).toBe("40 s ago");
    expect(ago("2026-11-26T16:39:00Z", now)).toBe("3 h ago");
    expect(ago("2026-11-26T20:01:00Z", now)).toBe("in 1 min");
    expect(ago(null, now)).toBe("never");
    expect(ago("yesterday", now)).toBe("never");
  });
  it("is in the reader's time zone, with the year when it is another", () => {
    const now = new Date(2026, 10, 26, 20, 0);
    expect(dateTime(new Date(2026, 10, 3, 4, 5).toISOString(), now)).toBe("3 Nov 04:05");
    expect(dateTime(new Date(2025, 0, 31, 23, 59).toISOString(), now)).toBe("31 Jan 2025 23:59");
    expect(dateTime("", now)).toBe("–");
    expect(dateTime("soon", now)).toBe("–");
  });
  it("marks days on an axis of hours", () => {
    const at = (day: number, hour: number, minute = 0, second = 0) => new Date(2026, 10, day, hour, minute, second).getTime() / 1000;
    expect(axisTime(at(26, 12), 3600)).toBe("12:00");
    expect(axisTime(at(27, 0), 3600)).toBe("27 Nov");
    expect(axisTime(at(26, 12), 86_400)).toBe("26 Nov");
    expect(axisTime(at(26, 12, 0, 15), 15)).toBe("12:00:15");
  });
});

describe("names", () => {
  it("makes words of them", () => {
    expect(words("install_failures")).toBe("Install failures");
    expect(words("rollout.rolled-back")).toBe("Rollout rolled back");
  });
  it("writes shapes", () => {
    expect(dims([])).toBe("scalar");
    expect(dims([-1, 3, 224, 224])).toBe("? × 3 × 224 × 224");
  });
});
