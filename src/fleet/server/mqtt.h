// Telemetry by MQTT: subscribes to whet/v1/metrics/DEVICE (QoS 1) at a broker, and takes the same messages as
// POST /v1/metrics. The topic says which device speaks; who may publish to it is the broker's to decide.
//
// libmosquitto acknowledges a message to the broker before the server has written it, so a server that is
// killed loses what waited (at most one transaction's worth); what must not be lost is sent by HTTP.
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
  virtual ~MqttIngest() = default;
};

}  // namespace whet::fleet
