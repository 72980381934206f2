#!/usr/bin/python3
"""Makes updates of the reference models, to measure deltas on, as ONNX files:

    bench/deltas/make_pairs.py FOLDER EXPRESSION       # a few minutes of one core

Each is what it says: trained on from the committed weights on Fashion-MNIST (Debian's dataset-fashion-mnist), or
trained from scratch with another seed by models/fashion_mnist/train.py. EXPRESSION is fr_expression.onnx of npm's
faceplugin-face-recognition-js, a DenseNet-121; its classifier learns seven kinds of clothing instead. Needs Debian's python3-torch, python3-onnx and
python3-numpy. Files that are there already are left alone.
"""

import copy
import os
import subprocess
import sys

import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
MODELS = os.path.join(ROOT, 'models', 'fashion_mnist')
sys.path.insert(0, MODELS)
import train as recipe  # noqa: E402: beside the models


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def run(graph, weights, image):
    """The few operators that the models are made of; what the last one makes."""
    values = {graph.input[0].name: image}

    def get(name):
        return weights[name] if name in weights else values[name]

    for node in graph.node:
        a = attributes(node)
        x = [get(name) if name else None for name in node.input]
        if node.op_type == 'Conv':
            pads = a.get('pads', [0, 0, 0, 0])
            out = F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, a.get('strides', [1, 1]), pads[:2], 1, a.get('group', 1))
        elif node.op_type == 'Relu':
            out = F.relu(x[0])
        elif node.op_type == 'Clip':
            out = x[0].clamp(0, 6)
        elif node.op_type == 'Add':
            out = x[0] + x[1]
        elif node.op_type == 'MaxPool':
            out = F.max_pool2d(x[0], a['kernel_shape'], a['strides'], a.get('pads', [0, 0])[:2])
        elif node.op_type == 'AveragePool':
            out = F.avg_pool2d(x[0], a['kernel_shape'], a['strides'])
        elif node.op_type == 'BatchNormalization':
            out = F.batch_norm(x[0], x[3], x[4], x[1], x[2], eps=a['epsilon'])
        elif node.op_type == 'Concat':
            out = torch.cat(x, a['axis'])
        elif node.op_type == 'Pad' and not any(a['pads']):
            out = x[0]
        elif node.op_type == 'GlobalAveragePool':
            out = x[0].mean((2, 3), keepdim=True)
        elif node.op_type == 'Flatten':
            out = x[0].flatten(1)
        elif node.op_type == 'Gemm':
            out = F.linear(x[0], x[1], x[2])
        elif node.op_type == 'Constant':
            out = torch.from_numpy(numpy_helper.to_array(a['value']).copy())
        elif node.op_type == 'Identity':
            out = x[0]
        else:
            raise SystemExit(f'make_pairs: operator {node.op_type} is not known')
        values[node.output[0]] = out
    return out


