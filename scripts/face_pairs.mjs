#!/usr/bin/env node
// Makes a set of faces on which `whet eval --metric eer` can be measured, from what a Debian package ships:
//   scripts/face_pairs.mjs OUT.npz [VARIANTS]
// scikit-image has 100 faces of Labeled Faces in the Wild, 25 x 25 grey pixels each, without names. So each becomes
// VARIANTS (6) pictures as a camera would take them again: turned, moved, nearer or farther, mirrored, darker or
// lighter, noisy, with a bar over a part. OUT has `x` [samples, 3, 112, 112], colours (v - 127.5) / 128, and `y`, the
// face's number. The same pictures every time.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpy, writeNpz } from '../tests/models/lib/npy.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [out, given] = process.argv.slice(2);
const variants = Number(given ?? 6);
if (!out || !Number.isInteger(variants) || variants < 2) {
  console.error('usage: scripts/face_pairs.mjs OUT.npz [VARIANTS], of which there must be 2 or more');
  process.exit(2);
}
execFileSync(process.execPath, [path.join(root, 'scripts/fetch_models.mjs'), 'lfw_subset'], { stdio: ['ignore', 2, 2] });
const { data, shape: [, side] } = readNpy(fs.readFileSync(path.join(root, 'build/models/lfw_subset/lfw_subset.npy')));

const people = 100; // the rest of the file shows no faces
const size = 112;
let state = 1;
const uniform = (low, high) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return low + ((high - low) * state) / 2 ** 32;
};
const normal = () => Math.sqrt(-2 * Math.log(uniform(1e-9, 1))) * Math.cos(uniform(0, 2 * Math.PI));

// Bilinear; the border goes on beyond the edge.
function pixel(face, x, y) {
  const clamp = (v) => Math.min(Math.max(v, 0), side - 1);
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const at = (i, j) => data[(face * side + clamp(j)) * side + clamp(i)];
  const top = at(x0, y0) * (1 - x + x0) + at(x0 + 1, y0) * (x - x0);
  const bottom = at(x0, y0 + 1) * (1 - x + x0) + at(x0 + 1, y0 + 1) * (x - x0);
  return top * (1 - y + y0) + bottom * (y - y0);
}

const x = new Float32Array(people * variants * 3 * size * size);
const y = new BigInt64Array(people * variants);
for (let sample = 0; sample < people * variants; ++sample) {
  const face = Math.floor(sample / variants);
  const [angle, zoom] = [uniform(-0.1, 0.1), uniform(0.95, 1.05)];
  const [dx, dy] = [uniform(-1, 1), uniform(-1, 1)];
  const mirrored = uniform(0, 1) < 0.5 ? -1 : 1;
  const [gamma, noise] = [Math.exp(uniform(-0.4, 0.4)), uniform(0, 0.04)];
  const barred = uniform(0, 1) < 0.2; // as by a scarf, a hand or a hat
  const [barAt, barHeight, barGrey] = [uniform(0, 0.9) * size, uniform(0.05, 0.2) * size, uniform(0, 1)];
  const [cos, sin] = [Math.cos(angle) * zoom, Math.sin(angle) * zoom];
  y[sample] = BigInt(face);
  for (let row = 0; row < size; ++row) {
    for (let column = 0; column < size; ++column) {
      const u = mirrored * ((column + 0.5) / size - 0.5) * side;
      const v = ((row + 0.5) / size - 0.5) * side;
      const middle = side / 2 - 0.5;
      let grey = pixel(face, middle + dx + cos * u - sin * v, middle + dy + sin * u + cos * v) ** gamma;
      if (barred && row >= barAt && row < barAt + barHeight) grey = barGrey;
      const value = Math.min(Math.max(grey + noise * normal(), 0), 1) * 255;
      for (let c = 0; c < 3; ++c) x[((sample * 3 + c) * size + row) * size + column] = (value - 127.5) / 128;
    }
  }
}
fs.writeFileSync(out, writeNpz({
  x: { dtype: 'float32', shape: [people * variants, 3, size, size], data: x },
  y: { dtype: 'int64', shape: [people * variants], data: y },
}));
console.log(`${out}: ${people * variants} pictures of ${people} faces`);
