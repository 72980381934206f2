#include "fleet/http/server_events.h"

#include <algorithm>
#include <chrono>

#include "fleet/http/server_internal.h"

namespace whet::fleet {

namespace {
constexpr size_t kMaxSubscribers = 1000;
}

bool EventSubscriber::Append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  if (waiting_.size() + text.size() > kMaxWaiting) {
    closed_ = true;
  } else {
    waiting_ += text;
  }
  Resume();
  return !closed_;
}

void EventSubscriber::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  Resume();
}

void EventSubscriber::Resume() {
  if (!suspended_) return;
  suspended_ = false;
  MHD_resume_connection(connection_);
}

void EventSubscriber::Attach(MHD_Connection* connection) {
  const std::lock_guard lock(mutex_);
  connection_ = connection;
}

void EventSubscriber::Detach() {
  const std::lock_guard lock(mutex_);
  connection_ = nullptr;
  suspended_ = false;
  closed_ = true;
}

ssize_t EventSubscriber::Read(char* buffer, size_t max) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    if (closed_ || connection_ == nullptr) return MHD_CONTENT_READER_END_OF_STREAM;
    suspended_ = true;
    MHD_suspend_connection(connection_);
    return 0;
  }
  const size_t bytes = std::min(max, waiting_.size());
  std::copy_n(waiting_.data(), bytes, buffer);
  waiting_.erase(0, bytes);
  return static_cast<ssize_t>(bytes);
}

EventHub::EventHub(double heartbeat_s) {
  heartbeat_ = std::thread([this, heartbeat_s] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::duration<double>(heartbeat_s), [this] { return stop_; })) {
      Send(":\n\n");
    }
  });
}

EventHub::~EventHub() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    for (const auto& weak : subscribers_) {
      if (const auto subscriber = weak.lock()) subscriber->Close();
    }
  }
  wake_.notify_all();
  heartbeat_.join();
}

void EventHub::Send(std::string_view text) {
  std::erase_if(subscribers_, [&](const std::weak_ptr<EventSubscriber>& weak) {
    const auto subscriber = weak.lock();
    return !subscriber || !subscriber->Append(text);
  });
}

void EventHub::Publish(std::string_view event, std::string_view data) {
  std::string text = "event: ";
  text += event;
  text += '\n';
  while (true) {
    const size_t end = data.find('\n');
    text += "data: ";
    text += data.substr(0, end);
    text += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  text += '\n';
  const std::lock_guard lock(mutex_);
  Send(text);
}

HttpResponse EventHub::Subscribe() {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [](const auto& weak) { return weak.expired(); });
  if (subscribers_.size() >= kMaxSubscribers) return HttpError(503, "too many readers of events; try later");
  auto subscriber = std::make_shared<EventSubscriber>();
  // Something at once, so that proxies and browsers see the stream begin.
  if (!subscriber->Append("retry: 2000\n\n")) return HttpError(503, "the stream of events is closed");
  subscribers_.push_back(subscriber);
  HttpResponse response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.events = std::move(subscriber);
  return response;
}

size_t EventHub::subscribers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(subscribers_, [](const auto& weak) { return !weak.expired(); }));
}

}  // namespace whet::fleet
