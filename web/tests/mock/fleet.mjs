// A made-up fleet, the same at every run but for the time: 10,000 devices, one rollout going well, one failing its gate,
// one paused, one done, one rolled back. Numbers come of a seeded generator.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function generator(seed) {
  // mulberry32
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function hash(text) {
  const random = generator([...text].reduce((sum, c) => (Math.imul(sum, 31) + c.charCodeAt(0)) | 0, 7));
  return Array.from({ length: 64 }, () => Math.floor(random() * 16).toString(16)).join("");
}

const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

function release(family, version, created, notes, variants, budgets = {}) {
  return {
    family,
    version,
    created: iso(created),
    notes,
    variants: variants.map(([name, bytes]) => ({ name, bytes, sha256: hash(`${family}${version}${name}`) })),
    budgets,
    release_sha256: hash(`${family}${version}`),
  };
}

const name = (family, version) => ({ version, release_sha256: hash(`${family}${version}`) });

const POLICY = {
  stages: [10, 50, 100],
  min_devices: 200,
  dwell_s: 1800,
  silence_s: 900,
  accept_after_s: 86_400,
  alpha_halt: 0.01,
  alpha_widen: 0.01,
  install_failures: 0.05,
  crashes: 0.005,
  errors: 0.0005,
  latency_p95: 0.1,
  accuracy: 0.01,
  confidence: 0.05,
  energy: 0.1,
  dark: 0.01,
  shadow_s: 0,
  trial_s: 600,
};

function metric(metricName, fresh, control, difference, threshold, [halt, widen], verdict, reason) {
  const judged = fresh !== null;
  return { name: metricName, new: fresh, control, difference, threshold, p_value: halt, p_value_widen: widen, verdict, judged, reason };
}

