// Latency of the INT8 form of a model beside its f32 form, on the convolutional models of tests/models/models.json that
// do more than 50 million multiply-accumulates, in alternating rounds:
//   bench/int8/run [--rounds N] [--seconds S] [--threads 1,2] [--out docs/quantization.md] [PART OF A NAME…]
// The INT8 models are made by `whet quantize` and kept in build/bench_int8; every layer that can be is quantized,
// also where this machine would be faster without. A round measures one form, then the other, with the same input and
// number of runs, and takes each one's median; the ratio is the median of the rounds' own ratios, so that a slow
// moment of the machine touches both. With --out, the table replaces the one in that file; it is printed always.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { casesOf } from '../../tests/models/lib/inputs.mjs';
import { writeNpz } from '../../tests/models/lib/npy.mjs';
import { commit, geometric, latency, median, ms, mustRun, option, replaceTable, root, runWhet, runsFor, useEmptyPlanCache } from '../lib/latency.mjs';

const args = process.argv.slice(2);
const rounds = Number(option(args, '--rounds', 5));
const seconds = Number(option(args, '--seconds', 0.5));
const threadCounts = option(args, '--threads', '1,2').split(',').map(Number);
const out = option(args, '--out');

const leastMacs = 50e6;
const models = path.join(root, 'build/models');

// Where inputs, the quantized model and what was found out are kept, for as long as the model's description is the same.
function prepare(model) {
  const folder = path.join(root, 'build/bench_int8', model.name);
  const samples = path.join(folder, 'samples');
  const described = path.join(folder, 'description.json');
  const description = JSON.stringify(model);
  if (!fs.existsSync(described) || fs.readFileSync(described, 'utf8') !== description) {
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(samples, { recursive: true });
    const cases = casesOf(model, models).filter(({ name }) => name === 'real' || name === 'random');
    for (const { name, make } of cases) fs.writeFileSync(path.join(samples, `${name}.npz`), writeNpz(make()));
    fs.writeFileSync(described, description);
  }
  const file = path.join(models, model.name);
  const shapes = Object.entries(model.inputs).filter(([, { shape }]) => shape.length > 0)
    .flatMap(([name, { shape }]) => ['--shape', `${name}=${shape.join('x')}`]);
  const { macs, operators } = JSON.parse(runWhet('inspect', file, ...shapes, '--json'));
  const integers = path.join(folder, 'int8.whet');
  const isConvolutional = Object.entries(operators).reduce((sum, [name, o]) => sum + (name.startsWith('Conv') ? o.macs : 0), 0) > macs / 2;
  if (!isConvolutional || macs <= leastMacs) return null;
  if (!fs.existsSync(integers)) {
    runWhet('quantize', file, '-o', integers, '--data', samples, '--seconds', '0', '--compare', '0', '--json');
  }
  const input = ['real', 'random'].map((name) => path.join(samples, `${name}.npz`)).find((f) => fs.existsSync(f));
  return { name: model.name, macs, file, integers, inputs: [input] };
}

function measure({ file, integers, inputs }, threads) {
  const runs = runsFor(seconds, latency(file, inputs, threads, 5));
  const result = { float: [], int8: [] };
  for (let round = 0; round < rounds; ++round) {
    result.float.push(latency(file, inputs, threads, runs));
    result.int8.push(latency(integers, inputs, threads, runs));
  }
  return {
    float: median(result.float),
    int8: median(result.int8),
    ratio: median(result.float.map((time, i) => time / result.int8[i])),
  };
}

mustRun('scripts/fetch_models.mjs', []);
useEmptyPlanCache('bench_int8_cache');
const described = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json'), 'utf8')).models
  .filter(({ name }) => !args.length || args.some((part) => name.includes(part)));

const lines = [];
const print = (line) => { lines.push(line); console.log(line); };
const plural = (threads) => `${threads} thread${threads > 1 ? 's' : ''}`;
print(`${new Date().toISOString().slice(0, 10)}, ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, Whet ${commit()}; ` +
  `median ms of ${rounds} alternating rounds; ratio is the f32 form's time by the INT8 form's.`);
print('');
print(`| model | million MACs | ${threadCounts.map((t) => `f32, ${plural(t)} | INT8, ${plural(t)} | ratio`).join(' | ')} |`);
print(`|---|--:|${threadCounts.map(() => '--:|--:|--:').join('|')}|`);
const ratios = threadCounts.map(() => []);
const failures = [];
for (const model of described) {
  try {
    const prepared = prepare(model);
    if (prepared === null) continue;
    const cells = threadCounts.map((threads, i) => {
      const { float, int8, ratio } = measure(prepared, threads);
      ratios[i].push(ratio);
      return `${ms(float)} | ${ms(int8)} | ${ratio.toFixed(2)}`;
    });
    print(`| ${prepared.name} | ${(prepared.macs / 1e6).toFixed(0)} | ${cells.join(' | ')} |`);
  } catch (error) {
    failures.push(`${model.name}: ${error.message}`);
  }
}
const summary = (name, of) =>
  print(`| **${name}** |  | ${ratios.map((r) => ` |  | **${r.length ? of(r).toFixed(2) : '-'}**`).join(' | ')} |`);
summary('geometric mean', geometric);
summary('lowest ratio', (r) => Math.min(...r));

for (const failure of failures) console.error(`bench/int8: ${failure}`);
if (out) replaceTable(out, 'bench/int8/run', lines);
process.exit(failures.length ? 1 : 0);
