// An application on a device whose models an agent keeps up to date: it asks the agent which model to use,
// answers with it, reports what became of each answer, and follows when another model becomes active.
//
//   agent_application SOCKET FAMILY PICTURES LABELS [PER_SECOND]
//
// PICTURES and LABELS are IDX files of grey pictures and of their classes, as Fashion-MNIST has them; they
// stand for a camera, and for whoever later says what was on the pictures.
#include <whet/whet_agent.h>
#include <whet/whet.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stop_requested = 0;
void OnSignal(int) { stop_requested = 1; }

struct Pictures {
  size_t pixels = 0;  // of one
  std::vector<unsigned char> bytes;
  std::vector<unsigned char> labels;
};

// IDX: two zero bytes, the type (8: bytes), the number of dimensions, each dimension as 4 bytes, the first
// byte first.
std::vector<unsigned char> ReadIdx(const std::string& path, size_t* count) {
  std::ifstream file(path, std::ios::binary);
  std::vector<unsigned char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (bytes.size() < 8 || bytes[2] != 8 || bytes[3] == 0 || bytes.size() < 4 + size_t{4} * bytes[3]) {
    throw std::runtime_error(path + ": is not an IDX file of bytes");
  }
  *count = size_t{bytes[4]} << 24 | size_t{bytes[5]} << 16 | size_t{bytes[6]} << 8 | bytes[7];
  bytes.erase(bytes.begin(), bytes.begin() + 4 + 4 * bytes[3]);
  if (*count == 0 || bytes.size() % *count != 0) throw std::runtime_error(path + ": is cut off");
  return bytes;
}

Pictures ReadPictures(const std::string& pictures_path, const std::string& labels_path) {
  Pictures pictures;
  size_t count = 0;
  size_t labels = 0;
  pictures.bytes = ReadIdx(pictures_path, &count);
  pictures.labels = ReadIdx(labels_path, &labels);
  if (labels != count || pictures.labels.size() != labels)
    throw std::runtime_error(labels_path + ": has another number of entries than " + pictures_path);
  pictures.pixels = pictures.bytes.size() / count;
  return pictures;
}

// The number after "KEY=" in a model's metadata, which may be written as 1/90.
double Setting(const std::string& text, const std::string& key, double otherwise) {
  const size_t at = ("," + text).find("," + key + "=");
  if (at == std::string::npos) return otherwise;
  const char* number = text.c_str() + at + key.size() + 1;
  char* end = nullptr;
  const double value = std::strtod(number, &end);
  return *end == '/' ? value / std::strtod(end + 1, nullptr) : value;
}

struct Answer {
  int label = -1;
  double confidence = 0;
  double input_mean = 0;
};

// One version of the model, made ready. Throws if the application cannot use it.
class Classifier {
 public:
  Classifier(const whet_agent_model_info& info, size_t pixels)
      : version_(info.version), model_(whet::api::Model::Open(info.path)), plans_(info.plans) {
    whet::api::Options options;
    options.cache_folder = plans_.c_str();  // the agent compiled the model when it tested it
    const whet_tensor_info input = model_.input(0);
    whet::api::Binding one{input.name, {}};
    for (int i = 0; i < input.rank; ++i) one.dims.push_back(std::max<int64_t>(input.dims[i], 1));
    session_ = std::make_unique<whet::api::Session>(model_, options, std::vector<whet::api::Binding>{one});
    if (session_->input(0).dtype != WHET_F32 || session_->input(0).bytes != pixels * sizeof(float))
      throw std::runtime_error("its input is not one picture of the camera");
    for (size_t i = 0; i < session_->output_count(); ++i) {
      if (std::string(session_->output(i).name) == "scores") output_ = i;
    }
    if (!output_) throw std::runtime_error("it has no output 'scores'");
    const std::string image = model_.metadata("whet.image");
    mean_ = Setting(image, "mean", 0);
    scale_ = Setting(image, "scale", 1);
  }

  const std::string& version() const { return version_; }

  Answer Run(const unsigned char* picture) {
    const whet_tensor input = session_->input(0);
    auto* values = static_cast<float*>(input.data);
    const size_t pixels = input.bytes / sizeof(float);
    Answer answer;
    for (size_t i = 0; i < pixels; ++i) {
      values[i] = static_cast<float>((picture[i] - mean_) * scale_);
      answer.input_mean += values[i] / static_cast<double>(pixels);
    }
    session_->Run();
    const whet_tensor output = session_->output(*output_);
    const auto* scores = static_cast<const float*>(output.data);
    const size_t count = output.bytes / sizeof(float);
    const float* best = std::max_element(scores, scores + count);
    double sum = 0;  // of the softmax
    for (size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(scores[i] - *best));
    answer.label = static_cast<int>(best - scores);
    answer.confidence = 1 / sum;
    return answer;
  }

