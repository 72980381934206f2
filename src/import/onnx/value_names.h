// Names of an imported Graph's nodes and values: those of the file wherever the value is still there, and for
// what the importer made, names that depend on the nodes' alone.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "ir/graph.h"

namespace whet {

// "conv1:2" -> "conv1"; empty if there is no number.
std::string WithoutNumber(std::string_view name);

// `claims` holds the file's name of each value that has one, `file_names` all names that were ever claimed.
//
// Rename gave a value another name than the file's where one of the importer's own making stood in the way,
// or where sibling subgraphs use one name; the former gives way now. And what was made of a constant that is
// no longer there, such as weights in another layout, takes over its name. Equal small constants that import
// functions made become one.
void SettleNames(Graph& model, const std::unordered_map<Value*, std::string>& claims,
                 const std::unordered_set<std::string>& file_names);

}  // namespace whet
