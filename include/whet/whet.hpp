// A thin C++ face of whet.h: owners for its handles, exceptions for its errors. C++17, header only.
//
// Thread safety is that of whet.h: a Model may be used by many threads at once, a Session by one at a time.
#ifndef WHET_WHET_HPP_
#define WHET_WHET_HPP_

#include <whet/whet.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace whet::api {

// What failed, where, and what to do is in what().
class Error : public std::runtime_error {
 public:
  Error(whet_code code, const char* message) : std::runtime_error(message), code_(code) {}
  whet_code code() const { return code_; }

 private:
  whet_code code_;
};

// Throws Error if status is one, and frees it.
inline void Check(whet_status* status) {
  if (status == nullptr) return;
  Error error(whet_status_code(status), whet_status_message(status));
  whet_status_free(status);
  throw error;
}

struct Options : whet_session_options {
  Options() { whet_session_options_init(this); }
};

struct Binding {
  std::string name;
  std::vector<int64_t> dims;
  const void* value = nullptr;
};

class Model {
 public:
  // A Model file.
  static Model Open(const std::string& path) {
    whet_model* model = nullptr;
    Check(whet_model_open(path.c_str(), &model));
    return Model(model);
  }
  static Model OpenPlan(const std::string& path) {
    whet_model* model = nullptr;
    Check(whet_plan_open(path.c_str(), &model));
    return Model(model);
  }

  size_t input_count() const { return whet_model_input_count(get()); }
  size_t output_count() const { return whet_model_output_count(get()); }
  whet_tensor_info input(size_t i) const {
    whet_tensor_info info;
    Check(whet_model_input(get(), i, &info));
    return info;
  }
  whet_tensor_info output(size_t i) const {
    whet_tensor_info info;
    Check(whet_model_output(get(), i, &info));
    return info;
  }
  // Empty if there is none.
  std::string metadata(const std::string& key) const {
    const char* value = whet_model_metadata(get(), key.c_str());
    return value != nullptr ? value : "";
  }
  const whet_model* get() const { return model_.get(); }

 private:
  struct Free {
    void operator()(whet_model* model) const { whet_model_free(model); }
  };
  explicit Model(whet_model* model) : model_(model) {}
  std::unique_ptr<whet_model, Free> model_;
};

class Session {
 public:
  explicit Session(const Model& model, const whet_session_options& options = Options(),
                   const std::vector<Binding>& bindings = {}) {
    whet_session* session = nullptr;
    const auto plain = Plain(bindings);
    Check(whet_session_create(model.get(), &options, plain.data(), plain.size(), &session));
    session_.reset(session);
  }

  void Reshape(const std::vector<Binding>& bindings) {
    const auto plain = Plain(bindings);
    Check(whet_session_reshape(get(), plain.data(), plain.size()));
  }
  void SavePlan(const std::string& path) const { Check(whet_session_save_plan(get(), path.c_str())); }

  size_t input_count() const { return whet_session_input_count(get()); }
  size_t output_count() const { return whet_session_output_count(get()); }
  whet_tensor input(size_t i) const {
    whet_tensor tensor;
    Check(whet_session_input(get(), i, &tensor));
    return tensor;
  }
  whet_tensor output(size_t i) const {
    whet_tensor tensor;
    Check(whet_session_output(get(), i, &tensor));
    return tensor;
  }
  void BindInput(size_t i, void* data, uint64_t bytes) {
    Check(whet_session_bind_input(get(), i, data, bytes));
  }
  void BindOutput(size_t i, void* data, uint64_t bytes) {
    Check(whet_session_bind_output(get(), i, data, bytes));
  }
  void Run() { Check(whet_session_run(get())); }
  void ResetStates() { whet_session_reset_states(get()); }
  uint64_t memory_bytes() const { return whet_session_memory_bytes(get()); }
  void EnableProfile(bool on) { whet_session_enable_profile(get(), on ? 1 : 0); }
  std::vector<whet_step> steps() const {
    std::vector<whet_step> steps(whet_session_step_count(get()));
    for (size_t i = 0; i < steps.size(); ++i) Check(whet_session_step(get(), i, &steps[i]));
    return steps;
  }
  whet_session* get() const { return session_.get(); }

 private:
  struct Free {
    void operator()(whet_session* session) const { whet_session_free(session); }
  };
  static std::vector<whet_binding> Plain(const std::vector<Binding>& bindings) {
    std::vector<whet_binding> plain;
    for (const Binding& b : bindings) {
      plain.push_back({b.name.c_str(), static_cast<int32_t>(b.dims.size()), b.dims.data(), b.value});
    }
    return plain;
  }
  std::unique_ptr<whet_session, Free> session_;
};

}  // namespace whet::api

#endif  // WHET_WHET_HPP_
