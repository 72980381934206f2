// The built dashboard in headless Chromium, against the stand-in server: DASHBOARD=build/web node --test THIS_FILE
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { comeSignedIn, PHONE, settled, startBrowser } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";

const files = process.env.DASHBOARD;
assert.ok(files, "DASHBOARD is the folder that scripts/build_web.sh wrote");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

/** A test with a server and a page of its own; no page may print an error that was not expected. */
function scenario(name, { token = "operator-token", viewport, colorScheme, expectErrors = false }, run) {
  test(name, { timeout: 240_000 }, async () => {
    const mock = await startMock({ files });
    const { page, errors, close } = await browser.open({ viewport, colorScheme });
    const go = async (hash) => {
      await page.goto(`${mock.url}/${hash}`);
      await settled(page);
    };
    try {
      if (token) await comeSignedIn(page, mock.url, token);
      await run({ mock, page, go, errors });
      if (!expectErrors) assert.deepEqual(errors, []);
    } finally {
      await close();
      await mock.close();
    }
  });
}

const live = (page) => page.getByText("Live", { exact: true }).waitFor();
const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const running = "detector-1-1-0-k7q2m9xw";
const failing = "keyword-2-1-0-p4t8c1vz";

scenario("signing in, with a wrong token, a right one, and one that is withdrawn", { token: null, expectErrors: true }, async ({ mock, page }) => {
  await page.goto(mock.url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Enter a token.").waitFor();
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The server does not know this token.").waitFor();
  await page.getByLabel("Token").fill(" viewer-token ");
  await page.keyboard.press("Enter");
  await heading(page, "Fleet");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("whet-token")), "viewer-token");
  assert.equal(await page.evaluate(() => Object.keys(localStorage).length), 0);
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.ok(mock.requests.every((request) => !request.includes("token")), "no address holds the token");
  await page.reload(); // a tab that is loaded again stays signed in
  await heading(page, "Fleet");
  await page.evaluate(() => sessionStorage.setItem("whet-token", "withdrawn"));
  await page.reload();
  await page.getByText("does not accept this token any more").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("whet-token")), null);
});

