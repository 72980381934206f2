#!/usr/bin/env node
// Deltas between real updates, beside bsdiff, xdelta3 and zstd: bench/deltas/run (which installs what this needs).
//   run.mjs [--markdown] [PAIR…]      only the pairs whose names contain one of these
// Pairs: Silero VAD 5 to 6, as published, and updates that make_pairs.py made in build/deltas.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const whet = path.join(root, 'build/release/whet');
const applier = path.join(root, 'build/release/bench/deltas/whet_delta_apply_bench');
const folder = path.join(root, 'build/deltas');
const vad = path.join(root, 'build/models/@ricky0123/vad-web');
const data = '/usr/share/datasets/fashion-mnist';
const args = process.argv.slice(2);
const markdown = args.includes('--markdown');
const only = args.filter((a) => !a.startsWith('--'));

const quiet = { stdio: ['ignore', 'pipe', 'pipe'] };
const inFolder = (name) => path.join(folder, name);
const size = (file) => fs.statSync(file).size;

// Model files are made once.
function modelFile(name, make) {
  const file = inFolder(name + '.whet');
  if (!fs.existsSync(file)) make(file);
  return file;
}
const imported = (name, onnx = inFolder(name + '.onnx')) =>
  modelFile(name, (file) => execFileSync(whet, ['import', onnx, '-o', file], quiet));
const quantized = (name, scheme) =>
  modelFile(`${name}-${scheme}`, (file) =>
    execFileSync(whet, ['quantize', inFolder(name + '.onnx'), '-o', file, '--scheme', scheme, '--data', data,
      '--samples', '30', '--compare', '0', '--keep-slow'], quiet));

function pairs() {
  const list = [['silero-vad 5 to 6, f32', () => [imported('silero_vad_v5', path.join(vad, 'silero_vad_v5.onnx')),
    imported('silero_vad_v6', path.join(vad, 'silero_vad_v6.onnx'))], { best: 0.93 }]];
  list.push(['expression frozen but the classifier, f32', () => [imported('expression'), imported('expression-head')], { file: 0.002 }]);
  for (const kind of ['mobile', 'residual']) {
    list.push(
      [`${kind} retrained, f32`, () => [imported(kind), imported(`${kind}-retrained`)], { best: 0.93 }],
      [`${kind} trained on a lot, f32`, () => [imported(kind), imported(`${kind}-continued`)], { best: 0.93 }],
      [`${kind} trained on a little, f32`, () => [imported(kind), imported(`${kind}-tuned`)], { best: 0.93 }],
      [`${kind} trained on a little, f16`, () => [quantized(kind, 'f16'), quantized(`${kind}-tuned`, 'f16')], { bsdiff: 0.85 }],
      [`${kind} trained on a little, int8`, () => [quantized(kind, 'int8'), quantized(`${kind}-tuned`, 'int8')], {}],
      [`${kind} frozen but the classifier, f32`, () => [imported(kind), imported(`${kind}-head`)], { file: 0.002 }],
      [`${kind} frozen but the classifier, int8`, () => [quantized(kind, 'int8'), quantized(`${kind}-head`, 'int8')], { file: 0.002 }],
      [`${kind} 1 % of the weights, f32`, () => [imported(kind), imported(`${kind}-sparse`)], { file: 0.0105 }],
      [`${kind} with an operator more, f32`, () => [imported(kind), imported(`${kind}-softmax`)], { file: 0.002 }],
      [`${kind} with an operator more, int8`, () => [quantized(kind, 'int8'), quantized(`${kind}-softmax`, 'int8')], { file: 0.002 }],
      [`${kind} with ten nodes renamed, f32`, () => [imported(kind), imported(`${kind}-renamed`)], { file: 0.002 }],
      [`${kind} with ten nodes renamed, int8`, () => [quantized(kind, 'int8'), quantized(`${kind}-renamed`, 'int8')], { file: 0.002 }],
      [`${kind} with all names changed, f32`, () => [imported(kind), imported(`${kind}-prefixed`)], { file: 0.002 }],
      [`${kind} with all names changed, int8`, () => [quantized(kind, 'int8'), quantized(`${kind}-prefixed`, 'int8')], { file: 0.002 }]);
  }
  return list.filter(([name]) => !only.length || only.some((o) => name.includes(o)));
}

function measure(base, result) {
  const made = (name) => inFolder('made.' + name);
  const others = {
    bsdiff: () => execFileSync('bsdiff', [base, result, made('bsdiff')], quiet),
    xdelta3: () => execFileSync('xdelta3', ['-9', '-f', '-e', '-s', base, result, made('xdelta3')], quiet),
    zstd: () => execFileSync('zstd', ['-q', '-f', '-19', '--long=27', `--patch-from=${base}`, result, '-o', made('zstd')], quiet),
  };
  const sizes = {};
  for (const [name, run] of Object.entries(others)) {
    run();
    sizes[name] = size(made(name));
  }
  const begin = performance.now();
  execFileSync(whet, ['delta', 'make', base, result, '-o', made('wdelta')], quiet);
  const makeSeconds = (performance.now() - begin) / 1000;
  const [applySeconds, memory] = execFileSync(applier, [base, made('wdelta'), made('whet')], quiet).toString().split(' ').map(Number);
  if (!fs.readFileSync(result).equals(fs.readFileSync(made('whet')))) throw new Error('the result is not right');
  return { ours: size(made('wdelta')), sizes, makeSeconds, applySeconds, memory, file: size(result) };
}

const row = (cells) => console.log(markdown ? `| ${cells.join(' | ')} |` : cells.join('\t'));
row(['update', 'file', 'ours', 'bsdiff', 'xdelta3', 'zstd', 'of the best', 'of the file', 'make', 'apply', 'memory']);
if (markdown) row(Array(11).fill('---'));
let missed = 0;
for (const [name, make, bound] of pairs()) {
  const [base, result] = make();
  const m = measure(base, result);
  const best = Math.min(...Object.values(m.sizes));
  const faults = [];
  if (m.ours > best + 1024) faults.push('more than the best and 1 KiB');
  if (bound.best && m.ours > bound.best * best) faults.push(`more than ${bound.best} of the best`);
  if (bound.bsdiff && m.ours > bound.bsdiff * m.sizes.bsdiff) faults.push(`more than ${bound.bsdiff} of bsdiff`);
  if (bound.file && m.ours > bound.file * m.file) faults.push(`more than ${bound.file} of the file`);
  if (m.memory > 256 * 1024) faults.push('more memory than 256 KiB');
  row([name, m.file, m.ours, m.sizes.bsdiff, m.sizes.xdelta3, m.sizes.zstd, (m.ours / best).toFixed(3),
    ((100 * m.ours) / m.file).toFixed(2) + ' %', m.makeSeconds.toFixed(2) + ' s', m.applySeconds.toFixed(3) + ' s',
    Math.round(m.memory / 1024) + ' KiB']);
  for (const fault of faults) console.error(`missed: ${name}: ${fault}`);
  missed += faults.length;
}
process.exit(missed ? 1 : 0);