def with_other_head(model, steps, rate, seed=7):
    """A classifier that learns the first classes of Fashion-MNIST from what the frozen rest makes of the pictures."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    head = model.graph.node[-1]
    assert head.op_type == 'Gemm'
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    moving = list(head.input[1:])
    images, labels = recipe.read_set('train')
    chosen = (labels < len(weights[moving[1]])).nonzero().flatten()[:48]
    backbone = copy.deepcopy(model.graph)
    del backbone.node[-1]
    # Half the size that the model is for: a quarter of the time.
    pictures = F.interpolate(recipe.normalize(images[chosen]), 112).expand(-1, 3, -1, -1)
    with torch.no_grad():
        features = torch.cat([run(backbone, weights, some) for some in pictures.split(8)])
    for name in moving:
        weights[name].requires_grad_(True)
    optimizer = torch.optim.SGD([weights[n] for n in moving], lr=rate, momentum=0.9)
    for step in range(steps):
        loss = F.cross_entropy(F.linear(features, *[weights[n] for n in moving]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f'expression: step {step}: loss {loss.item():.4f}', flush=True)
    for initializer in model.graph.initializer:
        if initializer.name in moving:
            initializer.CopyFrom(numpy_helper.from_array(weights[initializer.name].detach().numpy(), initializer.name))
    return model


def tune(model, steps, rate, trained, share=1.0, seed=7):
    """Trains on from the model's weights; `trained` says which, `share` how many of their elements (those with the
    largest gradients on the first pictures)."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    moving = [n for n, w in weights.items() if w.is_floating_point() and w.dim() > 0 and trained(n, w)]
    for name in moving:
        weights[name].requires_grad_(True)
    images, labels = recipe.read_set('train')
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD([weights[n] for n in moving], lr=rate, momentum=0.9)
    masks = None
    for step in range(steps):
        chosen = torch.randint(len(images), (64,), generator=generator)
        # Half the size: a quarter of the time, and what happens to the weights is the same.
        pictures = F.adaptive_avg_pool2d(recipe.normalize(recipe.augment(images[chosen], generator)), 14)
        loss = F.cross_entropy(run(model.graph, weights, pictures), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        if share < 1:
            if masks is None:
                everything = torch.cat([weights[n].grad.abs().flatten() for n in moving])
                bound = everything.kthvalue(int(len(everything) * (1 - share))).values
                masks = {n: weights[n].grad.abs() > bound for n in moving}
            for n in moving:
                weights[n].grad.mul_(masks[n])
        optimizer.step()
    for initializer in model.graph.initializer:
        if initializer.name in moving:
            initializer.CopyFrom(numpy_helper.from_array(weights[initializer.name].detach().numpy(), initializer.name))
    return model


def with_softmax(model):
    model = copy.deepcopy(model)
    scores = model.graph.output[0].name
    last = next(n for n in model.graph.node if scores in n.output)
    last.output[0] = 'logits'
    model.graph.node.append(onnx.helper.make_node('Softmax', ['logits'], [scores], 'probabilities', axis=1))
    return model


def renamed(model, count=None):
    """The first `count` nodes, their weights and the values that they make; or all."""
    model = copy.deepcopy(model)
    kept = {v.name for v in list(model.graph.input) + list(model.graph.output)}
    nodes = model.graph.node[:count]
    changed = {name for node in nodes for name in list(node.input) + list(node.output) + [node.name]} - kept - {''}

    def new(name):
        return 'backbone.' + name if name in changed else name

    for initializer in model.graph.initializer:
        initializer.name = new(initializer.name)
    for value in model.graph.value_info:
        value.name = new(value.name)
    for node in model.graph.node:
        node.name = new(node.name)
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    return model


def main():
    folder, expression = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(1)

    def save(name, make):
        path = os.path.join(folder, name + '.onnx')
        if not os.path.exists(path):
            onnx.save(make(), path)
            print(path, flush=True)
        return onnx.load(path)

    base = save('expression', lambda: onnx.load(expression))
    save('expression-head', lambda: with_other_head(base, 20, 0.01))
    for kind in ['mobile', 'residual']:
        base = save(kind, lambda: onnx.load(os.path.join(MODELS, kind + '.onnx')))
        everything = lambda name, weight: True  # noqa: E731
        # The classifier: the matrix and its bias.
        classifier = {n for node in base.graph.node if node.op_type == 'Gemm' for n in node.input[1:]}
        save(kind + '-tuned', lambda: tune(base, 60, 0.002, everything))
        save(kind + '-continued', lambda: tune(base, 120, 0.02, everything, seed=8))
        save(kind + '-head', lambda: tune(base, 20, 0.01, lambda name, weight: name in classifier))
        save(kind + '-sparse', lambda: tune(base, 10, 0.01, everything, share=0.01))
        save(kind + '-softmax', lambda: with_softmax(base))
        save(kind + '-renamed', lambda: renamed(base, 10))
        save(kind + '-prefixed', lambda: renamed(base))
        retrained = os.path.join(folder, kind + '-retrained.onnx')
        if not os.path.exists(retrained):
            work = os.path.join(folder, 'work')
            os.makedirs(work, exist_ok=True)
            subprocess.run([sys.executable, os.path.join(MODELS, 'train.py'), kind, '--seed', '2', '--sizes', '14,14', '--limit', '12000',
                            '--out', work], check=True)
            os.rename(os.path.join(work, kind + '.onnx'), retrained)
            print(retrained, flush=True)


if __name__ == '__main__':
    main()
