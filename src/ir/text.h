// The Graph as text: for people to read, for tests to write, and for tools to compare.
//
//   graph "tiny" {
//     metadata "labels" = "cat\ndog"
//     input %x f32[N,4]
//     const %w f32[4,2] = [1, 0, 0, 1, 0.5, 0.5, -1, 2]
//     %y f32[N,2] = MatMul(%x, %w) {activation = "relu"} @"fc1"
//     %p f32[N,2] = Softmax(%y) {axis = -1} @"prob"
//     output %p
//   }
//
// Values begin with %; names and symbols of other than plain characters stand in double quotes, with \n, \t,
// \"
// \\ and \xHH. A dimension is a number, a symbol or ?, with bounds where there are any: N[1..32], ?[1..].
// Absent inputs are _. Constants are lists of numbers, or hex:… in the byte order of the file format (little
// endian). A sequence of tensors is of type seq(f32[*]), a value that may be absent optional(f32[4]) or
// optional(seq(…)); tensors of strings are string[2], their constants lists in double quotes. Floats in
// attributes end in f where they are exact only as f32. States of the model:
//   state "h" = %h_in -> %h_out from f32[1,4] = hex:00…
// Subgraphs follow their node, in the operator's order: `with graph "then" { … } graph "else" { … }`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct TextOptions {
  // Constants of more elements are printed as <123 bytes>, which is for display only and does not parse back.
  size_t elide_above = static_cast<size_t>(-1);
};

std::string ToText(const Graph& graph, const TextOptions& options = {});

// The Graph that the text describes, verified. Errors name the line.
Result<std::unique_ptr<Graph>> ParseText(std::string_view text);

}  // namespace whet