export function makeFleet(now = Date.now()) {
  const random = generator(20261126);

  const releases = [
    release("detector", "1.2.0-rc.1", now - 5 * HOUR, "Trial of the wider head.", [["f32", 25_400_000], ["int8", 6_540_000]]),
    release("detector", "1.1.0", now - 2 * DAY, "Retrained with night images; the backbone is frozen, only the head changed.", [["f32", 24_100_000], ["int8", 6_210_000]], {
      latency_ms_mean: 12,
      latency_ms_p95: 18,
      arena_bytes: 9_437_184,
    }),
    release("detector", "1.0.0", now - 60 * DAY, "First release.", [["f32", 24_100_000], ["int8", 6_210_000]], { latency_ms_mean: 12 }),
    release("keyword", "2.1.0", now - DAY, "Two more words, and a smaller front end.", [["f32", 1_930_000], ["f16", 975_000]], { latency_ms_mean: 4, energy_mj: 3.5 }),
    release("keyword", "2.0.3", now - 20 * DAY, "", [["f32", 1_912_000], ["f16", 962_000]]),
    release("segmenter", "0.9.0", now - 9 * DAY, "Beta.", [["int8", 3_050_000]]),
    release("segmenter", "0.8.0", now - 90 * DAY, "", [["int8", 3_020_000]]),
  ];

  const rollouts = [
    {
      id: "detector-1-1-0-k7q2m9xw",
      channel: "stable",
      family: "detector",
      state: "running",
      stable: name("detector", "1.0.0"),
      candidate: name("detector", "1.1.0"),
      stage: 1,
      stages: [1, 10, 50, 100],
      percent: 10,
      created: iso(now - 3 * HOUR),
      updated: iso(now - 4 * MINUTE),
      policy: POLICY,
      gate: {
        verdict: "inconclusive",
        evaluated: iso(now - 40_000),
        reason: "the stage has lasted 1140 s of 1800 s",
        metrics: [
          metric("install_failures", 0.0021, null, 0.0021, 0.05, [1, 0.000004], "pass", "2 of 951 devices that tried could not install the candidate or gave it up: within 5 % for certain (p = 4e-06)"),
          metric("crashes", 0.0018, 0.0016, 0.0002, 0.005, [1, 0.041], "inconclusive", "0.18 % of the candidate's reports tell of a crash against 0.16 % of the control's: too early to say whether it is within a rise of 0.5 %"),
          metric("errors", 0.000041, 0.000039, 0.000002, 0.0005, [1, 0.0008], "pass", "0.0041 % of the candidate's inferences fail against 0.0039 % of the control's: within a rise of 0.05 % for certain (p = 0.0008)"),
          metric("latency_p95", 14.2, 13.9, 0.0216, 0.1, [1, 0.0021], "pass", "1.9 % of the candidate's latencies are above the control's p95 and 10 % more, where 5 % of the control's are above its p95: p95 is within the margin (p = 0.0021)"),
          metric("accuracy", null, null, 0, 0.01, [1, 1], "inconclusive", "accuracy and confidence are not told by both sides: not judged"),
          metric("energy", 8.4, 8.6, -0.0233, 0.1, [1, 0.0033], "pass", ""),
          metric("dark", 0.011, 0.0108, 0.0002, 0.01, [1, 0.0071], "pass", ""),
        ],
        samples: { new: 743, control: 6803 },
        required: 200,
        dwell_s: 1140,
        dwell_required_s: 1800,
      },
      history: [
        { time: iso(now - 3 * HOUR), actor: "mira", action: "create", reason: "1.1.0 after 1.0.0, 1 % first" },
        { time: iso(now - 19 * MINUTE), actor: "gate", action: "advance", reason: "78 devices with the candidate do no worse than 7468 of the control" },
      ],
    },
    {
      id: "keyword-2-1-0-p4t8c1vz",
      channel: "stable",
      family: "keyword",
      state: "running",
      stable: name("keyword", "2.0.3"),
      candidate: name("keyword", "2.1.0"),
      stage: 0,
      stages: [10, 50, 100],
      percent: 10,
      created: iso(now - 50 * MINUTE),
      updated: iso(now - 30_000),
      policy: POLICY,
      gate: {
        verdict: "fail",
        evaluated: iso(now - 30_000),
        reason: "crashes: 2.41 % of the candidate's reports tell of a crash against 0.42 % of the control's: more than a rise of 0.5 % for certain (p < 0.000001)",
        metrics: [
          metric("install_failures", 0.003, null, 0.003, 0.05, [1, 0.00004], "pass", ""),
          metric("crashes", 0.0241, 0.0042, 0.0199, 0.005, [1e-9, 1], "fail", "2.41 % of the candidate's reports tell of a crash against 0.42 % of the control's: more than a rise of 0.5 % for certain (p < 0.000001)"),
          metric("errors", 0.00021, 0.00019, 0.00002, 0.0005, [1, 0.0012], "pass", ""),
          metric("latency_p95", 5.9, 4.6, 0.283, 0.1, [0.00004, 1], "fail", "41 % of the candidate's latencies are above the control's p95 and 10 % more, where 5 % of the control's are above its p95: p95 has risen by more for certain (p = 4e-05)"),
          metric("accuracy", 0.941, 0.938, -0.003, 0.01, [1, 0.0004], "pass", ""),
          metric("dark", 0.019, 0.0102, 0.0088, 0.01, [0.44, 0.38], "inconclusive", ""),
        ],
        samples: { new: 173, control: 1804 },
        required: 200,
        dwell_s: 2960,
        dwell_required_s: 1800,
      },
      history: [{ time: iso(now - 50 * MINUTE), actor: "jonas", action: "create", reason: "2.1.0 after 2.0.3, 10 % first" }],
    },
    {
      id: "segmenter-0-9-0-b2n5d8ya",
      channel: "beta",
      family: "segmenter",
      state: "paused",
      stable: name("segmenter", "0.8.0"),
      candidate: name("segmenter", "0.9.0"),
      stage: 0,
      stages: [25, 100],
      percent: 25,
      created: iso(now - 8 * DAY),
      updated: iso(now - 6 * DAY),
      policy: POLICY,
      gate: null,
      history: [
        { time: iso(now - 8 * DAY), actor: "mira", action: "create", reason: "Beta." },
        { time: iso(now - 6 * DAY), actor: "jonas", action: "pause", reason: "Cameras of site B are being moved." },
      ],
    },
    {
      id: "keyword-2-0-3-h6w3r7qe",
      channel: "stable",
      family: "keyword",
      state: "done",
      stable: name("keyword", "2.0.3"),
      candidate: name("keyword", "2.0.3"),
      stage: 2,
      stages: [10, 50, 100],
      percent: 100,
      created: iso(now - 19 * DAY),
      updated: iso(now - 18 * DAY),
      policy: POLICY,
      gate: null,
      history: [
        { time: iso(now - 19 * DAY), actor: "jonas", action: "create", reason: "Fixes the echo." },
        { time: iso(now - 18 * DAY), actor: "gate", action: "done", reason: "Passed 100 %." },
      ],
    },
    {
      id: "detector-1-0-1-z9f4j2ks",
      channel: "stable",
      family: "detector",
      state: "rolled-back",
      stable: name("detector", "1.0.0"),
      candidate: name("detector", "1.0.1"),
      stage: 1,
      stages: [1, 10, 50, 100],
      percent: 0,
      created: iso(now - 30 * DAY),
      updated: iso(now - 30 * DAY + 2 * HOUR),
      policy: POLICY,
      gate: null,
      history: [
        { time: iso(now - 30 * DAY), actor: "mira", action: "create", reason: "Faster post-processing." },
        { time: iso(now - 30 * DAY + 2 * HOUR), actor: "gate", action: "rollback", reason: "latency_p95: p95 has risen by more for certain" },
      ],
    },
  ];

  const devices = Array.from({ length: 10_000 }, (_, index) => {
    const site = ["berlin", "lyon", "osaka", "austin"][index % 4];
    const kind = index % 5 === 0 ? "mic" : "cam";
    const dark = random() < 0.011;
    const degraded = random() < 0.023;
    const unknown = random() < 0.008;
    const channel = index % 25 === 7 ? "beta" : "stable";
    const family = kind === "mic" ? "keyword" : channel === "beta" ? "segmenter" : "detector";
    const rollout = rollouts.find((r) => r.family === family && r.channel === channel && r.candidate && r.state !== "done" && r.state !== "rolled-back");
    const taken = rollout && random() * 100 < rollout.percent;
    const version = taken ? rollout.candidate.version : (rollout?.stable.version ?? "2.0.3");
    return {
      device: `${kind}-${site}-${String(index).padStart(5, "0")}`,
      channel,
      arch: index % 3 ? "aarch64" : "x86_64",
      agent: index % 10 ? "0.1.0" : "0.0.9",
      health: unknown ? "unknown" : degraded ? "degraded" : "healthy",
      dark,
      last_seen: iso(now - (dark ? HOUR + random() * 3 * DAY : random() * 55_000)),
      active: unknown ? [] : [{ family, version, variant: index % 3 ? "int8" : "f32", rollout: taken ? rollout.id : "" }],
    };
  }).sort((a, b) => (a.device < b.device ? -1 : 1));

  function overview() {
    const counts = { total: devices.length, healthy: 0, degraded: 0, unknown: 0, dark: 0 };
    const families = new Map();
    for (const device of devices) {
      counts[device.dark ? "dark" : device.health] += 1;
      for (const { family, version } of device.active) {
        const versions = families.get(family) ?? families.set(family, new Map()).get(family);
        versions.set(version, (versions.get(version) ?? 0) + 1);
      }
    }
    const p95 = { detector: [13.9, 14.2], keyword: [4.6, 5.9], segmenter: [41.2, 39.8] };
    const errors = { detector: [39, 41], keyword: [190, 210], segmenter: [0, null] };
    return {
      devices: counts,
      families: [...families].sort().map(([family, versions]) => {
        const total = [...versions.values()].reduce((a, b) => a + b, 0);
        return {
          family,
          versions: [...versions]
            .sort((a, b) => b[1] - a[1])
            .map(([version, number], index) => ({
              version,
              devices: number,
              share: number / total,
              p95_ms: p95[family][Math.min(index, 1)],
              errors_per_million: errors[family][Math.min(index, 1)],
            })),
        };
      }),
      rollouts: rollouts.filter((r) => r.state === "running" || r.state === "paused"),
      ingest: { reports_per_minute: 9874 },
    };
  }

  function series(rollout) {
    if (rollout.gate === null) return { buckets: [] };
    const noise = generator(99);
    const bad = rollout.gate.verdict === "fail";
    const start = Date.parse(rollout.created);
    const count = 48;
    const step = (now - start) / count;
    const arm = (devices_, factor, base, index) => ({
      devices: devices_,
      // Only the candidate is being installed.
      installs: factor.installs ? Math.round(devices_ * 0.3) : 0,
      install_failures: factor.installs ? Math.round(devices_ * 0.3 * 0.02 * (0.5 + noise())) : 0,
      crashes: Math.round(devices_ * 0.004 * factor.crash * (0.6 + 0.8 * noise())),
      errors: Math.round(devices_ * 9 * 0.05 * (0.5 + noise())),
      inferences: devices_ * 900,
      p50_ms: base * 0.7 * (1 + 0.03 * noise()),
      p95_ms: base * factor.latency * (1 + 0.05 * (noise() - 0.5)) * (1 + 0.04 * Math.sin(index / 6)),
      accuracy: bad ? 0.938 + 0.006 * (noise() - 0.5) : null,
      energy_mj: bad ? null : 8.5 * (1 + 0.05 * (noise() - 0.5)),
      dark: Math.round(devices_ * 0.0105 * (bad && factor.crash > 1 ? 1.8 : 1)),
    });
    const base = rollout.family === "detector" ? 13.9 : 4.6;
    return {
      buckets: Array.from({ length: count }, (_, index) => ({
        time: iso(start + step * (index + 1)),
        // The first devices take a while to install it.
        new: index < 3 ? null : arm(bad ? 195 : index < 43 ? 78 : 770, { latency: bad ? 1.28 : 1.02, crash: bad ? 5.5 : 1, installs: true }, base, index),
        control: arm(bad ? 1760 : 6950, { latency: 1, crash: 1, installs: false }, base, index),
      })),
    };
  }

  function deviceDetail(device) {
    const model = device.active[0];
    if (!model) return { ...device, series: [], events: [] };
    const noise = generator(Number(device.device.slice(-5)) + 1);
    const points = 72;
    const end = Date.parse(device.last_seen);
    const switched = model.rollout ? 50 : -1;
    const older = releases.filter((r) => r.family === model.family && r.version !== model.version).at(-1)?.version ?? model.version;
    const base = { detector: 13.9, keyword: 4.6, segmenter: 41 }[model.family];
    return {
      ...device,
      series: Array.from({ length: points }, (_, index) => {
        const p50 = base * 0.72 * (1 + 0.06 * (noise() - 0.5)) * (device.health === "degraded" ? 1.6 : 1);
        return {
          time: iso(end - (points - 1 - index) * 10 * MINUTE),
          family: model.family,
          version: index >= switched ? model.version : older,
          count: 880 + Math.round(40 * noise()),
          p50_ms: p50,
          p95_ms: p50 * (1.35 + 0.1 * noise()),
          errors: noise() < 0.08 ? 1 : 0,
          crashes: device.health === "degraded" && noise() < 0.03 ? 1 : 0,
          drift: 0.12 + 0.05 * noise() + index * 0.002,
        };
      }),
      events: [
        { time: iso(end - 40 * DAY), kind: "enrolled", family: "", version: "", detail: "" },
        { time: iso(end - 22 * 10 * MINUTE), kind: "installed", family: model.family, version: model.version, detail: "Delta of 1.2 MiB; self-test passed in 0.8 s." },
        ...(device.dark ? [{ time: iso(end + 15 * MINUTE), kind: "dark", family: "", version: "", detail: "No report for 15 minutes." }] : []),
      ],
    };
  }

  function diff(family, version, against, variant) {
    const to = releases.find((r) => r.family === family && r.version === version);
    const from = releases.find((r) => r.family === family && r.version === against);
    const chosen = to?.variants.find((v) => v.name === variant) ?? to?.variants[0];
    if (!to || !from || !chosen) return null;
    const dtype = chosen.name === "int8" ? "i8" : chosen.name === "f16" ? "f16" : "f32";
    const size = { i8: 1, f16: 2, f32: 4 }[dtype];
    const tensors = [];
    for (let block = 1; block <= 16; ++block) {
      const channels = 48 * Math.ceil(block / 3);
      for (const [layer, dims] of [["expand", [channels * 6, 1, 1, channels]], ["depthwise", [channels * 6, 3, 3, 1]], ["project", [channels, 1, 1, channels * 6]]]) {
        tensors.push({ name: `backbone.block${block}.${layer}.weight`, change: "unchanged", bytes: dims.reduce((a, b) => a * b) * size, dtype, dims });
        tensors.push({ name: `backbone.block${block}.${layer}.bias`, change: "unchanged", bytes: dims[0] * 4, dtype: "f32", dims: [dims[0]] });
      }
    }
    for (let level = 3; level <= 5; ++level) {
      tensors.push({ name: `head.p${level}.boxes.weight`, change: "changed", bytes: 24 * 128 * size, dtype, dims: [24, 1, 1, 128] });
      tensors.push({ name: `head.p${level}.scores.weight`, change: "changed", bytes: 486 * 128 * size, dtype, dims: [486, 1, 1, 128] });
    }
    tensors.push({ name: "head.norm.scale", change: "added", bytes: 512, dtype: "f32", dims: [128] });
    tensors.push({ name: "head.offset", change: "removed", bytes: 4, dtype: "f32", dims: [] });
    return {
      tensors,
      delta_bytes: family === "segmenter" ? null : Math.round(chosen.bytes * 0.031),
      full_bytes: chosen.bytes,
      operators: { added: ["LayerNormalization"], removed: [] },
    };
  }

  const channels = [
    { channel: "beta", families: [{ family: "segmenter", ...name("segmenter", "0.8.0"), rollout: "segmenter-0-9-0-b2n5d8ya" }] },
    {
      channel: "stable",
      families: [
        { family: "detector", ...name("detector", "1.0.0"), rollout: "detector-1-1-0-k7q2m9xw" },
        { family: "keyword", ...name("keyword", "2.0.3"), rollout: "keyword-2-1-0-p4t8c1vz" },
      ],
    },
  ];

  const audit = rollouts
    .flatMap((rollout) =>
      rollout.history.map((entry) => ({
        time: entry.time,
        actor: entry.actor,
        role: entry.actor === "gate" ? "server" : "releaser",
        action: `rollout.${entry.action}`,
        object: rollout.id,
        detail: entry.reason,
      })),
    )
    .concat(
      Array.from({ length: 240 }, (_, index) => ({
        time: iso(now - 31 * DAY - index * 5 * HOUR),
        actor: ["mira", "jonas", "ci"][index % 3],
        role: "releaser",
        action: index % 4 ? "channel.set" : "token.create",
        object: index % 4 ? "stable" : `site-${index}`,
        detail: index % 4 ? `detector 0.${60 - Math.floor(index / 4)}.${index % 4}` : "",
      })),
    )
    .sort((a, b) => (a.time < b.time ? 1 : -1));

  return { releases, rollouts, devices, channels, audit, overview, series, deviceDetail, diff };
}
