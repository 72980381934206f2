// Telemetry by MQTT: subscribes to whet/v1/metrics/DEVICE (QoS 1) at a broker, and takes the same messages as
// POST /v1/metrics. The topic says which device speaks; who may publish to it is the broker's to decide.
//
// libmosquitto acknowledges a message to the broker before anyone has looked at it, so that says nothing. Of
// each message a receipt goes to whet/v1/receipts/DEVICE (telemetry/receipt.h) once it is in the database or
// refused; a device that hears none sends again, and what was there already is taken once.
#pragma once

#include <memory>

#include "base/status.h"

namespace whet::fleet {

struct ServerContext;

class MqttIngest {
 public:
  // options.mqtt of the context is the broker. Connects again by itself when the connection is lost; an error
  // is a URL that is none, or a certificate authority that cannot be read.
  static Result<std::unique_ptr<MqttIngest>> Start(ServerContext& context);
  // Waits until what it has taken is written; the context's ingest must still run.
  virtual ~MqttIngest() = default;
};

}  // namespace whet::fleet
