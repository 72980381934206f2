// What the benchmarks of whole models share.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const whet = path.join(root, 'build/release/whet');

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
export const geometric = (values) => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
export const ms = (value) => (value < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(1));

// --name VALUE taken out of args.
export function option(args, name, fallback) {
  const at = args.indexOf(name);
  return at < 0 ? fallback : args.splice(at, 2)[1];
}

// Plans of another build of the same version may be in the user's cache; in an empty one they are made anew.
export function useEmptyPlanCache(name) {
  const cache = path.join(root, 'build', name);
  fs.rmSync(cache, { recursive: true, force: true });
  process.env.XDG_CACHE_HOME = cache;
}

export function mustRun(script, argv) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...argv], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

export function runWhet(...command) {
  const { status, stdout, stderr, error } = spawnSync(whet, command, { encoding: 'utf8', timeout: 600000, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`whet ${command.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

// The median latency in milliseconds; inputs as `whet bench` takes them.
export function latency(model, inputs, threads, runs) {
  return JSON.parse(runWhet('bench', model, ...inputs.flatMap((input) => ['-i', input]),
    '--threads', String(threads), '--runs', String(runs), '--json')).latency_ms.p50;
}

// How many runs last about so long, within sensible limits.
export const runsFor = (seconds, once) => Math.min(Math.max(Math.round((seconds * 1000) / once), 10), 3000);

export const commit = () => execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();

// Puts the lines between the two comments that say by which command a table was made.
export function replaceTable(page, maker, lines) {
  const [begin, end] = [`<!-- made by ${maker} -->`, `<!-- end of what ${maker} made -->`];
  const text = fs.readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no lines ${begin} and ${end} to put the table between`);
  fs.writeFileSync(page, `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n${text.slice(to)}`);
}
