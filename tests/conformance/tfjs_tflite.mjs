// TensorFlow Lite as @tensorflow/tfjs-tflite ships it: load(model file) -> { run({ input: array }) -> { output: array } }.
// Only its WebAssembly is used, which needs neither TensorFlow.js nor a browser.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';

export class TfjsTflite {
  static async create(runtimes) {
    const folder = path.join(runtimes, 'node_modules/@tensorflow/tfjs-tflite/wasm');
    const file = path.join(folder, 'tflite_web_api_cc_simd.js');
    const source = `(function (require, module, exports, __filename, __dirname) {${fs.readFileSync(file, 'utf8')}
      return tflite_web_api_ModuleFactory; })`;
    const factory = vm.runInThisContext(source, { filename: file })(createRequire(file), { exports: {} }, {}, file, folder);
    const runtime = new TfjsTflite();
    runtime.said = [];
    const say = (line) => runtime.said.push(line);
    // Beside LiteRT, which is made to believe that it is in a browser's worker (../models/lib/runtimes.mjs).
    const { importScripts } = globalThis;
    delete globalThis.importScripts;
    runtime.module = await factory({ wasmBinary: fs.readFileSync(file.replace(/\.js$/, '.wasm')), print: say, printErr: say });
    if (importScripts) globalThis.importScripts = importScripts;
    return runtime;
  }
  // What it could not do it says, and goes on with memory that was never written.
  failIfSaid(file) {
    const errors = this.said.splice(0).filter((line) => /^\s*ERROR/.test(line));
    if (errors.length) throw new Error(`${file}: ${errors.join('; ')}`);
  }
  async load(file) {
    const bytes = fs.readFileSync(file);
    const at = this.module._malloc(bytes.length);
    this.module.HEAPU8.set(bytes, at);
    const options = { numThreads: 1, enableWebNNDelegate: false, webNNDevicePreference: 0, enableProfiling: false, maxProfilingBufferEntries: 0 };
    const created = this.module.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, bytes.length, options);
    this.failIfSaid(file);
    if (!created.ok()) throw new Error(`${file}: ${created.errorMessage()}`);
    const runner = created.value();
    const list = (tensors) => Array.from({ length: tensors.size() }, (_, i) => tensors.get(i));
    return {
      run: async (inputs) => {
        for (const tensor of list(runner.GetInputs())) tensor.data().set(inputs[tensor.name].data);
        const done = runner.Infer();
        this.failIfSaid(file);
        if (!done) throw new Error(`${file}: it did not run`);
        return Object.fromEntries(list(runner.GetOutputs()).map((tensor) => [tensor.name, {
          dtype: tensor.dataType, shape: tensor.shape === '' ? [] : tensor.shape.split(',').map(Number), data: tensor.data().slice(),
        }]));
      },
    };
  }
}
