// Whether answers agree with those expected: floats within 1e-4 of the output's range, which is taken over all runs
// and is at least 1e-3; integers within one step, but for one value in a thousand.

// Largest and smallest value of each output over all runs.
export function rangesOf(runs) {
  const ranges = {};
  for (const outputs of runs) {
    for (const [name, { data }] of Object.entries(outputs)) {
      const range = (ranges[name] ??= { low: Infinity, high: -Infinity });
      for (const v of data) {
        const number = Number(v);
        if (Number.isFinite(number)) [range.low, range.high] = [Math.min(range.low, number), Math.max(range.high, number)];
      }
    }
  }
  return Object.fromEntries(Object.entries(ranges).map(([name, { low, high }]) => {
    const span = high > low ? high - low : Math.max(Math.abs(low), Math.abs(high));
    return [name, Math.max(Number.isFinite(span) ? span : 0, 1e-3)];
  }));
}

// Returns { error, problem }: the largest error, of floats relative to the range, and what is wrong or ''.
export function compareOutput(want, got, range, limit = 1e-4) {
  if (!got) return { error: Infinity, problem: 'is missing' };
  if (String(got.shape) !== String(want.shape)) return { error: Infinity, problem: `has shape [${got.shape}], expected [${want.shape}]` };
  if (got.dtype !== want.dtype) return { error: Infinity, problem: `is ${got.dtype}, expected ${want.dtype}` };
  const floating = want.dtype.startsWith('float');
  const allowed = floating ? limit * range : want.dtype === 'bool' ? 0 : 1;
  let [worst, beyond] = [0, 0];
  for (let i = 0; i < want.data.length; ++i) {
    const [a, b] = [Number(want.data[i]), Number(got.data[i])];
    const distance = a === b || (Number.isNaN(a) && Number.isNaN(b)) ? 0 : Math.abs(a - b);
    if (!(distance <= allowed)) ++beyond;
    if (!(distance <= worst)) worst = Number.isNaN(distance) ? Infinity : distance;
  }
  const error = floating ? worst / range : worst;
  const tolerated = floating || want.dtype === 'bool' ? 0 : want.data.length / 1000;
  return { error, problem: beyond > tolerated ? `${beyond} of ${want.data.length} values differ; the largest error is ${error.toExponential(2)}` : '' };
}
