// Makes a model's inputs as tests/models/models.json describes them: of a photograph, a recording or random numbers.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import zlib from 'node:zlib';
import { count, makeData } from './npy.mjs';

// 8-bit grey, RGB and RGBA without interlacing: what the photographs used here are.
function readPng(file) {
  const bytes = fs.readFileSync(file);
  const [width, height, depth, colour] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25]];
  const channels = { 0: 1, 2: 3, 6: 4 }[colour];
  if (depth !== 8 || !channels || bytes[28] !== 0) throw new Error(`${file}: a kind of PNG that is not read here`);
  const packed = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') packed.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  }
  const raw = zlib.inflateSync(Buffer.concat(packed));
  const stride = width * channels;
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; ++y) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; ++x) {
      const left = x >= channels ? pixels[y * stride + x - channels] : 0;
      const up = y ? pixels[(y - 1) * stride + x] : 0;
      const corner = y && x >= channels ? pixels[(y - 1) * stride + x - channels] : 0;
      const p = left + up - corner;
      const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
      pixels[y * stride + x] = raw[y * (stride + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth][filter];
    }
  }
  return { width, height, channels, pixels };
}

// Stretches the image (or its crop) bilinearly to the shape, which is channels first or last, 1, 3 or 4 channels.
function fromImage(file, { range: [low, high], crop, alpha }, shape) {
  const image = readPng(file);
  const [x0, y0, w, h] = crop ?? [0, 0, image.width, image.height];
  const first = shape[1] <= 4;
  const [height, width, channels] = first ? [shape[2], shape[3], shape[1]] : shape.slice(1);
  const at = (x, y, c) => image.pixels[((y0 + y) * image.width + x0 + x) * image.channels + c];
  const pixel = (x, y, c) => {
    if (image.channels === 1) return at(x, y, 0);
    return channels === 1 ? 0.299 * at(x, y, 0) + 0.587 * at(x, y, 1) + 0.114 * at(x, y, 2) : at(x, y, c);
  };
  const data = new Float32Array(count(shape));
  for (let n = 0; n < shape[0]; ++n) {
    for (let y = 0; y < height; ++y) {
      const sy = Math.min(Math.max(((y + 0.5) * h) / height - 0.5, 0), h - 1);
      const [y1, fy] = [Math.floor(sy), sy - Math.floor(sy)];
      for (let x = 0; x < width; ++x) {
        const sx = Math.min(Math.max(((x + 0.5) * w) / width - 0.5, 0), w - 1);
        const [x1, fx] = [Math.floor(sx), sx - Math.floor(sx)];
        for (let c = 0; c < channels; ++c) {
          const [x2, y2] = [Math.min(x1 + 1, w - 1), Math.min(y1 + 1, h - 1)];
          const value = (1 - fy) * ((1 - fx) * pixel(x1, y1, c) + fx * pixel(x2, y1, c)) +
            fy * ((1 - fx) * pixel(x1, y2, c) + fx * pixel(x2, y2, c));
          const to = first ? ((n * channels + c) * height + y) * width + x : ((n * height + y) * width + x) * channels + c;
          data[to] = c === 3 ? alpha : low + (value / 255) * (high - low);
        }
      }
    }
  }
  return data;
}

// 16-bit mono, brought to the rate by averaging; step picks consecutive pieces of the recording.
function fromAudio(file, { rate, scale = 1 }, shape, step) {
  const bytes = fs.readFileSync(file);
  const every = bytes.readUInt32LE(24) / rate;
  const start = bytes.indexOf('data', 12, 'latin1') + 8;
  const length = Math.floor((bytes.length - start) / 2 / every);
  const data = new Float32Array(count(shape));
  for (let i = 0; i < data.length; ++i) {
    const from = Math.floor(((step * data.length + i) % length) * every);
    let sum = 0;
    for (let k = 0; k < every; ++k) sum += bytes.readInt16LE(start + 2 * (from + k));
    data[i] = (sum / every / 32768) * scale;
  }
  return data;
}

function fromRandom(seed, [low, high], shape) {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  return Float32Array.from({ length: count(shape) }, () => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return low + (((t ^ (t >>> 14)) >>> 0) / 4294967296) * (high - low);
  });
}

// What a model is run on: [{ name, make(previous outputs) -> { input: array } }, …]
export function casesOf(model, modelsFolder) {
  const make = (kind, shapes, step) => (previous) => {
    const arrays = {};
    for (const [name, input] of Object.entries(model.inputs)) {
      const shape = shapes?.[name] ?? input.shape;
      const dtype = input.dtype ?? 'float32';
      let data;
      if (input.state) {
        data = previous?.[input.state].data ?? makeData(dtype, count(shape));
      } else if (input.value !== undefined) {
        data = makeData(dtype, count(shape)).fill(dtype.endsWith('64') ? BigInt(input.value) : input.value);
      } else if (kind === 'random') {
        data = fromRandom(`${model.name} ${name} ${step}`, input.random, shape);
      } else if (input.real.image) {
        data = fromImage(`${modelsFolder}/${input.real.image}`, input.real, shape);
      } else {
        data = fromAudio(`${modelsFolder}/${input.real.audio}`, input.real, shape, step);
      }
      arrays[name] = { dtype, shape, data };
    }
    return arrays;
  };
  const cases = [];
  if (Object.values(model.inputs).some((input) => input.real)) {
    for (let step = 0; step < (model.steps ?? 1); ++step) {
      cases.push({ name: model.steps ? `real-${step}` : 'real', make: make('real', undefined, step) });
    }
  }
  cases.push({ name: 'random', make: make('random', undefined, 0) });
  (model.otherShapes ?? []).forEach((shapes, i) => cases.push({ name: `shape-${i}`, make: make('random', shapes, 0) }));
  return cases;
}
