// nlohmann's JSON. What includes this instead of <nlohmann/json.hpp> does not compile the library's functions
// anew: they are in this folder's library, once.
#pragma once

#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;
