#!/usr/bin/env node
// Whether ONNX Runtime runs what `whet export` writes, and gets the same answers as from the original:
//   onnxruntime.mjs [--whet PROGRAM] [--build FOLDER] [--opset N] [FOLDER OR MODEL…]
// A folder holds tests in the layout of ONNX's backend tests, whose inputs and outputs are used. A model that
// stands alone, ONNX or TFLite, is compared with its reference runtime's answers in build/reference. Without
// arguments: the models of tests/models/models.json, which are fetched if need be. Prints what differs and the
// counts.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpz } from '../models/lib/npy.mjs';
import { Onnx } from '../models/lib/runtimes.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const args = process.argv.slice(2);
const option = (name, fallback) => {
  const at = args.indexOf(name);
  return at < 0 ? fallback : args.splice(at, 2)[1];
};
const whet = option('--whet', path.join(root, 'build/release/whet'));
const build = option('--build', path.join(root, 'build'));
const opset = option('--opset', '');
if (!args.length && build === path.join(root, 'build')) {
  for (const [script, argv] of [['scripts/fetch_models.mjs', ['--runtimes']], ['tests/models/make_reference.mjs', []]]) {
    if (spawnSync(process.execPath, [path.join(root, script), ...argv], { stdio: ['ignore', 2, 2] }).status !== 0) process.exit(1);
  }
}
const onnx = new Onnx(path.join(build, 'runtimes'));

const types = { 1: ['float32', Float32Array], 2: ['uint8', Uint8Array], 3: ['int8', Int8Array], 4: ['uint16', Uint16Array],
  5: ['int16', Int16Array], 6: ['int32', Int32Array], 7: ['int64', BigInt64Array], 9: ['bool', Uint8Array],
  11: ['float64', Float64Array], 12: ['uint32', Uint32Array], 13: ['uint64', BigUint64Array] };

// A TensorProto; undefined if it is of a type that JavaScript has no array for, or not stored as bytes.
function readTensor(file) {
  const bytes = fs.readFileSync(file);
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  const shape = [];
  let type, raw, name = '';
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) {
      const value = varint();
      if (tag >> 3 === 1) shape.push(value);
      if (tag >> 3 === 2) type = value;
    } else if ((tag & 7) === 2) {
      const size = varint();
      const body = bytes.subarray(at, at + size);
      at += size;
      if (tag >> 3 === 8) name = body.toString();
      if (tag >> 3 === 9) raw = body;
      if (tag >> 3 === 1) {
        const end = at;
        for (at -= size; at < end; ) shape.push(varint());
      }
    } else return undefined;
  }
  if (!types[type]) return undefined;
  const [dtype, Kind] = types[type];
  const data = raw ? new Kind(Uint8Array.from(raw).buffer) : new Kind(0);
  if (data.length !== shape.reduce((a, b) => a * b, 1)) return undefined;
  return { name, dtype, shape, data };
}

const list = (folder, kind) => {
  const tensors = [];
  for (let i = 0; fs.existsSync(path.join(folder, `${kind}_${i}.pb`)); ++i) tensors.push(readTensor(path.join(folder, `${kind}_${i}.pb`)));
  return tensors;
};

function difference(want, got, relative, absolute) {
  if (want.dtype !== got.dtype) return `is ${got.dtype}, not ${want.dtype}`;
  if (String(want.shape) !== String(got.shape)) return `is [${got.shape}], not [${want.shape}]`;
  if (typeof absolute === 'function') {
    let largest = 0;
    for (const v of want.data) largest = Math.max(largest, Math.abs(Number(v)) || 0);
    absolute = absolute(largest);
  }
  for (let i = 0; i < want.data.length; ++i) {
    const [a, b] = [Number(want.data[i]), Number(got.data[i])];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (want.dtype.startsWith('float') && Math.abs(a - b) <= absolute + relative * Math.abs(a)) continue;
    return `element ${i} is ${b}, not ${a}`;
  }
  return '';
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'whet-export-'));
const written = path.join(scratch, 'model.onnx');
function exportModel(model) {
  const { status, stderr } = spawnSync(whet, ['export', model, '-o', written, ...(opset ? ['--opset', opset] : [])], { encoding: 'utf8' });
  return status === 0 ? '' : stderr.trim();
}

