#!/usr/bin/env node
// Writes what the reference runtimes answer to build/reference/MODEL/CASE/: each input as input_N.npy, all of them
// as inputs.npz, the answers as outputs.npz, and case.json with the names. Done once per model and way of making
// its inputs: make_reference.mjs [--again] [PART OF A NAME…]
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { casesOf } from './lib/inputs.mjs';
import { writeNpy, writeNpz } from './lib/npy.mjs';
import { LiteRt, Onnx } from './lib/runtimes.mjs';
import { readSignature } from './lib/tflite_signature.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const models = path.join(root, 'build/models');
const runtimes = path.join(root, 'build/runtimes');
const say = (text) => process.stdout.write(text + '\n'); // console is silenced for LiteRT

const again = process.argv.includes('--again');
const parts = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const index = JSON.parse(fs.readFileSync(path.join(here, 'models.json'), 'utf8'));
const lib = fs.readdirSync(path.join(here, 'lib')).sort().map((f) => fs.readFileSync(path.join(here, 'lib', f)));

const loaded = {};
async function runtimeFor(format) {
  loaded[format] ??= format === 'onnx' ? new Onnx(runtimes) : await LiteRt.create(runtimes);
  return loaded[format];
}

// The answers of another model stand for this one's: the same inputs and outputs, in order, under other names.
async function loadTwin(model, twin) {
  const { inputs, outputs } = readSignature(fs.readFileSync(path.join(models, model.name)));
  const twinInputs = Object.keys(index.models.find((m) => m.name === twin).inputs);
  const { run } = await (await runtimeFor('onnx')).load(path.join(models, twin));
  return {
    run: async (feeds) => {
      const answers = Object.values(await run(Object.fromEntries(twinInputs.map((name, i) => [name, feeds[inputs[i].name]]))));
      return Object.fromEntries(outputs.map(({ name }, i) => [name, answers[i]]));
    },
  };
}

for (const model of index.models) {
  if (parts.length && !parts.some((part) => model.name.includes(part))) continue;
  if (model.reference?.none) continue;
  const folder = path.join(root, 'build/reference', model.name);
  const stamp = path.join(folder, 'stamp');
  const recipe = createHash('sha256').update(JSON.stringify(model)).update(Buffer.concat(lib)).digest('hex');
  if (!again && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === recipe) continue;
  fs.rmSync(folder, { recursive: true, force: true });
  const runner = model.reference ? await loadTwin(model, model.reference.model)
    : await (await runtimeFor(model.format)).load(path.join(models, model.name));
  let previous;
  for (const { name, make } of casesOf(model, models)) {
    const inputs = make(name.startsWith('real-') ? previous : undefined);
    const outputs = await runner.run(inputs);
    previous = outputs;
    const target = path.join(folder, name);
    fs.mkdirSync(target, { recursive: true });
    Object.values(inputs).forEach((array, i) => fs.writeFileSync(path.join(target, `input_${i}.npy`), writeNpy(array)));
    fs.writeFileSync(path.join(target, 'inputs.npz'), writeNpz(inputs));
    fs.writeFileSync(path.join(target, 'outputs.npz'), writeNpz(outputs));
    fs.writeFileSync(path.join(target, 'case.json'), JSON.stringify({
      inputs: Object.entries(inputs).map(([n, a], i) => ({ name: n, file: `input_${i}.npy`, dtype: a.dtype, shape: a.shape })),
      outputs: Object.entries(outputs).map(([n, a]) => ({ name: n, dtype: a.dtype, shape: a.shape })),
    }, null, 1));
  }
  fs.writeFileSync(stamp, recipe);
  say(`reference: ${model.name}`);
}
process.exit(0); // LiteRT leaves timers behind
