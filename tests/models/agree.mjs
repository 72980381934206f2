#!/usr/bin/env node
// Runs `whet run` on every model of models.json with the inputs that the reference runtimes were given, and prints
// a table of how far the answers are apart: tests/models/agree [--whet PROGRAM] [--markdown] [PART OF A NAME…]
// Exit status 1 when a model differs, fails, or is not there. Every difference is printed below the table.
//
// An f32 output agrees when no value is further from the reference than 1e-4 of the output's range, which is taken
// over all runs of that model. An output that is one number, or always the same, has its magnitude for a range;
// and a range is at least 1e-3, so that probabilities near zero are compared as probabilities. An integer output
// agrees when 99.9 % of its values are within one step. Where models.json names an output in "uncertain", that many
// of its values may be further off, for the reason given there.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpz } from './lib/npy.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const args = process.argv.slice(2);
let whet = path.join(root, 'build/release/whet');
const whetAt = args.indexOf('--whet');
if (whetAt >= 0) [, whet] = args.splice(whetAt, 2);
const markdown = args.includes('--markdown');
const parts = args.filter((a) => !a.startsWith('--'));

const limit = 1e-4;
const smallestRange = 1e-3;
const secondsPerRun = 300;

// Plans of another build of the same version may be in the user's cache; here they are made anew.
const cache = path.join(root, 'build/agree/cache');
fs.rmSync(cache, { recursive: true, force: true });
process.env.XDG_CACHE_HOME = cache;

function mustRun(script, argv) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...argv], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

function* numbers(data) {
  for (const v of data) yield Number(v);
}

// Largest and smallest value of each output over all cases, and whether it ever holds more than one number.
function rangesOf(references) {
  const ranges = {};
  for (const outputs of references) {
    for (const [name, { data }] of Object.entries(outputs)) {
      const r = (ranges[name] ??= { low: Infinity, high: -Infinity, single: true });
      if (data.length > 1) r.single = false;
      for (const v of numbers(data)) {
        if (Number.isFinite(v)) [r.low, r.high] = [Math.min(r.low, v), Math.max(r.high, v)];
      }
    }
  }
  return Object.fromEntries(Object.entries(ranges).map(([name, { low, high, single }]) => {
    const magnitude = Math.max(Math.abs(low), Math.abs(high));
    const range = single || high === low ? Math.max(high - low, magnitude) : high - low;
    return [name, Math.max(Number.isFinite(range) ? range : 0, smallestRange)];
  }));
}

// Returns { error: relative to the range, problem: text or undefined }.
function compare(want, got, range, uncertain) {
  if (!got) return { error: Infinity, problem: 'is missing' };
  if (got.dtype !== want.dtype) return { error: Infinity, problem: `is ${got.dtype}, expected ${want.dtype}` };
  if (got.shape.join() !== want.shape.join()) {
    return { error: Infinity, problem: `has shape [${got.shape}], expected [${want.shape}]` };
  }
  const floating = want.dtype.startsWith('float');
  const allowed = floating ? limit * range : want.dtype === 'bool' ? 0 : 1;
  let [worst, at, beyond] = [0, 0, 0];
  for (let i = 0; i < want.data.length; ++i) {
    const [a, b] = [Number(want.data[i]), Number(got.data[i])];
    const same = a === b || (Number.isNaN(a) && Number.isNaN(b));
    const distance = same ? 0 : Math.abs(a - b);
    if (!(distance <= allowed)) ++beyond;
    if (!(distance <= worst)) [worst, at] = [Number.isNaN(distance) ? Infinity : distance, i];
  }
  const error = floating ? worst / range : worst;
  if (beyond > 0 && beyond <= (uncertain?.values ?? 0)) return { error, uncertain: beyond };
  if (beyond === 0 || (!floating && want.dtype !== 'bool' && beyond <= want.data.length / 1000)) return { error };
  let rest = at;
  const index = [...want.shape].reverse().map((d) => { const k = rest % d; rest = Math.floor(rest / d); return k; }).reverse();
  return {
    error,
    problem: `${beyond} of ${want.data.length} values are further off than ${allowed.toPrecision(3)}; ` +
      `the worst at [${index}]: ${Number(got.data[at])}, expected ${Number(want.data[at])}`,
  };
}

