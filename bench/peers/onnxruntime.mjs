// ONNX Runtime through the Node package's native binding, called directly: its public run() goes through a promise
// and an event-loop turn for every call, which for a small model costs more than the model.
import { createRequire } from 'node:module';
import path from 'node:path';

export function openSession(runtimes, file, threads, inputs) {
  const require = createRequire(path.join(runtimes, 'package.json'));
  const { Tensor } = require('onnxruntime-node');
  const { binding, initOrt } = require(path.join(runtimes, 'node_modules/onnxruntime-node/dist/binding.js'));
  initOrt();
  const session = new binding.InferenceSession();
  session.loadModel(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { dtype, shape, data }]) => [name, new Tensor(dtype, data, shape)]));
  const none = Object.fromEntries(session.outputMetadata.map(({ name }) => [name, null]));
  // Outputs are written into tensors that exist already, so that no run allocates.
  const fetches = Object.fromEntries(Object.entries(session.run(feeds, none, {})).map(([name, { type, data, dims }]) =>
    [name, new Tensor(type, data, dims)]));
  return {
    // Milliseconds of each run.
    time(runs) {
      const times = new Float64Array(runs);
      for (let i = 0; i < runs; ++i) {
        const start = process.hrtime.bigint();
        session.run(feeds, fetches, {});
        times[i] = Number(process.hrtime.bigint() - start) / 1e6;
      }
      return times;
    },
    close: () => session.dispose(),
  };
}
