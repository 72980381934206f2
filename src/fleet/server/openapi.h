// The description of the REST API: docs/openapi.json, put into the program when it is built.
#pragma once

#include <string>

namespace whet::fleet {

const std::string& OpenApiDocument();

}  // namespace whet::fleet
