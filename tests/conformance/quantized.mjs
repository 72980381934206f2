#!/usr/bin/env node
// Quantized models through every runtime: small networks with QuantizeLinear and DequantizeLinear, made here of seeded
// numbers in Whet's text form, run by `whet run`, written as ONNX and run by ONNX Runtime, and written as TFLite and run by
// LiteRT and TensorFlow Lite:
//   quantized.mjs [--whet PROGRAM]
// The integers that come out are within one step of each other, but for one in a thousand; no runtime says ERROR; what is
// written as TFLite computes on integers wherever this says so, and has the weights and biases that TFLite asks for.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpz, writeNpz } from '../models/lib/npy.mjs';
import { LiteRt, Onnx } from '../models/lib/runtimes.mjs';
import { compareOutput } from './compare_outputs.mjs';
import { TfjsTflite } from './tfjs_tflite.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const at = process.argv.indexOf('--whet');
const whet = at < 0 ? path.join(root, 'build/release/whet') : process.argv[at + 1];
const say = (text) => process.stdout.write(text + '\n'); // console is silenced for LiteRT
if (spawnSync(process.execPath, [path.join(root, 'scripts/fetch_models.mjs'), '--runtimes'], { stdio: ['ignore', 2, 2] }).status !== 0) process.exit(1);

function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const kinds = { f32: Float32Array, i8: Int8Array, u8: Uint8Array, i16: Int16Array, i32: Int32Array, i64: BigInt64Array };
const numpy = { f32: 'float32', i8: 'int8', u8: 'uint8', i16: 'int16' };
const limits = { i8: [-128, 127], u8: [0, 255], i16: [-32768, 32767] };

// Whet's text form, line by line; values are { name, type, shape }.
class Text {
  constructor(seed) {
    this.lines = [];
    this.count = 0;
    this.random = randomOf(seed);
  }
  static of({ type, shape }) {
    return `${type}[${shape.join(',')}]`;
  }
  name(base) {
    return `${base}${this.count++}`;
  }
  input(name, type, shape) {
    const value = { name, type, shape };
    this.lines.push(`input %${name} ${Text.of(value)}`);
    return value;
  }
  constant(type, shape, numbers) {
    const value = { name: this.name('c'), type, shape };
    const bytes = Buffer.from(new kinds[type](numbers).buffer);
    this.lines.push(`const %${value.name} ${Text.of(value)} = hex:${bytes.toString('hex')}`);
    return value;
  }
  node(op, inputs, type, shape, attributes = '', name = this.name('v')) {
    const value = { name, type, shape };
    const operands = inputs.map((v) => (v ? `%${v.name}` : '_')).join(', ');
    this.lines.push(`%${name} ${Text.of(value)} = ${op}(${operands})${attributes ? ` {${attributes}}` : ''} @"${name}"`);
    return value;
  }
  quantize(x, type, [scale, zero], name) {
    const parameters = [this.constant('f32', [], [scale]), this.constant(type, [], [zero])];
    const integers = this.node('QuantizeLinear', [x, ...parameters], type, x.shape, '', name);
    integers.parameters = parameters;
    return integers;
  }
  dequantize(integers, name) {
    const real = this.node('DequantizeLinear', [integers, ...integers.parameters], 'f32', integers.shape, '', name);
    real.scale = integers.scale;
    return real;
  }
  // Rounded as the type and the range [low, high] say.
  rounded(x, type, low, high) {
    const [first, last] = limits[type];
    const scale = type === 'i16' ? Math.max(-low, high) / 32767 : (high - low) / 255;
    const zero = type === 'i16' ? 0 : Math.round(first - low / scale);
    const integers = this.quantize(x, type, [Math.fround(scale), Math.max(first, Math.min(last, zero))]);
    integers.scale = Math.fround(scale);
    return this.dequantize(integers);
  }
  // Integers with a scale an output (axis `axis`, or one for all where it is -1), such that reals stay of one magnitude.
  weights(shape, axis, type = 'i8', middle = 0) {
    const size = shape.reduce((a, b) => a * b, 1);
    const outputs = axis < 0 ? 1 : shape[axis];
    const fan = size / shape[axis < 0 ? shape.length - 1 : axis];
    const numbers = Array.from({ length: size }, () => Math.round(this.random() * 254 - 127) + middle);
    const scales = Array.from({ length: outputs }, () => Math.fround((0.5 + this.random()) / Math.sqrt(fan) / 73));
    const one = axis < 0 ? [] : [outputs];
    const inputs = [this.constant(type, shape, numbers), this.constant('f32', one, scales), this.constant(type, one, scales.map(() => middle))];
    const real = this.node('DequantizeLinear', inputs, 'f32', shape, axis < 0 ? '' : `axis = ${axis}`);
    real.scales = scales;
    return real;
  }
  // Of i8 models integers with the scale of the sum; of i16 models, whose are 64 bits wide in TFLite, reals.
  bias(count, x, w, type) {
    const reals = Array.from({ length: count }, () => this.random() - 0.5);
    if (type === 'i16') return this.constant('f32', [count], reals);
    const scales = reals.map((_, i) => Math.fround(x.scale * w.scales[i % w.scales.length]));
    const steps = reals.map((real, i) => Math.round(real / scales[i]));
    const inputs = [this.constant('i32', [count], steps), this.constant('f32', [count], scales), this.constant('i32', [count], steps.map(() => 0))];
    return this.node('DequantizeLinear', inputs, 'f32', [count], 'axis = 0');
  }
  finish(outputs) {
    return `graph "quantized" {\n  ${[...this.lines, ...outputs.map((v) => `output %${v.name}`)].join('\n  ')}\n}\n`;
  }
}

