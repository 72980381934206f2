// The dashboard against the real server: `whet serve --demo` with releases that `whet` made, and telemetry of simulated
// devices. WHET=build/release/whet MODEL=mobile.onnx DASHBOARD=build/web node --test THIS_FILE
// SCREENSHOTS=DIR also writes pictures of what it sees, light and dark, desktop and phone.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { comeSignedIn, DESKTOP, PHONE, settled, startBrowser } from "./browser.mjs";

const { WHET, MODEL, DASHBOARD, SCREENSHOTS } = process.env;
assert.ok(WHET && MODEL && DASHBOARD, "WHET, MODEL and DASHBOARD name the program, a model and the built pages");
const DEVICES = 24;

let folder, server, url, tokens, browser;
const sequences = new Map();

const whet = async (...args) => {
  const passphrase = (await readFile(join(folder, "passphrase"), "utf8")).trim();
  const env = { ...process.env, WHET_PASSPHRASE: passphrase, WHET_SERVER: url, WHET_TOKEN: tokens.releaser };
  return (await promisify(execFile)(WHET, args, { cwd: folder, env })).stdout;
};

async function ask(path, { token = tokens.releaser, method = "GET", body } = {}) {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

const until = async (what, condition) => {
  for (let i = 0; i < 300; ++i) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`waited in vain for ${what}`);
};

const text = (key, value) => ({ key, value: { stringValue: value } });

/** One OTLP report of a device, as its agent would send it (docs/fleet.md, "Telemetry"). */
async function report(device, { version, rollout = "", latencyMs = 8, errors = 0, crashes = 0, health = 1, installed = false }) {
  const sequence = (sequences.get(device) ?? 0) + 1;
  sequences.set(device, sequence);
  const now = BigInt(Date.now()) * 1_000_000n;
  const attributes = [text("whet.family", "fashion"), text("whet.version", version), text("whet.variant", "f32")];
  if (rollout) attributes.push(text("whet.rollout", rollout));
  const point = (more) => ({ attributes, startTimeUnixNano: String(now - 60_000_000_000n), timeUnixNano: String(now), ...more });
  const sum = (name, value, extra = []) => ({
    name,
    unit: "1",
    sum: { dataPoints: [{ ...point({ asInt: String(value) }), attributes: [...attributes, ...extra] }], aggregationTemporality: 1, isMonotonic: true },
  });
  // One bucket of an exponential histogram that holds them all: scale 0, (2^offset, 2^(offset+1)].
  const offset = Math.ceil(Math.log2(latencyMs)) - 1;
  const metrics = [
    { name: "whet.health", unit: "1", gauge: { dataPoints: [point({ asInt: String(health) })] } },
    { name: "whet.active", unit: "1", gauge: { dataPoints: [point({ asInt: "1" })] } },
    {
      name: "whet.inference.latency",
      unit: "ms",
      exponentialHistogram: {
        dataPoints: [
          point({ count: "60", sum: 60 * latencyMs, scale: 0, zeroCount: "0", positive: { offset, bucketCounts: ["60"] }, min: latencyMs, max: latencyMs }),
        ],
        aggregationTemporality: 1,
      },
    },
    { name: "whet.input.drift", unit: "1", gauge: { dataPoints: [point({ asDouble: 0.31 })] } },
  ];
  if (errors) metrics.push(sum("whet.inference.errors", errors));
  if (crashes) metrics.push(sum("whet.model.crashes", crashes));
  if (installed) metrics.push(sum("whet.install", 1, [text("whet.outcome", "installed")]));
  const body = {
    resourceMetrics: [
      {
        resource: {
          attributes: [
            text("service.name", "whet-agent"),
            text("device.id", device),
            text("whet.boot", "boot-1"),
            { key: "whet.sequence", value: { intValue: String(sequence) } },
            text("whet.channel", "stable"),
            text("whet.agent.version", "0.1.0"),
            text("host.arch", "aarch64"),
          ],
        },
        scopeMetrics: [{ scope: { name: "whet" }, metrics }],
      },
    ],
  };
  await ask("/v1/metrics", { token: tokens.device, method: "POST", body });
}