scenario("signing out forgets the token", {}, async ({ page }) => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

scenario("the fleet at a glance", {}, async ({ mock, page, go }) => {
  await go("#/");
  await live(page);
  const { devices } = mock.fleet.overview();
  const health = page.getByRole("region", { name: "Devices" });
  assert.match(await health.innerText(), /10,000/);
  for (const [label, key] of [["Healthy", "healthy"], ["Degraded", "degraded"], ["Unknown", "unknown"], ["Dark", "dark"]]) {
    const link = health.getByRole("link", { name: label });
    assert.match(await link.innerText(), new RegExp(devices[key].toLocaleString("en")));
    assert.equal(await link.getAttribute("href"), `#/devices?health=${key}`);
  }
  assert.equal(await page.getByRole("article").count(), 3);
  const row = page.getByRole("row", { name: /5\.9 ms/ });
  assert.match(await row.innerText(), /2\.1\.0/);
  assert.match(await row.innerText(), /210/);
  // An event changes the page without a request.
  const before = mock.requests.length;
  const changed = mock.fleet.overview();
  changed.devices.dark = 4321;
  mock.send("overview", changed);
  await health.getByText("4,321").waitFor();
  assert.equal(mock.requests.length, before);
});

scenario("a rollout that fails its gate: numbers, words, charts; and rolling it back", {}, async ({ mock, page, go }) => {
  await go(`#/rollouts/${failing}`);
  await live(page);
  await page.locator(".gate-verdict").getByText("2.41 % of the candidate's reports tell of a crash").waitFor();
  const gate = page.getByRole("table", { name: "What the gate compared" });
  const crashes = await gate.getByRole("row", { name: /^Crashes/ }).innerText();
  for (const part of ["2.41 %", "0.42 %", "+1.99 points", "0.5 points", "< 0.0001", "Fail"]) assert.ok(crashes.includes(part), `${part} in ${crashes}`);
  await gate.getByText("p95 has risen by more for certain (p = 4e-05).").waitFor();
  assert.equal(await page.locator(".chart canvas").count(), 6);
  // Something is drawn in every chart, and its numbers are there to read.
  const blank = await page.locator(".chart canvas").evaluateAll((canvases) =>
    canvases.filter((canvas) => !canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value)).length);
  assert.equal(blank, 0);
  const numbers = page.getByRole("button", { name: "Numbers of Latency" });
  await numbers.click();
  const table = page.getByRole("region", { name: /Latency.*numbers/ }).getByRole("row");
  assert.equal(await table.count(), 1 + mock.fleet.series(mock.fleet.rollouts[1]).buckets.length);
  assert.match(await table.nth(1).innerText(), /–.*ms/s); // no device had the candidate in the first bucket

  const opener = page.getByRole("button", { name: "Roll back" });
  await opener.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Roll back to keyword 2.0.3?" });
  await dialog.getByText("returns to 2.0.3").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(await opener.evaluate((button) => button === document.activeElement), "the focus returns to the button");

  await opener.click();
  await dialog.getByRole("button", { name: "Roll back" }).click();
  await dialog.getByText("Say why").waitFor();
  assert.ok(!mock.requests.some((request) => request.startsWith("POST")), "nothing is sent without a reason");
  await dialog.getByLabel("Reason").fill("Crashes on the new cameras");
  await dialog.getByRole("button", { name: "Roll back" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Rolled back", { exact: true }).waitFor();
  await page.getByText("Crashes on the new cameras").waitFor();
  assert.equal(mock.fleet.rollouts[1].state, "rolled-back");
  assert.equal(await page.getByRole("button", { name: "Roll back" }).count(), 0);
  await go("#/audit");
  await page.getByRole("row", { name: /Rollout rollback.*Crashes on the new cameras/ }).waitFor();
});

scenario("pause, resume, advance; and an answer that refuses", { expectErrors: true }, async ({ mock, page, go }) => {
  const rollout = mock.fleet.rollouts[0];
  const act = async (name) => {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByLabel("Reason").fill(`To test ${name}`);
    await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  };
  await go(`#/rollouts/${running}`);
  await act("Pause");
  await page.getByText("Paused", { exact: true }).waitFor();
  await act("Resume");
  await page.getByText("Running", { exact: true }).waitFor();
  await act("Advance");
  await page.locator('[aria-current="step"]', { hasText: "50 %" }).waitFor();
  assert.equal(rollout.percent, 50);
  // Someone else was quicker: the server's reason is shown, and the question stays open.
  await page.getByRole("button", { name: "Pause" }).click();
  rollout.state = "done";
  await page.getByLabel("Reason").fill("Too late");
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.getByRole("alert").getByText("A rollout that is done cannot pause.").waitFor();
});

scenario("what another does is seen at once", {}, async ({ mock, page, go }) => {
  await go(`#/rollouts/${running}`);
  await live(page);
  const rollout = structuredClone(mock.fleet.rollouts[0]);
  rollout.gate.verdict = "pass";
  rollout.gate.reason = "Passed 10 %.";
  mock.send("rollout", rollout);
  await page.getByText("Passed 10 %.").waitFor();
});

scenario("a viewer sees everything but the audit log, and can do nothing", { token: "viewer-token" }, async ({ mock, page, go }) => {
  await go(`#/rollouts/${running}`);
  for (const name of ["Pause", "Advance", "Roll back"]) assert.ok(await page.getByRole("button", { name }).isDisabled());
  await page.getByText("Needs the role operator; this token is a viewer.").waitFor();
  await go("#/releases/detector/1.1.0");
  assert.ok(await page.getByRole("button", { name: "Roll out" }).isDisabled());
  await go("#/audit");
  await page.getByText("The audit log is for operators.").waitFor();
  assert.ok(!mock.requests.some((request) => request.includes("/audit")));
});

scenario("finding one device among 10,000", {}, async ({ mock, page, go }) => {
  await go("#/devices");
  const rows = page.getByRole("table", { name: "Devices" }).locator("tbody tr");
  assert.equal(await rows.count(), 50);
  const first = await rows.first().innerText();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Page 2, 50 devices").waitFor();
  assert.notEqual(await rows.first().innerText(), first);
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByText("Page 1, 50 devices").waitFor();
  assert.equal((await rows.first().innerText()).split("\n")[0], first.split("\n")[0]);

  await page.getByLabel("Health").selectOption("dark");
  await page.getByLabel("Model").selectOption("keyword");
  await page.waitForURL("**/#/devices?family=keyword&health=dark");
  await settled(page);
  const dark = mock.fleet.devices.filter((device) => device.dark && device.active[0]?.family === "keyword").length;
  assert.equal(await rows.count(), dark);

  const wanted = mock.fleet.devices.find((device) => device.active[0]?.rollout === running && !device.dark);
  const before = mock.requests.length;
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByLabel("Device", { exact: true }).pressSequentially(wanted.device.slice(-5), { delay: 10 });
  await page.waitForURL(`**/#/devices?q=${wanted.device.slice(-5)}`);
  await rows.nth(0).getByRole("link", { name: wanted.device }).click();
  const searches = mock.requests.slice(before).filter((request) => request.includes("q="));
  assert.equal(searches.length, 1, "one request for a word typed in one go");
  await heading(page, wanted.device);
  await page.getByText("Delta of 1.2 MiB").waitFor();
  assert.equal(await page.locator(".chart canvas").count(), 3);
  await page.goBack();
  await heading(page, "Devices");
  await page.getByLabel("Device", { exact: true }).fill("no such device");
  await page.getByText("No device is like that.").waitFor();
});

scenario("what changed between releases", {}, async ({ page, go }) => {
  await go("#/releases");
  const versions = await page.getByRole("table", { name: "Releases of detector" }).locator("tbody th").allInnerTexts();
  assert.deepEqual(versions.map((v) => v.trim()), ["1.2.0-rc.1", "1.1.0", "1.0.0"]);
  await page.getByRole("link", { name: "1.1.0" }).click();
  await page.getByText("A device fetches 730 KiB instead of 23 MiB: 3.1 % of the model.").waitFor();
  const layers = page.getByRole("table", { name: "Layers" }).locator("tbody tr");
  assert.equal(await layers.count(), 8);
  await page.getByRole("button", { name: /Unchanged 96/ }).click();
  assert.equal(await layers.count(), 104);
  await page.getByText("New operators: LayerNormalization.").waitFor();
  await page.getByLabel("variant").selectOption("int8");
  await page.getByText("A device fetches 188 KiB instead of 5.92 MiB").waitFor();
  await page.getByLabel("against").selectOption("1.2.0-rc.1");
  await page.waitForURL("**against=1.2.0-rc.1&variant=int8");
});

scenario("a releaser starts a rollout", { token: "releaser-token", expectErrors: true }, async ({ mock, page, go }) => {
  await go("#/releases/detector/1.2.0-rc.1");
  await page.getByRole("button", { name: "Roll out" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Channel", { exact: true }).selectOption("stable");
  await dialog.getByText("Now stable there: 1.0.0.").waitFor();
  await dialog.getByLabel(/Stages/).fill("50, 10");
  await dialog.getByRole("button", { name: "Start" }).click();
  await dialog.getByText("Write the stages as rising percentages").waitFor();
  await dialog.getByLabel(/Stages/).fill("5, 100");
  await dialog.getByRole("button", { name: "Start" }).click();
  await dialog.getByText("is under way; end it first").waitFor();
  mock.fleet.rollouts[0].state = "rolled-back";
  await dialog.getByRole("button", { name: "Start" }).click();
  await heading(page, /detector 1\.0\.0.*1\.2\.0-rc\.1/);
  await page.getByText("The gate has not judged yet.").waitFor();
  await page.getByText("No device has reported yet.").waitFor();
  assert.deepEqual(mock.fleet.rollouts[0].stages, [5, 100]);
});

scenario("the stream breaks and comes back; requests fail and succeed again", { expectErrors: true }, async ({ mock, page, go }) => {
  await go("#/");
  await live(page);
  mock.behaviour.refuseEvents = true;
  mock.dropStreams();
  await page.getByText("Offline", { exact: true }).waitFor();
  mock.fleet.devices.length = 9000; // what happens meanwhile is read again, not lost
  mock.behaviour.refuseEvents = false;
  await live(page);
  await page.getByText("9,000", { exact: true }).waitFor();

  mock.behaviour.failing = "/overview";
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByText("This may be out of date. The database is busy.").waitFor();
  await page.getByText("9,000", { exact: true }).waitFor();
  await go("#/audit");
  await go("#/");
  await page.getByRole("alert").getByText("The database is busy.").waitFor();
  mock.behaviour.failing = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("9,000", { exact: true }).waitFor();
});

scenario("names that do not exist", { expectErrors: true }, async ({ page, go, mock }) => {
  await page.goto(`${mock.url}/#/rollouts/nothing-of-that-name`);
  await page.getByText("There is no such rollout.").waitFor();
  await page.goto(`${mock.url}/#/devices/nothing`);
  await page.getByText("There is no such device.").waitFor();
  await go("#/releases/detector/9.9.9");
  await page.getByText("There is no such release.").waitFor();
  await page.goto(`${mock.url}/#/nowhere`);
  await page.getByText("There is no such page.").waitFor();
});

scenario("text of others is shown as text", {}, async ({ mock, page, go }) => {
  const script = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>';
  mock.fleet.rollouts[0].history[0].reason = script;
  mock.fleet.rollouts[0].gate.reason = script;
  mock.fleet.releases[0].notes = script;
  mock.fleet.audit[0].detail = script;
  for (const hash of [`#/rollouts/${running}`, "#/releases", "#/audit", "#/"]) {
    await go(hash);
    await page.getByText(script).first().waitFor();
    assert.equal(await page.evaluate(() => window.broken), undefined);
  }
});

scenario("light and dark: the system's choice, until the reader chooses", { colorScheme: "dark" }, async ({ page, go }) => {
  await go(`#/rollouts/${running}`);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole("button", { name: "Show in light colours" }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await settled(page);
  assert.equal(await ground(), light);
  await page.getByRole("button", { name: "Show in dark colours" }).click();
  assert.equal(await ground(), dark);
  assert.equal(await page.evaluate(() => localStorage.length), 0); // the same as the system's again
});

scenario("the keyboard alone", {}, async ({ page, go }) => {
  await go("#/");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "To the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Healthy/);
  await page.keyboard.press("Enter");
  await heading(page, "Devices");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
});

// Every page with axe-core, whose rules are those of WCAG 2.2, levels A and AA, and of good practice; and no page wider than a phone.
for (const [name, viewport, colorScheme] of [["desktop, light", undefined, "light"], ["phone, dark", PHONE, "dark"]]) {
  scenario(`accessible on every page: ${name}`, { viewport, colorScheme }, async ({ mock, page, go }) => {
    const device = mock.fleet.devices.find((d) => d.active[0]?.rollout === running).device;
    mock.fleet.audit.length = 20; // axe-core looks at every row, and all are alike
    const check = async (where) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
      const found = violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`);
      assert.deepEqual(found, []);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `${where} is ${overflow} pixels too wide`);
    };
    for (const hash of ["#/", "#/rollouts", `#/rollouts/${failing}`, "#/devices?health=dark&family=keyword", `#/devices/${device}`, "#/releases", "#/releases/detector/1.1.0", "#/audit"]) {
      await go(hash);
      await check(hash);
    }
    await go(`#/rollouts/${failing}`);
    await page.getByRole("button", { name: "Roll back" }).click();
    await check("the dialog");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
    await check("signing in");
  });
}
