// Server-sent events: one hub, any number of subscribers. A subscriber that reads too slowly is cut off (the
// browser connects again), so that what waits in memory is bounded.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "fleet/http/server.h"

namespace whet::fleet {

// Thread-safe. May go before or after the server.
class EventHub {
 public:
  // A comment is sent every `heartbeat_s` seconds, so that a connection that is dead is noticed.
  explicit EventHub(double heartbeat_s = 15);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // `data` may have several lines.
  void Publish(std::string_view event, std::string_view data);
  // The answer to a GET of the stream; 503 when there are 1,000 subscribers already.
  HttpResponse Subscribe();
  size_t subscribers() const;

 private:
  void Send(std::string_view text);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::list<std::weak_ptr<EventSubscriber>> subscribers_;
  bool stop_ = false;
  std::thread heartbeat_;
};

}  // namespace whet::fleet