const counts = { same: 0, different: 0, 'not read': 0, 'not run by ONNX Runtime either': 0 };
function say(outcome, model, what) {
  counts[outcome] += 1;
  if (outcome === 'different') console.log(`${model}: ${what}`);
}

// absolute: a tolerance, or a function of the largest value that is expected.
// cases: [{ inputs, outputs }], each a list of tensors or an object of them by name.
async function check(model, cases, relative, absolute) {
  const failed = exportModel(model);
  if (failed) {
    const unread = /does not support|not supported|string|sequence|optional|only/.test(failed);
    return say(unread ? 'not read' : 'different', model, failed);
  }
  let what = '';
  try {
    const { run } = await onnx.load(written);
    const original = async (feeds) => (await onnx.load(model)).run(feeds);
    for (const { inputs, outputs } of cases) {
      const names = await sessionNames(written);
      const feeds = byName(inputs, names.inputs);
      const got = await run(feeds);
      for (const [name, want] of Object.entries(byName(outputs, names.outputs))) {
        let bad = difference(want, got[name], relative, absolute);
        // Where ONNX Runtime disagrees with the test's own answer too, its answer to the original counts.
        if (bad && model.endsWith('.onnx')) bad = difference((await original(feeds))[name], got[name], relative, absolute);
        if (bad) what ||= `output ${name} ${bad}`;
      }
    }
  } catch (error) {
    what = error.message;
    if (!model.endsWith('.onnx')) return say('different', model, what);
    try {
      const session = await onnx.load(model);
      const names = await sessionNames(model);
      for (const { inputs } of cases) await session.run(byName(inputs, names.inputs));
    } catch {
      return say('not run by ONNX Runtime either', model);
    }
  }
  say(what ? 'different' : 'same', model, what);
}

const byName = (tensors, names) => Array.isArray(tensors) ? Object.fromEntries(tensors.map((t, i) => [names[i], t])) : tensors;

async function sessionNames(model) {
  const session = await onnx.ort.InferenceSession.create(model, { logSeverityLevel: 4 });
  return { inputs: session.inputNames, outputs: session.outputNames };
}

if (!args.length) {
  const index = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json'), 'utf8'));
  args.push(...index.models.filter((m) => !m.reference?.none).map((m) => path.join(build, 'models', m.name)));
}
for (const arg of args) {
  if (fs.statSync(arg).isFile()) {
    const folder = path.join(build, 'reference', path.relative(path.join(build, 'models'), path.resolve(arg)));
    if (!fs.existsSync(folder)) {
      console.log(`${arg}: the reference runtime gave no answers`);
      continue;
    }
    const cases = fs.readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory()).map(({ name }) =>
      Object.fromEntries(['inputs', 'outputs'].map((kind) => [kind, readNpz(fs.readFileSync(path.join(folder, name, `${kind}.npz`)))])));
    await check(arg, cases, 1e-3, (largest) => Math.max(1e-3 * largest, 1e-4));
    continue;
  }
  for (const test of fs.readdirSync(arg).sort()) {
    const model = path.join(arg, test, 'model.onnx');
    if (!fs.existsSync(model)) continue;
    const sets = fs.readdirSync(path.join(arg, test)).filter((f) => f.startsWith('test_data_set_'));
    const cases = sets.map((set) => ({ inputs: list(path.join(arg, test, set), 'input'), outputs: list(path.join(arg, test, set), 'output') }));
    if (cases.some(({ inputs, outputs }) => [...inputs, ...outputs].some((t) => !t))) {
      counts['not read'] += 1;
      continue;
    }
    await check(model, cases, 1e-3, 1e-6);
  }
}
fs.rmSync(scratch, { recursive: true });
console.log(Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(', '));
process.exit(counts.different ? 1 : 0);
