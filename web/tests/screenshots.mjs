// Pictures of every page, light and dark, desktop and phone: screenshots.mjs DASHBOARD OUT [NAME …]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { comeSignedIn, DESKTOP, PHONE, settled, startBrowser } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";

const [files, out, ...only] = process.argv.slice(2);
if (!files || !out) {
  console.error("usage: screenshots.mjs DASHBOARD OUT [NAME …]");
  process.exit(2);
}
await mkdir(out, { recursive: true });
const mock = await startMock({ files });
const browser = await startBrowser();
const running = mock.fleet.rollouts[0];
const failing = mock.fleet.rollouts[1];
const taken = mock.fleet.devices.find((device) => device.active[0]?.rollout === running.id && !device.dark);

const PAGES = {
  fleet: "#/",
  rollouts: "#/rollouts",
  rollout: `#/rollouts/${running.id}`,
  rollout_failing: `#/rollouts/${failing.id}`,
  devices: "#/devices",
  devices_none: "#/devices?q=nothing",
  device: `#/devices/${taken.device}`,
  releases: "#/releases",
  release: "#/releases/detector/1.1.0",
  audit: "#/audit",
};
const wanted = (name) => only.length === 0 || only.includes(name);

for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, errors, close } = await browser.open({ viewport, colorScheme });
    const shot = (name) => page.screenshot({ path: join(out, `${name}.${size}.${colorScheme}.png`), fullPage: true });
    await page.goto(mock.url);
    await page.getByLabel("Token").waitFor();
    if (wanted("sign_in")) await shot("sign_in");
    await comeSignedIn(page, mock.url, "operator-token");
    await page.getByText("Live", { exact: true }).waitFor();
    for (const [name, hash] of Object.entries(PAGES).filter(([name]) => wanted(name))) {
      await page.goto(mock.url + "/" + hash);
      await settled(page);
      await shot(name);
    }
    if (wanted("dialog")) {
      await page.goto(`${mock.url}/#/rollouts/${failing.id}`);
      await page.getByRole("button", { name: "Roll back" }).click();
      await page.screenshot({ path: join(out, `dialog.${size}.${colorScheme}.png`) });
      await page.keyboard.press("Escape");
    }
    if (wanted("trouble")) {
      Object.assign(mock.behaviour, { failing: "/overview", refuseEvents: true });
      mock.dropStreams();
      await page.goto(mock.url + "/#/");
      await page.getByRole("alert").waitFor();
      await page.getByText("Offline", { exact: true }).waitFor();
      await shot("trouble");
      Object.assign(mock.behaviour, { failing: null, refuseEvents: false });
    }
    const unexpected = errors.filter((error) => !error.includes("500") && !error.includes("503"));
    if (unexpected.length) console.error(`${size} ${colorScheme}:`, unexpected);
    await close();
  }
}
await browser.close();
await mock.close();
console.log(`Pictures are in ${out}`);
