// Latency of `whet bench` beside ONNX Runtime on the ONNX models of tests/models/models.json, in alternating rounds:
//   bench/peers/run [--rounds N] [--out docs/benchmarks.md] [PART OF A NAME…]
// A round measures one, then the other, with the same inputs and number of runs, and takes each one's median. What
// is written down is the median of the rounds, and as ratio the median of the rounds' own ratios, so that a slow
// moment of the machine touches both. With --out, the table replaces the one in that file; it is printed always.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readNpz } from '../../tests/models/lib/npy.mjs';
import { commit, geometric, latency, median, ms, mustRun, option, replaceTable, root, runsFor, useEmptyPlanCache } from '../lib/latency.mjs';
import { openSession } from './onnxruntime.mjs';

const runtimes = path.join(root, 'build/runtimes');

const parts = process.argv.slice(2);
const rounds = Number(option(parts, '--rounds', 5));
const out = option(parts, '--out');

useEmptyPlanCache('bench_peers_cache');

const secondsPerRound = 0.3;
const threadCounts = [1, 2];

function measure(model, threads) {
  const reference = path.join(root, 'build/reference', model.name);
  const folder = path.join(reference, fs.readdirSync(reference).filter((f) => f.startsWith('real')).sort()[0] ?? 'random');
  const inputs = readNpz(fs.readFileSync(path.join(folder, 'inputs.npz')));
  const described = JSON.parse(fs.readFileSync(path.join(folder, 'case.json'), 'utf8')).inputs;
  const file = path.join(root, 'build/models', model.name);
  const session = openSession(runtimes, file, threads, inputs);
  const once = median(session.time(5));
  const runs = runsFor(secondsPerRound, once);
  const result = { peer: [], whet: [] };
  for (let round = 0; round < rounds; ++round) {
    result.whet.push(latency(file, described.map((d) => `${d.name}=${path.join(folder, d.file)}`), threads, runs));
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

const lines = [];
const print = (line) => { lines.push(line); console.log(line); };
const version = JSON.parse(fs.readFileSync(path.join(runtimes, 'node_modules/onnxruntime-node/package.json'), 'utf8')).version;

print(`${new Date().toISOString().slice(0, 10)}, ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, ` +
  `Whet ${commit()}, ONNX Runtime ${version}; f32, median ms of ${rounds} alternating rounds; ratio is ONNX Runtime's time by Whet's.`);
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
print(`| **geometric mean** | ${ratios.map((r) => ` |  | **${r.length ? geometric(r).toFixed(2) : '-'}**`).join(' | ')} |`);
print(`| **lowest ratio** | ${ratios.map((r) => ` |  | **${r.length ? Math.min(...r).toFixed(2) : '-'}**`).join(' | ')} |`);

for (const failure of failures) console.error(`bench-peers: ${failure}`);
if (out) replaceTable(out, 'make bench-peers', lines);
process.exit(failures.length ? 1 : 0);
