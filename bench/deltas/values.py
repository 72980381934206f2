#!/usr/bin/python3
"""How small the values themselves can be told that changed between two ONNX files, whatever tells them:

    bench/deltas/values.py build/deltas/mobile.onnx build/deltas/mobile-head.onnx

Of all initializers that differ: their bytes, and the bytes of their differences (of the floats' bits, read as integers in
the same order) in byte planes after xz -9 and zstd -19, and in theory: the entropy of each difference's length in bits,
its sign, and the bits below the highest one, which are noise. Needs Debian's python3-onnx, python3-numpy and zstd.
"""

import collections
import lzma
import math
import subprocess
import sys

import numpy
import onnx
from onnx import numpy_helper


def ordered(values):
    bits = numpy.ascontiguousarray(values, numpy.float32).view(numpy.int32).ravel().astype(numpy.int64)
    return numpy.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def main():
    base, result = ({i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer} for path in sys.argv[1:])
    changed = [n for n in result if result[n].dtype == numpy.float32 and not numpy.array_equal(base[n], result[n])]
    distance = numpy.concatenate([ordered(result[n]) - ordered(base[n]) for n in changed])
    lengths = [int(abs(d)).bit_length() for d in distance]
    counts = collections.Counter(lengths)
    bits = sum(-n * math.log2(n / len(lengths)) for n in counts.values()) + sum(lengths)
    small = distance.astype(numpy.int32)
    planes = ((small << 1) ^ (small >> 31)).view(numpy.uint8).reshape(-1, 4).T.tobytes()
    xz = lzma.compress(planes, format=lzma.FORMAT_RAW, filters=[{'id': lzma.FILTER_LZMA2, 'preset': 9}])
    zstd = subprocess.run(['zstd', '-q', '-19', '--no-check', '-c'], input=planes, capture_output=True, check=True).stdout
    print(f'{len(lengths)} values of {len(changed)} tensors: {len(planes)} bytes; xz {len(xz)}, zstd {len(zstd)}, '
          f'entropy {math.ceil(bits / 8)}')


if __name__ == '__main__':
    main()
