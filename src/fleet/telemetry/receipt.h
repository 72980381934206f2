// What a server says by MQTT of one message that a device has published, after it has decided: the broker's
// acknowledgement says only that the broker has it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

// Devices publish to the one, servers to the other, both with the device's name behind a slash.
inline constexpr char kMetricsTopic[] = "whet/v1/metrics";
inline constexpr char kReceiptsTopic[] = "whet/v1/receipts";

inline constexpr size_t kMaxReceiptBytes = 1024;

struct Receipt {
  std::string sha256;  // of the payload, as it was published
  int status = 0;      // what POST /v1/metrics answers to it: 2xx once it is in the database
};

// {"sha256": …, "status": …}
std::string PrintReceipt(const Receipt& receipt);
// At most kMaxReceiptBytes; members that it does not know are ignored.
Result<Receipt> ParseReceipt(std::string_view json);

}  // namespace whet::fleet
