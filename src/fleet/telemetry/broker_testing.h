// For tests: a mosquitto of the test's own, and a client that hears and says what it is told to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

namespace whet::fleet::testing {

class TestBroker {
 public:
  // Its files come into the folder.
  explicit TestBroker(const std::filesystem::path& folder) {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(probe, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ::close(probe);
    port_ = ntohs(address.sin_port);
    const std::string file = folder / "mosquitto.conf";
    std::ofstream(file) << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\n";
    process_ = ::fork();
    if (process_ == 0) {
      ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", file.c_str(), nullptr);
      ::_exit(127);
    }
    bool there = false;
    for (int i = 0; i < 300 && !there; ++i) {
      const int client = ::socket(AF_INET, SOCK_STREAM, 0);
      there = ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
      ::close(client);
      if (!there) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_TRUE(there) << "mosquitto does not start; scripts/setup.sh test installs it";
  }
  ~TestBroker() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
  }
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  int port() const { return port_; }

 private:
  int port_ = 0;
  pid_t process_ = -1;
};

// Subscribed, with QoS 1, before the constructor returns.
class TestMqttClient {
 public:
  using Hear = std::function<void(TestMqttClient&, const std::string& topic, const std::string& payload)>;

  TestMqttClient(int port, const std::string& subscription, Hear hear) : hear_(std::move(hear)) {
    ::mosquitto_lib_init();
    client_ = ::mosquitto_new(nullptr, true, this);
    ::mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
      static_cast<TestMqttClient*>(self)->subscribed_ = true;
    });
    ::mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
      auto* client = static_cast<TestMqttClient*>(self);
      client->hear_(
          *client, message->topic,
          std::string(static_cast<const char*>(message->payload), static_cast<size_t>(message->payloadlen)));
    });
    EXPECT_EQ(::mosquitto_connect(client_, "127.0.0.1", port, 10), MOSQ_ERR_SUCCESS);
    EXPECT_EQ(::mosquitto_subscribe(client_, nullptr, subscription.c_str(), 1), MOSQ_ERR_SUCCESS);
    for (int i = 0; i < 600 && !subscribed_; ++i) ::mosquitto_loop(client_, 50, 1);
    EXPECT_TRUE(subscribed_);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) ::mosquitto_loop(client_, 5, 1);
    });
  }
  ~TestMqttClient() {
    thread_.request_stop();
    thread_.join();
    ::mosquitto_disconnect(client_);
    ::mosquitto_destroy(client_);
  }
  TestMqttClient(const TestMqttClient&) = delete;
  TestMqttClient& operator=(const TestMqttClient&) = delete;

  // With QoS 1; also from within `hear`.
  void Publish(const std::string& topic, const std::string& payload) {
    EXPECT_EQ(::mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                                  payload.data(), 1, false),
              MOSQ_ERR_SUCCESS);
  }

 private:
  mosquitto* client_ = nullptr;
  Hear hear_;
  std::atomic<bool> subscribed_ = false;
  std::jthread thread_;
};

}  // namespace whet::fleet::testing
