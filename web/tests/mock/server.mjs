// A stand-in for `whet serve`: the REST API of docs/fleet.md over a made-up fleet, and the dashboard's files with the
// headers that the server sends. Tests also make it fail in ways that a real server does only by accident.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { makeFleet } from "./fleet.mjs";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

const TOKENS = { "viewer-token": ["vera", "viewer"], "operator-token": ["otto", "operator"], "releaser-token": ["rita", "releaser"] };
const RANK = { viewer: 0, operator: 1, releaser: 2 };

export async function startMock({ files, port = 0, fleet = makeFleet() }) {
  const streams = new Set();
  const requests = [];
  const behaviour = { failing: null, refuseEvents: false, delayMs: 0 };

  const send = (event, object) => {
    for (const stream of streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(object)}\n\n`);
  };

  const page = (items, query, key) => {
    const limit = Math.min(500, Number(query.get("limit") ?? 100));
    const cursor = query.get("cursor");
    const from = cursor === null ? 0 : items.findIndex((item, index) => key(item, index) === cursor) + 1;
    const part = items.slice(from, from + limit);
    return { items: part, next: from + limit < items.length ? key(part[part.length - 1], from + limit - 1) : null };
  };

  const fail = (status, code, message) => ({ status, body: { error: { code, message } } });

  function act(rollout, action, reason, actor) {
    const may = {
      pause: rollout.state === "running",
      resume: rollout.state === "paused",
      advance: rollout.state === "running" || rollout.state === "paused",
      rollback: rollout.state === "running" || rollout.state === "paused",
    };
    if (!may[action]) return fail(409, "conflict", `A rollout that is ${rollout.state} cannot ${action}.`);
    if (!reason) return fail(400, "invalid", "A reason is needed.");
    if (action === "pause") rollout.state = "paused";
    if (action === "resume") rollout.state = "running";
    if (action === "rollback") Object.assign(rollout, { state: "rolled-back", percent: 0 });
    if (action === "advance" && rollout.stage + 1 === rollout.stages.length) Object.assign(rollout, { state: "done", percent: 100 });
    else if (action === "advance") rollout.percent = rollout.stages[++rollout.stage];
    const time = new Date().toISOString();
    rollout.updated = time;
    rollout.history.push({ time, actor, action, reason });
    fleet.audit.unshift({ time, actor, role: "operator", action: `rollout.${action}`, object: rollout.id, detail: reason });
    send("rollout", rollout);
    send("overview", fleet.overview());
    return { status: 200, body: rollout };
  }

  function answer(method, path, query, body, [actor, role]) {
    const needs = (least) => (RANK[role] >= RANK[least] ? null : fail(403, "forbidden", `This needs the role ${least}; the token's is ${role}.`));
    const found = (object, what) => (object ? { status: 200, body: object } : fail(404, "not-found", `There is no ${what} of that name.`));
    const [section, first, second, third] = path;
    if (method === "POST" && section === "rollouts") {
      if (!first) {
        const refused = needs("releaser");
        if (refused) return refused;
        const release = fleet.releases.find((r) => r.family === body.family && r.version === body.candidate);
        const channel = fleet.channels.find((c) => c.channel === body.channel);
        const current = channel?.families.find((f) => f.family === body.family);
        if (!release || !current) return fail(400, "invalid", "No such release or channel.");
        if (fleet.rollouts.some((r) => r.family === body.family && r.channel === body.channel && (r.state === "running" || r.state === "paused")))
          return fail(409, "conflict", `A rollout of ${body.family} in ${body.channel} is under way; end it first.`);
        const time = new Date().toISOString();
        const rollout = {
          id: `${body.family}-${body.candidate.replace(/[^a-z0-9]/g, "-")}-${time.replace(/\D/g, "")}`,
          channel: body.channel,
          family: body.family,
          state: "running",
          stable: { version: current.version, release_sha256: current.release_sha256 },
          candidate: { version: release.version, release_sha256: release.release_sha256 },
          stage: 0,
          stages: body.stages,
          percent: body.stages[0],
          created: time,
          updated: time,
          policy: {},
          gate: null,
          history: [{ time, actor, action: "create", reason: "" }],
        };
        fleet.rollouts.unshift(rollout);
        send("rollout", rollout);
        return { status: 201, body: rollout };
      }
      const refused = needs("operator");
      if (refused) return refused;
      const rollout = fleet.rollouts.find((r) => r.id === first);
      return rollout ? act(rollout, second, body.reason, actor) : found(null, "rollout");
    }
    if (method !== "GET") return fail(405, "method", "That cannot be done here.");
    switch (section) {
      case "whoami":
        return { status: 200, body: { name: actor, role } };
      case "overview":
        return { status: 200, body: fleet.overview() };
      case "devices": {
        if (first) {
          const device = fleet.devices.find((d) => d.device === first);
          return found(device && fleet.deviceDetail(device), "device");
        }
        const wanted = (name) => query.get(name) ?? "";
        const [q, family, version, health, channel] = ["q", "family", "version", "health", "channel"].map(wanted);
        const items = fleet.devices.filter(
          (d) =>
            (!q || d.device.includes(q)) &&
            (!channel || d.channel === channel) &&
            (!health || (d.dark ? "dark" : d.health) === health) &&
            (!(family || version) || d.active.some((m) => (!family || m.family === family) && (!version || m.version === version))),
        );
        return { status: 200, body: page(items, query, (d) => d.device) };
      }
      case "releases": {
        if (third === "diff") return found(fleet.diff(first, second, query.get("against"), query.get("variant")), "release");
        const family = query.get("family");
        return { status: 200, body: page(fleet.releases.filter((r) => !family || r.family === family), query, (r) => `${r.family} ${r.version}`) };
      }
      case "rollouts": {
        if (!first) return { status: 200, body: page(fleet.rollouts, query, (r) => r.id) };
        const rollout = fleet.rollouts.find((r) => r.id === first);
        return found(rollout && (second === "series" ? fleet.series(rollout) : rollout), "rollout");
      }
      case "channels":
        return { status: 200, body: page(fleet.channels, query, (c) => c.channel) };
      case "audit":
        return needs("operator") ?? { status: 200, body: page(fleet.audit, query, (_, index) => String(index)) };
      default:
        return fail(404, "not-found", "There is nothing at this address.");
    }
  }

  async function serveFile(path, response) {
    const relative = normalize(path === "/" ? "/index.html" : path);
    try {
      const content = await readFile(join(files, relative));
      response.writeHead(200, {
        "Content-Type": TYPES[extname(relative)] ?? "application/octet-stream",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": relative === "/index.html" ? "no-cache" : "public, max-age=31536000, immutable",
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://mock");
    if (!url.pathname.startsWith("/api/v1/")) return serveFile(url.pathname, response);
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    const json = (status, body) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    const identity = TOKENS[(request.headers.authorization ?? "").replace(/^Bearer /, "")];
    if (!identity) return json(401, { error: { code: "unauthorized", message: "The server does not know this token." } });
    const path = url.pathname.slice("/api/v1/".length).split("/").map(decodeURIComponent);
    if (path[0] === "events") {
      if (behaviour.refuseEvents) return json(503, { error: { code: "unavailable", message: "No." } });
      response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      response.write(": hello\n\n");
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return;
    }
    let text = "";
    for await (const chunk of request) text += chunk;
    if (behaviour.delayMs) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
    if (behaviour.failing && url.pathname.includes(behaviour.failing))
      return json(500, { error: { code: "internal", message: "The database is busy." } });
    const { status, body } = answer(request.method, path, url.searchParams, text ? JSON.parse(text) : {}, identity);
    json(status, body);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    fleet,
    /** `failing`: part of the paths that answer 500; `refuseEvents`; `delayMs`. */
    behaviour,
    /** Lines like "GET /api/v1/overview", in the order in which they came. */
    requests,
    send,
    dropStreams() {
      for (const stream of streams) stream.destroy();
    },
    async close() {
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
