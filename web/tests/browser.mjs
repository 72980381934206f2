// Debian's Chromium, headless, with a profile of its own that is removed afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 800 };

/** One browser for a run; `open` makes a fresh page (no storage of others) and tells of errors that pages print. */
export async function startBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "whet-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    chromiumSandbox: false,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
    viewport: DESKTOP,
  });
  const browser = context.browser();
  return {
    async open({ viewport = DESKTOP, colorScheme = "light" } = {}) {
      const own = await (browser ?? context).newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const page = await own.newPage();
      page.setDefaultTimeout(30_000);
      const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      return { page, errors, close: () => own.close() };
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Comes to the dashboard as one does who signed in before: the token is in the tab's storage. */
export async function comeSignedIn(page, url, token) {
  await page.addInitScript((value) => {
    if (window.name === "signed in once") return; // The script runs with every load; what the page does to the token stays.
    window.name = "signed in once";
    sessionStorage.setItem("whet-token", value);
  }, token);
  await page.goto(url);
  await page.getByRole("navigation", { name: "Sections" }).waitFor();
}

/** Until the page has what it asked for: a title, and nothing that still loads. */
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".loading, .refreshing"));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
