#!/usr/bin/env node
// Writes every intermediate value that ONNX Runtime computes for a model and one of its cases, to find the first one
// that differs: tests/models/intermediates.mjs MODEL CASE OUT.npz, for example
//   tests/models/intermediates.mjs faceplugin-face-recognition-js/fr_eye.onnx random out.npz
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpz, writeNpz } from './lib/npy.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const [model, name, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: intermediates.mjs MODEL CASE OUT.npz');
  process.exit(2);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}
const field = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);

// The length-delimited fields of one number in a protobuf message.
function* fields(bytes, wanted) {
  let at = 0;
  const next = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const b = bytes[at++];
      value += (b & 127) * shift;
      if (b < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    if (tag % 8 === 2) {
      const size = next();
      if (Math.floor(tag / 8) === wanted) yield bytes.subarray(at, at + size);
      at += size;
    } else if (tag % 8 === 0) {
      next();
    } else {
      at += tag % 8 === 1 ? 8 : 4;
    }
  }
}

// Protobuf merges a field that stands twice: a second graph with only outputs adds them to the first one's.
const bytes = fs.readFileSync(path.join(root, 'build/models', model));
const added = [];
for (const graph of fields(bytes, 7)) {
  const already = new Set([...fields(graph, 12)].map((info) => [...fields(info, 1)][0].toString()));
  for (const node of fields(graph, 1)) {
    for (const output of fields(node, 2)) {
      if (output.length && !already.has(output.toString())) added.push(field(12, field(1, output)));
    }
  }
}
const { InferenceSession, Tensor } = createRequire(path.join(root, 'build/runtimes/package.json'))('onnxruntime-node');
const inputs = readNpz(fs.readFileSync(path.join(root, 'build/reference', model, name, 'inputs.npz')));
const session = await InferenceSession.create(Buffer.concat([bytes, field(7, Buffer.concat(added))]),
  { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
const answers = await session.run(Object.fromEntries(Object.entries(inputs).map(([n, { dtype, shape, data }]) => [n, new Tensor(dtype, data, shape)])));
const arrays = {};
for (const n of session.outputNames) {
  const { type, dims, data } = answers[n];
  arrays[n] = { dtype: type, shape: [...dims], data };
}
fs.writeFileSync(out, writeNpz(arrays));
console.log(`${out}: ${Object.keys(arrays).length} values`);
