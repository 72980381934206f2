// The reference runtimes, each as load(model file) -> { run({ input: array }) -> { output: array } }.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { readSignature } from './tflite_signature.mjs';

export class Onnx {
  constructor(runtimes) {
    this.ort = createRequire(path.join(runtimes, 'package.json'))('onnxruntime-node');
  }
  // On processors without VNNI, ONNX Runtime adds products of bytes in 16 bits, which saturates, and its answers depend
  // on the machine. `exactProducts` forbids it; only for graphs of 8-bit activations, since ONNX Runtime makes of some
  // other quantized graphs what it then refuses.
  async load(file, { exactProducts = false } = {}) {
    const session = await this.ort.InferenceSession.create(file, {
      graphOptimizationLevel: 'all', logSeverityLevel: 3,
      ...(exactProducts && { extra: { session: { x64quantprecision: '1' } } }) });
    return {
      run: async (inputs) => {
        const feeds = {};
        for (const [name, { dtype, shape, data }] of Object.entries(inputs)) feeds[name] = new this.ort.Tensor(dtype, data, shape);
        const outputs = await session.run(feeds);
        return Object.fromEntries(session.outputNames.map((name) => {
          const { type, dims, data } = outputs[name];
          return [name, { dtype: type, shape: [...dims], data }];
        }));
      },
    };
  }
}

// LiteRT for JavaScript is made for browsers: it loads its WebAssembly with importScripts and says every step on
// the console. Both are supplied here. Some failures it only says there, and hands out memory that was never
// written; so a line that says ERROR is taken for what it is.
const said = [];
function failIfSaid(file) {
  const errors = said.splice(0).filter((line) => /^\s*ERROR/.test(line));
  if (errors.length) throw new Error(`${file}: ${errors.join('; ')}`);
}

export class LiteRt {
  static async create(runtimes) {
    const core = path.join(runtimes, 'node_modules/@litertjs/core');
    globalThis.self = globalThis;
    globalThis.importScripts = (file) => {
      const source = `(function (require, module, exports, __filename, __dirname) {${fs.readFileSync(file, 'utf8')}
        globalThis.ModuleFactory = ModuleFactory; })`;
      vm.runInThisContext(source, { filename: file })(createRequire(file), { exports: {} }, {}, file, path.dirname(file));
    };
    for (const level of ['log', 'warn', 'error', 'info']) console[level] = (...words) => said.push(words.join(' '));
    const runtime = new LiteRt();
    runtime.litert = await import(pathToFileURL(path.join(core, 'dist/index.js')));
    await runtime.litert.loadLiteRt(path.join(core, 'wasm/litert_wasm_compat_internal.js'));
    return runtime;
  }
  async load(file) {
    const bytes = fs.readFileSync(file);
    const signature = readSignature(bytes);
    const model = await this.litert.loadAndCompile(new Uint8Array(bytes), { accelerator: 'wasm' });
    failIfSaid(file);
    return {
      run: async (inputs) => {
        const feeds = {};
        for (const { name, signatureName } of signature.inputs) {
          feeds[signatureName] = new this.litert.Tensor(inputs[name].data, inputs[name].shape);
        }
        const outputs = await model.run(feeds);
        failIfSaid(file);
        const shapes = new Map(model.getOutputDetails().map((d) => [d.name, d]));
        return Object.fromEntries(signature.outputs.map(({ name, signatureName }) => {
          const { dtype, shape } = shapes.get(signatureName);
          return [name, { dtype, shape: [...shape], data: outputs[signatureName].toTypedArray() }];
        }));
      },
    };
  }
}