// Convolutions with and without explicit padding, depthwise, residual, pools, concatenation of two scales, mean, fully
// connected, logistic and softmax, with activations of that type. No range is a simple fraction of another: sums would
// often lie halfway between two steps, and the runtimes' last bits would decide.
function network(type, io, weights) {
  const g = new Text(7);
  const rounded = (x, low, high) => g.rounded(x, type, low, high);
  const weight = (shape, axis) => (weights === 'u8' ? g.weights(shape, -1, 'u8', 120) : g.weights(shape, axis));
  // At the end a step of an operand is no more than a step of the result, so that what the runtimes round differently on the
  // way is not multiplied. TFLite fixes the scale of logistic and softmax, and that of an average is its operand's: with others, a second rounding
  // would follow.
  const unit = type === 'i16' ? 32767 / 32768 : 255 / 256;
  let x;
  if (io === 'float') {
    x = rounded(g.input('x', 'f32', [1, 16, 16, 3]), -1, 1);
  } else {
    const integers = g.input('x', type, [1, 16, 16, 3]);
    const [first] = limits[type];
    integers.scale = Math.fround(type === 'i16' ? 1 / 32767 : 2 / 255);
    integers.parameters = [g.constant('f32', [], [integers.scale]), g.constant(type, [], [type === 'i16' ? 0 : first + 128])];
    x = g.dequantize(integers);
  }
  const w1 = weight([8, 3, 3, 3], 0);
  let y = g.node('Conv', [x, w1, g.bias(8, x, w1, type)], 'f32', [1, 8, 8, 8], 'pads = ints[0, 0, 1, 1], strides = ints[2, 2]');
  y = rounded(g.node('Relu', [y], 'f32', y.shape), 0, 2.47);
  const stem = y;
  const w2 = weight([8, 3, 3, 1], 0);
  y = g.node('Conv', [y, w2, g.bias(8, y, w2, type)], 'f32', [1, 8, 8, 8], 'group = 8, pads = ints[1, 1, 1, 1]');
  const bounds = [g.constant('f32', [], [0]), g.constant('f32', [], [6])];
  y = rounded(g.node('Clip', [y, ...bounds], 'f32', y.shape), 0, 2.93);
  const w3 = weight([8, 1, 1, 8], 0);
  y = rounded(g.node('Conv', [y, w3, g.bias(8, y, w3, type)], 'f32', [1, 8, 8, 8]), -2.87, 3.05);
  const sum = rounded(g.node('Add', [y, stem], 'f32', y.shape), -2.91, 3.83);
  // Nothing says how the pool's result is rounded: it has its input's scale.
  y = g.node('MaxPool', [sum], 'f32', [1, 4, 4, 8], 'kernel_shape = ints[2, 2], strides = ints[2, 2]');
  y.scale = sum.scale;
  const w4 = weight([12, 3, 3, 8], 0);
  y = rounded(g.node('Conv', [y, w4, g.bias(12, y, w4, type)], 'f32', [1, 2, 2, 12], 'pads = ints[1, 1, 1, 1], strides = ints[2, 2]'), -3.77, 4.09);
  const pooled = g.node('AveragePool', [sum], 'f32', [1, 2, 2, 8], 'kernel_shape = ints[4, 4], strides = ints[4, 4]');
  const both = rounded(g.node('Concat', [y, rounded(pooled, -2.91, 3.83)], 'f32', [1, 2, 2, 20], 'axis = 3'), -3.93, 4.21);
  const axes = g.constant('i64', [2], [1n, 2n]);
  y = rounded(g.node('ReduceMean', [both, axes], 'f32', [1, 20], 'keepdims = 0'), -1.71, 2.05);
  const w5 = weight([10, 20], -1);
  y = rounded(g.node('MatMul', [y, w5, g.bias(10, y, w5, type)], 'f32', [1, 10], 'transpose_b = 1'), -1.43, 1.37);
  const gate = rounded(g.node('Sigmoid', [both], 'f32', both.shape), 0, unit);
  const product = g.node('Mul', [both, gate], 'f32', both.shape);
  const soft = g.node('Softmax', [y], 'f32', [1, 10], 'axis = -1');
  const parameters = (low, high) => (type === 'i16' ? [Math.fround(high / 32767), 0] : [Math.fround((high - low) / 255), Math.round(limits[type][0] - (low * 255) / (high - low))]);
  const outputs = [[product, parameters(-3.93, 4.21), 'gated'], [soft, parameters(0, unit), 'chances']];
  // LiteRT for JavaScript has no signed integers of 8 or 16 bits at the border.
  return g.finish(outputs.map(([value, scale, name]) => (type !== 'u8' && io === 'float'
    ? g.dequantize(g.quantize(value, type, scale), name) : g.quantize(value, type, scale, name))));
}