 private:
  std::string version_;
  whet::api::Model model_;
  std::string plans_;
  std::unique_ptr<whet::api::Session> session_;
  std::optional<size_t> output_;
  double mean_ = 0;
  double scale_ = 1;
};

// Waits, beside the work, for another model to become active. One whet_agent per thread.
class Watcher {
 public:
  Watcher(const char* socket, const std::string& family) : agent_(whet_agent_new(socket)), family_(family) {}
  ~Watcher() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    whet_agent_free(agent_);
  }
  void Start(uint64_t generation) {
    thread_ = std::thread([this, generation] {
      uint64_t seen = generation;
      while (!stop_) {
        whet_agent_model_info info;
        const int result = whet_agent_wait(agent_, family_.c_str(), seen, 1, &info);
        if (result == WHET_AGENT_OK && info.generation != seen) {
          seen = info.generation;
          changed_ = true;
        } else if (result != WHET_AGENT_OK) {
          std::this_thread::sleep_for(std::chrono::seconds(1));  // the agent is being restarted
          changed_ = true;
        }
      }
    });
  }
  bool TakeChange() { return changed_.exchange(false); }

 private:
  whet_agent* agent_;
  std::string family_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> changed_{false};
  std::thread thread_;
};

class Application {
 public:
  Application(const char* socket, std::string family, Pictures pictures)
      : agent_(whet_agent_new(socket)),
        watcher_(socket, family),
        family_(std::move(family)),
        pictures_(std::move(pictures)) {}
  ~Application() {
    whet_agent_flush(agent_);
    whet_agent_stopped(agent_, family_.c_str());
    whet_agent_free(agent_);
  }

  void Run(double per_second) {
    Say("waits for the agent's model");
    while (!Follow() && stop_requested == 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    watcher_.Start(generation_);
    size_t next = 0;
    while (stop_requested == 0) {
      const auto start = Clock::now();
      if (watcher_.TakeChange()) Follow();
      Answer(next);
      next = (next + 1) % pictures_.labels.size();
      std::this_thread::sleep_until(start + std::chrono::duration<double>(1 / per_second));
    }
  }

 private:
  static void Say(const std::string& text) {
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
  }

  // Takes the model that is active now; false if there is none. One that cannot be used leaves the former at
  // work, and each picture that it should have answered is reported as a failure: so the agent takes it back.
  bool Follow() {
    whet_agent_model_info info;
    if (whet_agent_model(agent_, family_.c_str(), &info) != WHET_AGENT_OK) return classifier_ != nullptr;
    generation_ = info.generation;
    unusable_.clear();
    if (classifier_ != nullptr && classifier_->version() == info.version) {
      Say("answers with " + classifier_->version() + ", as before");
      return true;
    }
    try {
      classifier_ = std::make_unique<Classifier>(info, pictures_.pixels);
      whet_agent_started(agent_, family_.c_str(), info.version);
      Say("answers with " + classifier_->version());
    } catch (const std::exception& error) {
      unusable_ = info.version;
      Say("cannot use " + unusable_ + ", " + error.what() +
          (classifier_ != nullptr ? "; goes on with " + classifier_->version() : ""));
    }
    return true;
  }

  void Answer(size_t index) {
    whet_agent_inference inference;
    whet_agent_inference_init(&inference);
    if (!unusable_.empty()) {
      inference.ok = 0;
      whet_agent_report(agent_, family_.c_str(), unusable_.c_str(), &inference);
    }
    if (classifier_ == nullptr) return;
    ::Answer answer;
    const auto start = Clock::now();
    try {
      answer = classifier_->Run(pictures_.bytes.data() + index * pictures_.pixels);
    } catch (const whet::api::Error&) {
      inference.ok = 0;
    }
    // What the application does with the answer would stand here.
    if (!unusable_.empty()) return;
    inference.latency_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (inference.ok != 0) {
      inference.confidence = answer.confidence;
      inference.correct = answer.label == pictures_.labels[index] ? 1 : 0;
      inference.input_mean = &answer.input_mean;
      inference.input_mean_count = 1;
    }
    // An agent that does not answer, or that has just taken another model, is no reason to stop.
    whet_agent_report(agent_, family_.c_str(), classifier_->version().c_str(), &inference);
  }

  whet_agent* agent_;
  Watcher watcher_;
  std::string family_;
  Pictures pictures_;
  uint64_t generation_ = 0;
  std::unique_ptr<Classifier> classifier_;
  std::string unusable_;  // the version that is active and cannot be used
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: agent_application SOCKET FAMILY PICTURES LABELS [PER_SECOND]\n");
    return 2;
  }
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  try {
    const double per_second = argc > 5 ? std::atof(argv[5]) : 20;
    if (!(per_second > 0)) throw std::runtime_error("PER_SECOND must be above 0");
    Application(argv[1], argv[2], ReadPictures(argv[3], argv[4])).Run(per_second);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "agent_application: %s\n", error.what());
    return 1;
  }
  return 0;
}
