// FlatBuffers, for the folders whose files are such.
#pragma once

#include <cstring>
#include <vector>

#include "flatbuffers/flatbuffers.h"

namespace whet {

// The elements of a verified vector of numbers; none if it is null. Copied byte by byte: the verifier does
// not ask where elements of 8 bytes lie, and a hostile file may have them anywhere.
template <typename T>
std::vector<T> ElementsOf(const flatbuffers::Vector<T>* from) {
  std::vector<T> elements(from != nullptr ? from->size() : 0);
  if (!elements.empty()) std::memcpy(elements.data(), from->Data(), elements.size() * sizeof(T));
  return elements;
}

}  // namespace whet
