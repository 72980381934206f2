// What of a model TFLite cannot express, collected so that one error can name all of it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

class TfliteRefusals {
 public:
  void Add(const Node& node, std::string reason);
  bool empty() const { return entries_.empty(); }
  // Operators, how often and where each stands, and why.
  Status ToStatus() const;

 private:
  struct Entry {
    std::string op;
    std::string reason;
    std::vector<std::string> nodes;
  };
  std::vector<Entry> entries_;
};

}  // namespace whet
