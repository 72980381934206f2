#include "kernels/kernel.h"

namespace whet::kernels {

std::span<const Row* const> AllRows() { return {}; }

const Row* FindRow(std::string_view name) {
  for (const Row* row : AllRows()) {
    if (name == row->name) return row;
  }
  return nullptr;
}

}  // namespace whet::kernels
