#!/usr/bin/env node
// Quantizes real models on photographs: how much smaller they become, how far their answers move, and whether ONNX
// Runtime gives the same answers for what `whet quantize` writes:
//   tests/end_to_end/quantize.mjs PROGRAM
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { casesOf } from '../models/lib/inputs.mjs';
import { readNpz, writeNpz } from '../models/lib/npy.mjs';
import { Onnx } from '../models/lib/runtimes.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const whet = path.resolve(process.argv[2] ?? path.join(root, 'build/release/whet'));
const models = path.join(root, 'build/models');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'whet-quantize-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));

execFileSync(process.execPath, [path.join(root, 'scripts/fetch_models.mjs'), '--runtimes', 'faceplugin-face-recognition-js',
  'python3-skimage'], { stdio: ['ignore', 2, 2] });
const onnx = new Onnx(path.join(root, 'build/runtimes'));

function start(...args) {
  const { status, stdout, stderr, error } = spawnSync(whet, args, {
    encoding: 'utf8', timeout: 300000, env: { ...process.env, XDG_CACHE_HOME: work }, maxBuffer: 1 << 26 });
  if (error) throw error;
  return { status, stdout, stderr };
}
function run(...args) {
  const { status, stdout, stderr } = start(...args);
  if (status !== 0) throw new Error(stderr.trim());
  return stdout;
}
const must = (condition, what) => {
  if (!condition) throw new Error(what);
};

const photographs = path.join(models, 'python3-skimage');
const photograph = path.join(photographs, 'astronaut.png');
const face = path.join(models, 'faceplugin-face-recognition-js/fr_feature.onnx');
const like = ['--mean', '127.5', '--scale', '1/128'];
const quick = ['--seconds', '0', '--json'];
const quantize = (model, output, ...args) =>
  JSON.parse(run('quantize', model, '-o', path.join(work, output), '--data', photographs, ...like, ...quick, ...args));

function answers(model) {
  const file = path.join(work, 'answer.npz');
  run('run', model, '-i', photograph, ...like, '-o', file);
  return readNpz(fs.readFileSync(file));
}
function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; ++i) [ab, aa, bb] = [ab + a[i] * b[i], aa + a[i] * a[i], bb + b[i] * b[i]];
  return ab / Math.sqrt(aa * bb);
}

const tests = {
  'int8 is more than three times smaller and close to float': () => {
    const report = quantize(face, 'int8.whet');
    must(report.float_bytes >= 3.2 * report.quantized_bytes,
      `${report.float_bytes} bytes became ${report.quantized_bytes}, which is not 3.2 times smaller`);
    must(report.outputs[0].sqnr_db > 12, `the output's SQNR is ${report.outputs[0].sqnr_db} dB`);
    const [want] = Object.values(answers(face));
    const [got] = Object.values(answers(path.join(work, 'int8.whet')));
    const angle = cosine(want.data, got.data);
    must(angle > 0.97, `the embedding's cosine to the float one is ${angle}`);
  },
  'weight4 is nearly six times smaller': () => {
    const report = quantize(face, 'weight4.whet', '--scheme', 'weight4');
    must(report.float_bytes >= 5.8 * report.quantized_bytes,
      `${report.float_bytes} bytes became ${report.quantized_bytes}, which is not 5.8 times smaller`);
    must(report.outputs[0].cosine > 0.8, `the cosine is ${report.outputs[0].cosine}`);
  },
  'a calibration is read again': () => {
    const kept = path.join(work, 'calibration.npz');
    const first = quantize(face, 'first.whet', '--calibration', kept);
    must(fs.existsSync(kept), 'it was not written');
    const second = quantize(face, 'second.whet', '--calibration', kept);
    must(first.outputs[0].sqnr_db === second.outputs[0].sqnr_db, 'the second result differs');
    must(fs.readFileSync(path.join(work, 'first.whet')).equals(fs.readFileSync(path.join(work, 'second.whet'))),
      'the second file differs');
    const other = start('quantize', path.join(models, 'faceplugin-face-recognition-js/fr_eye.onnx'), '-o',
      path.join(work, 'other.whet'), '--data', photographs, '--calibration', kept);
    must(other.status === 1 && /another model/.test(other.stderr), `for another model: ${other.stderr}`);
  },
  'a folder without samples is an error': () => {
    fs.mkdirSync(path.join(work, 'empty'));
    const { status, stderr } = start('quantize', face, '-o', path.join(work, 'none.whet'), '--data', path.join(work, 'empty'));
    must(status === 1 && /no \.png/.test(stderr), stderr);
    must(!fs.existsSync(path.join(work, 'none.whet')), 'a file was written');
  },
  'the page of the report stands alone': () => {
    const page = path.join(work, 'report.html');
    quantize(face, 'page.whet', '--html', page);
    const text = fs.readFileSync(page, 'utf8');
    must(/<svg/.test(text) && !/(src|href)=|https?:|@import|<script/.test(text), 'it refers to something outside');
  },
};
// The same input for both runtimes.
const description = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json')));
const [input] = casesOf(description.models.find(({ name }) => name.endsWith('fr_feature.onnx')), models);
const arrays = input.make();
const given = path.join(work, 'input.npz');
fs.writeFileSync(given, writeNpz(arrays));
for (const scheme of ['int8', 'int16', 'dynamic', 'weight8', 'weight4', 'f16']) {
  tests[`ONNX Runtime answers alike for ${scheme}`] = async () => {
    quantize(face, 'same.whet', '--scheme', scheme);
    quantize(face, 'same.onnx', '--scheme', scheme);
    const answer = path.join(work, 'answer.npz');
    run('run', path.join(work, 'same.whet'), '-i', given, '-o', answer);
    const [ours] = Object.values(readNpz(fs.readFileSync(answer)));
    const peer = await onnx.load(path.join(work, 'same.onnx'), { exactProducts: scheme === 'int8' });
    const [theirs] = Object.values(await peer.run(arrays));
    const angle = cosine(ours.data, theirs.data);
    // A range that is found while running turns the last digits of a float into whole steps.
    must(angle > (scheme === 'dynamic' ? 0.99 : 0.999), `the cosine between the two answers is ${angle}`);
  };
}

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok    ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);