const models = [
  { name: 'i8, reals in', text: network('i8', 'float'), type: 'i8', onnx: true },
  { name: 'i8, integers in', text: network('i8', 'integers'), type: 'i8', onnx: true },
  { name: 'u8 with i8 weights', text: network('u8', 'float'), type: 'u8', onnx: true },
  { name: 'u8 with u8 weights', text: network('u8', 'integers', 'u8'), type: 'u8', onnx: true },
  { name: 'i16', text: network('i16', 'float'), type: 'i16', onnx: false },
];

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'whet-quantized-'));
const inScratch = (file) => path.join(scratch, file);
function mustRun(argv) {
  const { status, stderr } = spawnSync(whet, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`whet ${argv[0]}: ${stderr.trim()}`);
}

let failures = 0;
const runtimes = {
  'ONNX Runtime': ['onnx', new Onnx(path.join(root, 'build/runtimes'))],
  LiteRT: ['tflite', await LiteRt.create(path.join(root, 'build/runtimes'))],
  'TensorFlow Lite': ['tflite', await TfjsTflite.create(path.join(root, 'build/runtimes'))],
};
for (const { name, text, type, onnx } of models) {
  try {
    fs.writeFileSync(inScratch('model.txt'), text);
    mustRun(['export', inScratch('model.txt'), '--to', 'onnx', '-o', inScratch('model.onnx')]);
    mustRun(['export', inScratch('model.txt'), '--to', 'tflite', '-o', inScratch('model.tflite')]);
    mustRun(['import', inScratch('model.tflite'), '-o', inScratch('again.whet')]);
    const random = randomOf(3);
    const cases = Array.from({ length: 20 }, () => {
      const integer = text.includes(`input %x ${type}`);
      const kind = integer ? type : 'f32';
      const data = new kinds[kind](16 * 16 * 3).map(() => {
        const v = random() * 2 - 1;
        return integer ? Math.round(limits[type][0] + ((v + 1) / 2) * (limits[type][1] - limits[type][0])) : v;
      });
      return { x: { dtype: numpy[kind], shape: [1, 16, 16, 3], data } };
    });
    const own = { first: [], again: [] };
    for (const [i, inputs] of cases.entries()) {
      fs.writeFileSync(inScratch('in.npz'), writeNpz(inputs));
      for (const [key, file] of [['first', 'model.txt'], ['again', 'again.whet']]) {
        mustRun(['run', inScratch(file), '-i', inScratch('in.npz'), '-o', inScratch('out.npz')]);
        own[key].push(readNpz(fs.readFileSync(inScratch('out.npz'))));
      }
      if (i === 4) break; // starting the program costs more than the runs
    }
    const answers = { 'read again': own.again };
    if (onnx) {
      // ONNX Runtime recognizes the pattern: its optimized form of the model computes on integers.
      await runtimes['ONNX Runtime'][1].ort.InferenceSession.create(inScratch('model.onnx'),
        { graphOptimizationLevel: 'extended', optimizedModelFilePath: inScratch('optimized.onnx'), logSeverityLevel: 3,
          extra: { session: { qdqisint8allowed: '1' } } });
      const optimized = fs.readFileSync(inScratch('optimized.onnx'), 'latin1');
      const missing = ['QLinearConv', 'QLinearAdd', 'QLinearSigmoid'].filter((op) => !optimized.includes(op));
      if (missing.length) throw new Error(`ONNX Runtime makes no ${missing.join(', no ')} of it`);
    }
    for (const [runtime, [format, engine]] of Object.entries(runtimes)) {
      if (format === 'onnx' && !onnx) continue;
      if (runtime === 'LiteRT' && name === 'i8, integers in') continue;
      const { run } = await engine.load(inScratch(`model.${format}`), { exactProducts: true });
      answers[runtime] = [];
      for (const inputs of cases.slice(0, own.first.length)) answers[runtime].push(await run(inputs));
    }
    const cells = [];
    for (const [runtime, runs] of Object.entries(answers)) {
      for (const output of ['gated', 'chances']) {
        // All runs count together, since one value in a thousand may differ.
        const all = (list) => {
          const arrays = list.map((outputs) => outputs[output]);
          return { ...arrays[0], shape: [arrays.length, ...arrays[0].shape], data: arrays.flatMap((a) => [...a.data]) };
        };
        // Reals: one step.
        const { error, problem } = compareOutput(all(own.first), all(runs), 1, type === 'i16' ? 1.01 * (output === 'gated' ? 4.21 : 1) / 32767 : 1.01 * (output === 'gated' ? 8.14 : 1) / 255);
        cells.push(`${runtime} ${output} ${error}`);
        if (problem) {
          failures += 1;
          say(`${name}: ${runtime}: '${output}' ${problem}`);
        }
      }
    }
    say(`${name.padEnd(20)} ${cells.join('   ')}`);
  } catch (error) {
    failures += 1;
    say(`${name}: ${error.message}`);
  }
}
if (process.env.KEEP) say(scratch);
else fs.rmSync(scratch, { recursive: true });
say(`${models.length} models, ${failures} failures`);
process.exit(failures ? 1 : 0); // LiteRT leaves timers behind
