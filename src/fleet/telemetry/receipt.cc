#include "fleet/telemetry/receipt.h"

#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {

std::string PrintReceipt(const Receipt& receipt) {
  return Format(R"({"sha256":"%s","status":%d})", receipt.sha256.c_str(), receipt.status);
}

Result<Receipt> ParseReceipt(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const nlohmann::json object,
                        ParseJson(text, {.max_bytes = kMaxReceiptBytes, .max_depth = 4}, "a receipt"));
  Receipt receipt;
  WHET_ASSIGN_OR_RETURN(receipt.sha256, JsonString(object, "sha256"));
  WHET_ASSIGN_OR_RETURN(const uint64_t status, JsonUnsigned(object, "status", 599));
  if (!IsSha256Hex(receipt.sha256) || status < 100) {
    return Error(Code::kBadFile, "a receipt needs 'sha256', 64 hexadecimal digits, and 'status', 100 to 599");
  }
  receipt.status = static_cast<int>(status);
  return receipt;
}

}  // namespace whet::fleet
