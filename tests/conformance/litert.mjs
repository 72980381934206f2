#!/usr/bin/env node
// Whether LiteRT and TensorFlow Lite run what `whet export --to tflite` writes, without an ERROR line, and get the
// answers that the reference runtimes gave for the original models, and whether what is written comes back the same:
//   litert.mjs [--whet PROGRAM] [--round-trip PROGRAM] [PART OF A NAME…]
// Prints a row for each model of tests/models/models.json. A model that cannot be written must be named with its reason
// in tflite_left_out.txt, and one that is named there must not be written. Outputs agree within 1e-4 of their range, or
// within the limit that the model's entry of models.json gives with its reason.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LiteRt } from '../models/lib/runtimes.mjs';
import { readNpz } from '../models/lib/npy.mjs';
import { compareOutput, rangesOf } from './compare_outputs.mjs';
import { TfjsTflite } from './tfjs_tflite.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const args = process.argv.slice(2);
const option = (name, fallback) => {
  const at = args.indexOf(name);
  return at < 0 ? fallback : args.splice(at, 2)[1];
};
const whet = option('--whet', path.join(root, 'build/release/whet'));
const roundTrip = option('--round-trip', path.join(root, 'build/release/tests/tflite_round_trip'));
const say = (text) => process.stdout.write(text + '\n'); // console is silenced for LiteRT

for (const [script, argv] of [['scripts/fetch_models.mjs', ['--runtimes']], ['tests/models/make_reference.mjs', args]]) {
  if (spawnSync(process.execPath, [path.join(root, script), ...argv], { stdio: ['ignore', 2, 2] }).status !== 0) process.exit(1);
}
const index = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json'), 'utf8'));
const models = index.models.filter((m) => !args.length || args.some((part) => m.name.includes(part)));
const leftOut = new Map(fs.readFileSync(path.join(here, 'tflite_left_out.txt'), 'utf8').split('\n')
  .filter((line) => line && !line.startsWith('#')).map((line) => line.split(/: (.*)/s).slice(0, 2)));
const runtimes = [
  ['LiteRT', await LiteRt.create(path.join(root, 'build/runtimes'))],
  ['TensorFlow Lite', await TfjsTflite.create(path.join(root, 'build/runtimes'))],
];
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'whet-tflite-'));
const written = path.join(scratch, 'model.tflite');

function exportModel(model) {
  const shapes = Object.entries(model.inputs).flatMap(([name, { shape }]) => (shape.length ? ['--shape', `${name}=${shape.join('x')}`] : []));
  const { status, stderr } = spawnSync(whet, ['export', path.join(root, 'build/models', model.name), '--to', 'tflite', ...shapes, '-o', written],
    { encoding: 'utf8', maxBuffer: 1 << 26 });
  return status === 0 ? '' : stderr.trim() || 'whet ended';
}

// The cases of the shape that the model was written with.
function casesOf(model) {
  const folder = path.join(root, 'build/reference', model.name);
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory()).map(({ name }) =>
    Object.fromEntries(['inputs', 'outputs'].map((kind) => [kind, readNpz(fs.readFileSync(path.join(folder, name, `${kind}.npz`)))])))
    .filter(({ inputs }) => Object.entries(model.inputs).every(([name, { shape }]) => String(inputs[name]?.shape) === String(shape)));
}

let failures = 0;
const counts = { written: 0, 'not written': 0, runs: 0 };
for (const model of models) {
  const refused = exportModel(model);
  if (refused) {
    counts['not written'] += 1;
    const expected = leftOut.get(model.name);
    if (expected === undefined || !refused.includes(expected)) {
      failures += 1;
      say(`${model.name}: ${expected ? `is not written for another reason than '${expected}'` : 'is not written'}: ${refused}`);
    } else {
      say(`${model.name.padEnd(74)} not written: ${expected}`);
    }
    continue;
  }
  counts.written += 1;
  if (leftOut.has(model.name)) {
    failures += 1;
    say(`${model.name}: stands in tflite_left_out.txt but is written`);
  }
  const cases = model.reference?.none ? [] : casesOf(model);
  const ranges = rangesOf(cases.map(({ outputs }) => outputs));
  const cells = [];
  for (const [name, runtime] of runtimes) {
    let worst = 0;
    const problems = new Set();
    try {
      const { run } = await runtime.load(written);
      for (const { inputs, outputs } of cases) {
        const got = await run(inputs);
        counts.runs += 1;
        for (const [output, want] of Object.entries(outputs)) {
          const { error, problem } = compareOutput(want, got[output], ranges[output], model.tflite?.limit ?? 1e-4);
          worst = Math.max(worst, error);
          if (problem && !model.uncertain?.[output]) problems.add(`output '${output}' ${problem}`);
        }
      }
    } catch (error) {
      problems.add(error.message);
    }
    cells.push(`${name} ${problems.size ? 'DIFFERS' : worst.toExponential(1)}`);
    if (problems.size) failures += 1;
    for (const problem of problems) say(`${model.name}: ${name}: ${problem}`);
  }
  say(`${model.name.padEnd(74)} ${String(cases.length).padStart(3)} runs  ${cells.join('   ')}`);
}
const files = models.filter((m) => m.format === 'tflite').map((m) => path.join(root, 'build/models', m.name));
if (files.length) {
  const again = spawnSync(roundTrip, files, { encoding: 'utf8', maxBuffer: 1 << 26 });
  say(again.stdout.trim());
  if (again.status !== 0) failures += 1;
}
fs.rmSync(scratch, { recursive: true });
say(`${counts.written} models written, ${counts['not written']} not; ${counts.runs} runs; ${failures} failures`);
process.exit(failures ? 1 : 0); // LiteRT leaves timers behind
