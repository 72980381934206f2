#!/usr/bin/env python3
"""Trains the two reference models for Fashion-MNIST and writes them as ONNX files beside this script.

    models/fashion_mnist/train.py mobile          # separable convolutions, about 0.5 M parameters
    models/fashion_mnist/train.py residual        # convolutions with shortcuts, about 0.4 M parameters

Needs Debian's python3-torch, python3-onnx, python3-numpy and dataset-fashion-mnist, and about ten minutes of one
core for each model. It is not part of the build: the trained files are committed, and `whet eval` measures them.
The test images are looked at once, after the last epoch, to print the accuracy; no choice depends on them.
"""

import argparse
import gzip
import os
import struct
import time

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

DATA = '/usr/share/datasets/fashion-mnist'
LABELS = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']
# Of the training images' pixels, 0 to 255.
MEAN, STD = 72.9404, 90.0212
SIZE = 28


def read_idx(name):
    with gzip.open(os.path.join(DATA, name)) as f:
        _, _, kind, rank = struct.unpack('4B', f.read(4))
        assert kind == 8, 'unsigned bytes'
        shape = struct.unpack('>%dI' % rank, f.read(4 * rank))
        return torch.from_numpy(np.frombuffer(f.read(), np.uint8).reshape(shape).copy())


def read_set(prefix):
    return read_idx(prefix + '-images-idx3-ubyte.gz'), read_idx(prefix + '-labels-idx1-ubyte.gz').long()


def conv(cin, cout, kernel, stride=1, groups=1):
    return [nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(cout)]


def separable(cin, cout, stride=1):
    return nn.Sequential(*conv(cin, cin, 3, stride, cin), nn.ReLU6(), *conv(cin, cout, 1), nn.ReLU6())


def mobile():
    """MobileNet's blocks (Howard et al. 2017) at the size of these pictures."""
    return nn.Sequential(
        *conv(1, 16, 3), nn.ReLU6(),
        separable(16, 64, 2), separable(64, 128),
        separable(128, 128, 2), separable(128, 256),
        separable(256, 256, 2), separable(256, 256), separable(256, 256), separable(256, 256),
        separable(256, 512),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, len(LABELS)))


class Residual(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.body = nn.Sequential(*conv(cin, cout, 3, stride), nn.ReLU(), *conv(cout, cout, 3))
        same = cin == cout and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv(cin, cout, 1, stride))

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def residual():
    """Basic residual blocks (He et al. 2015)."""
    return nn.Sequential(
        *conv(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        Residual(32, 32), Residual(32, 64, 2), Residual(64, 64), Residual(64, 128, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, len(LABELS)))


# How to make each model, and the sides of the pictures in each epoch.
MODELS = {'mobile': (mobile, [14, 14, 20, 28, 28]), 'residual': (residual, [28, 28, 28, 28, 28])}


def normalize(pixels):
    return ((pixels.float() - MEAN) / STD).unsqueeze(1).contiguous(memory_format=torch.channels_last)


def augment(pixels, generator):
    """Flips half of the pictures."""
    flip = torch.rand(len(pixels), 1, 1, generator=generator) < 0.5
    return torch.where(flip, pixels.flip(2), pixels)


def accuracy(model, images, labels):
    model.eval()
    with torch.inference_mode():
        right = sum(int((model(normalize(x)).argmax(1) == y).sum())
                    for x, y in zip(images.split(1000), labels.split(1000)))
    return right / len(labels)


def train(model, images, labels, sizes, batch, rate, seed):
    """One epoch for each of `sizes`, on pictures of so many pixels a side: small ones teach as much at first."""
    epochs = len(sizes)
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * (len(images) // batch)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.SGD([{'params': decayed, 'weight_decay': 5e-4}, {'params': others}],
                                lr=rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.25)
    begin = time.process_time()
    for epoch, size in enumerate(sizes):
        model.train()
        total = 0.0
        order = torch.randperm(len(images), generator=generator).split(batch)
        order = [chosen for chosen in order if len(chosen) == batch]
        for chosen in order:
            pictures = normalize(augment(images[chosen], generator))
            if size < SIZE:
                pictures = F.adaptive_avg_pool2d(pictures, size)
            loss = F.cross_entropy(model(pictures), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss)
        print(f'epoch {epoch + 1}/{epochs}: loss {total / len(order):.4f}, '
              f'{time.process_time() - begin:.0f} s of processor time', flush=True)


def export(model, path, name):
    model.eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(model, torch.zeros(1, 1, SIZE, SIZE), path, opset_version=17, input_names=['image'],
                      output_names=['scores'], dynamic_axes={'image': {0: 'N'}, 'scores': {0: 'N'}})
    file = onnx.load(path)
    file.graph.name = name
    onnx.helper.set_model_props(file, {
        'whet.image': f'order=grey,mean={MEAN},scale=1/{STD},layout=nchw',
        'whet.labels': '\n'.join(LABELS),
    })
    onnx.checker.check_model(file)
    onnx.save(file, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', choices=MODELS)
    parser.add_argument('--sizes', help='sides of the pictures, one for each epoch, such as 14,20,28')
    parser.add_argument('--batch', type=int, default=128)
    parser.add_argument('--rate', type=float, default=0.15, help='highest learning rate of the cycle')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--limit', type=int, default=60000, help='training images')
    parser.add_argument('--out', default=os.path.dirname(os.path.abspath(__file__)))
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    make, sizes = MODELS[args.model]
    if args.sizes:
        sizes = [int(size) for size in args.sizes.split(',')]
    model = make().to(memory_format=torch.channels_last)
    print(sum(p.numel() for p in model.parameters()), 'parameters')
    images, labels = read_set('train')
    train(model, images[:args.limit], labels[:args.limit], sizes, args.batch, args.rate, args.seed)
    print(f'test accuracy {accuracy(model, *read_set("t10k")):.4f}')
    export(model, os.path.join(args.out, args.model + '.onnx'), 'fashion_mnist_' + args.model)


if __name__ == '__main__':
    main()