const deviceName = (index) => `camera-${String(index).padStart(2, "0")}`;

/** What the devices of the signed rollout document are told. */
async function published() {
  const role = join(folder, "repo/targets/rollouts/stable");
  const documents = await Promise.all((await readdir(role)).filter((name) => name.endsWith("fashion.json")).map(async (name) => JSON.parse(await readFile(join(role, name), "utf8"))));
  const { rollouts } = await ask("/api/v1/overview");
  const id = rollouts[0]?.id;
  return documents.filter((one) => !id || one.rollout === id).sort((a, b) => b.sequence - a.sequence)[0];
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "whet-dashboard-"));
  server = spawn(WHET, ["serve", "--demo", "--data", folder, "--listen", "127.0.0.1:0", "--gate-interval", "0.5", "--dashboard", DASHBOARD, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const chunk of server.stdout) {
    said += chunk;
    if (said.trim().endsWith("}")) break;
  }
  const started = JSON.parse(said);
  url = started.url;
  tokens = { releaser: started.releaser_token, device: started.device_token };
  for (const role of ["viewer", "operator"]) {
    tokens[role] = JSON.parse(await whet("serve", "token", "create", "--role", role, "--name", `the ${role}`, "--data", folder, "--json")).token;
  }
  await whet("tuf", "delegate", "models.fashion", "--repo", "repo", "--signer", "keys/release.key", "--keys", "keys");
  for (const [version, extra] of [["1.0.0", []], ["1.1.0", ["--set", "author=me"]], ["1.2.0", ["--rename", "scores=probabilities"]]]) {
    await whet("import", MODEL, "-o", `${version}.whet`, ...extra);
    await whet("pack", `${version}.whet`, "--family", "fashion", "--version", version, "-o", `release-${version}`, "--golden", "random:7", "--golden-count", "1",
      "--latency-ms-mean", "50", "--notes", `Notes of ${version}`);
    await whet("sign", `release-${version}`, "--repo", "repo", "--key", "keys/release.key");
    await whet("publish", `release-${version}`, "--repo", "repo", "--key", "keys/online.key");
  }
  await whet("rollout", "set", "--channel", "stable", "--family", "fashion", "--version", "1.0.0");
  for (let i = 0; i < DEVICES; ++i) await report(deviceName(i), { version: "1.0.0", installed: true, health: i === 3 ? 2 : 1, errors: i === 3 ? 6 : 0 });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  if (server && server.exitCode === null) {
    server.kill("SIGTERM");
    await new Promise((done) => server.once("exit", done));
  }
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** With a page of its own, which may print no error. */
function scenario(name, { token }, run) {
  test(name, { timeout: 240_000 }, async () => {
    const { page, errors, close } = await browser.open();
    const go = async (hash) => {
      await page.goto(`${url}/${hash}`);
      await settled(page);
    };
    try {
      await comeSignedIn(page, url, tokens[token]);
      await page.getByText("Live", { exact: true }).waitFor();
      await run({ page, go });
      assert.deepEqual(errors, []);
    } finally {
      await close();
    }
  });
}

scenario("the fleet is what the server holds, and follows it", { token: "viewer" }, async ({ page, go }) => {
  await go("#/");
  const { devices, families } = await ask("/api/v1/overview");
  assert.deepEqual([devices.total, devices.healthy, devices.degraded], [DEVICES, DEVICES - 1, 1]);
  const health = page.getByRole("region", { name: "Devices" });
  assert.match(await health.innerText(), new RegExp(`${DEVICES}\\s+in the fleet`));
  assert.match(await health.getByRole("link", { name: "Healthy" }).innerText(), new RegExp(`\\b${devices.healthy}\\b`));
  assert.match(await health.getByRole("link", { name: "Degraded" }).innerText(), /\b1\b/);
  await page.getByText("Nothing is being rolled out.").waitFor();
  const row = await page.getByRole("row", { name: /fashion/ }).innerText();
  assert.ok(row.includes("1.0.0") && row.includes(String(families[0].versions[0].devices)), row);
  // A device that is heard of for the first time is there without a new request of the page's.
  await report("camera-new", { version: "1.0.0" });
  await page.getByText(String(DEVICES + 1), { exact: true }).first().waitFor();
});

scenario("a release and what it changes", { token: "viewer" }, async ({ page, go }) => {
  await go("#/releases");
  const versions = await page.getByRole("table", { name: "Releases of fashion" }).locator("tbody th").allInnerTexts();
  assert.deepEqual(versions.map((v) => v.trim()), ["1.2.0", "1.1.0", "1.0.0"]);
  await page.getByRole("link", { name: "1.1.0" }).click();
  const diff = await ask("/api/v1/releases/fashion/1.1.0/diff?against=1.0.0");
  assert.ok(diff.delta_bytes > 0 && diff.delta_bytes < diff.full_bytes / 10);
  await page.getByText(/A device fetches .* instead of .* MiB: .* of the model\./).waitFor();
  await page.getByText("The weights of both releases are the same.").waitFor();
  await page.getByRole("button", { name: new RegExp(`^Unchanged ${diff.tensors.length}`) }).click();
  assert.equal(await page.getByRole("table", { name: "Layers" }).locator("tbody tr").count(), diff.tensors.length);
  await page.getByText("Notes of 1.1.0").waitFor();
  assert.ok(await page.getByRole("button", { name: "Roll out" }).isDisabled(), "a viewer rolls nothing out");
});

scenario("a rollout from its start to its end, by hand", { token: "releaser" }, async ({ page, go }) => {
  await go("#/releases/fashion/1.1.0");
  await page.getByRole("button", { name: "Roll out" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Now stable there: 1.0.0.").waitFor();
  await dialog.getByLabel(/Stages/).fill("50, 100");
  await dialog.getByRole("button", { name: "Start" }).click();
  await page.getByRole("heading", { level: 1, name: /fashion 1\.0\.0.*1\.1\.0/ }).waitFor();
  const { items } = await ask("/api/v1/rollouts");
  const { id } = items[0];
  assert.deepEqual(items[0].stages, [50, 100]);
  assert.equal((await published()).state, "running");

  // Devices report: the gate's words and numbers on the page are the server's.
  for (let i = 0; i < DEVICES; ++i) await report(deviceName(i), { version: i % 2 ? "1.1.0" : "1.0.0", rollout: i % 2 ? id : "", installed: i % 2 === 1, latencyMs: i % 2 ? 7 : 8 });
  await until("the gate to see them", async () => (await ask(`/api/v1/rollouts/${id}`)).gate?.metrics.find((m) => m.name === "crashes")?.judged);
  const { gate } = await ask(`/api/v1/rollouts/${id}`);
  assert.match(gate.reason, /the stage has lasted/);
  await page.locator(".gate-verdict").getByText(/The stage has lasted \d+ s of/).waitFor();
  const table = page.getByRole("table", { name: "What the gate compared" });
  await table.getByText(gate.metrics.find((m) => m.name === "accuracy").reason.replace(/^./, (c) => c.toUpperCase()), { exact: false }).first().waitFor();
  assert.equal(await table.locator("tbody").count(), gate.metrics.length);
  await page.locator(".chart canvas").first().waitFor();

  const act = async (name, reason) => {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByLabel("Reason").fill(reason);
    await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    return ask(`/api/v1/rollouts/${id}`);
  };
  assert.equal((await act("Pause", "Lunch")).state, "paused");
  await page.getByText("Paused", { exact: true }).waitFor();
  assert.equal((await published()).state, "paused");
  assert.equal((await act("Resume", "Coffee is over")).state, "running");
  assert.equal((await published()).state, "running");
  assert.equal((await act("Advance", "Looks well")).percent, 100);
  await page.locator('[aria-current="step"]', { hasText: "100 %" }).waitFor();
  const ended = await act("Roll back", "False alarms at night");
  assert.equal(ended.state, "rolled-back");
  assert.deepEqual(ended.history.map((entry) => entry.action), ["create", "pause", "resume", "advance", "rollback"]);
  await page.getByText("Rolled back", { exact: true }).waitFor();
  await page.getByText("False alarms at night").waitFor();
  assert.equal((await published()).state, "rolled-back");
  assert.equal(await page.getByRole("button", { name: "Roll back" }).count(), 0);
  await go("#/audit");
  await page.getByRole("row", { name: /Rollout rollback.*False alarms at night/ }).waitFor();
});

scenario("what another does is seen without asking", { token: "viewer" }, async ({ page, go }) => {
  const { id } = await ask("/api/v1/rollouts", { method: "POST", body: { channel: "stable", family: "fashion", candidate: "1.2.0", stages: [10, 100] } });
  await go(`#/rollouts/${id}`);
  assert.ok(await page.getByRole("button", { name: "Pause" }).isDisabled());
  await ask(`/api/v1/rollouts/${id}/pause`, { token: tokens.operator, method: "POST", body: { reason: "By somebody else" } });
  await page.getByText("Paused", { exact: true }).waitFor();
  await page.getByText("By somebody else").waitFor();
  await go("#/");
  assert.equal(await page.getByRole("article").count(), 1);
  await ask(`/api/v1/rollouts/${id}/rollback`, { token: tokens.operator, method: "POST", body: { reason: "Enough" } });
  await page.getByText("Nothing is being rolled out.").waitFor();
});

scenario("a device and what happened on it", { token: "viewer" }, async ({ page, go }) => {
  const name = deviceName(1);
  await report(name, { version: "1.1.0", crashes: 1, latencyMs: 30 });
  await go(`#/devices?q=${name}`);
  await page.getByRole("table", { name: "Devices" }).getByRole("link", { name }).click();
  const device = await ask(`/api/v1/devices/${name}`);
  await page.getByRole("heading", { level: 1, name }).waitFor();
  const active = await page.getByRole("region", { name: "Active models" }).innerText();
  for (const part of ["fashion", device.active[0].version, "f32"]) assert.ok(active.includes(part), `${part} in ${active}`);
  assert.match(await page.getByRole("region", { name: "Facts" }).innerText(), /aarch64/);
  assert.equal(await page.locator(".chart canvas").count(), 3);
  const events = await page.locator(".timeline li").count();
  assert.equal(events, device.events.length);
  assert.ok(events >= 2, "it was installed, and it crashed");
  await go("#/devices?health=degraded");
  assert.deepEqual((await ask("/api/v1/devices?health=degraded")).items.map((d) => d.device), []);
});

if (SCREENSHOTS) {
  test("pictures", { timeout: 600_000 }, async () => {
    await mkdir(SCREENSHOTS, { recursive: true });
    const { items } = await ask("/api/v1/rollouts");
    const pages = { fleet: "#/", rollouts: "#/rollouts", rollout: `#/rollouts/${items.at(-1).id}`, devices: "#/devices", device: `#/devices/${deviceName(1)}`,
      releases: "#/releases", release: "#/releases/fashion/1.1.0", audit: "#/audit" };
    for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
      for (const colorScheme of ["light", "dark"]) {
        const { page, close } = await browser.open({ viewport, colorScheme });
        await comeSignedIn(page, url, tokens.releaser);
        for (const [name, hash] of Object.entries(pages)) {
          await page.goto(`${url}/${hash}`);
          await settled(page);
          await page.screenshot({ path: join(SCREENSHOTS, `${name}.${size}.${colorScheme}.png`), fullPage: true });
        }
        await close();
      }
    }
  });
}
