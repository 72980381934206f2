// Which values need no memory of their own because they are another's, seen differently.
#pragma once

#include "compile/lowering.h"

namespace whet {

struct View {
  uint64_t offset = 0;     // bytes from the start of the whole's buffer
  int64_t row_stride = 0;  // elements
  bool strided = false;    // rows are not adjacent
};

// The output has the input's elements in the input's order: Reshape, Squeeze, Flatten, Identity, …, and a
// Transpose that moves only dimensions of size 1.
bool IsReshapeLike(const Node& node);
// Slice (steps of 1, known bounds) and Split.
bool IsSliceLike(const Node& node);

// Where input i of a Concat stands within its output. False if that is not regular enough to be written in
// place.
bool ViewOfConcatPart(const Node& concat, size_t i, const TensorDraft& whole, View* view);
// Where output i of a Slice or Split stands within its input.
bool ViewOfSlice(const Node& node, size_t i, const TensorDraft& whole, View* view);

// Fast kernels of the producer and of all readers take rows at a distance; others would copy first.
bool ReadsAndWritesStrided(const Value& value);
bool ReadersTakeStrided(const Value& value);

}  // namespace whet
