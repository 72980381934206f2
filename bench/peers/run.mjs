// Latency of `whet bench` beside ONNX Runtime on the ONNX models of tests/models/models.json, in alternating rounds:
//   bench/peers/run [--rounds N] [--out docs/benchmarks.md] [PART OF A NAME…]
// A round measures one, then the other, with the same inputs and number of runs, and takes each one's median. What
// is written down is the median of the rounds, and as ratio the median of the rounds' own ratios, so that a slow
// moment of the machine touches both. With --out, the table replaces the one in that file; it is printed always.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpz } from '../../tests/models/lib/npy.mjs';
import { openSession } from './onnxruntime.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const whet = path.join(root, 'build/release/whet');
const runtimes = path.join(root, 'build/runtimes');

const args = process.argv.slice(2);
function option(name, fallback) {
  const at = args.indexOf(name);
  return at < 0 ? fallback : args.splice(at, 2)[1];
}
const rounds = Number(option('--rounds', 5));
const out = option('--out');
const parts = args;

// Plans of another build of the same version may be in the user's cache; here they are made anew.
const cache = path.join(root, 'build/bench_peers_cache');
fs.rmSync(cache, { recursive: true, force: true });
process.env.XDG_CACHE_HOME = cache;

const secondsPerRound = 0.3;
const threadCounts = [1, 2];

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function mustRun(script, argv) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...argv], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

function whetLatency(model, files, threads, runs) {
  const command = ['bench', model, ...files.flatMap(([name, file]) => ['-i', `${name}=${file}`]),
    '--threads', String(threads), '--runs', String(runs), '--json'];
  const { status, stdout, stderr, error } = spawnSync(whet, command, { encoding: 'utf8', timeout: 600000 });
  if (status !== 0) throw new Error(`whet ${command.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout).latency_ms.p50;
}

function measure(model, threads) {
  const reference = path.join(root, 'build/reference', model.name);
  const folder = path.join(reference, fs.readdirSync(reference).filter((f) => f.startsWith('real')).sort()[0] ?? 'random');
  const inputs = readNpz(fs.readFileSync(path.join(folder, 'inputs.npz')));
  const described = JSON.parse(fs.readFileSync(path.join(folder, 'case.json'), 'utf8')).inputs;
  const file = path.join(root, 'build/models', model.name);
  const session = openSession(runtimes, file, threads, inputs);
  const once = median(session.time(5));
  const runs = Math.min(Math.max(Math.round((secondsPerRound * 1000) / once), 10), 3000);
  const result = { peer: [], whet: [] };
  for (let round = 0; round < rounds; ++round) {
    result.whet.push(whetLatency(file, described.map((d) => [d.name, path.join(folder, d.file)]), threads, runs));
    session.time(Math.ceil(runs / 10)); // wakes its threads and caches after the pause
    result.peer.push(median(session.time(runs)));
  }
  session.close();
  return {
    peer: median(result.peer),
    whet: median(result.whet),
    ratio: median(result.peer.map((ms, i) => ms / result.whet[i])),
  };
}

mustRun('scripts/fetch_models.mjs', ['--runtimes']);
mustRun('tests/models/make_reference.mjs', ['.onnx']);
const models = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json'), 'utf8')).models
  .filter((m) => m.format === 'onnx' && (!parts.length || parts.some((part) => m.name.includes(part))));

const ms = (value) => (value < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(1));
const lines = [];
const print = (line) => { lines.push(line); console.log(line); };
const version = JSON.parse(fs.readFileSync(path.join(runtimes, 'node_modules/onnxruntime-node/package.json'), 'utf8')).version;
const commit = execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();

print(`${new Date().toISOString().slice(0, 10)}, ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, ` +
  `Whet ${commit}, ONNX Runtime ${version}; f32, median ms of ${rounds} alternating rounds; ratio is ONNX Runtime's time by Whet's.`);
print('');
print(`| model | ${threadCounts.map((t) => { const s = `${t} thread${t > 1 ? 's' : ''}`; return `ORT, ${s} | Whet, ${s} | ratio`; }).join(' | ')} |`);
print(`|---|${threadCounts.map(() => '--:|--:|--:').join('|')}|`);
const ratios = threadCounts.map(() => []);
const failures = [];
for (const model of models) {
  try {
    const cells = threadCounts.map((threads, i) => {
      const { peer, whet: own, ratio } = measure(model, threads);
      ratios[i].push(ratio);
      return `${ms(peer)} | ${ms(own)} | ${ratio.toFixed(2)}`;
    });
    print(`| ${model.name} | ${cells.join(' | ')} |`);
  } catch (error) {
    failures.push(`${model.name}: ${error.message}`);
    print(`| ${model.name} | ${threadCounts.map(() => ' |  | failed').join(' | ')} |`);
  }
}
const geometric = (values) => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
print(`| **geometric mean** | ${ratios.map((r) => ` |  | **${r.length ? geometric(r).toFixed(2) : '-'}**`).join(' | ')} |`);
print(`| **lowest ratio** | ${ratios.map((r) => ` |  | **${r.length ? Math.min(...r).toFixed(2) : '-'}**`).join(' | ')} |`);

for (const failure of failures) console.error(`bench-peers: ${failure}`);
if (out) {
  const [begin, end] = ['<!-- made by make bench-peers -->', '<!-- end of what make bench-peers made -->'];
  const page = fs.readFileSync(out, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${out} has no lines ${begin} and ${end} to put the table between`);
  fs.writeFileSync(out, `${page.slice(0, from + begin.length)}\n${lines.join('\n')}\n${page.slice(to)}`);
}
process.exit(failures.length ? 1 : 0);