function check(model) {
  const reference = path.join(root, 'build/reference', model.name);
  const cases = fs.readdirSync(reference, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name).sort();
  const wanted = cases.map((name) => readNpz(fs.readFileSync(path.join(reference, name, 'outputs.npz'))));
  const ranges = rangesOf(wanted);
  const result = { model: model.name, cases: cases.length, outputs: Object.keys(ranges).length, error: 0, problems: [], remarks: [] };
  const work = path.join(root, 'build/agree', model.name);
  fs.mkdirSync(work, { recursive: true });
  cases.forEach((name, i) => {
    const { inputs } = JSON.parse(fs.readFileSync(path.join(reference, name, 'case.json'), 'utf8'));
    const out = path.join(work, `${name}.npz`);
    fs.rmSync(out, { force: true });
    const command = ['run', path.join(root, 'build/models', model.name),
      ...inputs.flatMap((input) => ['-i', `${input.name}=${path.join(reference, name, input.file)}`]), '-o', out];
    const run = spawnSync(whet, command, { encoding: 'utf8', timeout: secondsPerRun * 1000, maxBuffer: 1 << 26 });
    if (run.error || run.status !== 0) {
      const why = run.error?.message ?? (run.signal ? `ended by ${run.signal}` : (run.stderr.trim() || `exit status ${run.status}`));
      result.failed = true;
      result.problems.push(`${name}: ${why}\n    whet ${command.map((a) => (/^[\w./@=:-]+$/.test(a) ? a : `'${a}'`)).join(' ')}`);
      return;
    }
    const got = readNpz(fs.readFileSync(out));
    for (const [output, want] of Object.entries(wanted[i])) {
      const { error, problem, uncertain } = compare(want, got[output], ranges[output], model.uncertain?.[output]);
      result.error = Math.max(result.error, error);
      if (uncertain) result.remarks.push(`${name}: ${uncertain} values of output '${output}': ${model.uncertain[output].why}`);
      if (problem) result.problems.push(`${name}: output '${output}' ${problem}`);
    }
  });
  result.verdict = result.failed ? 'FAILS' : result.problems.length ? 'DIFFERS' : result.remarks.length ? 'agrees, see below' : 'agrees';
  return result;
}

if (!fs.existsSync(whet)) {
  console.error(`agree: ${whet} is not there; run 'make' first`);
  process.exit(1);
}
mustRun('scripts/fetch_models.mjs', ['--runtimes']);
mustRun('tests/models/make_reference.mjs', parts);
const models = JSON.parse(fs.readFileSync(path.join(here, 'models.json'), 'utf8')).models
  .filter((m) => !parts.length || parts.some((part) => m.name.includes(part)));
if (!models.length) {
  console.error(`agree: no model's name has any of: ${parts.join(' ')}`);
  process.exit(1);
}

const columns = (model, cases, outputs, error, verdict) => console.log(markdown
  ? `| ${model} | ${cases} | ${outputs} | ${error} | ${verdict} |`
  : `${String(model).padEnd(82)} ${String(cases).padStart(5)} ${String(outputs).padStart(7)} ${String(error).padStart(9)}  ${verdict}`);
columns('model', 'runs', 'outputs', 'max error', 'verdict');
if (markdown) columns('---', '--:', '--:', '--:', '---');
const results = [];
for (const model of models) {
  if (model.reference?.none) {
    columns(model.name, '-', '-', '-', `not compared: ${model.reference.none}`);
    continue;
  }
  const result = check(model);
  results.push(result);
  columns(result.model, result.cases, result.outputs, result.failed ? '-' : result.error.toExponential(1), result.verdict);
}
for (const { model, problems, remarks } of results) {
  const lines = [...problems, ...remarks];
  if (lines.length) console.log(`\n${model}`);
  // The same error in every run of a model is shown once.
  const messages = lines.map((line) => line.split('\n')[0].replace(/^[\w-]+: /, ''));
  lines.forEach((line, i) => {
    const alike = messages.filter((m) => m === messages[i]).length - 1;
    if (messages.indexOf(messages[i]) === i) console.log(`  ${line}${alike ? `\n    and likewise in ${alike} more runs` : ''}`);
  });
}
const agreeing = results.filter((r) => r.verdict.startsWith('agrees')).length;
console.log(`\n${agreeing} of ${results.length} models agree; ${models.length - results.length} not compared`);
process.exit(agreeing === results.length ? 0 : 1);
